//! A TCP proxy on loopback between devices and the server: passes, refuses, holds, cuts or changes, and keeps all bytes of
//! both ways. Owns the link, knows no protocol.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What the link does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Carries bytes.
    Pass,
    /// Keeps connections open and carries nothing: a link that is dead without saying so.
    Hold,
    /// Closes what is open and what is opened.
    Cut,
}

/// Bytes, and as many others in their place.
type Change = (&'static [u8], &'static [u8]);

#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    connections: usize,
    change: Option<Change>,
}

/// A link between devices and a server. Ends with its owner.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    record: Arc<Mutex<Record>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A link to `server`, which need not be there yet.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (mode, mode_seen) = watch::channel(Mode::Pass);
        let record = Arc::new(Mutex::new(Record::default()));
        let task = tokio::spawn(accept(listener, server, mode_seen, Arc::clone(&record)));
        Self { address, mode, record, task }
    }

    /// Where devices reach the server through this link.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Carries bytes.
    pub fn pass(&self) {
        self.mode.send_replace(Mode::Pass);
    }

    /// Leaves connections open and carries nothing.
    pub fn hold(&self) {
        self.mode.send_replace(Mode::Hold);
    }

    /// Closes every connection and refuses new ones until [`Proxy::pass`].
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Puts `others` in the place of `these`, as many, wherever they come in one piece from now on.
    pub fn change(&self, these: &'static [u8], others: &'static [u8]) {
        assert_eq!(these.len(), others.len(), "lengths that are told elsewhere must stay true");
        lock(&self.record).change = Some((these, others));
    }

    /// Changes nothing any more.
    pub fn change_nothing(&self) {
        lock(&self.record).change = None;
    }

    /// How often these bytes were carried.
    pub fn count(&self, these: &[u8]) -> usize {
        memchr::memmem::find_iter(&lock(&self.record).bytes, these).count()
    }

    /// Everything that was carried, both ways, in the order in which it came.
    pub fn carried(&self) -> Vec<u8> {
        lock(&self.record).bytes.clone()
    }

    /// How many connections were opened, refused ones included.
    pub fn connections(&self) -> usize {
        lock(&self.record).connections
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().expect("no holder of the record panics")
}

async fn accept(listener: TcpListener, server: SocketAddr, mode: watch::Receiver<Mode>, record: Arc<Mutex<Record>>) {
    let mut links = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        lock(&record).connections += 1;
        if *mode.borrow() != Mode::Cut {
            links.spawn(link(client, server, mode.clone(), Arc::clone(&record)));
        }
        while links.try_join_next().is_some() {}
    }
}

async fn link(client: TcpStream, server: SocketAddr, mut mode: watch::Receiver<Mode>, record: Arc<Mutex<Record>>) {
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), upstream.into_split());
    let up = pump(from_client, to_server, mode.clone(), Arc::clone(&record));
    let down = pump(from_server, to_client, mode.clone(), record);
    tokio::select! {
        _ = async { tokio::join!(up, down) } => {}
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    record: Arc<Mutex<Record>>,
) {
    let mut buffer = vec![0; 64 * 1_024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if mode.wait_for(|mode| *mode != Mode::Hold).await.is_err() {
            return;
        }
        note(&record, &mut buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    // The peer has said all it will say: so it is said to the other, who may still be answering. If it is gone already,
    // so is the reason to tell it.
    let _gone = to.shutdown().await;
}

/// Changes a piece where that is wished for, and records it.
fn note(record: &Mutex<Record>, piece: &mut [u8]) {
    let mut record = lock(record);
    if let Some((these, others)) = record.change {
        let places: Vec<usize> = memchr::memmem::find_iter(piece, these).collect();
        places.into_iter().for_each(|at| piece[at..at + others.len()].copy_from_slice(others));
    }
    record.bytes.extend_from_slice(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets.
    async fn echo() -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let task = tokio::spawn(async move {
            let mut links = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                links.spawn(async move {
                    let (mut from, mut to) = socket.into_split();
                    tokio::io::copy(&mut from, &mut to).await.map(|_| ())
                });
            }
        });
        (address, task)
    }

    async fn say(link: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
        link.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        link.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn bytes_pass_and_are_recorded_both_ways() {
        let (server, task) = echo().await;
        let proxy = Proxy::to(server).await;
        let mut link = TcpStream::connect(proxy.address).await.expect("the proxy listens");
        assert_eq!(say(&mut link, b"hello").await.expect("passes"), b"hello");
        assert_eq!(proxy.carried(), b"hellohello");
        assert_eq!(proxy.connections(), 1);
        task.abort();
    }

    #[tokio::test]
    async fn bytes_are_changed_as_long_as_that_is_wished_for() {
        let (server, task) = echo().await;
        let proxy = Proxy::to(server).await;
        let mut link = TcpStream::connect(proxy.address).await.expect("the proxy listens");
        proxy.change(b"one", b"two");
        assert_eq!(say(&mut link, b"one and one").await.expect("passes"), b"two and two");
        proxy.change_nothing();
        assert_eq!(say(&mut link, b"one").await.expect("passes"), b"one");
        assert_eq!((proxy.count(b"two"), proxy.count(b"one")), (4, 2));
        task.abort();
    }

    #[tokio::test]
    async fn cut_ends_what_is_open_and_refuses_what_comes_until_it_passes_again() {
        let (server, task) = echo().await;
        let proxy = Proxy::to(server).await;
        let mut open = TcpStream::connect(proxy.address).await.expect("the proxy listens");
        assert_eq!(say(&mut open, b"a").await.expect("passes"), b"a");
        proxy.cut();
        assert!(say(&mut open, b"b").await.is_err());
        let mut fresh = TcpStream::connect(proxy.address).await.expect("the proxy listens");
        assert!(say(&mut fresh, b"c").await.is_err());
        proxy.pass();
        let mut again = TcpStream::connect(proxy.address).await.expect("the proxy listens");
        assert_eq!(say(&mut again, b"d").await.expect("passes"), b"d");
        task.abort();
    }

    #[tokio::test]
    async fn hold_carries_nothing_and_loses_nothing() {
        let (server, task) = echo().await;
        let proxy = Proxy::to(server).await;
        let mut link = TcpStream::connect(proxy.address).await.expect("the proxy listens");
        assert_eq!(say(&mut link, b"a").await.expect("passes"), b"a");
        proxy.hold();
        link.write_all(b"b").await.expect("the link is open");
        let mut answer = [0];
        let silence = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(silence, link.read_exact(&mut answer)).await.is_err(), "nothing comes");
        proxy.pass();
        link.read_exact(&mut answer).await.expect("it was only held");
        assert_eq!(&answer, b"b");
        task.abort();
    }
}
