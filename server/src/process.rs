//! The process around the server: settings, log, socket, signals. Owns no part of what is served.

use crate::http::accept::CONNECTIONS_MAX;
use crate::refusal::causes;
use crate::{Config, ConfigError, LogFormat, ServeError, serve};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Open files that are no connections: the database, the lock, the log, what the runtime needs.
const OTHER_FILES_MAX: u64 = 64;

/// Why the process ends with a failure.
#[derive(Debug, thiserror::Error)]
enum MainError {
    #[error("read the settings")]
    Config(#[from] ConfigError),
    #[error("read the log filter")]
    LogFilter(#[from] tracing_subscriber::filter::ParseError),
    #[error("listen")]
    Listen(#[source] io::Error),
    #[error("watch for signals")]
    Signals(#[source] io::Error),
    #[error("serve")]
    Serve(#[from] ServeError),
}

/// All that `sotto-server` does, from the command line to the exit code. Reads the environment; once a process.
pub fn main() -> ExitCode {
    let outcome = Config::load().map_err(MainError::from).and_then(run);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Help and version come this way too, and have their own exit code.
        Err(MainError::Config(ConfigError::CommandLine(error))) => error.exit(),
        Err(error) => {
            eprintln!("sotto-server: {}", causes(&error));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(config: Config) -> Result<(), MainError> {
    start_log(&config)?;
    raise_open_files_limit();
    refuse_huge_pages();
    let mut terminate = signal(SignalKind::terminate()).map_err(MainError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(MainError::Signals)?;
    let listener = listen(&config).map_err(MainError::Listen)?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down");
    };
    serve(config, listener, shutdown).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Keeps the kernel from making huge pages of what the allocator has given back in part: after ten thousand streams have
/// closed these were 36 MB of 57, and grew while nothing happened. Where the kernel does not know them there is nothing to do.
fn refuse_huge_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "failed to refuse huge pages");
    }
}

/// Raises the number of files that this process may have open to the highest that it is allowed: each connection is one,
/// and what a shell or a service manager gives is often 1 024.
fn raise_open_files_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let open_files_max = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "failed to raise the limit of open files");
            current
        }
    };
    let needed = u64::from(CONNECTIONS_MAX) + OTHER_FILES_MAX;
    // `None` is no limit.
    if let Some(open_files_max) = open_files_max.filter(|open_files_max| *open_files_max < needed) {
        tracing::warn!(open_files_max, needed, "the limit of open files is below what all connections need");
    }
}

fn listen(config: &Config) -> io::Result<TcpListener> {
    let socket = if config.listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(config.listen)?;
    socket.listen(config.listen_backlog_connections)
}

fn start_log(config: &Config) -> Result<(), MainError> {
    let filter = EnvFilter::try_new(&config.log_filter)?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    // Where, not what: the text of a panic may quote a request.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_are_refused_where_the_kernel_knows_them() {
        let known = rustix::thread::transparent_huge_pages_are_disabled().is_ok();
        refuse_huge_pages();
        assert_eq!(rustix::thread::transparent_huge_pages_are_disabled().unwrap_or_default(), known);
    }
}
