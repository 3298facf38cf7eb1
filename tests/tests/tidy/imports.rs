//! Which of our crates may know which: wire ◄ core ◄ sdk ◄ app, suite ◄ core, wire ◄ server. Owns that table and what must
//! not be in the core's native tree.
use std::process::Command;

use crate::lexer;
use crate::tree::{Finding, Tree, root};

/// Crates of ours that may be named in a folder's sources and manifest, besides the crate itself.
const BELOW: [(&str, &str, &[&str]); 6] = [
    ("wire/", "sotto-wire", &[]),
    ("sdk/suite/", "sotto-suite", &[]),
    ("sdk/core/", "sotto-core", &["sotto-wire", "sotto-suite"]),
    ("sdk/", "sotto", &["sotto-core", "sotto-wire"]),
    ("app/", "sotto-app", &["sotto"]),
    ("server/", "sotto-server", &["sotto-wire"]),
];
const OURS: [&str; 6] = ["sotto-wire", "sotto-suite", "sotto-core", "sotto-server", "sotto-app", "sotto"];

/// What a client that decides without a browser has no use for.
const NOT_IN_THE_CORE: [&str; 8] =
    ["web-sys", "js-sys", "wasm-bindgen", "wasm-bindgen-futures", "gloo-net", "tokio", "reqwest", "hyper"];

/// Rule 1: sources and manifests name only crates that stand below.
pub(crate) fn only_what_stands_below(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        // The first match of the longest folder: sdk/core before sdk.
        let Some((folder, own, below)) = BELOW.iter().find(|(folder, ..)| source.path.starts_with(folder)) else {
            continue;
        };
        let inside = &source.path[folder.len()..];
        let is_source = inside.starts_with("src/") && inside.ends_with(".rs");
        for other in OURS.iter().filter(|other| *other != own && !below.contains(other)) {
            let what = format!(
                "{own} may import {}",
                if below.is_empty() { "none of ours".to_owned() } else { below.join(", ") }
            );
            if is_source {
                findings.extend(source.findings_of(&format!("{}::", other.replace('-', "_")), &what));
            } else if inside == "Cargo.toml" {
                findings.extend(source.findings_of(&format!("\n{other}."), &what));
                findings.extend(source.findings_of(&format!("\n{other} ="), &what));
            }
        }
    }
    findings
}

/// Names of forbidden crates in the lines of `cargo tree --prefix none`.
pub(crate) fn core_tree(lines: &str) -> Vec<String> {
    let names = lines.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| NOT_IN_THE_CORE.contains(name)).map(str::to_owned).collect()
}

/// The native, non-development dependencies of the core, one a line.
pub(crate) fn native_tree_of_the_core() -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["tree", "--package", "sotto-core", "--edges", "normal", "--prefix", "none"])
        .output()
        .expect("cargo runs this test and can be started");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(lines.starts_with("sotto-core "), "cargo tree said: {}", String::from_utf8_lossy(&output.stderr));
    lines
}

#[test]
fn import_from_above_is_caught_and_from_below_is_not() {
    let tree = Tree::of(&[
        ("wire/src/a.rs", "//! x\nuse sotto_core::Client; // sotto_server::x"),
        ("sdk/core/src/a.rs", "use sotto_wire::Id;\nuse sotto_server::serve;"),
        ("sdk/src/a.rs", "use sotto_core::Client;\nuse sotto_wire::Id;"),
        ("app/src/a.rs", "use sotto::Client;\nuse sotto_core::Client;"),
        ("server/Cargo.toml", "[dependencies]\nsotto-wire.workspace = true\nsotto-core = { path = \"x\" }\n"),
    ]);
    let places: Vec<(String, usize)> =
        only_what_stands_below(&tree).into_iter().map(|finding| (finding.path, finding.line)).collect();
    let expected = [("wire/src/a.rs", 2), ("sdk/core/src/a.rs", 2), ("app/src/a.rs", 2), ("server/Cargo.toml", 2)];
    assert_eq!(places, expected.map(|(path, line)| (path.to_owned(), line)));
}

#[test]
fn runtime_in_the_core_tree_is_caught() {
    let lines =
        "sotto-core v0.1.0 (sdk/core)\nserde v1.0.0\ntokio v1.54.1\ntokio-like v1.0.0\nwasm-bindgen v0.2.130 (*)\n";
    assert_eq!(core_tree(lines), ["tokio", "wasm-bindgen"]);
    assert!(lexer::places(lines, "serde").next().is_some());
}
