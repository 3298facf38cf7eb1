//! The `wasm-bindgen` command, linked from the library of its own crate so that its version cannot differ from the
//! dependency's. Owns nothing else; Trunk finds the binary on PATH and therefore downloads none.
use std::process::ExitCode;

fn main() -> ExitCode {
    match wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}
