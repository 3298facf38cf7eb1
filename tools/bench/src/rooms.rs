//! `rooms`: a thousand conversations at once, five streams each and one sender that waits for each acknowledgement:
//! durable messages a second, and how long until they are with all; then the same at a rate that is kept.

use crate::account::{Account, random_id};
use crate::clock;
use crate::failure::Failure;
use crate::fanout::{collect, read_all};
use crate::http::Connection;
use crate::report::{Budget, Figure, medians, percentile};
use crate::server::{Cores, Server};
use crate::stream::{Stream, message, message_of};
use sotto_wire::message::{SendMessage, SendMessageRequest};
use sotto_wire::ticket::Transport;
use sotto_wire::{ClientId, ConversationId};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Conversations.
const ROOMS: usize = 1_000;
/// Streams of a conversation, of its two members in turn.
const MEMBERS: usize = 5;
/// Messages of a conversation.
const MESSAGES: usize = 50;

/// Messages a second that are sent whether or not the server keeps up (design §9).
const RATE: f64 = 13_000.0;

/// When the next message is sent.
#[derive(Clone, Copy)]
enum Pace {
    /// As soon as the last one is acknowledged.
    Full,
    /// At [`RATE`] over all conversations; delays count from when it was due.
    Steady,
}

/// Measures the figures.
pub(crate) async fn measure(binary: &Path) -> Result<Vec<Figure>, Failure> {
    let [rate, full] = medians(async || run(binary, Pace::Full).await).await?;
    let [_, steady] = medians(async || run(binary, Pace::Steady).await).await?;
    // design §9. Delay at full load is how many wait at a time; the budget is for the rate.
    Ok(vec![
        Figure::new("rooms: durable messages, 1 000 × 5", rate, "per second", Budget::AtLeast(RATE)),
        Figure::new("rooms: p99 to a stream, all sending", full, "ms", Budget::None),
        Figure::new("rooms: p99 to a stream at 13 000 a second", steady, "ms", Budget::AtMost(100.0)),
    ])
}

/// The rate a second and the p99 in milliseconds of one run.
async fn run(binary: &Path, pace: Pace) -> Result<[f64; 2], Failure> {
    let server = Server::start(binary, Cores::All).await?;
    let mut connection = Connection::open(server.address()).await?;
    let (mut senders, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..ROOMS {
        let one = Account::sign_up(&mut connection).await?;
        let other = Account::sign_up(&mut connection).await?;
        let conversation = one.talk_to(&other, &mut connection).await?;
        for account in [&one, &other].into_iter().cycle().take(MEMBERS) {
            let connection = Connection::open(server.address()).await?;
            streams.push(Stream::open(account, connection, Transport::Sse).await?);
        }
        senders.push((one, conversation));
    }
    let mut connections = Vec::new();
    for _ in &senders {
        connections.push(Connection::open(server.address()).await?);
    }
    let start = clock::now();
    let readers = read_all(streams, MESSAGES, start);
    let mut sending = JoinSet::new();
    for (number, (connection, (account, conversation))) in connections.into_iter().zip(senders).enumerate() {
        let due = move |message: usize| match pace {
            Pace::Full => None,
            Pace::Steady => Some(start + Duration::from_secs_f64((message * ROOMS + number) as f64 / RATE)),
        };
        sending.spawn_local(send((connection, account), (conversation, start), due));
    }
    while let Some(done) = sending.join_next().await {
        done.map_err(|_| Failure::Wrong("a sender failed".to_owned()))??;
    }
    let (_, mut delays) = collect(readers).await?;
    let seconds = clock::now().duration_since(start).as_secs_f64();
    delays.sort_unstable();
    Ok([(ROOMS * MESSAGES) as f64 / seconds, percentile(&delays, 0.99) / 1_000.0])
}

async fn send(
    (mut connection, account): (Connection, Account),
    (conversation, start): (ConversationId, Instant),
    due: impl Fn(usize) -> Option<Instant>,
) -> Result<(), Failure> {
    for number in 0..MESSAGES {
        let ciphertext = match due(number) {
            Some(due) => {
                tokio::time::sleep_until(due.into()).await;
                message_of(start, due)
            }
            None => message(start),
        };
        let client_id = ClientId(random_id());
        let request = SendMessageRequest { client_id, conversation, epoch: 1, ciphertext };
        connection.call::<SendMessage>(&account.token, &request).await?;
    }
    Ok(())
}
