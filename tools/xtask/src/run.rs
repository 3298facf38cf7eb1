//! `cargo xtask run`: from a fresh clone to a server with the app inside. Owns the order and where the data lies.
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, at};
use crate::process::program;
use crate::{app, house, server, setup, step};

/// The default of `sotto-server --listen`.
const DEFAULT_PORT: &str = "8787";

/// Builds what changed and becomes the server. Arguments after `--` go to it.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = match arguments.split_first() {
        None => &[],
        Some((first, options)) if first == "--" => options,
        Some((first, _)) => return Err(Failure::Usage(format!("run takes server options after --, not {first}"))),
    };
    setup::for_app()?;
    app::build()?;
    let binary = server::build()?;
    let data = env::var_os("SOTTO_DATA_DIR").map_or_else(|| house::root().join("target/sotto-data"), PathBuf::from);
    fs::create_dir_all(&data).map_err(at(&data))?;
    let port = port(options, env::var("SOTTO_LISTEN").ok().as_deref());
    step::satisfied(
        &format!("serve at http://localhost:{port}"),
        &format!("data in {}; Ctrl-C ends it", data.display()),
    );
    let mut command = program(binary);
    command.env("SOTTO_DATA_DIR", &data).args(options);
    become_program(&mut command)
}

/// The port that the server will listen on: of its option, else of the environment, else its default.
fn port(options: &[String], environment: Option<&str>) -> String {
    let option = options.iter().position(|option| option == "--listen").and_then(|at| options.get(at + 1));
    let joined = options.iter().find_map(|option| option.strip_prefix("--listen="));
    let listen = option.map(String::as_str).or(joined).or(environment);
    listen.and_then(|listen| listen.rsplit(':').next()).unwrap_or(DEFAULT_PORT).to_owned()
}

/// Replaces xtask, so that signals reach the server and its exit code is ours.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    let source = command.exec();
    Err(Failure::Start { program: "sotto-server".to_owned(), source })
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<(), Failure> {
    crate::process::run_speaking(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_is_that_of_the_option_then_of_the_environment_then_the_default() {
        let options = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(port(&options(&["--listen", "127.0.0.1:1"]), Some("[::1]:2")), "1");
        assert_eq!(port(&options(&["--listen=127.0.0.1:3", "--x"]), None), "3");
        assert_eq!(port(&options(&[]), Some("[::1]:2")), "2");
        assert_eq!(port(&options(&[]), None), DEFAULT_PORT);
    }
}
