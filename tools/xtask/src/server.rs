//! Builds the server. Owns which profile serves which purpose and where the binary lands.
use std::path::PathBuf;

use crate::failure::Failure;
use crate::house;
use crate::process::{cargo, run};
use crate::step::step;

/// The server as `run` and the tests use it: unoptimised but for its arithmetic, so that it is there in a minute or two.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    step("build the server", || run(cargo().args(["build", "--bin", "sotto-server"])))?;
    Ok(binary("debug", "sotto-server"))
}

/// The server and the load generator as they are measured.
pub(crate) fn build_release() -> Result<(PathBuf, PathBuf), Failure> {
    step("build the server and the load generator for release (some minutes the first time)", || {
        run(cargo().args(["build", "--release", "--bin", "sotto-server", "--bin", "sotto-bench"]))
    })?;
    Ok((binary("release", "sotto-server"), binary("release", "sotto-bench")))
}

/// Where cargo puts a binary.
pub(crate) fn binary(profile: &str, name: &str) -> PathBuf {
    house::native_target().join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Where cargo puts an example.
pub(crate) fn example(profile: &str, name: &str) -> PathBuf {
    house::native_target().join(profile).join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
