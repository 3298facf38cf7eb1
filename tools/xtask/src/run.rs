//! `cargo xtask run`: from a fresh clone to a server with the app inside. Owns the order and where the data lies.
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, at};
use crate::process::program;
use crate::{app, house, server, setup, step};

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
    step::satisfied("serve", &format!("data in {}; Ctrl-C ends it", data.display()));
    let mut command = program(binary);
    command.env("SOTTO_DATA_DIR", &data).args(options);
    become_program(&mut command)
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
