//! The browser of the tests. Owns where it is looked for and how it is installed.
use std::env;
use std::path::PathBuf;

use super::{is_root, on_path};
use crate::failure::Failure;
use crate::process::{program, run};
use crate::step::{satisfied, step};

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DRIVERS: [&str; 1] = ["chromedriver"];

/// The browser of the journeys, and what drives it for the SDK's own tests.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Finds Chromium and its driver: `$CHROMIUM` and `$CHROMEDRIVER`, PATH, or as root from apt.
pub(crate) fn chromium() -> Result<Browser, Failure> {
    if let Some(browser) = found() {
        satisfied("chromium", &browser.chromium.display().to_string());
        return Ok(browser);
    }
    let missing = |remedy: &str| Failure::Missing { what: "Chromium or chromedriver", remedy: remedy.to_owned() };
    if !is_root() || on_path(&["apt-get"]).is_none() {
        return Err(missing("install them, or name them in CHROMIUM and CHROMEDRIVER"));
    }
    step("install chromium and its driver from apt", || {
        run(program("apt-get").args(["-q", "update"]))?;
        run(program("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args([
            "-q",
            "install",
            "-y",
            "--no-install-recommends",
            "chromium",
            "chromium-driver",
        ]))?;
        found().ok_or_else(|| missing("apt has not installed them"))
    })
}

fn found() -> Option<Browser> {
    let named = |variable: &str, names: &[&str]| env::var_os(variable).map(PathBuf::from).or_else(|| on_path(names));
    Some(Browser { chromium: named("CHROMIUM", &BROWSERS)?, driver: named("CHROMEDRIVER", &DRIVERS)? })
}
