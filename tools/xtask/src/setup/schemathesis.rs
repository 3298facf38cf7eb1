//! Schemathesis from PyPI, which asks the server what its own description says can be asked. Owns its virtual environment
//! below `target/` and when that is up to date; `tools/schemathesis` owns the versions.
use std::fs;
use std::path::PathBuf;

use super::python::{Python, inside};
use crate::failure::{Failure, at};
use crate::fresh::is_fresh;
use crate::house;
use crate::step::{satisfied, step};

/// Any Python that Schemathesis runs on (3.10 and newer).
const PYTHON: Python = Python {
    names: &["python3", "python3.13", "python3.12", "python3.11"],
    modules: "venv, ensurepip, tomllib",
    what: "a Python of version 3.11 or newer",
    packages: &["python3-venv"],
};

/// Installs it unless it is there. Gives its program.
pub(crate) fn schemathesis() -> Result<PathBuf, Failure> {
    let folder = house::tools().join("schemathesis");
    let (environment, stamp) = (folder.join("environment"), folder.join("stamp"));
    let requirements = house::root().join("tools/schemathesis/requirements.txt");
    let program = inside(&environment, "schemathesis");
    if program.is_file() && is_fresh(&stamp, &[&requirements]) {
        satisfied("Schemathesis", "present");
        return Ok(program);
    }
    step("install Schemathesis", || {
        PYTHON.environment(&environment, &requirements)?;
        fs::write(&stamp, "").map_err(at(&stamp))
    })?;
    Ok(program)
}
