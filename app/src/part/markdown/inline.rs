//! What is within the lines of a text: marks, code, links, mentions. Owns how marks pair: a mark closes the nearest one of
//! its kind, those between them that are still open stay text. No kind is ever within itself, so that the tree is as deep
//! as there are kinds. Pure; one pass makes tokens, another one the tree.

use super::tree::{Host, Mark, Place, Span};
use std::ops::Range;

/// A longer address makes no link.
const ADDRESS_MAX_BYTES: usize = 2_048;
/// Longer runs of one sign are drawn lines and not marks.
const RUN_MAX: usize = 3;

/// A piece of the text.
enum Token<'a> {
    Text(&'a str),
    Code(&'a str),
    Mention(usize, &'a str),
    Address(&'a str),
    /// Opens or closes something, if it has found its other half; else it is the text.
    Sign {
        kind: Kind,
        text: &'a str,
        role: Role,
        address: &'a str,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Text,
    Opens,
    Closes,
}

/// What is marked how: two kinds may look alike and do not close one another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    BoldStar,
    BoldLine,
    ItalicStar,
    ItalicLine,
    Strike,
    Spoiler,
    Link,
}

/// How many kinds there are.
const KINDS: usize = 7;

/// The spans of `range`. `left` is how many elements may still be made; `None` when that is not enough.
pub(super) fn spans(text: &str, range: Range<usize>, mentions: &[Place], left: &mut usize) -> Option<Vec<Span>> {
    let part = text.get(range.clone())?;
    let mut scan = Scan { part, at: 0, text_from: 0, tokens: Vec::new(), open: [None; KINDS] };
    scan.read(range.start, mentions);
    let mut tokens = scan.tokens.into_iter();
    Some(level(&mut tokens, left)?.0)
}

struct Scan<'a> {
    part: &'a str,
    at: usize,
    /// Where the text began that is no token yet.
    text_from: usize,
    tokens: Vec<Token<'a>>,
    /// The nearest sign of each kind that waits for its other half.
    open: [Option<usize>; KINDS],
}

impl<'a> Scan<'a> {
    fn read(&mut self, offset: usize, mentions: &[Place]) {
        let runs = code_runs(self.part);
        let mut run = 0;
        let mut mention = mentions.partition_point(|(from, _)| *from < offset);
        while let Some(rest) = self.part.get(self.at..).filter(|rest| !rest.is_empty()) {
            while mentions.get(mention).is_some_and(|(from, _)| *from < offset + self.at) {
                mention += 1;
            }
            if let Some((from, to)) = mentions.get(mention)
                && *from == offset + self.at
                && let Some(words) = self.part.get(self.at..to.saturating_sub(offset)).filter(|words| !words.is_empty())
            {
                self.put(words.len(), |words| Token::Mention(mention, words));
                continue;
            }
            match rest.as_bytes()[0] {
                b'`' => {
                    while runs.get(run).is_some_and(|run| run.from < self.at) {
                        run += 1;
                    }
                    self.code(&runs, run);
                }
                b'\\' if rest.as_bytes().get(1).is_some_and(|next| b"*_~|[`".contains(next)) => {
                    self.end_text();
                    self.text_from = self.at + 1;
                    self.at += 2;
                }
                sign @ (b'*' | b'_' | b'~' | b'|') => self.marks(sign),
                b'[' => self.sign(Kind::Link, 1, Role::Opens),
                b']' if rest.starts_with("](") => self.link(),
                b'h' | b'H' if self.begins_word() => match address(rest) {
                    Some(found) => self.put(found.len(), Token::Address),
                    None => self.at += 1,
                },
                _ => self.at += rest.chars().next().map_or(1, char::len_utf8),
            }
        }
        self.end_text();
    }

    fn end_text(&mut self) {
        if let Some(text) = self.part.get(self.text_from..self.at).filter(|text| !text.is_empty()) {
            self.tokens.push(Token::Text(text));
        }
        self.text_from = self.at;
    }

    /// The next `length` bytes are a token.
    fn put(&mut self, length: usize, token: impl FnOnce(&'a str) -> Token<'a>) {
        self.end_text();
        let part = self.part;
        let text = part.get(self.at..self.at + length).unwrap_or_default();
        self.tokens.push(token(text));
        self.at += length;
        self.text_from = self.at;
    }

    /// What stands before here.
    fn before(&self) -> Option<char> {
        self.part.get(..self.at).and_then(|before| before.chars().next_back())
    }

    fn begins_word(&self) -> bool {
        !self.before().is_some_and(char::is_alphanumeric)
    }

    fn code(&mut self, runs: &[Run], run: usize) {
        let Some(here) = runs.get(run) else {
            self.at += 1;
            return;
        };
        let Some(other) = here.other else {
            self.at += here.length;
            return;
        };
        let whole = other + here.length - self.at;
        let length = here.length;
        self.put(whole, |text| Token::Code(text.get(length..text.len() - length).unwrap_or_default()));
    }

    fn marks(&mut self, sign: u8) {
        let rest = self.part.as_bytes().get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| **byte == sign).count();
        let after = self.part.get(self.at + length..).and_then(|rest| rest.chars().next());
        let before = self.before();
        let (double, single) = match sign {
            b'*' => (Kind::BoldStar, Some(Kind::ItalicStar)),
            b'_' => (Kind::BoldLine, Some(Kind::ItalicLine)),
            b'~' => (Kind::Strike, None),
            _ => (Kind::Spoiler, None),
        };
        // Within a word only two stars, waves or bars are a mark: 2*3*4 and a_file_name are not.
        let within = length == 2 && sign != b'_';
        let is_word = |side: Option<char>| side.is_some_and(char::is_alphanumeric);
        let is_space = |side: Option<char>| side.is_none_or(char::is_whitespace);
        let may_open = !is_space(after) && (within || !is_word(before));
        let may_close = !is_space(before) && (within || !is_word(after));
        let sides = (may_open, may_close);
        match (length, single) {
            (1, Some(single)) => self.mark(single, 1, sides),
            (2, _) => self.mark(double, 2, sides),
            (RUN_MAX, Some(single)) if self.opened(single) > self.opened(double) => {
                self.mark(single, 1, sides);
                self.mark(double, 2, sides);
            }
            (RUN_MAX, Some(single)) => {
                self.mark(double, 2, sides);
                self.mark(single, 1, sides);
            }
            _ => self.at += length,
        }
    }

    fn opened(&self, kind: Kind) -> Option<usize> {
        self.open[kind as usize]
    }

    fn mark(&mut self, kind: Kind, length: usize, (may_open, may_close): (bool, bool)) {
        match self.opened(kind) {
            Some(opener) if may_close => {
                self.sign(kind, length, Role::Closes);
                self.pair(opener);
            }
            _ if may_open => self.sign(kind, length, Role::Opens),
            _ => self.at += length,
        }
    }

    /// A sign that waits for its other half, or is one.
    fn sign(&mut self, kind: Kind, length: usize, role: Role) {
        self.put(length, |text| Token::Sign { kind, text, role: Role::Text, address: "" });
        match role {
            Role::Opens => self.open[kind as usize] = Some(self.tokens.len() - 1),
            Role::Closes => {
                if let Some(Token::Sign { role, .. }) = self.tokens.last_mut() {
                    *role = Role::Closes;
                }
            }
            Role::Text => {}
        }
    }

    /// The opener has its other half: what is open between them waits no more.
    fn pair(&mut self, opener: usize) {
        if let Some(Token::Sign { role, .. }) = self.tokens.get_mut(opener) {
            *role = Role::Opens;
        }
        for open in &mut self.open {
            if open.is_some_and(|open| open >= opener) {
                *open = None;
            }
        }
    }

    /// `](` and an address: the other half of a `[`.
    fn link(&mut self) {
        let opener = self.open[Kind::Link as usize].take();
        let rest = self.part.get(self.at + 2..).unwrap_or_default();
        let found = opener.and_then(|opener| {
            let found = address(rest)?;
            rest.get(found.len()..).filter(|after| after.starts_with(')')).map(|_| (opener, found))
        });
        let Some((opener, found)) = found.filter(|(opener, _)| !self.has_link_since(*opener)) else {
            self.at += 2;
            return;
        };
        self.put(found.len() + 3, |text| Token::Sign { kind: Kind::Link, text, role: Role::Closes, address: found });
        self.pair(opener);
    }

    /// Whether there is an address among the words: a link within a link is none.
    fn has_link_since(&self, opener: usize) -> bool {
        let words = self.tokens.get(opener..).unwrap_or_default();
        words.iter().any(|token| matches!(token, Token::Address(_) | Token::Mention(..)))
    }
}

/// Signs of code beside one another.
struct Run {
    from: usize,
    length: usize,
    /// Where the next run of the same length is, which ends the code.
    other: Option<usize>,
}

fn code_runs(part: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, _) in part.match_indices('`') {
        match runs.last_mut() {
            Some(run) if run.from + run.length == at => run.length += 1,
            _ => runs.push(Run { from: at, length: 1, other: None }),
        }
    }
    let mut next = [None; RUN_MAX + 1];
    for run in runs.iter_mut().rev() {
        if let Some(next) = next.get_mut(run.length) {
            run.other = next.replace(run.from);
        }
    }
    runs
}

/// The web address that a text begins with.
fn address(rest: &str) -> Option<&str> {
    let host_from = ["https://", "http://"].into_iter().find_map(|scheme| {
        let begins = rest.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
        begins.then_some(scheme.len())
    })?;
    let end = rest.char_indices().find(|(at, c)| *at > ADDRESS_MAX_BYTES || ends_address(*c)).map(|(at, _)| at);
    let mut found = rest.get(..end.unwrap_or(rest.len()))?;
    // What ends a sentence, and a bracket that was opened before the address, are not part of it.
    if let Some(end) = closing_from(found) {
        found = found.get(..end)?;
    }
    loop {
        let last = found.chars().next_back()?;
        match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' | '|' | ']' => {}
            _ => break,
        }
        found = found.get(..found.len() - last.len_utf8())?;
    }
    let host = host(found.get(host_from..)?);
    let sound = found.len() <= ADDRESS_MAX_BYTES
        && host.starts_with(|c: char| c.is_alphanumeric() || c == '[')
        && !host.contains('@')
        && !found.chars().any(is_unseen);
    sound.then_some(found)
}

/// Where a bracket closes that the address has not opened.
fn closing_from(found: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, c) in found.char_indices() {
        match c {
            '(' => open += 1,
            ')' if open == 0 => return Some(at),
            ')' => open -= 1,
            _ => {}
        }
    }
    None
}

fn ends_address(c: char) -> bool {
    c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '\\' | '^' | '{' | '}') || c.is_control()
}

/// Characters that change what is seen without being seen: of no use in an address but to deceive.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// From behind the scheme to the path.
fn host(after_scheme: &str) -> &str {
    after_scheme.split(['/', '?', '#']).next().unwrap_or_default()
}

fn host_of(address: &str) -> &str {
    host(address.split_once("://").map_or("", |(_, rest)| rest))
}

/// The spans of a level, and the address of the sign that closed it.
fn level<'a>(tokens: &mut impl Iterator<Item = Token<'a>>, left: &mut usize) -> Option<(Vec<Span>, &'a str)> {
    let mut spans = Vec::new();
    while let Some(token) = tokens.next() {
        if !matches!(token, Token::Text(_) | Token::Sign { role: Role::Text | Role::Closes, .. }) {
            *left = left.checked_sub(1)?;
        }
        match token {
            Token::Text(text) | Token::Sign { role: Role::Text, text, .. } => put_text(&mut spans, text),
            Token::Code(text) => spans.push(Span::Code(text.to_owned())),
            Token::Mention(index, text) => spans.push(Span::Mention(index, text.to_owned())),
            Token::Address(text) => {
                let words = vec![Span::Text(text.to_owned())];
                spans.push(Span::Link { address: text.to_owned(), host: Host::Shown, words });
            }
            Token::Sign { role: Role::Closes, address, .. } => return Some((spans, address)),
            Token::Sign { role: Role::Opens, kind, .. } => {
                let (words, address) = level(tokens, left)?;
                spans.push(span(kind, words, address));
            }
        }
    }
    Some((spans, ""))
}

fn span(kind: Kind, words: Vec<Span>, address: &str) -> Span {
    let mark = match kind {
        Kind::BoldStar | Kind::BoldLine => Mark::Bold,
        Kind::ItalicStar | Kind::ItalicLine => Mark::Italic,
        Kind::Strike => Mark::Strike,
        Kind::Spoiler => Mark::Spoiler,
        Kind::Link => {
            let host = Host::Told(host_of(address).to_owned());
            return Span::Link { address: address.to_owned(), host, words };
        }
    };
    Span::Marked(mark, words)
}

/// Puts a span behind the others.
pub(super) fn put(spans: &mut Vec<Span>, span: Span) {
    match span {
        Span::Text(text) => put_text(spans, &text),
        span => spans.push(span),
    }
}

/// Puts a text behind the others: two texts are one.
pub(super) fn put_text(spans: &mut Vec<Span>, text: &str) {
    match spans.last_mut() {
        Some(Span::Text(before)) => before.push_str(text),
        _ => spans.push(Span::Text(text.to_owned())),
    }
}
