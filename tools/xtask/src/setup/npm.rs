//! The npm packages of the root: binaryen, Playwright, axe, TypeScript, foreign clients of the stream, and the
//! peer of the crypto benchmark.
use crate::failure::Failure;
use crate::fresh::is_fresh;
use crate::house;
use crate::process::{program, run};
use crate::step::{satisfied, step};

/// Installs exactly what the lock file says, if it changed since the last time.
pub(crate) fn npm() -> Result<(), Failure> {
    let root = house::root();
    if is_fresh(&root.join("node_modules/.package-lock.json"), &[&root.join("package-lock.json")]) {
        satisfied("npm packages", "as locked");
        return Ok(());
    }
    step("install npm packages", || run(program("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])))
}
