//! The program: chooses the allocator. What it does is in the library, so that the integration tests run the same.

/// Gives pages back after a burst, which the C library's allocator does not.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sotto_server::main()
}
