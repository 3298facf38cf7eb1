//! The wasm-bindgen command and its test runner. Owns the comparison with the version that the app is linked against.
use std::fs;

use crate::failure::{Failure, at};
use crate::house;
use crate::process::{answer, cargo_for_tools, program, run};
use crate::step::{satisfied, step};

const COMMANDS: [&str; 2] = ["wasm-bindgen", "wasm-bindgen-test-runner"];

/// Builds `tools/wasm-bindgen` and puts its commands on PATH, if what is there has another version than `Cargo.lock`.
pub(crate) fn wasm_bindgen() -> Result<(), Failure> {
    let lock_path = house::root().join("Cargo.lock");
    let lock = fs::read_to_string(&lock_path).map_err(at(&lock_path))?;
    let wanted = locked_version(&lock, "wasm-bindgen").ok_or(Failure::Missing {
        what: "wasm-bindgen in Cargo.lock",
        remedy: "the app depends on it; run cargo update --workspace".to_owned(),
    })?;
    let folder = house::tools().join("bin");
    let is_wanted = |command: &str| {
        let said = answer(program(folder.join(command)).arg("--version"));
        said.is_some_and(|said| said == format!("{command} {wanted}"))
    };
    // The command is ours as much as wasm-bindgen's: another text of it is another command.
    let source_path = house::root().join("tools/wasm-bindgen/src/main.rs");
    let source = fs::read(&source_path).map_err(at(&source_path))?;
    let built_from = folder.join("wasm-bindgen.source");
    let is_of_source = fs::read(&built_from).is_ok_and(|built| built == source);
    if is_of_source && COMMANDS.into_iter().all(is_wanted) {
        satisfied("wasm-bindgen", wanted);
        return Ok(());
    }
    step("build wasm-bindgen (about a minute)", || {
        run(cargo_for_tools().args(["build", "--package", "wasm-bindgen-pinned"]))?;
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        for command in COMMANDS {
            let built = house::tools_target().join("debug").join(command);
            fs::copy(&built, folder.join(command)).map_err(at(&built))?;
        }
        fs::write(&built_from, &source).map_err(at(&built_from))?;
        Ok(())
    })
}

/// The version of `package` in the text of a `Cargo.lock`.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")))?;
    entry.split("version = \"").nth(1)?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_that_of_the_package_and_not_of_its_namesakes() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
