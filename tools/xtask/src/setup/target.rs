//! The standard library for wasm32. Owns the look-up in the sysroot, which works with and without rustup.
use std::path::Path;

use crate::failure::Failure;
use crate::process::{answer, program, run};
use crate::step::{satisfied, step};

const TARGET: &str = "wasm32-unknown-unknown";

/// Adds the target by rustup if rustc's sysroot lacks it.
pub(crate) fn wasm_target() -> Result<(), Failure> {
    let sysroot = answer(program("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    if Path::new(&sysroot).join("lib/rustlib").join(TARGET).is_dir() {
        satisfied("target wasm32-unknown-unknown", "present");
        return Ok(());
    }
    step("add target wasm32-unknown-unknown", || run(program("rustup").args(["target", "add", TARGET])))
}
