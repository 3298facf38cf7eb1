//! The parts of the Rust toolchain that `check` calls: rustfmt and clippy, which a minimal toolchain lacks.
use crate::failure::Failure;
use crate::process::{answer, cargo, program, run};
use crate::step::{satisfied, step};

const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// Adds what is missing by rustup.
pub(crate) fn components() -> Result<(), Failure> {
    for (command, component) in COMPONENTS {
        match answer(cargo().args([command, "--version"])) {
            Some(version) => satisfied(component, &version),
            None => step(&format!("add component {component}"), || {
                run(program("rustup").args(["component", "add", component]))
            })?,
        }
    }
    Ok(())
}
