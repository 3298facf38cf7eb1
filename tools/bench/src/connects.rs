//! `connects`: how many event streams a second the server lets in, from the first byte of TCP to the first event, each
//! with a ticket that was given out before.

use crate::account::Account;
use crate::clock;
use crate::failure::Failure;
use crate::http::Connection;
use crate::report::{Budget, Figure, medians};
use crate::server::{Cores, Server};
use crate::stream::{Stream, path, ticket};
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;

/// Streams opened in all.
const STREAMS: usize = 10_000;
/// Tickets of one session that may be unspent: the server's own bound.
const TICKETS_PER_ACCOUNT: usize = 8;
/// Accounts that open them.
const ACCOUNTS: usize = 125;
/// design §9.
const BUDGET: Budget = Budget::AtLeast(25_000.0);

/// Measures the figures.
pub(crate) async fn measure(binary: &Path) -> Result<Vec<Figure>, Failure> {
    let [let_in, caught_up, cpu] = medians(async || run(binary).await).await?;
    Ok(vec![
        Figure::new("connects: SSE streams let in", let_in, "per second", BUDGET),
        Figure::new("connects: the same, until all have caught up", caught_up, "per second", Budget::None),
        Figure::new("connects: the server's CPU per stream, ticket apart", cpu, "µs", Budget::None),
    ])
}

/// Streams let in a second, caught up a second, and microseconds of the server's CPU for each.
async fn run(binary: &Path) -> Result<[f64; 3], Failure> {
    let server = Server::start(binary, Cores::Own).await?;
    let mut connection = Connection::open(server.address()).await?;
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        accounts.push(Account::sign_up(&mut connection).await?);
    }
    let (mut let_in, mut caught_up, mut cpu_seconds) = (Duration::ZERO, Duration::ZERO, 0.0);
    let mut streams = Vec::with_capacity(STREAMS);
    while streams.len() < STREAMS {
        let mut tickets = Vec::new();
        for account in &accounts {
            for _ in 0..TICKETS_PER_ACCOUNT {
                tickets.push(ticket(account, &mut connection, None).await?);
            }
        }
        let (began, cpu_before) = (clock::now(), server.cpu_seconds());
        let mut opening = JoinSet::new();
        for ticket in tickets {
            let address = server.address();
            opening.spawn_local(async move { Connection::open(address).await?.stream(&path(&ticket)).await });
        }
        let mut opened = Vec::new();
        while let Some(stream) = opening.join_next().await {
            opened.push(Stream::of(stream.map_err(|_| Failure::Wrong("a stream did not open".to_owned()))??));
        }
        let_in += clock::now().duration_since(began);
        for stream in &mut opened {
            stream.catch_up().await?;
        }
        caught_up += clock::now().duration_since(began);
        cpu_seconds += server.cpu_seconds() - cpu_before;
        streams.extend(opened);
    }
    let per_second = |time: Duration| STREAMS as f64 / time.as_secs_f64();
    Ok([per_second(let_in), per_second(caught_up), cpu_seconds * 1e6 / STREAMS as f64])
}
