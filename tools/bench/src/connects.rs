//! `connects`: how many event streams a second the server lets in, from the first byte of TCP to the first event, each
//! with a ticket that was given out before.

use crate::account::Account;
use crate::failure::Failure;
use crate::http::Connection;
use crate::report::{Budget, Figure, median};
use crate::server::{Cores, Server};
use crate::stream::{Stream, path, ticket};
use crate::{RUNS, clock};
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

/// Measures the figure.
pub(crate) async fn measure(binary: &Path) -> Result<Vec<Figure>, Failure> {
    let (mut first, mut all) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let run = run(binary).await?;
        first.push(run.0);
        all.push(run.1);
    }
    Ok(vec![
        Figure::new("connects: SSE streams let in", median(first), "per second", BUDGET),
        Figure::new("connects: the same, until all have caught up", median(all), "per second", Budget::None),
    ])
}

/// Streams let in a second, and caught up a second.
async fn run(binary: &Path) -> Result<(f64, f64), Failure> {
    let server = Server::start(binary, Cores::Own).await?;
    let mut connection = Connection::open(server.address()).await?;
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        accounts.push(Account::sign_up(&mut connection).await?);
    }
    let (mut let_in, mut caught_up) = (Duration::ZERO, Duration::ZERO);
    let mut streams = Vec::with_capacity(STREAMS);
    while streams.len() < STREAMS {
        let mut tickets = Vec::new();
        for account in &accounts {
            for _ in 0..TICKETS_PER_ACCOUNT {
                tickets.push(ticket(account, &mut connection, None).await?);
            }
        }
        let began = clock::now();
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
        streams.extend(opened);
    }
    let per_second = |time: Duration| STREAMS as f64 / time.as_secs_f64();
    Ok((per_second(let_in), per_second(caught_up)))
}
