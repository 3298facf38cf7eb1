//! A message's text as a tree of our own small set (M9): paragraphs, quotes, lists and blocks of code; what is within a
//! line is `inline`'s. Owns the set and its bounds. Pure. Rules: every byte is read a bounded number of times; what is
//! not understood stays the text that it is; a tree has at most `ELEMENTS_MAX` elements, nested as deep as there are
//! marks.

use super::inline;

/// More elements than this, and the text is shown as it was written: they would keep a phone busy.
pub(crate) const ELEMENTS_MAX: usize = 400;
/// A longer text is shown as it was written: several times what a message may have, so that only a fault meets it.
const TEXT_MAX_BYTES: usize = 128 * 1_024;
/// Spaces by which one level of a list stands in from the one above.
const INDENT_SPACES: usize = 2;
/// Deeper items stand as far in as the deepest.
const DEPTH_MAX: usize = 3;
/// A longer number begins no item.
const DIGITS_MAX: usize = 4;

/// What stands below one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// Lines as they were written.
    Paragraph(Vec<Span>),
    /// What somebody else has said.
    Quote(Vec<Span>),
    /// A program's text.
    Code(String),
    /// Items.
    List(Numbered, Vec<Entry>),
}

/// Whether a list counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbered {
    Yes,
    No,
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number, as it was written; 0 in a list that does not count.
    pub number: u32,
    /// How far it stands in, at most [`DEPTH_MAX`].
    pub depth: usize,
    /// Its words.
    pub words: Vec<Span>,
}

/// What stands beside one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// As it is.
    Text(String),
    /// A word of a program.
    Code(String),
    /// Words that are marked.
    Marked(Mark, Vec<Span>),
    /// A link; the address begins with `http://` or `https://` and has no control characters, names and passwords.
    Link { address: String, host: Host, words: Vec<Span> },
    /// Somebody who is mentioned: the place in the list of mentions, and the words.
    Mention(usize, String),
}

/// Whether the words of a link are its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// They are.
    Shown,
    /// They are the author's, who may say anything: the host stands beside them.
    Told(String),
}

/// How words are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Bold,
    Italic,
    Strike,
    /// Hidden until asked for.
    Spoiler,
}

/// Where somebody is mentioned: from and to, in bytes.
pub(crate) type Place = (usize, usize);

/// The tree of a text. Mentions ascend and do not overlap; one that is elsewhere than on whole characters is ignored.
pub(crate) fn tree(text: &str, mentions: &[Place]) -> Vec<Block> {
    let as_written = || vec![Block::Paragraph(vec![Span::Text(text.to_owned())])];
    if text.len() > TEXT_MAX_BYTES {
        return as_written();
    }
    let mut reader = Reader { text, mentions, blocks: Vec::new(), plain_from: None, left: ELEMENTS_MAX };
    if reader.read().is_none() {
        return as_written();
    }
    reader.blocks
}

/// What is left of a text without its marks; spoilers are hidden. For where there is one line only.
pub(crate) fn plain(text: &str) -> String {
    let mut words = String::new();
    for block in tree(text, &[]) {
        if !words.is_empty() {
            words.push(' ');
        }
        match block {
            Block::Paragraph(spans) | Block::Quote(spans) => put_plain(&mut words, &spans),
            Block::Code(code) => words.push_str(&code),
            Block::List(_, entries) => entries.iter().for_each(|entry| {
                put_plain(&mut words, &entry.words);
                words.push(' ');
            }),
        }
    }
    words
}

fn put_plain(words: &mut String, spans: &[Span]) {
    for span in spans {
        match span {
            Span::Text(text) | Span::Code(text) | Span::Mention(_, text) => words.push_str(text),
            Span::Marked(Mark::Spoiler, _) => words.push_str("▒▒▒"),
            Span::Marked(Mark::Bold | Mark::Italic | Mark::Strike, spans) | Span::Link { words: spans, .. } => {
                put_plain(words, spans);
            }
        }
    }
}

/// One pass over the lines.
struct Reader<'a> {
    text: &'a str,
    mentions: &'a [Place],
    blocks: Vec<Block>,
    /// Where the paragraph began that is being read.
    plain_from: Option<usize>,
    /// So many elements may still be made.
    left: usize,
}

impl Reader<'_> {
    /// `None` when there would be too many elements.
    fn read(&mut self) -> Option<()> {
        let mut at = 0;
        let mut fences = Fences::Perhaps;
        while at < self.text.len() {
            let end = self.line_end(at);
            let line = self.text.get(at..end)?;
            if is_fence(line) && fences == Fences::Perhaps {
                match self.fence_after(end) {
                    Some((inner_end, next)) => {
                        self.end_paragraph(at)?;
                        let code = self.text.get((end + 1).min(inner_end)..inner_end)?;
                        self.put(Block::Code(code.strip_suffix('\n').unwrap_or(code).to_owned()))?;
                        at = next;
                        continue;
                    }
                    None => fences = Fences::NoMore,
                }
            }
            if let Some(skip) = quote_mark(line) {
                self.end_paragraph(at)?;
                self.quote(at + skip, end)?;
            } else if let Some(item) = item_mark(line) {
                self.end_paragraph(at)?;
                self.item(&item, at + item.skip, end)?;
            } else {
                self.plain_from.get_or_insert(at);
            }
            at = end + 1;
        }
        self.end_paragraph(self.text.len() + 1)
    }

    fn line_end(&self, from: usize) -> usize {
        self.text.get(from..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |length| from + length)
    }

    /// Where the code ends whose fence ended at `end`, and where the text goes on.
    fn fence_after(&self, end: usize) -> Option<(usize, usize)> {
        let mut at = end + 1;
        while at < self.text.len() {
            let line_end = self.line_end(at);
            if self.text.get(at..line_end)?.trim() == "```" {
                return Some((at, line_end + 1));
            }
            at = line_end + 1;
        }
        None
    }

    /// Ends the paragraph before the line that begins at `next`.
    fn end_paragraph(&mut self, next: usize) -> Option<()> {
        let Some(from) = self.plain_from.take() else { return Some(()) };
        // Empty lines beside another block: the style sheet keeps the distance.
        let lines = self.text.get(from..next - 1)?;
        let (skip, length) = (lines.len() - lines.trim_start_matches('\n').len(), lines.trim_matches('\n').len());
        if length == 0 {
            return Some(());
        }
        let spans = self.spans(from + skip, from + skip + length)?;
        self.put(Block::Paragraph(spans))
    }

    fn quote(&mut self, from: usize, to: usize) -> Option<()> {
        let line = self.spans(from, to)?;
        if let Some(Block::Quote(spans)) = self.blocks.last_mut() {
            inline::put_text(spans, "\n");
            line.into_iter().for_each(|span| inline::put(spans, span));
            return Some(());
        }
        self.put(Block::Quote(line))
    }

    fn item(&mut self, item: &Item, from: usize, to: usize) -> Option<()> {
        let entry = Entry { number: item.number, depth: item.depth, words: self.spans(from, to)? };
        self.left = self.left.checked_sub(1)?;
        match self.blocks.last_mut() {
            Some(Block::List(numbered, entries)) if *numbered == item.numbered => entries.push(entry),
            _ => self.put(Block::List(item.numbered, vec![entry]))?,
        }
        Some(())
    }

    fn spans(&mut self, from: usize, to: usize) -> Option<Vec<Span>> {
        inline::spans(self.text, from..to, self.mentions, &mut self.left)
    }

    fn put(&mut self, block: Block) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        self.blocks.push(block);
        Some(())
    }
}

/// Whether a fence may still have its other one: looked for in vain once, there is none further on.
#[derive(PartialEq, Eq)]
enum Fences {
    Perhaps,
    NoMore,
}

/// Whether a line begins a block of code; the name of a language may stand behind.
fn is_fence(line: &str) -> bool {
    line.strip_prefix("```").is_some_and(|rest| !rest.contains('`'))
}

/// Length of the mark of a quote.
fn quote_mark(line: &str) -> Option<usize> {
    let rest = line.strip_prefix('>')?;
    Some(if rest.starts_with(' ') { 2 } else { 1 })
}

/// What begins an item.
struct Item {
    /// Length of what stands before its words.
    skip: usize,
    depth: usize,
    numbered: Numbered,
    number: u32,
}

fn item_mark(line: &str) -> Option<Item> {
    let rest = line.trim_start_matches(' ');
    let indent = line.len() - rest.len();
    let depth = (indent / INDENT_SPACES).min(DEPTH_MAX);
    let words = |rest: &str| rest.bytes().any(|byte| byte != b' ');
    if let Some(after) = rest.strip_prefix(['-', '*', '•']) {
        let after = after.strip_prefix(' ').filter(|after| words(after))?;
        return Some(Item { skip: line.len() - after.len(), depth, numbered: Numbered::No, number: 0 });
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > DIGITS_MAX {
        return None;
    }
    let after = rest.get(digits..)?.strip_prefix(['.', ')'])?.strip_prefix(' ').filter(|after| words(after))?;
    let number = rest.get(..digits)?.parse().ok()?;
    Some(Item { skip: line.len() - after.len(), depth, numbered: Numbered::Yes, number })
}
