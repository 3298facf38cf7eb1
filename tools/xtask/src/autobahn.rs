//! `cargo xtask autobahn`: the fuzzing client of the Autobahn test suite against the server's own WebSocket code, by its
//! example that sends back what it gets. Owns the echo server's life; `tools/autobahn` owns the cases and the verdict.
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::failure::Failure;
use crate::process::{cargo, program, run, run_reading};
use crate::step::step;
use crate::{server, setup};

const EXAMPLE: &str = "websocket_echo";

/// Runs all cases, or those of the given patterns.
pub(crate) fn autobahn(arguments: &[String]) -> Result<(), Failure> {
    let suite = setup::autobahn()?;
    build()?;
    let well = step("Autobahn's cases", || cases(&suite, arguments, |_| {}))?;
    if well { Ok(()) } else { Err(Failure::Failed { what: "cases failed".to_owned() }) }
}

/// Builds the echo server, optimised: the cases measure nothing, but send a hundred megabytes.
pub(crate) fn build() -> Result<(), Failure> {
    step("build the echo server (some minutes the first time)", || {
        run(cargo().args(["build", "--release", "--package", "sotto-server", "--example", EXAMPLE]))
    })
}

/// Runs cases against a fresh echo server; tells whether all were passed.
pub(crate) fn cases(
    suite: &setup::Autobahn,
    patterns: &[String],
    each_line: impl FnMut(&str),
) -> Result<bool, Failure> {
    let mut echo = Echo::start()?;
    let address = echo.address()?;
    let mut command = program(&suite.python);
    command.args(["-W", "ignore", "tools/autobahn/run.py"]).arg(&suite.ported).arg(format!("ws://{address}/"));
    command.args((!patterns.is_empty()).then(|| patterns.join(",")));
    run_reading(&mut command, each_line)
}

/// A running echo server; ended when dropped.
struct Echo(Child);

impl Echo {
    fn start() -> Result<Self, Failure> {
        let mut command: Command = program(server::example("release", EXAMPLE));
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
