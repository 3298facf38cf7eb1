//! `fanout`: one sender, 1 000 and 5 000 subscribers by SSE and 5 000 by WebSocket, five messages a second: delay and CPU per delivery, beside
//! nginx + nchan in the same run where it is installed; and the most deliveries a second.

use crate::account::{Account, random_id};
use crate::failure::Failure;
use crate::http::Connection;
use crate::report::{Budget, Figure, median, percentile};
use crate::server::{Cores, Server};
use crate::stream::{Stream, message, room};
use crate::{RUNS, clock, nchan};
use sotto_wire::message::{SendMessage, SendMessageRequest};
use sotto_wire::ticket::Transport;
use sotto_wire::{ClientId, ConversationId};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Messages of a measured run, five a second.
const MESSAGES: usize = 60;
const PERIOD: Duration = Duration::from_millis(200);
/// Messages of the run that is as fast as it goes, and how many of them wait for their acknowledgement at a time.
const BURST: usize = 2_000;
const BURST_IN_FLIGHT: usize = 32;

/// What one run at five messages a second gave.
pub(crate) struct Run {
    p50_ms: f64,
    p99_ms: f64,
    cpu_us: f64,
}

/// Something that takes a message and hands it to all streams.
pub(crate) trait Publish {
    /// Publishes one message sent now, measured from `start`, and returns when it is taken.
    async fn publish(&mut self, start: Instant) -> Result<(), Failure>;
}

/// The sender of a Sotto conversation.
struct Sender {
    connection: Connection,
    account: Account,
    conversation: ConversationId,
}

impl Publish for Sender {
    async fn publish(&mut self, start: Instant) -> Result<(), Failure> {
        let request = SendMessageRequest {
            client_id: ClientId(random_id()),
            conversation: self.conversation,
            epoch: 1,
            ciphertext: message(start),
        };
        self.connection.call::<SendMessage>(&self.account.token, &request).await.map(drop)
    }
}

/// Measures the figures.
pub(crate) async fn measure(binary: &Path) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for (transport, subscribers) in [(Transport::Sse, 1_000), (Transport::Sse, 5_000), (Transport::WebSocket, 5_000)] {
        let (mut ours, mut theirs, mut most) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let (run, rate) = sotto(binary, (transport, subscribers)).await?;
            ours.push(run);
            most.push(rate);
            if let Some(run) = nchan::measure(subscribers).await? {
                theirs.push(run);
            }
        }
        let of = |runs: &[Run], figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let peer = |figure: fn(&Run) -> f64| (!theirs.is_empty()).then(|| of(&theirs, figure));
        let (p99, cpu) = (peer(|run| run.p99_ms), peer(|run| run.cpu_us));
        // design §9 names the peer's figures in the same run as the budget for 5 000.
        let is_budgeted = subscribers == 5_000;
        let at_most = |value: Option<f64>| value.filter(|_| is_budgeted).map_or(Budget::None, Budget::AtMost);
        let by = if transport == Transport::WebSocket { " WebSockets" } else { "" };
        let name = |what: &str| format!("fanout 1 → {subscribers}{by}: {what}");
        figures.extend([
            Figure::new(name("p50"), of(&ours, |run| run.p50_ms), "ms", Budget::None).beside(peer(|run| run.p50_ms)),
            Figure::new(name("p99"), of(&ours, |run| run.p99_ms), "ms", at_most(p99)).beside(p99),
            Figure::new(name("CPU per delivery"), of(&ours, |run| run.cpu_us), "µs", at_most(cpu.map(|us| us * 0.8)))
                .beside(cpu),
            Figure::new(
                name("most deliveries"),
                median(most),
                "per second",
                if is_budgeted { Budget::AtLeast(600_000.0) } else { Budget::None },
            ),
        ]);
    }
    Ok(figures)
}

async fn sotto(binary: &Path, (transport, subscribers): (Transport, usize)) -> Result<(Run, f64), Failure> {
    let server = Server::start(binary, Cores::Own).await?;
    let mut connection = Connection::open(server.address()).await?;
    let sender = Account::sign_up(&mut connection).await?;
    let reader = Account::sign_up(&mut connection).await?;
    let conversation = sender.talk_to(&reader, &mut connection).await?;
    let mut streams = Vec::with_capacity(subscribers);
    for _ in 0..subscribers {
        streams.push(Stream::open(&reader, Connection::open(server.address()).await?, transport).await?);
    }
    let mut publisher = Sender { connection, account: sender.clone(), conversation };
    let (run, streams) = at_five_a_second(&server, streams, &mut publisher).await?;
    let mut publishers = Vec::new();
    for _ in 0..BURST_IN_FLIGHT {
        let connection = Connection::open(server.address()).await?;
        publishers.push(Sender { connection, account: sender.clone(), conversation });
    }
    Ok((run, as_fast_as_it_goes(streams, publishers).await?))
}

/// Publishes [`MESSAGES`] and waits until every stream has every one.
pub(crate) async fn at_five_a_second(
    server: &Server,
    streams: Vec<Stream>,
    publisher: &mut impl Publish,
) -> Result<(Run, Vec<Stream>), Failure> {
    let start = clock::now();
    let readers = read_all(streams, MESSAGES, start);
    let cpu = server.cpu_seconds();
    let mut ticks = tokio::time::interval(PERIOD);
    for _ in 0..MESSAGES {
        ticks.tick().await;
        publisher.publish(start).await?;
    }
    let (streams, mut delays) = collect(readers).await?;
    let cpu_us = (server.cpu_seconds() - cpu) * 1e6 / delays.len() as f64;
    delays.sort_unstable();
    let ms = |share| percentile(&delays, share) / 1_000.0;
    Ok((Run { p50_ms: ms(0.5), p99_ms: ms(0.99), cpu_us }, streams))
}

/// Publishes [`BURST`] messages without a pause; gives deliveries a second.
async fn as_fast_as_it_goes(streams: Vec<Stream>, publishers: Vec<Sender>) -> Result<f64, Failure> {
    let start = clock::now();
    let readers = read_all(streams, BURST, start);
    let each = BURST / publishers.len();
    let sent = each * publishers.len();
    let mut sending = JoinSet::new();
    for (index, mut publisher) in publishers.into_iter().enumerate() {
        let share = if index == 0 { each + BURST - sent } else { each };
        sending.spawn_local(async move {
            for _ in 0..share {
                publisher.publish(start).await?;
            }
            Ok::<(), Failure>(())
        });
    }
    let (_, delays) = collect(readers).await?;
    let seconds = clock::now().duration_since(start).as_secs_f64();
    while let Some(done) = sending.join_next().await {
        done.map_err(|_| Failure::Wrong("a sender failed".to_owned()))??;
    }
    Ok(delays.len() as f64 / seconds)
}

pub(crate) type Readers = JoinSet<Result<(Stream, Vec<u32>), Failure>>;

pub(crate) fn read_all(streams: Vec<Stream>, wanted: usize, start: Instant) -> Readers {
    let mut readers = JoinSet::new();
    let room = Rc::new(room());
    for mut stream in streams {
        let room = room.clone();
        readers.spawn_local(async move {
            let mut delays = Vec::with_capacity(wanted);
            stream.read((wanted, start), &room, &mut delays).await?;
            Ok((stream, delays))
        });
    }
    readers
}

pub(crate) async fn collect(mut readers: Readers) -> Result<(Vec<Stream>, Vec<u32>), Failure> {
    let (mut streams, mut delays) = (Vec::new(), Vec::new());
    while let Some(read) = readers.join_next().await {
        let (stream, of_stream) = read.map_err(|_| Failure::Wrong("a reader failed".to_owned()))??;
        streams.push(stream);
        delays.extend(of_stream);
    }
    Ok((streams, delays))
}
