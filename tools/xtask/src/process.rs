//! Runs other programs. Owns their environment (PATH, target folders) and how their output is passed on.
use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::house;

/// A program, run in the project's root with the pinned tools first on PATH.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(house::root()).env("PATH", house::path());
    // `cargo run` sets these for xtask; the programs that it starts are not xtask.
    for (key, _) in env::vars_os() {
        if key.to_str().is_some_and(|key| key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(key);
        }
    }
    command
}

/// The cargo that runs xtask.
pub(crate) fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Cargo for the tools: unoptimised, because they run for seconds and compile for minutes.
pub(crate) fn cargo_for_tools() -> Command {
    let mut command = cargo();
    command.env("CARGO_TARGET_DIR", house::tools_target());
    for profile in ["DEV", "RELEASE"] {
        command.env(format!("CARGO_PROFILE_{profile}_LTO"), "off");
        command.env(format!("CARGO_PROFILE_{profile}_OPT_LEVEL"), "0");
        command.env(format!("CARGO_PROFILE_{profile}_CODEGEN_UNITS"), "256");
        command.env(format!("CARGO_PROFILE_{profile}_DEBUG"), "0");
    }
    command
}

/// Runs to the end with all its output on standard error: standard output is for results.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    run_speaking(command.stdout(io::stderr()))
}

/// Runs to the end; what it prints is a result of ours.
pub(crate) fn run_speaking(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|source| Failure::Start { program: name(command), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Program { program: name(command), code: status.code() }) }
}

/// Runs to the end, passes each line of its standard output on and shows it to `each_line`.
/// Returns whether the program ended well.
pub(crate) fn run_reading(command: &mut Command, mut each_line: impl FnMut(&str)) -> Result<bool, Failure> {
    let name = name(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|source| Failure::Start { program: name.clone(), source })?;
    let output = child.stdout.take().expect("its standard output was just piped");
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { continue };
        println!("{line}");
        each_line(&line);
    }
    let status = child.wait().map_err(|source| Failure::Start { program: name, source })?;
    Ok(status.success())
}

/// What a program prints, trimmed; nothing when it cannot be started or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().rsplit('/').next().unwrap_or_default().to_owned()];
    words.extend(command.get_args().take(2).map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}
