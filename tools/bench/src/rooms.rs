//! `rooms`: a thousand conversations at once, five streams each and one sender that waits for each acknowledgement:
//! durable messages a second, and how long until they are with all.

use crate::account::{Account, random_id};
use crate::clock;
use crate::failure::Failure;
use crate::fanout::{collect, read_all};
use crate::http::Connection;
use crate::report::{Budget, Figure, medians, percentile};
use crate::server::{Cores, Server};
use crate::stream::{Stream, message};
use sotto_wire::message::{SendMessage, SendMessageRequest};
use sotto_wire::ticket::Transport;
use sotto_wire::{ClientId, ConversationId};
use std::path::Path;
use std::time::Instant;
use tokio::task::JoinSet;

/// Conversations.
const ROOMS: usize = 1_000;
/// Streams of a conversation, of its two members in turn.
const MEMBERS: usize = 5;
/// Messages of a conversation.
const MESSAGES: usize = 50;

/// Measures the figures.
pub(crate) async fn measure(binary: &Path) -> Result<Vec<Figure>, Failure> {
    let [rate, p99] = medians(async || run(binary).await).await?;
    // design §9.
    Ok(vec![
        Figure::new("rooms: durable messages, 1 000 × 5", rate, "per second", Budget::AtLeast(13_000.0)),
        Figure::new("rooms: p99 to a stream", p99, "ms", Budget::AtMost(100.0)),
    ])
}

/// The rate a second and the p99 in milliseconds of one run.
async fn run(binary: &Path) -> Result<[f64; 2], Failure> {
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
    for (connection, (account, conversation)) in connections.into_iter().zip(senders) {
        sending.spawn_local(send(connection, account, (conversation, start)));
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
    mut connection: Connection,
    account: Account,
    (conversation, start): (ConversationId, Instant),
) -> Result<(), Failure> {
    for _ in 0..MESSAGES {
        let client_id = ClientId(random_id());
        let request = SendMessageRequest { client_id, conversation, epoch: 1, ciphertext: message(start) };
        connection.call::<SendMessage>(&account.token, &request).await?;
    }
    Ok(())
}
