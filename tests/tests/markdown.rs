//! The app's reader of marked text (M9) under hostile and honest texts. The app builds for the browser only; these files of
//! it are pure, and are compiled in here. Owns the texts; what the document makes of the trees is shown by a journey.

#[path = "../../app/src/part/markdown/emoji.rs"]
mod emoji;
#[path = "../../app/src/part/markdown/inline.rs"]
mod inline;
#[path = "../../app/src/part/markdown/tree.rs"]
mod tree;

use std::time::{Duration, Instant};
use tree::{Block, Host, Mark, Numbered, Span, plain, tree};

fn text(text: &str) -> Span {
    Span::Text(text.to_owned())
}

fn marked(mark: Mark, words: &str) -> Span {
    Span::Marked(mark, vec![text(words)])
}

/// The spans of a text that is one paragraph.
fn spans(words: &str) -> Vec<Span> {
    match tree(words, &[]).as_slice() {
        [Block::Paragraph(spans)] => spans.clone(),
        other => panic!("{words:?} is not one paragraph: {other:?}"),
    }
}

fn stays(words: &str) {
    assert_eq!(spans(words), vec![text(words)], "{words:?} is a plain text");
}

fn auto(address: &str) -> Span {
    Span::Link { address: address.to_owned(), host: Host::Shown, words: vec![text(address)] }
}

#[test]
fn marks_are_read() {
    assert_eq!(spans("a **b** c"), vec![text("a "), marked(Mark::Bold, "b"), text(" c")]);
    assert_eq!(spans("*b*"), vec![marked(Mark::Italic, "b")]);
    assert_eq!(spans("_b_ __c__"), vec![marked(Mark::Italic, "b"), text(" "), marked(Mark::Bold, "c")]);
    assert_eq!(spans("~~b~~"), vec![marked(Mark::Strike, "b")]);
    assert_eq!(spans("||b||"), vec![marked(Mark::Spoiler, "b")]);
    assert_eq!(spans("这是**重要**的")[1], marked(Mark::Bold, "重要"));
    let both = Span::Marked(Mark::Bold, vec![marked(Mark::Italic, "b")]);
    assert_eq!(spans("***b***"), vec![both.clone()]);
    assert_eq!(spans("**_b_**"), vec![both]);
    assert_eq!(spans("`*b*` ``a`b``"), vec![Span::Code("*b*".into()), text(" "), Span::Code("a`b".into())]);
}

#[test]
fn what_is_no_mark_stays_the_text_that_it_is() {
    for words in [
        "2*3*4",
        "a_file_name",
        "*\u{a0}b*c",
        "** b **",
        "****",
        "a ~b~ c",
        "a | b || c",
        "*a _b",
        "`a",
        "[a](b)",
        "a ]( b",
        "1.5",
    ] {
        stays(words);
    }
    assert_eq!(spans("*a **b*"), vec![marked(Mark::Italic, "a **b")]);
    assert_eq!(spans("\\*a\\*"), vec![text("*a*")]);
    stays("C:\\temp\\new");
    stays("two\n\n  lines \u{202e} and <b>no</b> &amp; html");
}

#[test]
fn blocks_are_read() {
    let blocks = tree("a\n> b *c*\n>d\ne\n- f\n  - g\n1. h\n2) i\n```rust\n*j*\n\nk\n```\nl", &[]);
    let entry = |number, depth, words: &str| tree::Entry { number, depth, words: vec![text(words)] };
    assert_eq!(
        blocks,
        vec![
            Block::Paragraph(vec![text("a")]),
            Block::Quote(vec![text("b "), marked(Mark::Italic, "c"), text("\nd")]),
            Block::Paragraph(vec![text("e")]),
            Block::List(Numbered::No, vec![entry(0, 0, "f"), entry(0, 1, "g")]),
            Block::List(Numbered::Yes, vec![entry(1, 0, "h"), entry(2, 0, "i")]),
            Block::Code("*j*\n\nk".into()),
            Block::Paragraph(vec![text("l")]),
        ]
    );
    let apart = tree("> a\n\nb\n\nc\n\n- d\n\n> e", &[]);
    assert_eq!(apart.get(1), Some(&Block::Paragraph(vec![text("b\n\nc")])));
    assert_eq!(apart.len(), 4, "empty lines are no blocks: {apart:?}");
    stays("```\nnot ended");
    assert_eq!(tree("```\n```", &[]), vec![Block::Code(String::new())]);
    assert_eq!(tree("", &[]), vec![]);
    assert_eq!(plain("**a** ||b||\n> c"), "a ▒▒▒ c");
}

#[test]
fn only_sound_web_addresses_are_links() {
    assert_eq!(spans("see https://a.example/b_c_d."), vec![text("see "), auto("https://a.example/b_c_d"), text(".")]);
    assert_eq!(spans("(https://a.example/x_(y))"), vec![text("("), auto("https://a.example/x_(y)"), text(")")]);
    assert_eq!(spans("HTTP://a.example")[0], auto("HTTP://a.example"));
    let told = Host::Told("evil.example".to_owned());
    let link = Span::Link { address: "https://evil.example/x".into(), host: told, words: vec![text("my bank")] };
    assert_eq!(spans("[my bank](https://evil.example/x)"), vec![link]);
    for words in [
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](data:text/html,x)",
        "[a](vbscript:x)",
        "[a](//evil.example)",
        "[a](x:https//evil.example)",
        "javascript:alert(1)",
        "ftp://a.example",
        "xhttps://a.example",
        "https://",
        "https://name:word@evil.example",
        "https://bank.example@evil.example/",
        "https://a.example/\u{202e}moc.knab",
        "https://a\u{200b}.example",
    ] {
        stays(words);
    }
    let within = spans("[https://bank.example](https://evil.example)");
    assert!(!within.iter().any(|span| matches!(span, Span::Link { host: Host::Told(_), .. })), "{within:?}");
    assert_eq!(spans(&format!("https://a.example/{}", "a".repeat(4_000))).len(), 1);
}

#[test]
fn mentions_are_taken_where_they_are() {
    let words = "hi @ada and **@bén**\n> @ada";
    let at = |needle: &str, nth: usize| {
        words.match_indices(needle).nth(nth).map(|(at, _)| (at, at + needle.len())).unwrap_or((0, 0))
    };
    let blocks = tree(words, &[at("@ada", 0), at("@bén", 0), at("@ada", 1)]);
    let mention = |index, words: &str| Span::Mention(index, words.to_owned());
    assert_eq!(
        blocks,
        vec![
            Block::Paragraph(vec![
                text("hi "),
                mention(0, "@ada"),
                text(" and "),
                Span::Marked(Mark::Bold, vec![mention(1, "@bén")])
            ]),
            Block::Quote(vec![mention(2, "@ada")]),
        ]
    );
    // Nonsense from elsewhere: within a character, backwards, beyond the end.
    for places in [[(16, 17)], [(5, 3)], [(3, 900)], [(900, 901)]] {
        assert!(!tree(words, &places).is_empty());
    }
}

#[test]
fn few_emoji_are_counted() {
    let counts = ["👍", "👍🏽 ❤️", "👩‍👩‍👧‍👦", "🇨🇭🇫🇷", "😀😀😀"].map(emoji::few_emoji);
    assert_eq!(counts, [Some(1), Some(2), Some(1), Some(2), Some(3)]);
    for words in ["", " ", "1", "ok 👍", "😀😀😀😀", "\u{fe0f}", "\u{200d}"] {
        assert_eq!(emoji::few_emoji(words), None, "{words:?}");
    }
}

#[test]
fn hostile_texts_of_full_length_are_read_at_once_and_stay_small() {
    const FULL: usize = 16 * 1_024;
    let pieces = [
        "*",
        "**",
        "***",
        "_",
        "__",
        "`",
        "``",
        "` ",
        "[",
        "](",
        "[](",
        "[a](https://a",
        "](https://a.example/",
        "~~",
        "||",
        "*a",
        "a*",
        "*a*",
        "**a_",
        "> ",
        ">",
        "- ",
        "- a\n",
        "1. a\n",
        "```\n",
        "```a\n",
        "\n",
        "\\",
        "\\*",
        "https://a.example ",
        "https://((((((((",
        "https://))))",
        "http",
        "\u{202e}",
        "*a _b ~~c ",
        "||a **b _c ~~d ",
        "<script>",
        "&#x3c;",
    ];
    let began = Instant::now();
    for piece in pieces {
        let words: String = piece.chars().cycle().take(FULL).collect();
        let blocks = tree(&words, &[]);
        let elements: usize = blocks.iter().map(elements).sum();
        assert!(elements <= tree::ELEMENTS_MAX, "{piece:?} makes {elements} elements");
    }
    // Built for debugging and beside other tests; a quadratic reader takes minutes.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?} for {} texts", pieces.len());
}

/// How many elements a block makes.
fn elements(block: &Block) -> usize {
    match block {
        Block::Paragraph(spans) | Block::Quote(spans) => 1 + within(spans),
        Block::Code(_) => 1,
        Block::List(_, entries) => 1 + entries.iter().map(|entry| 1 + within(&entry.words)).sum::<usize>(),
    }
}

fn within(spans: &[Span]) -> usize {
    let element = |span: &Span| match span {
        Span::Text(_) => 0,
        Span::Code(_) | Span::Mention(..) => 1,
        Span::Marked(_, words) | Span::Link { words, .. } => 1 + within(words),
    };
    spans.iter().map(element).sum()
}
