//! Tidy: holds the rules of the house (ARCHITECTURE.md) on the tree as it stands. Owns the list of rules; each rule is a
//! pure function from sources to findings in `tidy/`, with tests that it does catch a violation. Names no crate of the
//! project: it reads their text.

#[path = "tidy/codes.rs"]
mod codes;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/promises.rs"]
mod promises;
#[path = "tidy/text.rs"]
mod text;
#[path = "tidy/tree.rs"]
mod tree;

use tree::{Finding, Tree};

fn hold(rule: fn(&Tree) -> Vec<Finding>) {
    let findings = rule(&Tree::of_the_project());
    let listed: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n  {}\n", findings.len(), listed.join("\n  "));
}

#[test]
fn crates_import_only_what_stands_below_them() {
    hold(imports::only_what_stands_below);
}

#[test]
fn native_tree_of_the_core_has_no_browser_and_no_runtime() {
    let findings = imports::core_tree(&imports::native_tree_of_the_core());
    assert!(findings.is_empty(), "sotto-core must build without them: {findings:?}");
}

#[test]
fn core_decides_without_platform_clock_or_async() {
    hold(layers::core_is_sans_io);
}

#[test]
fn parts_of_the_core_do_not_call_each_other() {
    hold(layers::core_parts_are_apart);
}

#[test]
fn app_reaches_the_browser_only_through_the_sdk() {
    hold(layers::app_has_one_bridge);
}

#[test]
fn sql_stands_only_in_the_store() {
    hold(layers::sql_only_in_the_store);
}

#[test]
fn store_bus_and_blob_import_no_sibling() {
    hold(layers::lower_parts_of_the_server_are_apart);
}

#[test]
fn files_stay_below_the_wall() {
    hold(text::wall);
}

#[test]
fn rust_files_open_with_what_they_own() {
    hold(text::opening);
}

#[test]
fn sources_do_not_unwrap() {
    hold(text::unwrap);
}

#[test]
fn no_test_is_ignored() {
    hold(text::ignored);
}

#[test]
fn every_error_code_is_used_by_the_server() {
    hold(codes::used);
}

#[test]
fn every_promise_names_a_test_that_exists() {
    hold(promises::shown);
}
