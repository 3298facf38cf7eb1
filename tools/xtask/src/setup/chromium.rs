//! The browser of the tests. Owns where it is looked for and how it is installed.
use std::env;
use std::path::PathBuf;

use super::on_path;
use crate::failure::Failure;
use crate::process::{answer, program, run};
use crate::step::{satisfied, step};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Finds Chromium: `$CHROMIUM`, PATH, or as root from apt.
pub(crate) fn chromium() -> Result<PathBuf, Failure> {
    let found = env::var_os("CHROMIUM").map(PathBuf::from).or_else(|| on_path(&NAMES));
    if let Some(browser) = found {
        satisfied("chromium", &browser.display().to_string());
        return Ok(browser);
    }
    if answer(program("id").arg("-u")).as_deref() != Some("0") || on_path(&["apt-get"]).is_none() {
        return Err(Failure::Missing { what: "Chromium", remedy: "install it, or name it in CHROMIUM".to_owned() });
    }
    step("install chromium from apt", || {
        run(program("apt-get").args(["-q", "update"]))?;
        run(program("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args([
            "-q",
            "install",
            "-y",
            "--no-install-recommends",
            "chromium",
        ]))?;
        on_path(&NAMES).ok_or(Failure::Missing { what: "Chromium", remedy: "apt has not installed it".to_owned() })
    })
}
