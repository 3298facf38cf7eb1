//! `cargo xtask autobahn`: the fuzzing client of the Autobahn test suite against the server's own WebSocket code, by its
//! example that sends back what it gets. Owns the echo server's life; `tools/autobahn` owns the cases and the verdict.
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::failure::Failure;
use crate::process::{self, cargo, program, run_reading};
use crate::step::step;
use crate::{server, setup};

const EXAMPLE: &str = "websocket_echo";
/// Every case that counts.
pub(crate) const ALL: &str = "*";
/// Cases that take seconds without an optimised server: frames, fragments, UTF-8, closing; of sizes and compressions one
/// each. A pattern matches from its beginning, so that `12.*.1` would be 12.1.10 too.
pub(crate) const QUICK: &str = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.1.1,9.2.1,10.*,12.*.2,13.*.2";

/// How the echo server is built.
#[derive(Clone, Copy)]
pub(crate) enum Build {
    /// As for all tests.
    Debug,
    /// Optimised: 200 cases compress a hundred megabytes.
    Release,
}

/// Runs all cases, or those of the given patterns.
pub(crate) fn autobahn(arguments: &[String]) -> Result<(), Failure> {
    let suite = setup::autobahn()?;
    build(Build::Release)?;
    let patterns = if arguments.is_empty() { ALL.to_owned() } else { arguments.join(",") };
    let well = step("Autobahn's cases", || run(&suite, (Build::Release, &patterns), |_| {}))?;
    if well { Ok(()) } else { Err(Failure::Failed { what: "cases failed".to_owned() }) }
}

/// Builds the echo server.
pub(crate) fn build(build: Build) -> Result<(), Failure> {
    let mut command = cargo();
    command.args(["build", "--package", "sotto-server", "--example", EXAMPLE]);
    let name = match build {
        Build::Debug => "build the echo server",
        Build::Release => {
            command.arg("--release");
            "build the echo server for release (some minutes the first time)"
        }
    };
    step(name, || process::run(&mut command))
}

/// Runs the cases of some patterns against a fresh echo server; tells whether all were passed.
pub(crate) fn run(
    suite: &setup::Autobahn,
    (build, patterns): (Build, &str),
    each_line: impl FnMut(&str),
) -> Result<bool, Failure> {
    let profile = match build {
        Build::Debug => "debug",
        Build::Release => "release",
    };
    let mut echo = Echo::start(profile)?;
    let address = echo.address()?;
    let mut command = program(&suite.python);
    command.args(["-W", "ignore", "tools/autobahn/run.py"]).arg(&suite.ported);
    command.arg(format!("ws://{address}/")).arg(patterns);
    run_reading(&mut command, each_line)
}

/// A running echo server; ended when dropped.
struct Echo(Child);

impl Echo {
    fn start(profile: &str) -> Result<Self, Failure> {
        let mut command = program(server::example(profile, EXAMPLE));
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        child.map(Self).map_err(|source| Failure::Start { program: EXAMPLE.to_owned(), source })
    }

    /// Where it listens: the last word of its first line.
    fn address(&mut self) -> Result<String, Failure> {
        let missing = || Failure::Missing {
            what: "the address of the echo server",
            remedy: "its first line of output ends with it".to_owned(),
        };
        let mut line = String::new();
        let output = self.0.stdout.as_mut().ok_or_else(missing)?;
        BufReader::new(output).read_line(&mut line).map_err(|_| missing())?;
        let word = line.split_whitespace().last().ok_or_else(missing)?;
        Ok(word.rsplit('/').find(|part| part.contains(':')).ok_or_else(missing)?.to_owned())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It has ended by itself when it cannot be killed.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}
