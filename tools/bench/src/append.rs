//! `append`: durable appends a second with 256 senders in flight, each waiting for its acknowledgement.

use crate::account::{Account, random_id};
use crate::clock;
use crate::failure::Failure;
use crate::http::Connection;
use crate::report::{Budget, Figure, medians, percentile};
use crate::server::{Cores, Server};
use crate::stream::message;
use sotto_wire::message::{SendMessage, SendMessageRequest};
use sotto_wire::{ClientId, ConversationId};
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;

const SENDERS: usize = 256;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(8);
/// design §9.
const BUDGET: Budget = Budget::AtLeast(10_000.0);

/// Measures the figure.
pub(crate) async fn measure(binary: &Path) -> Result<Vec<Figure>, Failure> {
    let [rate, p99] = medians(async || run(binary).await).await?;
    Ok(vec![
        Figure::new("append: durable messages, 256 in flight", rate, "per second", BUDGET),
        Figure::new("append: p99 to the acknowledgement", p99, "ms", Budget::None),
    ])
}

/// The rate a second and the p99 in milliseconds of one run.
async fn run(binary: &Path) -> Result<[f64; 2], Failure> {
    let server = Server::start(binary, Cores::All).await?;
    let mut senders = Vec::new();
    let mut connection = Connection::open(server.address()).await?;
    for _ in 0..SENDERS / 2 {
        let one = Account::sign_up(&mut connection).await?;
        let other = Account::sign_up(&mut connection).await?;
        let conversation = one.talk_to(&other, &mut connection).await?;
        senders.extend([(one, conversation), (other, conversation)]);
    }
    let start = clock::now();
    let mut tasks = JoinSet::new();
    for (account, conversation) in senders {
        let connection = Connection::open(server.address()).await?;
        tasks.spawn_local(send(connection, account, conversation, start));
    }
    let mut delays = Vec::new();
    while let Some(done) = tasks.join_next().await {
        delays.extend(done.map_err(|_| Failure::Wrong("a sender failed".to_owned()))??);
    }
    delays.sort_unstable();
    let rate = delays.len() as f64 / MEASURED.as_secs_f64();
    Ok([rate, percentile(&delays, 0.99) / 1_000.0])
}

/// Sends one after the other; gives the delays, in microseconds, of those that began and ended in the measured time.
async fn send(
    mut connection: Connection,
    account: Account,
    conversation: ConversationId,
    start: std::time::Instant,
) -> Result<Vec<u32>, Failure> {
    let mut delays = Vec::new();
    loop {
        let begun = clock::now();
        if begun.duration_since(start) > WARM_UP + MEASURED {
            return Ok(delays);
        }
        let client_id = ClientId(random_id());
        let request = SendMessageRequest { client_id, conversation, epoch: 1, ciphertext: message(start) };
        connection.call::<SendMessage>(&account.token, &request).await?;
        let ended = clock::now();
        if begun.duration_since(start) > WARM_UP && ended.duration_since(start) <= WARM_UP + MEASURED {
            delays.push(ended.duration_since(begun).as_micros() as u32);
        }
    }
}
