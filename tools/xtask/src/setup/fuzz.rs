//! cargo-fuzz, which builds and runs the targets of `tests/fuzz`. Owns the version that is built where there is none.
use crate::failure::Failure;
use crate::house;
use crate::process::{answer, cargo_for_tools, program, run};
use crate::step::{satisfied, step};

const VERSION: &str = "0.13.2";

/// Installs cargo-fuzz below `target/` unless PATH has one.
pub(crate) fn fuzz() -> Result<(), Failure> {
    if let Some(version) = answer(program("cargo-fuzz").arg("--version")) {
        satisfied("cargo-fuzz", &version);
        return Ok(());
    }
    step("build cargo-fuzz (about a minute)", || {
        let package = format!("cargo-fuzz@{VERSION}");
        run(cargo_for_tools().args(["install", "--locked", "--root"]).arg(house::tools()).arg(package))
    })
}
