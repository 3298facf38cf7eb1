//! Programs from PyPI, each in a virtual environment of its own below `target/tools`. Owns which Python makes it and how; the
//! versions stand in a file of requirements.
use std::fs;
use std::path::{Path, PathBuf};

use super::{is_root, on_path};
use crate::failure::{Failure, at};
use crate::process::{answer, program, run};
use crate::step::step;

/// The Python that an environment is made with.
pub(super) struct Python {
    /// Its names, the best first.
    pub(super) names: &'static [&'static str],
    /// Modules that it must have, as `import` takes them.
    pub(super) modules: &'static str,
    /// Where it is called missing.
    pub(super) what: &'static str,
    /// What apt installs it from.
    pub(super) packages: &'static [&'static str],
}

impl Python {
    /// Makes an environment in `folder`, which is emptied, with what `requirements` lists. Gives its Python.
    pub(super) fn environment(&self, folder: &Path, requirements: &Path) -> Result<PathBuf, Failure> {
        let python = self.found()?;
        fs::create_dir_all(folder).map_err(at(folder))?;
        run(program(python).args(["-m", "venv", "--clear"]).arg(folder))?;
        let inside = inside(folder, "python");
        let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(program(&inside).args(quiet).arg(requirements))?;
        Ok(inside)
    }

    /// A Python that can; as root from apt where there is none.
    fn found(&self) -> Result<PathBuf, Failure> {
        if let Some(python) = self.able() {
            return Ok(python);
        }
        let missing = |remedy: String| Failure::Missing { what: self.what, remedy };
        if !is_root() || on_path(&["apt-get"]).is_none() {
            return Err(missing(format!("install {} with {}", self.names.join(" or "), self.modules)));
        }
        step("install Python from apt", || {
            run(program("apt-get").args(["-q", "update"]))?;
            let install = ["-q", "install", "-y", "--no-install-recommends"];
            run(program("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(install).args(self.packages))?;
            self.able().ok_or_else(|| missing("apt has not installed one".to_owned()))
        })
    }

    fn able(&self) -> Option<PathBuf> {
        let import = format!("import {}", self.modules);
        let is_able = |python: &PathBuf| answer(program(python).args(["-W", "ignore", "-c", &import])).is_some();
        self.names.iter().filter_map(|name| on_path(&[name])).find(is_able)
    }
}

/// A program of an environment.
pub(super) fn inside(folder: &Path, name: &str) -> PathBuf {
    folder.join("bin").join(name)
}
