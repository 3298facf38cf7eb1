//! A link between a client and the server on which a fault can be in force: a real TCP proxy on loopback, one request a
//! connection. Owns the connections and does to them what the fault says; when which is in force is its owner's choice.

use super::exchange::{Purpose, Request, answer, page};
use super::{Fault, Strike, Struck};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// What is in force: `None` in fair weather.
type Weather = watch::Receiver<Option<Strike>>;

/// A link. Ends with its owner.
pub struct FaultyLink {
    address: SocketAddr,
    weather: watch::Sender<Option<Strike>>,
    struck: Struck,
    task: JoinHandle<()>,
}

impl FaultyLink {
    /// A link to `server`, which need not be there yet; what strikes on it is counted in `struck`.
    pub async fn to(server: SocketAddr, struck: Struck) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let weather = watch::Sender::new(None);
        let task = tokio::spawn(accept(listener, server, weather.subscribe(), struck.clone()));
        Self { address, weather, struck, task }
    }

    /// Where clients reach the server through this link.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a fault in force, for what is open and what is opened, until [`FaultyLink::clear`]. Gives how often its kind
    /// has struck before.
    pub fn strike(&self, strike: Strike) -> u64 {
        let before = self.struck.of(strike.fault);
        self.weather.send_replace(Some(strike));
        before
    }

    /// Fair weather for what is opened from now on. What is half open or held back stays so.
    pub fn clear(&self) {
        self.weather.send_replace(None);
    }
}

impl Drop for FaultyLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, weather: Weather, struck: Struck) {
    let mut links = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        links.spawn(serve(client, server, weather.clone(), struck.clone()));
        while links.try_join_next().is_some() {}
    }
}

/// Carries one request, unless the weather is against it. `None` when one of the sides has gone.
async fn serve(mut client: TcpStream, server: SocketAddr, mut weather: Weather, struck: Struck) -> Option<()> {
    let now = *weather.borrow_and_update();
    if now.is_some_and(|strike| strike.fault == Fault::Drop) {
        struck.note(Fault::Drop);
        return None;
    }
    let request = Request::read(&mut client).await?;
    let strike = *weather.borrow_and_update();
    let fault = strike.map(|strike| strike.fault);
    let note = || fault.into_iter().for_each(|fault| struck.note(fault));
    let mut hold = None;
    match (fault, request.purpose) {
        (Some(Fault::TooManyRequests), _) => {
            note();
            return answer(client, &page("429 Too Many Requests", "Retry-After: 1\r\n", "slow down")).await;
        }
        (Some(Fault::BadGateway), _) => {
            note();
            return answer(client, &page("502 Bad Gateway", "", "bad gateway")).await;
        }
        (Some(Fault::Unavailable), _) => {
            note();
            return answer(client, &page("503 Service Unavailable", "", "no server")).await;
        }
        (Some(Fault::Portal), _) => {
            note();
            return answer(client, &page("200 OK", "", "Welcome to the hotel")).await;
        }
        (Some(Fault::Drop), _) => {
            note();
            return None;
        }
        (Some(Fault::HalfOpen), purpose) => {
            note();
            return swallow(client, purpose, weather).await;
        }
        (Some(Fault::Reset), purpose) => {
            let mut upstream = sent(&request, server).await?;
            if purpose == Purpose::Command {
                upstream.read_to_end(&mut Vec::new()).await.ok()?;
            }
            note();
            return client.set_zero_linger().ok();
        }
        (Some(Fault::Duplicate), Purpose::Command) => {
            asked(&request, server).await?;
            let second = asked(&request, server).await?;
            note();
            return answer(client, &second).await;
        }
        (Some(Fault::Cut), Purpose::Command) => {
            let whole = asked(&request, server).await?;
            note();
            return client.write_all(&whole[..whole.len() / 2]).await.ok();
        }
        (Some(Fault::Delay), _) => {
            note();
            sleep(strike?.delay).await;
        }
        (Some(Fault::Buffer), Purpose::Load) => {
            note();
            hold = Some(Vec::new());
        }
        // A cut stream is carried for a while; nobody sees that an answer which ends by itself was held back.
        (Some(Fault::Cut | Fault::Duplicate), Purpose::Load) | (Some(Fault::Buffer), Purpose::Command) => {}
        (Some(Fault::Kill) | None, _) => {}
    }
    let upstream = sent(&request, server).await?;
    let relay = Relay { client, upstream, struck, hold };
    match strike {
        Some(Strike { fault: Fault::Cut, cut_after_bytes, .. }) => relay.cut(cut_after_bytes).await,
        Some(_) | None => relay.carry(weather).await,
    }
}

/// The whole answer to a request.
async fn asked(request: &Request, server: SocketAddr) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    sent(request, server).await?.read_to_end(&mut whole).await.ok()?;
    Some(whole)
}

async fn sent(request: &Request, server: SocketAddr) -> Option<TcpStream> {
    let mut upstream = TcpStream::connect(server).await.ok()?;
    request.send(&mut upstream).await.ok()?;
    Some(upstream)
}

/// Reads what the client says and does nothing with it: a command until the link is repaired, a stream until the client
/// itself gives it up.
async fn swallow(mut client: TcpStream, purpose: Purpose, mut weather: Weather) -> Option<()> {
    let mut rest = vec![0; 4_096];
    let swallowing = async { while let Ok(1..) = client.read(&mut rest).await {} };
    match purpose {
        Purpose::Load => swallowing.await,
        Purpose::Command => tokio::select! {
            () = swallowing => {}
            _ = weather.wait_for(Option::is_none) => {}
        },
    }
    None
}

/// A response on its way, and, after an upgrade, what the client says.
struct Relay {
    client: TcpStream,
    upstream: TcpStream,
    struck: Struck,
    /// What is held back until the end, if it is.
    hold: Option<Vec<u8>>,
}

impl Relay {
    /// Carries bytes both ways until one side has ended, in whatever weather comes.
    async fn carry(mut self, mut weather: Weather) -> Option<()> {
        let (mut down, mut up) = (vec![0; 64 * 1_024], vec![0; 64 * 1_024]);
        loop {
            tokio::select! {
                read = self.upstream.read(&mut down) => {
                    let length = read.ok()?;
                    if length == 0 {
                        return answer(self.client, &self.hold.unwrap_or_default()).await;
                    }
                    self.delayed(&weather).await;
                    match &mut self.hold {
                        Some(hold) => hold.extend_from_slice(&down[..length]),
                        None => self.client.write_all(&down[..length]).await.ok()?,
                    }
                }
                read = self.client.read(&mut up) => {
                    let length = read.ok()?;
                    if length == 0 {
                        return None;
                    }
                    self.delayed(&weather).await;
                    self.upstream.write_all(&up[..length]).await.ok()?;
                }
                changed = weather.changed() => {
                    changed.ok()?;
                    let Some(strike) = *weather.borrow_and_update() else { continue };
                    match strike.fault {
                        Fault::Drop => {
                            self.struck.note(Fault::Drop);
                            return None;
                        }
                        Fault::Reset => {
                            self.struck.note(Fault::Reset);
                            return self.client.set_zero_linger().ok();
                        }
                        Fault::HalfOpen => {
                            self.struck.note(Fault::HalfOpen);
                            return self.dead().await;
                        }
                        Fault::Cut => return self.cut(strike.cut_after_bytes).await,
                        Fault::Buffer => {
                            self.struck.note(Fault::Buffer);
                            self.hold.get_or_insert_default();
                        }
                        Fault::Delay | Fault::Duplicate | Fault::Kill | Fault::TooManyRequests => {}
                        Fault::BadGateway | Fault::Unavailable | Fault::Portal => {}
                    }
                }
            }
        }
    }

    /// Holds a piece while [`Fault::Delay`] is in force.
    async fn delayed(&self, weather: &Weather) {
        let strike = weather.borrow().filter(|strike| strike.fault == Fault::Delay);
        if let Some(strike) = strike {
            self.struck.note(Fault::Delay);
            sleep(strike.delay).await;
        }
    }

    /// Swallows what both sides say until the client gives up. The server sees an open connection all that time.
    async fn dead(mut self) -> Option<()> {
        let (mut down, mut up) = (vec![0; 4_096], vec![0; 4_096]);
        loop {
            tokio::select! {
                read = self.client.read(&mut up) => {
                    if read.ok()? == 0 {
                        return None;
                    }
                }
                read = self.upstream.read(&mut down) => {
                    if read.ok()? == 0 {
                        // The server's end does not reach the client either.
                        while self.client.read(&mut up).await.ok()? > 0 {}
                        return None;
                    }
                }
            }
        }
    }

    /// Carries so many bytes of the response, and cuts in the middle of what comes then.
    async fn cut(mut self, after_bytes: usize) -> Option<()> {
        let mut buffer = vec![0; 64 * 1_024];
        let mut carried = 0;
        loop {
            let length = self.upstream.read(&mut buffer).await.ok()?;
            if length == 0 {
                // It has ended by itself: nothing was cut.
                return Some(());
            }
            if carried + length > after_bytes {
                self.client.write_all(&buffer[..length / 2]).await.ok()?;
                self.struck.note(Fault::Cut);
                return Some(());
            }
            self.client.write_all(&buffer[..length]).await.ok()?;
            carried += length;
        }
    }
}

#[cfg(test)]
mod tests;
