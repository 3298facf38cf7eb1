//! `cargo xtask check`: what can be said without running the system: format, lints, types, the rules of the house, licences.
//! Owns the list. Rule: every check runs, and the failed ones are named at the end.
use std::process::Command;

use crate::failure::Failure;
use crate::process::{cargo, program, run};
use crate::step::step;
use crate::{house, setup};

/// Runs all checks.
pub(crate) fn check(arguments: &[String]) -> Result<(), Failure> {
    if let Some(word) = arguments.first() {
        return Err(Failure::Usage(format!("check takes no {word}")));
    }
    setup::wasm_target()?;
    setup::components()?;
    setup::deny()?;
    setup::npm()?;
    let mut failed = Vec::new();
    for (name, mut command) in checks() {
        if let Err(failure) = step(name, || run(&mut command)) {
            eprintln!("xtask: {failure}");
            failed.push(name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::Failed { what: format!("failed: {}", failed.join(", ")) }) }
}

fn checks() -> Vec<(&'static str, Command)> {
    let mut format = cargo();
    format.args(["fmt", "--all", "--check"]);
    let mut native = cargo();
    native.args(["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]);
    let mut web = cargo();
    web.env("CARGO_TARGET_DIR", house::web_target());
    web.args(["clippy", "--quiet", "--target", "wasm32-unknown-unknown", "-p", "sotto", "-p", "sotto-app"]);
    web.args(["--", "-D", "warnings"]);
    let mut tidy = cargo();
    tidy.args(["test", "--quiet", "--test", "tidy"]);
    // Advisories change from day to day and need the network; a check of the tree says the same thing twice.
    let mut deny = program("cargo-deny");
    deny.args(["--log-level", "warn", "check", "bans", "licenses", "sources"]);
    vec![
        ("format", format),
        ("clippy", native),
        ("clippy for wasm32", web),
        ("types of the browser journeys", journey_types()),
        ("tidy", tidy),
        ("cargo deny", deny),
    ]
}

/// TypeScript's verdict on the browser journeys, which Playwright runs without looking at types.
pub(crate) fn journey_types() -> Command {
    let mut command = program("tsc");
    command.args(["--project", "tests/browser"]);
    command
}
