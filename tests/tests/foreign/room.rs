//! A conversation that is written into over HTTP, and programs that read its stream. Owns the tickets and the reading of
//! what a program prints.

use crate::SERVER;
use sotto_core::contract::Reply;
use sotto_core::{Command, sse};
use sotto_tests::{Caller, Device, PATIENCE, Server};
use sotto_wire::conversation::{LoadGroup, LoadGroupRequest};
use sotto_wire::event::{Durable, Event};
use sotto_wire::message::{SendMessage, SendMessageRequest};
use sotto_wire::ticket::{OpenTicket, TicketRequest};
use sotto_wire::{ClientId, ConversationId, Cursor, PROTOCOL};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

/// A conversation of an account whose device is not running.
pub(crate) struct Room {
    pub(crate) server: Server,
    pub(crate) ada: Caller,
    conversation: ConversationId,
    epoch: u64,
    /// Where the log stood at the beginning.
    cursor: Cursor,
}

impl Room {
    pub(crate) async fn open() -> Self {
        let server = Server::start(SERVER).await;
        let mut device = Device::signed_up("ada", &server.origin()).await;
        let Ok(Reply::Conversation(conversation)) = device.ask(Command::StartNotes).await else { panic!("no notes") };
        device.kill().await;
        let mut ada = Caller::to(&server.origin());
        ada.cookies = device.cookies.clone();
        ada.refresh().await.expect("the device is signed in");
        let request = LoadGroupRequest { conversation, epoch: None };
        let group = ada.call::<LoadGroup>(&request).await.expect("a member may read it");
        Self { server, ada, conversation, epoch: group.state.epoch, cursor: group.cursor }
    }

    /// Sends a message that no client here can read.
    pub(crate) async fn say(&self, number: u8) {
        let request = SendMessageRequest {
            client_id: ClientId([number; 16]),
            conversation: self.conversation,
            epoch: self.epoch,
            ciphertext: vec![number; 300].into(),
        };
        self.ada.call::<SendMessage>(&request).await.expect("it is taken");
    }

    /// The address of a stream of everything since the room was opened, reached at `origin`.
    pub(crate) async fn stream(&self, origin: &str) -> String {
        let cursor = Some(self.cursor.clone());
        let request = TicketRequest { cursor, protocol: PROTOCOL, features: Vec::new() };
        let opened = self.ada.call::<OpenTicket>(&request).await.expect("a ticket");
        format!("{origin}/api/events?ticket={}", opened.ticket.as_str())
    }
}

/// A durable event as a client saw it: the stream's id of it, where the transport has such, and the event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) id: Option<String>,
    pub(crate) event: Durable,
}

impl Heard {
    /// Of an envelope; `None` when it is no durable event.
    pub(crate) fn of(id: Option<String>, envelope: &[u8]) -> Option<Self> {
        match Event::from_frame(envelope).expect("a frame is an envelope") {
            Event::Durable(event) => Some(Self { id, event }),
            Event::Ephemeral(_) | Event::Unknown => None,
        }
    }

    /// Whether it is the message of this number.
    pub(crate) fn is(&self, number: u8) -> bool {
        match &self.event {
            Durable::MessageReceived(message) => message.client_id == ClientId([number; 16]),
            Durable::ConversationCommitted(_) | Durable::ConversationWelcome(_) => false,
        }
    }
}

/// A program that prints what it hears. Ends with its owner.
pub(crate) struct Program {
    _child: Child,
    output: BufReader<ChildStdout>,
    parser: sse::Parser,
}

impl Program {
    /// Starts it.
    ///
    /// # Panics
    /// When it is not installed: `cargo xtask test` sees to that.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it was just piped"));
        Self { _child: child, output, parser: sse::Parser::new() }
    }

    /// curl on a stream.
    pub(crate) fn curl(url: &str) -> Self {
        Self::start(
            "curl",
            &["--silent", "--no-buffer", "--fail-with-body", "--header", "Accept: text/event-stream", url],
        )
    }

    /// The same, with what browsers say of compression.
    pub(crate) fn curl_as_a_browser(url: &str) -> Self {
        Self::start(
            "curl",
            &[
                "--silent",
                "--no-buffer",
                "--compressed",
                "--fail-with-body",
                "--header",
                "Accept: text/event-stream",
                url,
            ],
        )
    }

    /// curl that asks for JSON.
    pub(crate) fn curl_json(url: &str) -> Self {
        Self::start("curl", &["--silent", "--header", "Accept: application/json", url])
    }

    /// All that it prints, as JSON.
    pub(crate) async fn answer(&mut self) -> serde_json::Value {
        let mut all = Vec::new();
        timeout(PATIENCE, self.output.read_to_end(&mut all)).await.expect("it ends").expect("a pipe");
        serde_json::from_slice(&all).expect("JSON")
    }

    /// Durable events out of lines of JSON, `{"id": …, "data": …}`, up to the message of this number.
    pub(crate) async fn lines_until(&mut self, number: u8) -> Vec<Heard> {
        let mut heard: Vec<Heard> = Vec::new();
        let reading = async {
            while !heard.last().is_some_and(|heard| heard.is(number)) {
                let mut line = String::new();
                assert!(self.output.read_line(&mut line).await.expect("a pipe") > 0, "it ended after {heard:?}");
                let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
                let text = |field: &str| line[field].as_str().map(str::to_owned);
                heard.extend(Heard::of(text("id"), text("data").expect("data").as_bytes()));
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("message {number} does not come"));
        heard
    }

    /// Durable events out of a raw stream of server-sent events, up to the message of this number.
    pub(crate) async fn frames_until(&mut self, number: u8) -> Vec<Heard> {
        let mut heard: Vec<Heard> = Vec::new();
        let reading = async {
            while !heard.last().is_some_and(|heard| heard.is(number)) {
                let mut chunk = Vec::with_capacity(64 * 1_024);
                assert!(self.output.read_buf(&mut chunk).await.expect("a pipe") > 0, "it ended after {heard:?}");
                for event in self.parser.push(&chunk).expect("short lines") {
                    heard.extend(Heard::of(Some(event.id).filter(|id| !id.is_empty()), &event.data));
                }
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("message {number} does not come"));
        heard
    }
}

/// A script of this folder.
pub(crate) fn script(name: &str) -> String {
    format!("{}/tests/foreign/{name}", env!("CARGO_MANIFEST_DIR"))
}
