//! The Autobahn test suite from PyPI, made to run on Python 3. Owns its virtual environment below `target/` and when that is
//! up to date; `tools/autobahn` owns the versions and the translation.
use std::fs;
use std::path::PathBuf;

use super::python::{Python, inside};
use crate::failure::{Failure, at};
use crate::fresh::is_fresh;
use crate::house;
use crate::process::{program, run};
use crate::step::{satisfied, step};

/// A Python that still has lib2to3, which translates the suite.
const PYTHON: Python = Python {
    names: &["python3.11", "python3.12", "python3"],
    modules: "lib2to3, venv, ensurepip",
    what: "a Python with lib2to3",
    packages: &["python3-venv", "python3-lib2to3"],
};

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
    let environment = folder.join("environment");
    let suite = Autobahn { python: inside(&environment, "python"), ported: folder.join("ported") };
    let stamp = folder.join("stamp");
    let source = house::root().join("tools/autobahn");
    if suite.python.is_file() && is_fresh(&stamp, &[&source]) {
        satisfied("Autobahn's suite", "present");
        return Ok(suite);
    }
    step("install Autobahn's suite", || {
        PYTHON.environment(&environment, &source.join("requirements.txt"))?;
        run(program(&suite.python).args(["-W", "ignore"]).arg(source.join("port.py")).arg(&suite.ported))?;
        fs::write(&stamp, "").map_err(at(&stamp))
    })?;
    Ok(suite)
}
