//! `cargo xtask chaos`: the chaos test of `cargo xtask test` for as long as one likes. Owns its options and defaults.
use crate::failure::Failure;
use crate::process::{cargo, run_speaking};
use crate::step::step;

/// Of a run without options.
const FAULTS: u64 = 600;
const MINUTES: u64 = 60;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    seed: Option<u64>,
    faults: u64,
    minutes: u64,
}

/// Runs the faults of a seed: of the given one, or of one that nobody has chosen and that is printed.
pub(crate) fn chaos(arguments: &[String]) -> Result<(), Failure> {
    let Options { seed, faults, minutes } = options(arguments)?;
    let mut command = cargo();
    command.args(["test", "--package", "sotto-tests", "--test", "chaos", "--", "--nocapture"]);
    command.env("SOTTO_CHAOS_FAULTS", faults.to_string()).env("SOTTO_CHAOS_SECONDS", (minutes * 60).to_string());
    if let Some(seed) = seed {
        command.env("SOTTO_CHAOS_SEED", seed.to_string());
    }
    step(&format!("{faults} faults in {minutes} min"), || run_speaking(&mut command))
}

fn options(arguments: &[String]) -> Result<Options, Failure> {
    let mut options = Options { seed: None, faults: FAULTS, minutes: MINUTES };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let number = words.next().and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| Failure::Usage(format!("{word} wants a number")));
        match word.as_str() {
            "--seed" => options.seed = Some(number?),
            "--faults" => options.faults = number?,
            "--minutes" => options.minutes = number?,
            _ => return Err(Failure::Usage(format!("chaos has no {word}: --seed, --faults, --minutes"))),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_and_six_hundred_faults_unless_said_otherwise() {
        let of = |words: &[&str]| options(&words.iter().map(ToString::to_string).collect::<Vec<_>>()).ok();
        assert_eq!(of(&[]), Some(Options { seed: None, faults: 600, minutes: 60 }));
        let other = Options { seed: Some(7), faults: 12, minutes: 1 };
        assert_eq!(of(&["--faults", "12", "--seed", "7", "--minutes", "1"]), Some(other));
        assert_eq!(of(&["--faults"]), None);
        assert_eq!(of(&["--hours", "1"]), None);
    }
}
