//! Load on a real server, and figures: `sotto-bench <append|connects|fanout|idle|rooms|storm> --server <binary> [--json]`.
//!
//! Owns what is measured and how; what is built first is xtask's. The rule: a figure is the median of [`RUNS`] runs on
//! fresh servers, the server and this program each on a core of their own where the figure is about the server's CPU.

mod account;
mod append;
mod clock;
mod connects;
mod failure;
mod fanout;
mod http;
mod idle;
mod nchan;
mod report;
mod rooms;
mod server;
mod storm;
mod stream;

use failure::Failure;
use report::{Figure, Format};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs of each figure; the median is told.
const RUNS: usize = 3;

struct Arguments {
    name: String,
    server: PathBuf,
    format: Format,
}

fn arguments() -> Option<Arguments> {
    let mut words = std::env::args().skip(1);
    let name = words.next()?;
    let (mut server, mut format) = (None, Format::Text);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--server" => server = words.next().map(PathBuf::from),
            "--json" => format = Format::Json,
            _ => return None,
        }
    }
    Some(Arguments { name, server: server?, format })
}

async fn measure(name: &str, server: &std::path::Path) -> Result<Vec<Figure>, Failure> {
    match name {
        "append" => append::measure(server).await,
        "connects" => connects::measure(server).await,
        "fanout" => fanout::measure(server).await,
        "idle" => idle::measure(server).await,
        "rooms" => rooms::measure(server).await,
        "storm" => storm::measure(server).await,
        _ => Err(Failure::UnknownName),
    }
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("sotto-bench <append|connects|fanout|idle|rooms|storm> --server <binary> [--json]");
        return ExitCode::FAILURE;
    };
    // One thread: the generator must not take the server's core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, measure(&arguments.name, &arguments.server))
        }
        Err(source) => Err(Failure::Io { doing: "start the runtime", source }),
    };
    match outcome {
        Ok(figures) => {
            report::print(&figures, arguments.format);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("sotto-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
