//! What must be on the machine before anything can be built or tested. Owns the list per purpose; each step stands in a
//! file of its own and is skipped when satisfied.
mod autobahn;
mod bindgen;
mod chromium;
mod components;
mod deny;
mod foreign;
mod fuzz;
mod npm;
mod peer;
mod python;
mod schemathesis;
mod target;
mod trunk;

use std::path::PathBuf;

use crate::failure::Failure;
use crate::process::{answer, program};

pub(crate) use autobahn::{Autobahn, autobahn};
pub(crate) use chromium::{Browser, chromium};
pub(crate) use components::components;
pub(crate) use deny::deny;
pub(crate) use foreign::foreign;
pub(crate) use fuzz::fuzz;
pub(crate) use npm::npm;
pub(crate) use peer::nchan;
pub(crate) use schemathesis::schemathesis;
pub(crate) use target::wasm_target;

/// Everything that building the app needs.
pub(crate) fn for_app() -> Result<(), Failure> {
    wasm_target()?;
    npm()?;
    bindgen::wasm_bindgen()?;
    trunk::trunk()
}

/// The first program of that name on PATH.
fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

/// Whether this process may install packages.
fn is_root() -> bool {
    answer(program("id").arg("-u")).as_deref() == Some("0")
}
