//! `cargo xtask fuzz`: the targets of `tests/fuzz` for a while each. Owns how they are built with the toolchain that is
//! there; the targets own what must be true. What a target finds stays below `tests/fuzz/artifacts` and fails the command.
use crate::failure::Failure;
use crate::house;
use crate::process::{program, run};
use crate::setup;
use crate::step::step;

/// Bins of `tests/fuzz/Cargo.toml`.
const TARGETS: [&str; 3] = ["content", "envelope", "event_stream"];
/// For each target.
const SECONDS: u64 = 60;

/// Runs one target, or all; `--seconds N` says for how long each.
pub(crate) fn fuzz(arguments: &[String]) -> Result<(), Failure> {
    let (mut seconds, mut chosen) = (SECONDS, Vec::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let target = TARGETS.into_iter().find(|target| target == word);
        match (word.as_str(), target) {
            ("--seconds", _) => {
                let number = words.next().and_then(|number| number.parse().ok());
                seconds = number.ok_or_else(|| Failure::Usage("--seconds wants a number".to_owned()))?;
            }
            (_, Some(target)) => chosen.push(target),
            (other, None) => {
                return Err(Failure::Usage(format!("there is no fuzz target {other}: {}", TARGETS.join(", "))));
            }
        }
    }
    if chosen.is_empty() {
        chosen.extend(TARGETS);
    }
    setup::fuzz()?;
    for target in chosen {
        // Coverage needs flags that a stable compiler takes only so; without a sanitizer nothing else does.
        let mut command = program("cargo-fuzz");
        command.args(["run", target, "--fuzz-dir", "tests/fuzz", "--sanitizer", "none", "--dev", "--"]);
        command.args([format!("-max_total_time={seconds}"), "-verbosity=0".to_owned()]);
        command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", house::root().join("target/fuzz"));
        step(&format!("fuzz {target} for {seconds} s"), || run(&mut command))?;
    }
    Ok(())
}
