//! Every error code that the wire names is one that the server answers with. Owns how codes are read from
//! `wire/src/error.rs`.
use crate::lexer::{is_word, places};
use crate::tree::{Finding, Source, Tree};

const TABLE: &str = "wire/src/error.rs";
/// What the client itself says when it got no answer that it can read.
const SAID_BY_CLIENTS: [&str; 2] = ["NotSotto", "Unreachable"];
/// What the wire reads for a code of a newer version: nobody says it.
const SAID_BY_NOBODY: &str = "Unknown";

/// Each code of the table is named as `Code::…` somewhere in the server, or in the SDK if it is the client's own.
pub(crate) fn used(tree: &Tree) -> Vec<Finding> {
    let Some(table) = tree.file(TABLE) else {
        return vec![Finding {
            path: TABLE.to_owned(),
            line: 1,
            what: "the table of error codes is missing".to_owned(),
        }];
    };
    let codes = codes(table);
    if codes.is_empty() {
        return vec![table.finding(0, "no codes found; tidy reads lines like: NotFound \"not_found\" 404 …")];
    }
    let mut findings = Vec::new();
    for (at, code) in codes.into_iter().filter(|(_, code)| *code != SAID_BY_NOBODY) {
        let folder = if SAID_BY_CLIENTS.contains(&code) { "sdk/" } else { "server/src/" };
        let named = format!("Code::{code}");
        if !tree.rust(&[folder]).any(|source| places(&source.code, &named).next().is_some()) {
            findings.push(table.finding(at, format!("{named} is used nowhere in {folder}")));
        }
    }
    findings
}

/// Codes and their offsets: lines of the form `Name "name" status …`.
fn codes(table: &Source) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in table.text.split_inclusive('\n') {
        let text = line.trim_start();
        let name = &text[..text.find(|letter| !is_word(letter)).unwrap_or(text.len())];
        let rest = text[name.len()..].strip_prefix(" \"").and_then(|rest| rest.split_once("\" "));
        let has_status = rest.is_some_and(|(_, rest)| rest.starts_with(|digit: char| digit.is_ascii_digit()));
        if name.starts_with(|letter: char| letter.is_ascii_uppercase()) && has_status {
            found.push((at + line.len() - text.len(), name));
        }
        at += line.len();
    }
    found
}

#[cfg(test)]
const SAMPLE: &str = "codes! {\n    /// Gone.\n    Gone \"gone\" 410 Never \"it is gone\";\n    Odd \"odd\" 400 Never \"it is odd\";\n    Unknown \"unknown\" 500 Never \"other\";\n}\n";

#[test]
fn code_that_the_server_never_answers_is_caught() {
    let server = "fn f() { refuse(Code::Gone) } // Code::Odd\nlet x = Code::Oddly;";
    let client = "let x = Code::Odd;";
    let tree = Tree::of(&[(TABLE, SAMPLE), ("server/src/http.rs", server), ("sdk/core/src/a.rs", client)]);
    let findings = used(&tree);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].line, findings[0].what.contains("Code::Odd ")), (4, true));
}

#[test]
fn table_that_cannot_be_read_is_caught() {
    assert_eq!(used(&Tree::of(&[(TABLE, "pub enum Code { Gone }")])).len(), 1);
    assert_eq!(used(&Tree::of(&[])).len(), 1);
}
