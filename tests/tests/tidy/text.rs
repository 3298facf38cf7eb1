//! Rules on the text of files: the wall, the opening, no `unwrap`, nothing ignored. Owns the numbers and the exceptions
//! (none).
use crate::lexer::places;
use crate::tree::{Finding, Tree};

/// Lines of a file that a reader can still hold in mind.
const WALL_LINES: usize = 500;
const WALLED: [&str; 4] = [".rs", ".ts", ".mjs", ".css"];

/// No source file is longer than the wall.
pub(crate) fn wall(tree: &Tree) -> Vec<Finding> {
    let walled = tree.sources.iter().filter(|source| WALLED.iter().any(|ending| source.path.ends_with(ending)));
    let long = walled.filter(|source| source.text.lines().count() > WALL_LINES);
    long.map(|source| {
        let what =
            format!("{} lines; the wall is {WALL_LINES}: part the file by what it owns", source.text.lines().count());
        Finding { path: source.path.clone(), line: WALL_LINES + 1, what }
    })
    .collect()
}

/// Each Rust file opens with a `//!` line that says something.
pub(crate) fn opening(tree: &Tree) -> Vec<Finding> {
    let silent = tree.rust(&[""]).filter(|source| {
        let first = source.text.lines().next().unwrap_or_default();
        first.strip_prefix("//!").is_none_or(|said| said.trim().is_empty())
    });
    silent.map(|source| source.finding(0, "the first line is //! and says what the file owns")).collect()
}

/// No source unwraps.
pub(crate) fn unwrap(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.rust(&[""]).filter(|source| source.path.contains("/src/") || source.path.starts_with("src/")) {
        let found = places(&source.code, ".unwrap()")
            .map(|at| source.finding(at, ".unwrap(): say why it cannot fail, by expect"));
        findings.extend(found);
    }
    findings
}

/// No test is ignored, skipped, or run alone.
pub(crate) fn ignored(tree: &Tree) -> Vec<Finding> {
    let in_rust = ["#[ignore", "#[cfg_attr(ignore"];
    let in_script =
        ["test.skip(", "test.only(", "test.fixme(", "describe.skip(", "describe.only(", "it.skip(", "it.only("];
    let mut findings = Vec::new();
    for source in &tree.sources {
        let pieces: &[&str] = match source.path.rsplit_once('.') {
            Some((_, "rs")) => &in_rust,
            Some((_, "ts" | "mjs")) => &in_script,
            _ => continue,
        };
        findings.extend(
            pieces.iter().flat_map(|piece| source.findings_of(piece, "nothing is ignored: fix it or remove it")),
        );
    }
    findings
}

#[test]
fn file_over_the_wall_is_caught() {
    let long = "//! x\n".repeat(WALL_LINES + 1);
    let tall = "//! x\n".repeat(WALL_LINES);
    let tree = Tree::of(&[("a.rs", &long), ("b.rs", &tall), ("c.css", &long), ("d.md", &long)]);
    assert_eq!(wall(&tree).into_iter().map(|finding| finding.path).collect::<Vec<_>>(), ["a.rs", "c.css"]);
}

#[test]
fn file_that_does_not_say_what_it_owns_is_caught() {
    let tree = Tree::of(&[("a.rs", "use x;\n//! late"), ("b.rs", "//!\n"), ("c.rs", "//! Owns c."), ("d.rs", "")]);
    assert_eq!(opening(&tree).into_iter().map(|finding| finding.path).collect::<Vec<_>>(), ["a.rs", "b.rs", "d.rs"]);
}

#[test]
fn unwrap_in_code_is_caught_and_in_prose_is_not() {
    let text = "//! never .unwrap() here\nlet a = b\n    .unwrap();\nlet c = d.unwrap_or(\".unwrap()\");";
    let tree = Tree::of(&[("wire/src/a.rs", text), ("wire/tests/a.rs", text)]);
    assert_eq!(
        unwrap(&tree).into_iter().map(|finding| (finding.path, finding.line)).collect::<Vec<_>>(),
        [("wire/src/a.rs".to_owned(), 3)]
    );
}

#[test]
fn ignored_tests_are_caught() {
    let skip = ["test.", "skip('a', () => {})"].concat();
    let tree = Tree::of(&[("a.rs", "#[test]\n#[ignore]\nfn f() {}"), ("b.ts", &skip), ("c.ts", "list.skip(1)")]);
    assert_eq!(ignored(&tree).into_iter().map(|finding| finding.path).collect::<Vec<_>>(), ["a.rs", "b.ts"]);
}
