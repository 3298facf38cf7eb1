//! Where things stand: the project's folders and the folders of what is built. Owns the paths and nothing that happens there.
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The project's root folder.
pub(crate) fn root() -> PathBuf {
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(2).expect("tools/xtask lies two folders below the root").to_path_buf()
}

/// Native builds: cargo's own default, so that a plain `cargo build` shares them.
pub(crate) fn native_target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// All builds for wasm32. A folder of its own, because host crates of such builds are compiled with other features.
pub(crate) fn web_target() -> PathBuf {
    root().join("target/web")
}

/// Builds of the tools: kept, so that a new version compiles only what changed.
pub(crate) fn tools_target() -> PathBuf {
    root().join("target/tools-build")
}

/// Where tools that are built here are installed; their `bin` goes first on PATH.
pub(crate) fn tools() -> PathBuf {
    root().join("target/tools")
}

/// What the server serves: the finished app.
pub(crate) fn dist() -> PathBuf {
    root().join("dist")
}

/// PATH with the pinned tools and npm's commands first.
pub(crate) fn path() -> OsString {
    let pinned = [tools().join("bin"), root().join("node_modules/.bin")];
    let inherited = env::var_os("PATH").unwrap_or_default();
    env::join_paths(pinned.into_iter().chain(env::split_paths(&inherited)))
        .expect("entries of PATH and paths below the project hold no separator")
}
