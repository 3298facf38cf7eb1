//! The `wasm-bindgen-test-runner` command, linked from the same library as `wasm-bindgen` and for the same reason: what
//! runs the SDK's own tests in a browser speaks the very version that they are linked against. Owns nothing else.
use std::process::ExitCode;

fn main() -> ExitCode {
    match wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}
