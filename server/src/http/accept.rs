//! The accept loop: from a listening socket to served connections, within bounds, and their end.
//!
//! axum's own loop leaves hyper's defaults: buffers up to 400 kB a connection, no deadline for a request's head. The
//! rule: every connection holds a permit from its first byte to its last, so that there is a bound and an end to wait for.

use crate::share::{Share, Shares};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

/// Connections at a time, streams included: twice what one node is measured for.
pub(crate) const CONNECTIONS_MAX: u32 = 32_768;
/// hyper's buffer for a request's head and for a response; 8 192 is its least, and a head is bounded by it.
const BUFFER_MAX_BYTES: usize = 16 * 1_024;
/// How long a request's head may take, and a kept connection stand idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long sent bytes may stay unacknowledged, or a peer's window shut, before the peer counts as gone (RFC 5482): as
/// long as delivery waits for a socket that takes nothing.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);
/// Pause after the system refused a socket: it is out of descriptors, and asking at once again would spin.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;
type TakeOver = Box<dyn FnOnce(TcpStream) -> Stream + Send>;

/// Where a request's service leaves word that it takes the connection's socket over. In each request's extensions.
#[derive(Default)]
pub(crate) struct Handover(Mutex<Option<TakeOver>>);

impl Handover {
    /// Takes the socket over: as soon as the service yields, the HTTP connection ends without a response and `stream`
    /// is run with the socket.
    pub(crate) fn take_over(&self, stream: impl FnOnce(TcpStream) -> Stream + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(stream));
    }

    fn taken(&self) -> Option<TakeOver> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Serving,
    /// Running requests are answered, then connections close.
    Draining,
    /// Connections are dropped.
    Over,
}

/// What a connection holds as long as it is open.
struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Share,
}

/// Serves `router` on `listener`, to one network no more than so many connections at a time, until `shutdown` resolves.
/// Then drains: calls `close_streams`, lets running requests
/// finish, and drops what has not ended after `drain`.
pub(crate) async fn accept(
    (listener, network_connections_max): (TcpListener, usize),
    router: Router,
    shutdown: impl Future<Output = ()>,
    (close_streams, drain): (impl FnOnce(), Duration),
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let shares = Shares::new(CONNECTIONS_MAX as usize, network_connections_max);
    let (end, ending) = watch::channel(Ending::Serving);
    let mut shutdown = pin!(shutdown);
    loop {
        let permit = tokio::select! {
            permit = permits.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            () = &mut shutdown => break,
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let mut share = shares.join(peer.ip().into());
                    if share.take(1) {
                        let place = Place { _permit: permit, _share: share };
                        tokio::spawn(connection((socket, peer), router.clone(), (place, ending.clone())));
                    } else {
                        tracing::debug!("closed a connection: its address has too many");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            },
            () = &mut shutdown => break,
        }
    }
    // No new connections from here on: the peers' next attempt finds the port closed, not a server that hangs.
    drop(listener);
    end.send_replace(Ending::Draining);
    close_streams();
    if tokio::time::timeout(drain, permits.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        tracing::warn!("dropped connections that did not end in time");
    }
    end.send_replace(Ending::Over);
}

async fn connection(
    (socket, peer): (TcpStream, SocketAddr),
    router: Router,
    (place, mut ending): (Place, watch::Receiver<Ending>),
) {
    let _ = socket.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&socket).set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
    let handover = Arc::new(Handover::default());
    // Boxed, so that a task that goes on as a stream has dropped all of it.
    let stream = Box::pin(serve((socket, peer), router, handover, ending.clone())).await;
    let Some(stream) = stream else { return };
    // A task of its own: this one's memory has the size of an HTTP connection.
    tokio::spawn(async move {
        let _place = place;
        tokio::select! {
            () = stream => {}
            _ = ending.wait_for(|ending| *ending == Ending::Over) => {}
        }
    });
}

/// Serves HTTP on a socket to its end, or to where a request takes it over.
async fn serve(
    (socket, peer): (TcpStream, SocketAddr),
    router: Router,
    handover: Arc<Handover>,
    mut ending: watch::Receiver<Ending>,
) -> Option<Stream> {
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(handover.clone());
        router.clone().oneshot(request)
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_MAX_BYTES)
        .serve_connection(TokioIo::new(socket), service);
    let mut is_draining = false;
    loop {
        let served = std::future::poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            match handover.taken() {
                Some(take_over) => Poll::Ready(Some(take_over)),
                None => polled.map(|_| None),
            }
        });
        tokio::select! {
            taken = served => {
                // Only a request whose head was read whole takes over, and peers send no next one before its answer:
                // hyper holds no bytes of either direction.
                let take_over = taken?;
                return Some(take_over(connection.into_parts().io.into_inner()));
            }
            changed = ending.wait_for(|ending| if is_draining { *ending == Ending::Over } else { *ending != Ending::Serving }) => {
                if is_draining || changed.is_err() {
                    return None;
                }
                is_draining = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::{Notify, oneshot};

    struct Running {
        address: SocketAddr,
        shutdown: oneshot::Sender<()>,
        /// Resolves when the server has ended.
        ended: tokio::task::JoinHandle<()>,
        /// Lets `/slow` answer.
        release: Arc<Notify>,
        /// Says that `/slow` was asked.
        asked: Arc<Notify>,
    }

    async fn takes_over(Extension(handover): Extension<Arc<Handover>>) -> &'static str {
        handover.take_over(|mut socket| {
            Box::pin(async move {
                socket.write_all(b"taken over").await.expect("written");
                let mut rest = Vec::new();
                socket.read_to_end(&mut rest).await.expect("read");
            })
        });
        std::future::pending().await
    }

    async fn run(drain: Duration) -> Running {
        run_with(drain, CONNECTIONS_MAX as usize).await
    }

    async fn run_with(drain: Duration, network_connections_max: usize) -> Running {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let (release, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (waits, says) = (release.clone(), asked.clone());
        let slow = move || async move {
            says.notify_one();
            waits.notified().await;
            "slow"
        };
        let router = Router::new()
            .route("/", get(|| async { "quick" }))
            .route("/slow", get(slow))
            .route("/stream", get(takes_over));
        let (shutdown, shut_down) = oneshot::channel();
        let shut_down = async move { shut_down.await.expect("told") };
        let ended = tokio::spawn(accept((listener, network_connections_max), router, shut_down, (|| {}, drain)));
        Running { address, shutdown, ended, release, asked }
    }

    async fn ask(socket: &mut TcpStream, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("written");
    }

    async fn read_until(socket: &mut TcpStream, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut bytes = [0; 512];
            let count = socket.read(&mut bytes).await.expect("readable");
            assert_ne!(count, 0, "ended after {text:?}");
            text.push_str(std::str::from_utf8(&bytes[..count]).expect("UTF-8"));
        }
        text
    }

    #[tokio::test]
    async fn a_request_takes_over_a_kept_connection_and_nothing_precedes_it() {
        let running = run(Duration::from_secs(10)).await;
        let mut socket = TcpStream::connect(running.address).await.expect("connected");
        ask(&mut socket, "/").await;
        read_until(&mut socket, "quick").await;
        ask(&mut socket, "/stream").await;
        assert_eq!(read_until(&mut socket, "taken over").await, "taken over");
    }

    #[tokio::test]
    async fn shutdown_answers_what_was_asked_and_waits_for_streams() {
        let running = run(Duration::from_secs(10)).await;
        let mut slow = TcpStream::connect(running.address).await.expect("connected");
        let mut stream = TcpStream::connect(running.address).await.expect("connected");
        let mut idle = TcpStream::connect(running.address).await.expect("connected");
        ask(&mut stream, "/stream").await;
        read_until(&mut stream, "taken over").await;
        ask(&mut slow, "/slow").await;
        running.asked.notified().await;
        running.shutdown.send(()).expect("running");
        assert_eq!(idle.read(&mut [0]).await.expect("readable"), 0, "an idle connection ends at once");
        running.release.notify_one();
        read_until(&mut slow, "slow").await;
        assert!(!running.ended.is_finished(), "the stream is still open");
        drop(stream);
        running.ended.await.expect("ended");
        assert!(TcpStream::connect(running.address).await.is_err());
    }

    /// Connects and asks; `None` when the server closes at once.
    async fn answer(address: SocketAddr) -> Option<TcpStream> {
        let mut socket = TcpStream::connect(address).await.expect("connected");
        ask(&mut socket, "/").await;
        // Closed with what was asked unread, the connection is reset.
        let first = socket.read_u8().await.ok()?;
        assert_eq!(first, b'H');
        Some(socket)
    }

    #[tokio::test]
    async fn one_address_holds_no_more_connections_than_its_share_and_has_it_again_when_they_end() {
        let running = run_with(Duration::from_secs(10), 2).await;
        let one = answer(running.address).await.expect("the first is served");
        let _other = answer(running.address).await.expect("the second is served");
        assert!(answer(running.address).await.is_none(), "the third is one too many");
        drop(one);
        // There is room as soon as the server notices.
        let served = async { while answer(running.address).await.is_none() {} };
        tokio::time::timeout(Duration::from_secs(10), served).await.expect("served again");
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_is_dropped() {
        let running = run(Duration::from_millis(50)).await;
        let mut stream = TcpStream::connect(running.address).await.expect("connected");
        ask(&mut stream, "/stream").await;
        read_until(&mut stream, "taken over").await;
        running.shutdown.send(()).expect("running");
        running.ended.await.expect("ended");
        assert_eq!(stream.read(&mut [0]).await.expect("readable"), 0);
    }
}
