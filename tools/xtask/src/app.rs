//! Builds the app into `dist/`. Owns what it is built from and when it is up to date; Trunk.toml and tools/web own how.
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, at};
use crate::fresh::is_fresh;
use crate::house;
use crate::process::{program, run};
use crate::step::{satisfied, step};

const INPUTS: [&str; 11] = [
    ".cargo/config.toml",
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    "app",
    "index.html",
    "package-lock.json",
    "sdk",
    "tools/web",
    "wire",
    "tools/wasm-bindgen",
];

/// Builds the app by Trunk unless nothing changed since the last time. The set-up of the app must be done.
pub(crate) fn build() -> Result<(), Failure> {
    let root = house::root();
    let inputs: Vec<PathBuf> = INPUTS.iter().map(|input| root.join(input)).collect();
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let stamp = house::web_target().join("app.stamp");
    if house::dist().join("index.html").is_file() && is_fresh(&stamp, &inputs) {
        satisfied("app", "dist/ is up to date");
        return Ok(());
    }
    step("build the app into dist/", || {
        // Snippets of an older build would be bundled again.
        let bindings = house::web_target().join("wasm-bindgen");
        if bindings.is_dir() {
            fs::remove_dir_all(&bindings).map_err(at(&bindings))?;
        }
        // The stamp is as old as the start of the build: what is saved meanwhile counts as newer.
        let pending = house::web_target().join("app.stamp.pending");
        fs::create_dir_all(house::web_target()).map_err(at(&pending))?;
        fs::write(&pending, "").map_err(at(&pending))?;
        run(program("trunk").env("CARGO_TARGET_DIR", house::web_target()).args(["build", "--log", "warn"]))?;
        fs::rename(&pending, &stamp).map_err(at(&pending))
    })
}
