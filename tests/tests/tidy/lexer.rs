//! Just enough of Rust's lexical grammar: what is code, and where words stand in it. Owns no rule.

/// The text with comments and the contents of string and character literals replaced by blanks. Offsets and lines stay.
pub(crate) fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (from, to) = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => (at, line_end(bytes, at)),
            b'/' if bytes[at..].starts_with(b"/*") => (at, comment_end(bytes, at)),
            b'r' if raw_quotes(bytes, at).is_some() => raw_string(bytes, at),
            b'"' => (at + 1, string_end(bytes, at + 1)),
            b'\'' if bytes.get(at + 1) == Some(&b'\\') => (at + 1, find(bytes, at + 3, b'\'')),
            // A lifetime has no closing quote two bytes on.
            b'\'' if bytes.get(at + 2) == Some(&b'\'') => (at + 1, at + 2),
            _ => {
                at += 1;
                continue;
            }
        };
        let to = to.min(bytes.len());
        for byte in &mut code[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = if matches!(bytes[at], b'/') { to } else { to + 1 };
    }
    String::from_utf8(code).expect("blanks replace whole literals and comments")
}

/// Offsets where `piece` stands in `code`, not as a part of a longer word.
pub(crate) fn places(code: &str, piece: &str) -> impl Iterator<Item = usize> {
    code.match_indices(piece).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + piece.len()..].chars().next();
        let opens_word = piece.starts_with(is_word);
        // A piece that ends with `_` is meant as a prefix.
        let closes_word = piece.ends_with(char::is_alphanumeric);
        let inside = opens_word && before.is_some_and(is_word) || closes_word && after.is_some_and(is_word);
        !inside
    })
}

/// First segments of all paths below `root` (such as `crate::`), also in groups like `crate::{a, b::c}`, with offsets.
pub(crate) fn paths_below<'a>(code: &'a str, root: &str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for at in places(code, root) {
        let start = at + root.len();
        if !code[start..].starts_with('{') {
            found.push((start, word_at(code, start)));
            continue;
        }
        let mut depth = 0_usize;
        let mut expects_path = false;
        for (offset, letter) in code[start..].char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && expects_path && is_word(letter) {
                found.push((start + offset, word_at(code, start + offset)));
                expects_path = false;
            }
            expects_path |= depth == 1 && matches!(letter, '{' | ',');
        }
    }
    found
}

/// The word that begins at an offset; empty if none does.
pub(crate) fn word_at(code: &str, start: usize) -> &str {
    let length = code[start..].find(|letter| !is_word(letter)).unwrap_or(code.len() - start);
    &code[start..start + length]
}

pub(crate) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn find(bytes: &[u8], from: usize, wanted: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|byte| *byte == wanted).map_or(bytes.len(), |offset| from + offset)
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    find(bytes, from, b'\n')
}

fn comment_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < bytes.len() {
        match &bytes[at..(at + 2).min(bytes.len())] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// The number of `#` of a raw string that begins at `r`.
fn raw_quotes(bytes: &[u8], at: usize) -> Option<usize> {
    let part_of_word = at > 0 && is_word(char::from(bytes[at - 1])) && bytes[at - 1] != b'b';
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    (!part_of_word && bytes.get(at + 1 + hashes) == Some(&b'"')).then_some(hashes)
}

fn raw_string(bytes: &[u8], at: usize) -> (usize, usize) {
    let hashes = raw_quotes(bytes, at).expect("the caller has looked");
    let from = at + 2 + hashes;
    let closing = [&b"\""[..], &vec![b'#'; hashes]].concat();
    let length = bytes[from..].windows(closing.len()).position(|window| window == closing);
    (from, length.map_or(bytes.len(), |length| from + length))
}

#[test]
fn comments_and_literals_are_blank_and_code_is_not() {
    let text = "a(\"x \\\" y\", 'z', '\\'', r#\"q\"w\"#); // c\n/* d /* e */ f */ g::<'h>()";
    let blanked = "a(\"      \", ' ', '  ', r#\"   \"#);     \n                  g::<'h>()";
    assert_eq!(blank(text), blanked);
}

#[test]
fn words_are_whole() {
    assert_eq!(places("fetch prefetch fetch_all x.fetch()", "fetch").collect::<Vec<_>>(), [0, 27]);
}

#[test]
fn paths_are_found_in_groups() {
    let code = "use crate::a::b; use crate::{c, d::{e, f}, g as h}; crate::i::j()";
    let words: Vec<&str> = paths_below(code, "crate::").into_iter().map(|(_, word)| word).collect();
    assert_eq!(words, ["a", "c", "d", "g", "i"]);
}
