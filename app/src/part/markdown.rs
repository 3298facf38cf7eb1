//! A message's marked text in the document (M9). Owns what each element of the tree becomes. Rule: every text goes in as a
//! text, every element is named here; nothing is ever parsed as HTML.

mod emoji;
mod inline;
mod tree;

use crate::locale;
use leptos::prelude::*;
pub(crate) use tree::plain;
use tree::{Block, Entry, Host, Mark, Numbered, Span};

/// A message's text.
pub(crate) fn text(text: &str) -> AnyView {
    let big = emoji::few_emoji(text).map(|count| count.to_string());
    let mut blocks = tree::tree(text, &[]);
    match blocks.as_mut_slice() {
        // Nearly every message: one element, on whose last line there is room for the time.
        [Block::Paragraph(spans)] => {
            let spans = views(std::mem::take(spans));
            view! { <span class="text" dir="auto" data-emoji=big>{spans}</span> }.into_any()
        }
        _ => view! { <div class="text text-blocks">{blocks.into_iter().map(block).collect_view()}</div> }.into_any(),
    }
}

fn block(block: Block) -> AnyView {
    match block {
        Block::Paragraph(spans) => view! { <p dir="auto">{views(spans)}</p> }.into_any(),
        Block::Quote(spans) => view! { <blockquote dir="auto">{views(spans)}</blockquote> }.into_any(),
        Block::Code(code) => view! { <pre dir="ltr"><code>{code}</code></pre> }.into_any(),
        Block::List(Numbered::No, entries) => {
            view! { <ul>{entries.into_iter().map(entry).collect_view()}</ul> }.into_any()
        }
        Block::List(Numbered::Yes, entries) => {
            view! { <ol>{entries.into_iter().map(entry).collect_view()}</ol> }.into_any()
        }
    }
}

fn entry(entry: Entry) -> AnyView {
    let depth = (entry.depth > 0).then(|| entry.depth.to_string());
    let number = (entry.number > 0).then(|| entry.number.to_string());
    view! { <li dir="auto" value=number data-depth=depth>{views(entry.words)}</li> }.into_any()
}

fn views(spans: Vec<Span>) -> Vec<AnyView> {
    spans.into_iter().map(span).collect()
}

fn span(span: Span) -> AnyView {
    match span {
        Span::Text(text) => text.into_any(),
        Span::Code(code) => view! { <code>{code}</code> }.into_any(),
        Span::Mention(_, words) => view! { <b class="mention">{words}</b> }.into_any(),
        Span::Marked(Mark::Bold, words) => view! { <strong>{views(words)}</strong> }.into_any(),
        Span::Marked(Mark::Italic, words) => view! { <em>{views(words)}</em> }.into_any(),
        Span::Marked(Mark::Strike, words) => view! { <s>{views(words)}</s> }.into_any(),
        Span::Marked(Mark::Spoiler, words) => spoiler(views(words)),
        Span::Link { address, host, words } => {
            let told = match host {
                Host::Told(host) => Some(host),
                Host::Shown => None,
            };
            let told = told.map(|host| view! { <span class="host">" (" <bdi>{host}</bdi> ")"</span> });
            view! {
                <a href=address target="_blank" rel="noopener noreferrer"><bdi>{views(words)}</bdi>{told}</a>
            }
            .into_any()
        }
    }
}

/// Words that are shown when they are asked for; the browser's own element, so that keys and screen readers know it.
fn spoiler(words: Vec<AnyView>) -> AnyView {
    view! { <details class="spoiler"><summary>{locale::text().message.spoiler}</summary><span>{words}</span></details> }
        .into_any()
}
