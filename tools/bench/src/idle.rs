//! `idle`: what ten thousand open event streams cost in memory, how fast they open, and what stays when they close.

use crate::account::Account;
use crate::clock;
use crate::failure::Failure;
use crate::http::Connection;
use crate::report::{Budget, Figure, medians};
use crate::server::{Cores, Server};
use crate::stream::Stream;
use sotto_wire::ticket::Transport;
use std::path::Path;
use std::time::Duration;

/// Streams held open.
const STREAMS: usize = 10_000;
/// Streams opened at a time: the listen queue is finite.
const AT_A_TIME: usize = 250;
/// Accounts that open them: a session may hold eight unspent tickets.
const ACCOUNTS: usize = 50;
/// After the last stream is open, and after the last is closed, before memory is read.
const SETTLE: Duration = Duration::from_secs(3);
/// How long after all streams are closed memory is read.
const CLOSED: Duration = Duration::from_secs(60);

/// What is measured, and what is told of it.
const TRANSPORTS: [(Transport, &str, Budget); 3] = [
    (Transport::Sse, "SSE", Budget::AtMost(8.0)),
    (Transport::WebSocket, "WebSocket", Budget::AtMost(8.0)),
    (Transport::LongPoll, "long-poll", Budget::None),
];

/// Measures the figures.
pub(crate) async fn measure(binary: &Path) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for (transport, name, budget) in TRANSPORTS {
        let one = async || {
            let Run { kb_per_stream, opened_per_second, after_mb } = run(binary, transport).await?;
            Ok([kb_per_stream, opened_per_second, after_mb])
        };
        let [per_stream, opened, after] = medians(one).await?;
        let name = |what: &str| format!("idle {name}: {what}");
        figures.extend([
            Figure::new(name("memory per stream at 10 000"), per_stream, "kB", budget),
            Figure::new(name("streams caught up, ticket included"), opened, "per second", Budget::None),
            Figure::new(name("memory a minute after all closed"), after, "MB", Budget::AtMost(50.0)),
        ]);
    }
    Ok(figures)
}

struct Run {
    kb_per_stream: f64,
    opened_per_second: f64,
    after_mb: f64,
}

async fn run(binary: &Path, transport: Transport) -> Result<Run, Failure> {
    let server = Server::start(binary, Cores::Own).await?;
    let mut connection = Connection::open(server.address()).await?;
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        accounts.push(Account::sign_up(&mut connection).await?);
    }
    let before = server.memory_bytes();
    let start = clock::now();
    let mut streams = Vec::with_capacity(STREAMS);
    while streams.len() < STREAMS {
        let mut opening = tokio::task::JoinSet::new();
        for account in accounts.iter().cycle().take((STREAMS - streams.len()).min(AT_A_TIME)) {
            let (account, address) = (account.clone(), server.address());
            opening
                .spawn_local(async move { Stream::open(&account, Connection::open(address).await?, transport).await });
        }
        while let Some(opened) = opening.join_next().await {
            streams.push(opened.map_err(|_| Failure::Wrong("a stream did not open".to_owned()))??);
        }
    }
    let opened_per_second = STREAMS as f64 / clock::now().duration_since(start).as_secs_f64();
    tokio::time::sleep(SETTLE).await;
    let held = server.memory_bytes().saturating_sub(before);
    drop(streams);
    tokio::time::sleep(CLOSED).await;
    Ok(Run {
        kb_per_stream: held as f64 / 1_024.0 / STREAMS as f64,
        opened_per_second,
        after_mb: server.memory_bytes() as f64 / 1_048_576.0,
    })
}
