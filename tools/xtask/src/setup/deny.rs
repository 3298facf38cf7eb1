//! cargo-deny, which holds licences, sources and duplicate crates to `deny.toml`. Owns the version that is built where there
//! is none.
use crate::failure::Failure;
use crate::house;
use crate::process::{answer, cargo_for_tools, program, run};
use crate::step::{satisfied, step};

const VERSION: &str = "0.20.2";

/// Installs cargo-deny below `target/` unless PATH has one.
pub(crate) fn deny() -> Result<(), Failure> {
    if let Some(version) = answer(program("cargo-deny").arg("--version")) {
        satisfied("cargo-deny", &version);
        return Ok(());
    }
    step("build cargo-deny (about a minute)", || {
        let package = format!("cargo-deny@{VERSION}");
        let install = ["install", "--locked", "--no-default-features", "--root"];
        run(cargo_for_tools().args(install).arg(house::tools()).arg(package))
    })
}
