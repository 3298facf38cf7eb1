//! Runs other programs. Owns their environment (PATH, target folders) and how their output is passed on.
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::failure::Failure;
use crate::house;

/// Longest silence of a program whose lines are read: ten thousand seeds of the simulator, which are one test, take less.
const SILENCE_MAX: Duration = Duration::from_secs(20 * 60);

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
/// Returns whether the program ended well. One that says nothing for [`SILENCE_MAX`] is ended, with all that it started.
pub(crate) fn run_reading(command: &mut Command, mut each_line: impl FnMut(&str)) -> Result<bool, Failure> {
    let program = name(command);
    let failed = |source| Failure::Start { program: program.clone(), source };
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let output = child.stdout.take().expect("its standard output was just piped");
    let (said, lines) = channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        match lines.recv_timeout(SILENCE_MAX) {
            Ok(line) => {
                println!("{line}");
                each_line(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                family(child.id()).into_iter().for_each(kill);
                let _ = child.wait();
                return Err(Failure::Silent { program, seconds: SILENCE_MAX.as_secs() });
            }
        }
    }
    reader.join().expect("the reader only passes lines on");
    Ok(child.wait().map_err(failed)?.success())
}

/// A process and all that it has started, as Linux tells it; elsewhere the process alone.
fn family(process: u32) -> Vec<u32> {
    let mut family = vec![process];
    let mut at = 0;
    while let Some(&member) = family.get(at) {
        let threads = fs::read_dir(format!("/proc/{member}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        at += 1;
    }
    family
}

fn kill(process: u32) {
    let _ = Command::new("kill").args(["-KILL", &process.to_string()]).status();
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
