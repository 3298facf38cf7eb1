//! `cargo xtask test`: everything that is shown by tests, one build of each part. Owns the order, the seeds and the closing
//! line `N passed, N failed`. Rule: a part that fails does not keep the next from running.
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, at};
use crate::process::{self, cargo, program, run_reading};
use crate::setup::Browser;
use crate::step::step;
use crate::tally::Tally;
use crate::{app, autobahn, check, house, server, setup};

/// How much of what could go on for ever is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Everyday,
    Long,
}

impl Extent {
    /// Seeds of the simulator.
    fn seeds(self) -> &'static str {
        match self {
            Self::Everyday => "500",
            Self::Long => "10000",
        }
    }
}

/// What a filter is compared with before Autobahn's cases are run.
const AUTOBAHN: &str = "autobahn";

/// Runs all tests whose name contains the filter.
pub(crate) fn test(arguments: &[String]) -> Result<(), Failure> {
    let (mut extent, mut filter) = (Extent::Everyday, None);
    for argument in arguments {
        match argument.as_str() {
            "--long" => extent = Extent::Long,
            option if option.starts_with('-') => return Err(Failure::Usage(format!("test has no option {option}"))),
            word if filter.is_none() => filter = Some(word),
            word => return Err(Failure::Usage(format!("test takes one filter, and {word} is a second"))),
        }
    }
    let mut tally = Tally::default();
    if let Err(failure) = parts(&mut tally, extent, filter) {
        eprintln!("xtask: {failure}");
        tally.failed += 1;
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    match tally.failed {
        0 if tally.passed == 0 => Err(Failure::Failed { what: "no test has that name".to_owned() }),
        0 => Ok(()),
        _ => Err(Failure::Failed { what: "tests failed".to_owned() }),
    }
}

fn parts(tally: &mut Tally, extent: Extent, filter: Option<&str>) -> Result<(), Failure> {
    setup::for_app()?;
    let browser = setup::chromium()?;
    let app = built(tally, app::build());
    // Binaries and tests in one go: cargo unites their features, and nothing is compiled twice.
    let build = || process::run(cargo().args(["build", "--lib", "--bins", "--tests"]));
    let server = built(tally, step("build the server and the native tests", build));
    if server {
        let outcome = native(tally, extent, filter);
        built(tally, outcome);
        let outcome = foreign(tally, filter);
        built(tally, outcome);
        let outcome = contract(tally, filter);
        built(tally, outcome);
        if filter.is_none_or(|filter| AUTOBAHN.contains(filter)) {
            let outcome = autobahn_cases(tally, extent);
            built(tally, outcome);
        }
    }
    let outcome = tools(tally, filter);
    built(tally, outcome);
    let outcome = sdk(tally, &browser, filter);
    built(tally, outcome);
    if app && server {
        journeys(tally, &browser, filter)?;
    }
    Ok(())
}

/// Whether a build or a check went well; if not, it counts as one failure.
fn built(tally: &mut Tally, outcome: Result<(), Failure>) -> bool {
    let Err(failure) = outcome else { return true };
    eprintln!("xtask: {failure}");
    tally.failed += 1;
    false
}

fn native(tally: &mut Tally, extent: Extent, filter: Option<&str>) -> Result<(), Failure> {
    let seeds = extent.seeds();
    step(&format!("native tests ({seeds} simulator seeds)"), || {
        let before = *tally;
        let mut command = cargo();
        command.args(["test", "--no-fail-fast"]).args(filter).env("SOTTO_SEEDS", seeds);
        command.env("SOTTO_SERVER", server::binary("debug", "sotto-server"));
        let well = run_reading(&mut command, |line| tally.cargo_line(line))?;
        tally.program_ended(well, before);
        Ok(())
    })
}

/// Clients and proxies that are not ours.
fn foreign(tally: &mut Tally, filter: Option<&str>) -> Result<(), Failure> {
    setup::foreign()?;
    step("foreign clients of the stream", || run_target(tally, &mut target("foreign", filter)))
}

/// The server against its own description.
fn contract(tally: &mut Tally, filter: Option<&str>) -> Result<(), Failure> {
    let schemathesis = setup::schemathesis()?;
    step("the server against its OpenAPI document", || {
        let mut command = target("contract", filter);
        // It tells how many cases there were.
        command.args(["--", "--nocapture"]).env("SCHEMATHESIS", schemathesis);
        run_target(tally, &mut command)
    })
}

/// Integration tests that a plain `cargo test` leaves out, because they call programs that are not ours.
fn target(name: &str, filter: Option<&str>) -> Command {
    let mut command = cargo();
    command.args(["test", "--no-fail-fast", "--package", "sotto-tests", "--test", name]).args(filter);
    command
}

fn run_target(tally: &mut Tally, command: &mut Command) -> Result<(), Failure> {
    let before = *tally;
    let well = run_reading(command, |line| tally.cargo_line(line))?;
    tally.program_ended(well, before);
    Ok(())
}

/// The RFCs' own cases against our WebSocket: those that take a moment, or all.
fn autobahn_cases(tally: &mut Tally, extent: Extent) -> Result<(), Failure> {
    let suite = setup::autobahn()?;
    let (cases, build) = match extent {
        Extent::Everyday => (autobahn::QUICK, autobahn::Build::Debug),
        Extent::Long => (autobahn::ALL, autobahn::Build::Release),
    };
    if !built(tally, autobahn::build(build)) {
        return Ok(());
    }
    step(&format!("{AUTOBAHN} {cases}"), || {
        let before = *tally;
        let well = autobahn::run(&suite, (build, cases), |line| tally.autobahn_line(line))?;
        tally.program_ended(well, before);
        Ok(())
    })
}

fn tools(tally: &mut Tally, filter: Option<&str>) -> Result<(), Failure> {
    step("tests of the build tools", || {
        let before = *tally;
        let mut command = program("node");
        command.args(["--test", "--test-reporter=tap"]);
        command.args(filter.map(|filter| format!("--test-name-pattern={filter}")));
        for file in test_files(&house::root().join("tools/web"))? {
            command.arg(file);
        }
        let well = run_reading(&mut command, |line| tally.tap_line(line))?;
        tally.program_ended(well, before);
        Ok(())
    })
}

/// The SDK's own tests, which need a browser's database, locks and fetch.
fn sdk(tally: &mut Tally, browser: &Browser, filter: Option<&str>) -> Result<(), Failure> {
    step("tests of the SDK in the browser", || {
        let before = *tally;
        let mut command = cargo();
        command
            .args(["test", "--no-fail-fast", "--package", "sotto", "--target", "wasm32-unknown-unknown"])
            .args(filter);
        command.env("CARGO_TARGET_DIR", house::web_target()).env("CHROMEDRIVER", &browser.driver);
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", house::tools().join("bin/wasm-bindgen-test-runner"));
        let well = run_reading(&mut command, |line| tally.cargo_line(line))?;
        tally.program_ended(well, before);
        Ok(())
    })
}

fn journeys(tally: &mut Tally, browser: &Browser, filter: Option<&str>) -> Result<(), Failure> {
    let config = "tests/browser/playwright.config.ts";
    if !house::root().join(config).is_file() {
        eprintln!("xtask: {config} is missing: the browser journeys cannot run");
        tally.failed += 1;
        return Ok(());
    }
    built(tally, step("types of the browser journeys", || process::run(&mut check::journey_types())));
    step("browser journeys", || {
        let before = *tally;
        let mut command = program("playwright");
        command.args(["test", "--config", config, "--reporter=list"]);
        if let Some(filter) = filter {
            command.args(["--pass-with-no-tests", "--grep", filter]);
        }
        command.env("CHROMIUM", &browser.chromium).env("SOTTO_SERVER", server::binary("debug", "sotto-server"));
        let well = run_reading(&mut command, |line| tally.playwright_line(line))?;
        tally.program_ended(well, before);
        Ok(())
    })
}

fn test_files(folder: &Path) -> Result<Vec<std::path::PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(at(folder))?.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    files.sort();
    Ok(files)
}
