//! The `wasm-bindgen` command, linked from the library of its own crate so that its version cannot differ from the
//! dependency's; Trunk finds the binary on PATH and therefore downloads none. A module with split points is cut first:
//! the main part goes on to wasm-bindgen, the later ones to the folder of snippets, which Trunk copies as it is.
//! Owns the cut, not what becomes of the later parts: `tools/web/later.mjs` finishes them.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

/// What the module imports in place of what is loaded later, until it is cut; from `wasm_split_macros`.
const SPLIT_POINT: &[u8] = b"__wasm_split_placeholder__";
/// The later parts and what loads them, below the output folder.
const LATER: &str = "snippets/sotto-later";
/// What loads them, as the main part imports it. `LATER` is its folder.
const LOADER: &str = "./snippets/sotto-later/loader.js";

fn main() -> ExitCode {
    let done = cut(std::env::args_os().collect()).and_then(|arguments| {
        wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(arguments).map_err(|error| format!("{error:?}"))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Cuts the module that the arguments name, if it has split points. Returns the arguments for wasm-bindgen.
fn cut(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let value = |argument: &OsString| argument.to_str()?.strip_prefix("--out-dir=").map(PathBuf::from);
    let is_module = |argument: &OsString| Path::new(argument).extension().is_some_and(|extension| extension == "wasm");
    let (Some(output), Some(input)) = (arguments.iter().find_map(value), arguments.iter().position(is_module)) else {
        return Ok(arguments);
    };
    let module = fs::read(&arguments[input]).map_err(words)?;
    if !module.windows(SPLIT_POINT.len()).any(|window| window == SPLIT_POINT) {
        return Ok(arguments);
    }
    let later = output.join(LATER);
    // What an earlier build has left would be taken for a part of this one.
    match fs::remove_dir_all(&later) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(words(error)),
        Ok(()) | Err(_) => fs::create_dir_all(&later).map_err(words)?,
    }
    let main = output.join("main-part.wasm");
    let mut options = wasm_split_cli_support::Options::new(&module);
    options.output_dir = &output;
    options.main_out_path = &main;
    options.link_name = LOADER;
    let parts = wasm_split_cli_support::transform(options).map_err(words)?.split_modules;
    for part in parts {
        let name = part.file_name().ok_or("a part of the module has no name")?;
        fs::rename(&part, later.join(name)).map_err(words)?;
    }
    arguments[input] = main.into();
    // The later parts find what they share by the linker's exports.
    arguments.extend(["--keep-lld-exports", "--no-demangle"].map(OsString::from));
    Ok(arguments)
}

fn words(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
