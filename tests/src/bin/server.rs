//! The server as the integration tests run it: its own main function, in a process that can be killed. Stands in this
//! package so that cargo always builds it with the tests.

fn main() -> std::process::ExitCode {
    sotto_server::main()
}
