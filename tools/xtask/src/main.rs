//! The commands of Sotto: `run`, `test`, `bench`, `chaos`, `autobahn`, `fuzz`, `check`. Owns the command line and which
//! command is called, not what a command does. Rule: the standard library only, so that the first command answers within
//! seconds.

mod app;
mod autobahn;
mod bench;
mod chaos;
mod check;
mod failure;
mod fresh;
mod fuzz;
mod house;
mod process;
mod run;
mod server;
mod setup;
mod step;
mod tally;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  run [-- server options]   set up, build what changed, start one server with the app inside, print its address
  test [--long] [filter]    everything that is shown by tests: native, foreign clients, the server against its OpenAPI
                            document, tools, SDK and app in the browser; --long takes 10 000 simulator seeds instead of
                            500 and all of Autobahn's cases
  bench [name] [--json]     figures beside their budgets: append, connects, fanout, idle, rooms, storm, crypto, size (all
                            without a name)
  chaos [--seed N] [--faults N] [--minutes N]
                            real devices on faulty links to a server that is killed: 600 faults in 60 minutes; the seed is
                            printed and replays
  autobahn [case pattern]…  Autobahn's fuzzing client against the server's WebSocket code
  fuzz [target] [--seconds N]
                            the fuzz targets, a minute each
  check                     format, clippy (native and wasm32), types of the browser journeys, tidy, cargo deny

Each command does the set-up that it needs (wasm32 target, wasm-bindgen, Trunk, npm packages, Chromium) and skips what is
there. Everything lands in target/, node_modules/ and dist/. What is missing of Chromium, its driver, curl, nginx, Caddy
and (for `bench fanout`) nchan is installed from apt where xtask runs as root.

  CHROMIUM, CHROMEDRIVER  the browser to test with and its driver, instead of those on PATH
  SOTTO_DATA_DIR          where `run` keeps its data (default target/sotto-data)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return ExitCode::FAILURE;
    };
    if [command.as_str()].iter().chain(&[rest.first().map_or("", String::as_str)]).any(|word| is_help(word)) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let outcome = match command.as_str() {
        "run" => run::run(rest),
        "test" => test::test(rest),
        "bench" => bench::bench(rest),
        "chaos" => chaos::chaos(rest),
        "autobahn" => autobahn::autobahn(rest),
        "fuzz" => fuzz::fuzz(rest),
        "check" => check::check(rest),
        other => Err(failure::Failure::Usage(format!("there is no command {other}; see cargo xtask --help"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn is_help(word: &str) -> bool {
    matches!(word, "--help" | "-h" | "help")
}
