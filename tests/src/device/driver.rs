//! Does for a core what it asks, on tokio: requests by reqwest, streams as `stream.rs` does, the disk in memory, the
//! real clock. Owns everything it has started, and ends it when it ends. The rule: between two outputs it may be killed.

use super::stream::Stream;
use super::{Disk, Seen};
use crate::clock;
use crate::http::{self, Cookies, REQUEST_MAX};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, COOKIE};
use sotto_core::contract::{
    Command, CommandKey, Failure, Input, NoAnswer, Output, Reply, Request, Start, StreamKey, Way,
};
use sotto_core::{Client, contract};
use sotto_wire::ticket::Transport;
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

/// What a driver is told from outside.
pub(super) enum Wish {
    /// A command, and who waits for its answer.
    Command(Command, oneshot::Sender<Result<Reply, Failure>>),
    /// What happened.
    Input(Input),
}

/// A stream that was opened and not closed.
struct Open {
    task: AbortHandle,
    /// What the device says on it.
    say: mpsc::UnboundedSender<Vec<u8>>,
}

/// What acts for one life of a device.
pub(super) struct Driver {
    origin: String,
    http: reqwest::Client,
    disk: Disk,
    cookies: Cookies,
    /// Where what it has started reports to.
    wishes: mpsc::UnboundedSender<Wish>,
    tasks: JoinSet<()>,
    streams: BTreeMap<StreamKey, Open>,
    answers: BTreeMap<CommandKey, oneshot::Sender<Result<Reply, Failure>>>,
    commands: u64,
}

impl Driver {
    pub(super) fn new(origin: &str, disk: Disk, cookies: Cookies, wishes: mpsc::UnboundedSender<Wish>) -> Self {
        Self {
            origin: origin.to_owned(),
            http: http::client(),
            disk,
            cookies,
            wishes,
            tasks: JoinSet::new(),
            streams: BTreeMap::new(),
            answers: BTreeMap::new(),
            commands: 0,
        }
    }

    /// Runs a core until nobody wants anything of it any more, or `fuse` outputs are done.
    pub(super) async fn drive(
        mut self,
        mut wished: mpsc::UnboundedReceiver<Wish>,
        tell: watch::Sender<Seen>,
        mut fuse: Option<u32>,
    ) {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system has a random source");
        let mut client = Client::new(Start { seed });
        loop {
            let deadline = loop {
                match client.poll() {
                    Output::Idle(deadline) => break deadline,
                    output => {
                        if fuse == Some(0) {
                            return;
                        }
                        fuse = fuse.map(|left| left - 1);
                        self.perform(output, &tell);
                    }
                }
                // Here it can be killed.
                tokio::task::yield_now().await;
            };
            let input = tokio::select! {
                wish = wished.recv() => match wish {
                    Some(Wish::Command(command, answer)) => self.command(command, answer),
                    Some(Wish::Input(input)) => input,
                    None => return,
                },
                () = sleep_until(deadline) => Input::Timer,
                Some(_) = self.tasks.join_next() => continue,
            };
            client.handle(input, clock::now());
        }
    }

    fn command(&mut self, command: Command, answer: oneshot::Sender<Result<Reply, Failure>>) -> Input {
        self.commands += 1;
        let key = CommandKey(self.commands);
        self.answers.insert(key, answer);
        Input::Command { key, command }
    }

    fn perform(&mut self, output: Output, tell: &watch::Sender<Seen>) {
        match output {
            Output::Request(request) => self.request(request),
            Output::OpenStream { key, transport, path } => self.open_stream((key, transport), &path),
            Output::CloseStream(key) => {
                if let Some(open) = self.streams.remove(&key) {
                    open.task.abort();
                }
            }
            Output::Persist(batch) => {
                let key = batch.key;
                self.disk.write(batch);
                report(&self.wishes, Input::Persisted(key));
            }
            Output::Load { key, wanted } => {
                report(&self.wishes, Input::Loaded { key, records: self.disk.read(&wanted) });
            }
            Output::Answer { key, result } => {
                if let Some(answer) = self.answers.remove(&key) {
                    // Who asked may not wait for the answer.
                    let _not_awaited = answer.send(result);
                }
            }
            Output::Changed(change) => tell.send_modify(|seen| seen.note(change)),
            Output::Notify { conversation } => tell.send_modify(|seen| seen.notified.push(conversation)),
            Output::Idle(_) => unreachable!("the loop ends at it"),
        }
    }

    fn request(&mut self, request: Request) {
        let Request { key, way, path, access_token, cookies, body } = request;
        if let Way::Stream(stream) = way {
            // Said into a stream that has ended, it is lost; whether an answer comes is the core's to see.
            let _lost = self.streams.get(&stream).map(|open| open.say.send(body));
            return;
        }
        let mut sent = self.http.post(format!("{}{path}", self.origin)).timeout(REQUEST_MAX).body(body);
        sent = sent.header(CONTENT_TYPE, "application/json");
        if let Some(token) = access_token {
            sent = sent.bearer_auth(token);
        }
        let jar = (cookies == contract::Cookies::SameOrigin).then(|| self.cookies.clone());
        if let Some(cookies) = jar.as_ref().and_then(Cookies::header) {
            sent = sent.header(COOKIE, cookies);
        }
        let wishes = self.wishes.clone();
        self.tasks.spawn(async move {
            let body = answer(sent, jar).await.map_err(|_| NoAnswer);
            report(&wishes, Input::Response { key, body });
        });
    }

    fn open_stream(&mut self, (key, transport): (StreamKey, Transport), path: &str) {
        let host = self.origin.strip_prefix("http://").expect("the tests' servers speak no TLS");
        let (http, wishes) = (self.http.clone(), self.wishes.clone());
        let stream = Stream { key, transport, address: format!("{host}{path}"), http, wishes };
        let (say, said) = mpsc::unbounded_channel();
        let task = self.tasks.spawn(stream.carry(said));
        self.streams.insert(key, Open { task, say });
    }
}

/// Tells the driver's loop. It has ended when it cannot be told, and so will the caller.
pub(super) fn report(wishes: &mpsc::UnboundedSender<Wish>, input: Input) {
    let _ended = wishes.send(Wish::Input(input));
}

async fn answer(sent: reqwest::RequestBuilder, jar: Option<Cookies>) -> reqwest::Result<Bytes> {
    let response = sent.send().await?;
    if let Some(jar) = jar {
        jar.note(response.headers());
    }
    response.bytes().await
}

async fn sleep_until(deadline: Option<sotto_wire::Millis>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(clock::until(deadline)).await,
        None => std::future::pending().await,
    }
}
