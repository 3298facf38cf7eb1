//! The Autobahn test suite from PyPI, made to run on Python 3. Owns its virtual environment below `target/` and when that is
//! up to date; `tools/autobahn` owns the versions and the translation.
use std::fs;
use std::path::PathBuf;

use super::{is_root, on_path};
use crate::failure::{Failure, at};
use crate::fresh::is_fresh;
use crate::house;
use crate::process::{answer, program, run};
use crate::step::{satisfied, step};

/// Pythons that still have lib2to3, which translates the suite.
const PYTHONS: [&str; 3] = ["python3.11", "python3.12", "python3"];

/// What runs the suite.
pub(crate) struct Autobahn {
    /// The Python of its environment.
    pub(crate) python: PathBuf,
    /// The folder of the translated package.
    pub(crate) ported: PathBuf,
}

/// Installs and translates the suite unless it is there.
pub(crate) fn autobahn() -> Result<Autobahn, Failure> {
    let folder = house::tools().join("autobahn");
    let suite = Autobahn { python: folder.join("environment/bin/python"), ported: folder.join("ported") };
    let stamp = folder.join("stamp");
    let source = house::root().join("tools/autobahn");
    if suite.python.is_file() && is_fresh(&stamp, &[&source]) {
        satisfied("Autobahn's suite", "present");
        return Ok(suite);
    }
    let python = python()?;
    step("install Autobahn's suite", || {
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        run(program(python).args(["-m", "venv", "--clear"]).arg(folder.join("environment")))?;
        let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(program(&suite.python).args(quiet).arg(source.join("requirements.txt")))?;
        run(program(&suite.python).args(["-W", "ignore"]).arg(source.join("port.py")).arg(&suite.ported))?;
        fs::write(&stamp, "").map_err(at(&stamp))
    })?;
    Ok(suite)
}

/// A Python that can; as root from apt where there is none.
fn python() -> Result<PathBuf, Failure> {
    if let Some(python) = able() {
        return Ok(python);
    }
    let missing = |remedy: &str| Failure::Missing { what: "a Python with lib2to3", remedy: remedy.to_owned() };
    if !is_root() || on_path(&["apt-get"]).is_none() {
        return Err(missing("install Python 3.11 or 3.12 with venv and lib2to3"));
    }
    step("install Python from apt", || {
        run(program("apt-get").args(["-q", "update"]))?;
        let install = ["-q", "install", "-y", "--no-install-recommends", "python3-venv", "python3-lib2to3"];
        run(program("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(install))?;
        able().ok_or_else(|| missing("apt has not installed one"))
    })
}

fn able() -> Option<PathBuf> {
    let is_able = |python: &PathBuf| {
        answer(program(python).args(["-W", "ignore", "-c", "import lib2to3, venv, ensurepip"])).is_some()
    };
    PYTHONS.iter().filter_map(|name| on_path(&[name])).find(is_able)
}
