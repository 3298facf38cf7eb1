//! `tests/features.md`: every promise names tests or benchmarks, and these exist. Owns the form of the table:
//! `| id | promise | shown by |`, where the last cell names, in backticks, `path/to/file.rs::test_name`,
//! `path/to/file.ts::title of the test` or `bench name`.
use crate::lexer::{places, word_at};
use crate::tree::{Finding, Source, Tree};

const TABLE: &str = "tests/features.md";
const BENCHMARKS: &str = "tools/xtask/src/bench.rs";

/// Each row has an id of its own, a promise, and at least one proof; each proof exists.
pub(crate) fn shown(tree: &Tree) -> Vec<Finding> {
    let Some(table) = tree.file(TABLE) else {
        return vec![Finding { path: TABLE.to_owned(), line: 1, what: "the table of promises is missing".to_owned() }];
    };
    let mut findings = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    for (at, [id, promise, proofs]) in rows(table, &mut findings) {
        if !is_id(id) {
            findings.push(table.finding(at, format!("{id} is no id; ids look like T7")));
        }
        if ids.contains(&id) {
            findings.push(table.finding(at, format!("{id} has a row already; put both proofs into one")));
        }
        ids.push(id);
        if promise.is_empty() {
            findings.push(table.finding(at, format!("{id} promises nothing")));
        }
        let named: Vec<&str> = proofs.split('`').skip(1).step_by(2).collect();
        if named.is_empty() || proofs.matches('`').count() % 2 == 1 {
            findings.push(table.finding(at, format!("{id} names no test in backticks")));
        }
        let missing = named.into_iter().filter_map(|proof| missing(tree, proof));
        findings.extend(missing.map(|what| table.finding(at, format!("{id}: {what}"))));
    }
    if ids.is_empty() && findings.is_empty() {
        findings.push(table.finding(0, "nothing is promised".to_owned()));
    }
    findings
}

/// Rows of the table after its header, with their offsets; lines that are no row of three cells are findings.
fn rows<'a>(table: &'a Source, findings: &mut Vec<Finding>) -> Vec<(usize, [&'a str; 3])> {
    let mut rows = Vec::new();
    let mut at = 0;
    let mut header = false;
    for line in table.text.split_inclusive('\n') {
        let text = line.trim();
        if let Some(cells) = text.strip_prefix('|').and_then(|text| text.strip_suffix('|')) {
            let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
            match <[&str; 3]>::try_from(cells) {
                Ok(["id", "promise", "shown by"]) => header = true,
                Ok(cells) if cells.iter().all(|cell| cell.chars().all(|letter| matches!(letter, '-' | ':'))) => {}
                Ok(cells) => rows.push((at, cells)),
                Err(cells) => findings.push(table.finding(at, format!("a row has three cells, not {}", cells.len()))),
            }
        }
        at += line.len();
    }
    if !header {
        findings.push(table.finding(0, "the header is | id | promise | shown by |"));
    }
    rows
}

fn is_id(id: &str) -> bool {
    let digits = id.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
    digits.len() < id.len() && !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// Why a proof does not exist, if it does not.
fn missing(tree: &Tree, proof: &str) -> Option<String> {
    if let Some(name) = proof.strip_prefix("bench ") {
        let known = tree.file(BENCHMARKS).is_some_and(|source| source.text.contains(&format!("(\"{name}\", Figure::")));
        return (!known).then(|| format!("there is no benchmark {name} in {BENCHMARKS}"));
    }
    let Some((path, name)) = proof.split_once("::") else {
        return Some(format!("`{proof}` is neither path::test nor bench name"));
    };
    let Some(source) = tree.file(path) else { return Some(format!("there is no file {path}")) };
    let exists = if path.ends_with(".rs") { has_rust_test(source, name) } else { has_script_test(source, name) };
    (!exists).then(|| format!("there is no test {name} in {path}"))
}

/// Whether a function of that name (the last segment of a path) stands below a test attribute.
fn has_rust_test(source: &Source, name: &str) -> bool {
    let name = name.rsplit("::").next().unwrap_or(name);
    places(&source.code, "fn ").filter(|at| word_at(&source.code, at + "fn ".len()) == name).any(|at| {
        // What belongs to this function: from the end of the item before it.
        let before = &source.code[..at];
        let own = &before[before.rfind(['}', ';', '{']).unwrap_or(0)..];
        own.contains("test]") || own.contains("test(") || in_macro(source, at, "proptest!")
    })
}

/// Whether the nearest macro call before an offset is `call`: `proptest!` takes the attribute inside.
fn in_macro(source: &Source, at: usize, call: &str) -> bool {
    source.code[..at].rfind("! {").is_some_and(|bang| source.code[..=bang].ends_with(call))
}

fn has_script_test(source: &Source, name: &str) -> bool {
    ['\'', '"', '`'].iter().any(|quote| source.text.contains(&format!("test({quote}{name}{quote}")))
}

#[cfg(test)]
fn whats(table: &str) -> Vec<String> {
    let tree = Tree::of(&[
        (TABLE, table),
        (
            "tests/tests/stream.rs",
            "#[tokio::test]\nasync fn resumes_after_restart() {}\nfn helper() {}\nproptest! {\n    #[test]\n    fn any_bytes(x in 0..1) {}\n}",
        ),
        ("tests/browser/spine.spec.ts", "test('two people write', async () => {})\n"),
        (BENCHMARKS, "const FIGURES: [(&str, Figure); 1] = [(\"append\", Figure::Append)];"),
    ]);
    shown(&tree).into_iter().map(|finding| finding.what).collect()
}

#[cfg(test)]
const HEADER: &str = "| id | promise | shown by |\n|---|---|---|\n";

#[test]
fn proofs_of_every_kind_are_found() {
    let rows = "| T7 | resumes | `tests/tests/stream.rs::resumes_after_restart`, `tests/browser/spine.spec.ts::two people write` |\n\
                | P3 | appends | `bench append`, `tests/tests/stream.rs::tests::any_bytes` |\n";
    assert_eq!(whats(&format!("{HEADER}{rows}")), Vec::<String>::new());
}

#[test]
fn proof_that_does_not_exist_is_caught() {
    for (proof, says) in [
        ("`tests/tests/stream.rs::resumes`", "no test resumes in"),
        ("`tests/tests/stream.rs::helper`", "no test helper in"),
        ("`tests/tests/other.rs::resumes`", "no file tests/tests/other.rs"),
        ("`tests/browser/spine.spec.ts::two people`", "no test two people in"),
        ("`bench appends`", "no benchmark appends"),
        ("`resumes`", "neither path::test nor bench"),
        ("later", "names no test"),
    ] {
        let found = whats(&format!("{HEADER}| T7 | resumes | {proof} |\n"));
        assert!(found.len() == 1 && found[0].contains(says), "{proof}: {found:?}");
    }
}

#[test]
fn row_of_the_wrong_form_is_caught() {
    let proof = "`bench append`";
    for (row, says) in [
        (format!("| T7 | a | {proof} |\n| T7 | b | {proof} |\n"), "has a row already"),
        (format!("| seven | a | {proof} |\n"), "is no id"),
        (format!("| T7 | | {proof} |\n"), "promises nothing"),
        (format!("| T7 | {proof} |\n"), "three cells"),
    ] {
        let found = whats(&format!("{HEADER}{row}"));
        assert!(found.len() == 1 && found[0].contains(says), "{row}: {found:?}");
    }
    assert_eq!(whats("# nothing\n"), ["the header is | id | promise | shown by |"]);
}
