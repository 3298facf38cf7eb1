//! Each fault does to a connection what its name says, and is counted when it does.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

const COMMAND: &[u8] = b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
const STREAM: &[u8] = b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nthe answer";
/// Long enough that what was to come would have come.
const SILENCE: Duration = Duration::from_millis(50);

/// A server that counts commands and answers them, and streams numbers without an end.
async fn server() -> (SocketAddr, Arc<AtomicUsize>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let commands = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commands);
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            connections.spawn(async move {
                let request = Request::read(&mut client).await?;
                if request.purpose == Purpose::Command {
                    counted.fetch_add(1, Ordering::Relaxed);
                    return answer(client, ANSWER).await;
                }
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                loop {
                    client.write_all(b"data: tick\n\n").await.ok()?;
                    sleep(Duration::from_millis(5)).await;
                }
                #[expect(unreachable_code, reason = "gives the block its type")]
                Some(())
            });
        }
    });
    (address, commands, task)
}

struct Bench {
    link: FaultyLink,
    struck: Struck,
    commands: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Bench {
    async fn start() -> Self {
        let (address, commands, server) = server().await;
        let struck = Struck::default();
        Self { link: FaultyLink::to(address, struck.clone()).await, struck, commands, server }
    }

    fn strike(&self, fault: Fault) {
        let (after, lasts) = (Duration::ZERO, Duration::ZERO);
        self.link.strike(Strike { fault, after, lasts, delay: SILENCE * 3, cut_after_bytes: 40 });
    }

    async fn open(&self, request: &[u8]) -> TcpStream {
        let mut client = TcpStream::connect(self.link.address()).await.expect("the link listens");
        // Closed already, when the weather is so: seen when it is read.
        let _gone = client.write_all(request).await;
        client
    }

    /// All that comes until the connection ends.
    async fn ask(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut all = Vec::new();
        self.open(request).await.read_to_end(&mut all).await.map(|_| all)
    }

    fn commands(&self) -> usize {
        self.commands.load(Ordering::Relaxed)
    }
}

/// A stream that has begun to flow.
async fn flowing(bench: &Bench) -> TcpStream {
    let mut stream = bench.open(STREAM).await;
    let mut all = Vec::new();
    while memchr::memmem::find(&all, b"data: tick\n\n").is_none() {
        assert!(stream.read_buf(&mut all).await.expect("the stream flows") > 0);
    }
    stream
}

#[tokio::test]
async fn fair_weather_carries_commands_and_streams() {
    let bench = Bench::start().await;
    assert_eq!(bench.ask(COMMAND).await.expect("an answer"), ANSWER);
    flowing(&bench).await;
    assert!(bench.struck.all().values().all(|count| *count == 0));
}

#[tokio::test]
async fn drop_closes_what_is_open_and_what_is_opened() {
    let bench = Bench::start().await;
    let mut open = flowing(&bench).await;
    bench.strike(Fault::Drop);
    // An end, polite or not.
    let _end = open.read_to_end(&mut Vec::new()).await;
    assert!(bench.ask(COMMAND).await.unwrap_or_default().is_empty());
    assert_eq!((bench.struck.of(Fault::Drop), bench.commands()), (2, 0));
}

#[tokio::test]
async fn delay_holds_each_piece_and_loses_none() {
    let bench = Bench::start().await;
    bench.strike(Fault::Delay);
    let mut client = bench.open(COMMAND).await;
    assert!(timeout(SILENCE, client.read_u8()).await.is_err(), "nothing has come yet");
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.expect("an answer");
    assert_eq!(all, ANSWER);
    assert!(bench.struck.of(Fault::Delay) > 0);
}

#[tokio::test]
async fn duplicate_sends_a_command_twice_and_answers_it_once() {
    let bench = Bench::start().await;
    bench.strike(Fault::Duplicate);
    assert_eq!(bench.ask(COMMAND).await.expect("an answer"), ANSWER);
    assert_eq!((bench.struck.of(Fault::Duplicate), bench.commands()), (1, 2));
    flowing(&bench).await;
    assert_eq!(bench.struck.of(Fault::Duplicate), 1, "a stream is not doubled");
}

#[tokio::test]
async fn half_open_link_swallows_and_its_streams_stay_dead() {
    let bench = Bench::start().await;
    let mut stream = flowing(&bench).await;
    bench.strike(Fault::HalfOpen);
    bench.struck.more_than(Fault::HalfOpen, 0).await;
    let mut command = bench.open(COMMAND).await;
    bench.struck.more_than(Fault::HalfOpen, 1).await;
    assert!(timeout(SILENCE, command.read_u8()).await.is_err(), "no answer and no end");
    bench.link.clear();
    assert!(command.read_u8().await.is_err(), "the command is given up when the link is repaired");
    // What was on its way before it died may still be read; then nothing comes any more, nor an end.
    let mut rest = Vec::new();
    assert!(timeout(SILENCE, stream.read_to_end(&mut rest)).await.is_err());
    assert_eq!(bench.commands(), 0);
}

#[tokio::test]
async fn cut_breaks_an_answer_and_a_frame_in_the_middle() {
    let bench = Bench::start().await;
    let mut open = flowing(&bench).await;
    bench.strike(Fault::Cut);
    assert_eq!(bench.ask(COMMAND).await.expect("half an answer"), ANSWER[..ANSWER.len() / 2]);
    let mut rest = Vec::new();
    open.read_to_end(&mut rest).await.expect("an end");
    let fresh = bench.ask(STREAM).await.expect("an end");
    for cut in [rest, fresh] {
        assert!(!cut.ends_with(b"\n\n"), "it ends in the middle: {:?}", String::from_utf8_lossy(&cut));
    }
    assert_eq!((bench.struck.of(Fault::Cut), bench.commands()), (3, 1));
}

#[tokio::test]
async fn buffer_holds_a_stream_back_and_lets_commands_through() {
    let bench = Bench::start().await;
    bench.strike(Fault::Buffer);
    let mut stream = bench.open(STREAM).await;
    bench.struck.more_than(Fault::Buffer, 0).await;
    assert!(timeout(SILENCE, stream.read_u8()).await.is_err(), "it has not ended");
    assert_eq!(bench.ask(COMMAND).await.expect("an answer"), ANSWER);
    assert_eq!(bench.struck.of(Fault::Buffer), 1);
    bench.server.abort();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.expect("an end");
    assert!(memchr::memmem::find(&all, b"data: tick\n\n").is_some(), "what was held comes at the end");
}

#[tokio::test]
async fn proxies_answer_in_words_of_their_own() {
    let bench = Bench::start().await;
    let answers = [
        (Fault::TooManyRequests, "HTTP/1.1 429 "),
        (Fault::BadGateway, "HTTP/1.1 502 "),
        (Fault::Unavailable, "HTTP/1.1 503 "),
        (Fault::Portal, "HTTP/1.1 200 "),
    ];
    for (fault, begin) in answers {
        bench.strike(fault);
        for request in [COMMAND, STREAM] {
            let answer = String::from_utf8(bench.ask(request).await.expect("an answer")).expect("a page");
            assert!(answer.starts_with(begin) && answer.contains("text/html"), "{fault:?}: {answer}");
        }
        assert_eq!(bench.struck.of(fault), 2, "{fault:?}");
    }
    assert_eq!(bench.commands(), 0);
}

#[tokio::test]
async fn reset_takes_the_answer_of_a_command_that_was_carried_out() {
    let bench = Bench::start().await;
    let mut open = flowing(&bench).await;
    bench.strike(Fault::Reset);
    let kind = |end: std::io::Result<usize>| end.map_err(|error| error.kind());
    assert_eq!(kind(open.read_to_end(&mut Vec::new()).await), Err(std::io::ErrorKind::ConnectionReset));
    let answer = bench.ask(COMMAND).await.map_err(|error| error.kind());
    assert_eq!(answer, Err(std::io::ErrorKind::ConnectionReset));
    assert_eq!((bench.struck.of(Fault::Reset), bench.commands()), (2, 1));
}
