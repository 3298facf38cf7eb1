//! `storm`: ten thousand streams, each with a cursor of its own, are cut and come back at once: how long until all have
//! caught up, and whether each got exactly what it missed.

use crate::account::{Account, random_id};
use crate::clock;
use crate::failure::Failure;
use crate::http::Connection;
use crate::report::{Budget, Figure, medians};
use crate::server::{Cores, Server};
use crate::stream::{Stream, marks, message};
use sotto_wire::message::{SendMessage, SendMessageRequest};
use sotto_wire::ticket::Transport;
use sotto_wire::{ClientId, ConversationId, Cursor};
use std::path::Path;
use std::time::Instant;
use tokio::task::JoinSet;

/// Streams that are cut.
const STREAMS: usize = 10_000;
/// Conversations of two, whose members have the streams: a session may hold eight unspent tickets.
const CONVERSATIONS: usize = 100;
/// Streams on their way back at a time: of a session five.
const AT_A_TIME: usize = 1_000;
/// Messages of each conversation while its members are away.
const MISSED: usize = 10;
/// design §9.
const BUDGET: Budget = Budget::AtMost(15.0);

/// Somebody with streams: the account, and where all of them stood when they were cut.
#[derive(Clone)]
struct Member {
    account: Account,
    cursor: Cursor,
}

/// Measures the figures.
pub(crate) async fn measure(binary: &Path) -> Result<Vec<Figure>, Failure> {
    let both = async || Ok([run(binary, Transport::Sse).await?, run(binary, Transport::WebSocket).await?]);
    let [by_sse, by_web_socket] = medians(both).await?;
    Ok(vec![
        Figure::new("storm: 10 000 SSE streams resumed, nothing lost", by_sse, "s", BUDGET),
        Figure::new("storm: 10 000 WebSockets resumed, nothing lost", by_web_socket, "s", BUDGET),
    ])
}

async fn run(binary: &Path, transport: Transport) -> Result<f64, Failure> {
    let server = Server::start(binary, Cores::Own).await?;
    let mut connection = Connection::open(server.address()).await?;
    let start = clock::now();
    let (mut members, mut conversations) = (Vec::new(), Vec::new());
    for _ in 0..CONVERSATIONS {
        let one = Account::sign_up(&mut connection).await?;
        let other = Account::sign_up(&mut connection).await?;
        let conversation = one.talk_to(&other, &mut connection).await?;
        let cursor = say(&mut connection, &one, (conversation, start)).await?;
        conversations.push((one.clone(), conversation));
        members.extend([one, other].map(|account| Member { account, cursor: cursor.clone() }));
    }
    let (before, _) = all(&server, &members, transport).await?;
    drop(before);
    // The server ends a connection that has said nothing for so long.
    let mut connection = Connection::open(server.address()).await?;
    for (account, conversation) in &conversations {
        for _ in 0..MISSED {
            say(&mut connection, account, (*conversation, start)).await?;
        }
    }
    let began = clock::now();
    let (streams, come) = all(&server, &members, transport).await?;
    let seconds = clock::now().duration_since(began).as_secs_f64();
    drop(streams);
    for come in come {
        let sent = marks(&come)?;
        if sent.len() != MISSED || !sent.is_sorted() {
            return Err(Failure::Wrong(format!("a stream got {} of {MISSED} messages, or not in order", sent.len())));
        }
    }
    Ok(seconds)
}

/// Sends a message; gives its place in the log.
async fn say(
    connection: &mut Connection,
    account: &Account,
    (conversation, start): (ConversationId, Instant),
) -> Result<Cursor, Failure> {
    let client_id = ClientId(random_id());
    let request = SendMessageRequest { client_id, conversation, epoch: 1, ciphertext: message(start) };
    Ok(connection.call::<SendMessage>(&account.token, &request).await?.cursor)
}

/// Opens all streams, each where its member stood, and waits until each has caught up. Gives what came on each.
async fn all(
    server: &Server,
    members: &[Member],
    transport: Transport,
) -> Result<(Vec<Stream>, Vec<Vec<u8>>), Failure> {
    let (mut streams, mut come) = (Vec::with_capacity(STREAMS), Vec::with_capacity(STREAMS));
    let mut opening = JoinSet::new();
    let mut waiting = members.iter().cycle().take(STREAMS);
    loop {
        while opening.len() < AT_A_TIME
            && let Some(Member { account, cursor }) = waiting.next().cloned()
        {
            let address = server.address();
            opening.spawn_local(async move {
                Stream::resume(&account, Connection::open(address).await?, (transport, Some(cursor))).await
            });
        }
        let Some(opened) = opening.join_next().await else { return Ok((streams, come)) };
        let (stream, bytes) = opened.map_err(|_| Failure::Wrong("a stream did not open".to_owned()))??;
        streams.push(stream);
        come.push(bytes);
    }
}
