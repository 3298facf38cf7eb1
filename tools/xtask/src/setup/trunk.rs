//! Trunk, which bundles the app. Owns its version.
use crate::failure::Failure;
use crate::house;
use crate::process::{answer, cargo_for_tools, program, run};
use crate::step::{satisfied, step};

/// 0.22 wants a newer Rust than the workspace.
const VERSION: &str = "0.21.14";

/// Installs Trunk below `target/` unless PATH has that version.
pub(crate) fn trunk() -> Result<(), Failure> {
    if answer(program("trunk").arg("--version")).is_some_and(|said| said == format!("trunk {VERSION}")) {
        satisfied("trunk", VERSION);
        return Ok(());
    }
    // Without its default features it downloads no tools over TLS; all that it calls stands on PATH.
    step("build trunk (two to three minutes)", || {
        let package = format!("trunk@{VERSION}");
        let install = ["install", "--locked", "--no-default-features", "--root"];
        run(cargo_for_tools().args(install).arg(house::tools()).arg(package))
    })
}
