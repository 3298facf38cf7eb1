//! From a message of a WebSocket to a command and back: the same commands that POST has, found by their names.
//!
//! The rule: every message is answered by one envelope with its `requestId`; one that has none, or is no envelope, by an
//! error without.

use crate::app::App;
use crate::delivery::ear::{self, Reply};
use crate::http::auth::{Caller, DeviceCaller};
use crate::http::endpoint::{Answer, request_id};
use crate::refusal::Refusal;
use crate::share::Share;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sotto_wire::{Access, Code, Endpoint, Envelope, Millis, Problem, RequestId, cbor, envelope};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

/// When to come back where there is no memory left for an answer.
const ANSWER_RETRY: Millis = Millis(1_000);

/// How envelopes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// As JSON.
    Json,
    /// As CBOR.
    Cbor,
}

impl Format {
    fn write<T: Serialize>(self, envelope: &Envelope<T>) -> Vec<u8> {
        match self {
            Self::Json => envelope.to_json(),
            Self::Cbor => cbor::to_vec(envelope),
        }
    }
}

/// A payload that is not yet parsed.
#[derive(Clone, Copy)]
enum Payload<'a> {
    Json(&'a RawValue),
    /// The whole envelope.
    Cbor(&'a [u8]),
}

impl Payload<'_> {
    fn read<T: DeserializeOwned>(self) -> Result<T, Refusal> {
        let read = match self {
            Self::Json(payload) => serde_json::from_str(payload.get()).ok(),
            Self::Cbor(envelope) => cbor::payload(envelope).ok(),
        };
        read.ok_or_else(|| Code::Malformed.into())
    }
}

type Answered = Pin<Box<dyn Future<Output = Result<Vec<u8>, Refusal>> + Send>>;
type Carry = Box<dyn Fn(Call<'_>) -> Result<Answered, Refusal> + Send + Sync>;

/// What a command is called with.
struct Call<'a> {
    app: Arc<App>,
    caller: DeviceCaller,
    request_id: RequestId,
    format: Format,
    payload: Payload<'a>,
    size_bytes: usize,
}

struct Entry {
    path: &'static str,
    /// None for a command that only POST has.
    carry: Option<Carry>,
}

/// Every command by its name.
#[derive(Default)]
pub(crate) struct Commands(HashMap<&'static str, Entry>);

impl Commands {
    /// Adds the command of endpoint `E`.
    pub(crate) fn add<E, C, F, A>(&mut self, _endpoint: E, command: fn(Arc<App>, C, E::Request) -> F)
    where
        E: Endpoint + 'static,
        E::Request: Send + 'static,
        C: Caller,
        F: Future<Output = Result<A, Refusal>> + Send + 'static,
        A: Into<Answer<E::Response>> + Send + 'static,
    {
        let carry: Carry = Box::new(move |call: Call<'_>| {
            if call.size_bytes > E::BODY_MAX_BYTES {
                return Err(Code::TooLarge.into());
            }
            let request = call.payload.read::<E::Request>()?;
            let Call { app, caller, request_id, format, .. } = call;
            Ok(Box::pin(async move {
                caller.check(&app).await?;
                let caller = C::of_stream(caller).ok_or(Code::WrongMethod)?;
                let Answer { payload, .. } = command(app.clone(), caller, request).await?.into();
                let answer = Envelope::new(E::RESPONSE, payload, app.clock.now());
                Ok(format.write(&answer.with_request_id(Some(request_id))))
            }))
        });
        let carry = matches!(E::ACCESS, Access::Device).then_some(carry);
        self.0.insert(E::REQUEST, Entry { path: E::PATH, carry });
    }
}

/// Answers with a failure when it is dropped without an answer: its command has panicked.
struct Owed {
    reply: Option<Reply>,
    app: Arc<App>,
    format: Format,
    request_id: Option<RequestId>,
}

impl Owed {
    fn pay(mut self, answer: &[u8], room: Option<Share>) {
        if let Some(reply) = self.reply.take() {
            reply.give(answer, room, self.app.clock.now());
        }
    }

    fn count_refusal(&self) {
        if let Some(reply) = &self.reply {
            reply.refused(self.app.clock.now());
        }
    }

    fn refuse(self, problem: &Problem) {
        let answer = refusal(self.format, problem, (self.request_id.clone(), self.app.clock.now()));
        self.pay(&answer, None);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            let now = self.app.clock.now();
            let answer = refusal(self.format, &Problem::new(Code::Internal), (self.request_id.take(), now));
            reply.give(&answer, None, now);
        }
    }
}

fn refusal(format: Format, problem: &Problem, (request_id, now): (Option<RequestId>, Millis)) -> Vec<u8> {
    format.write(&Envelope::new(envelope::ERROR, problem, now).with_request_id(request_id))
}

/// What carries out the commands of `caller`'s WebSocket.
pub(crate) fn carrier(app: Arc<App>, caller: DeviceCaller, format: Format) -> ear::Commands {
    Box::new(move |command, reply| {
        let began = app.clock.now();
        let (kind, request_id, begun) = begin(&app, (caller, format), &command.bytes);
        let owed = Owed { reply: Some(reply), app: app.clone(), format, request_id };
        // A task of its own: a command that was begun is finished even when its caller hangs up.
        tokio::spawn(async move {
            // The room of what was read is held until the answer is written.
            let mut room = command.room;
            let outcome = match begun {
                Ok(answered) => answered.await,
                Err(refusal) => Err(refusal),
            };
            // What nobody reads stays in memory: a client may not heap up answers.
            let outcome = outcome.and_then(|answer| match room.take(answer.len()) {
                true => Ok(answer),
                false => Err(Problem::new(Code::Unavailable).after(ANSWER_RETRY).into()),
            });
            match outcome {
                Ok(answer) => owed.pay(&answer, Some(room)),
                Err(refusal) => {
                    let latency_ms = owed.app.clock.now().since(began).0;
                    refusal.log(kind, owed.request_id.as_ref(), latency_ms);
                    owed.count_refusal();
                    owed.refuse(&refusal.into_problem());
                }
            }
        });
    })
}

/// Reads a command; gives its path for the log, the request's id, and what it comes to.
fn begin(
    app: &Arc<App>,
    (caller, format): (DeviceCaller, Format),
    bytes: &[u8],
) -> (&'static str, Option<RequestId>, Result<Answered, Refusal>) {
    let opened = match format {
        Format::Json => envelope::open(bytes).ok().map(|opened| {
            let payload = Payload::Json(opened.payload);
            (opened.kind, opened.request_id, payload)
        }),
        Format::Cbor => cbor::open(bytes).ok().map(|opened| (opened.kind, opened.request_id, Payload::Cbor(bytes))),
    };
    let Some((kind, Some(request_id), payload)) = opened else {
        let request_id = if format == Format::Json { request_id(bytes) } else { None };
        return ("unrouted", request_id, Err(Code::Malformed.into()));
    };
    let Some(Entry { path, carry }) = app.commands.0.get(kind.as_str()) else {
        return ("unrouted", Some(request_id), Err(Code::UnknownCommand.into()));
    };
    let Some(carry) = carry else {
        return (path, Some(request_id), Err(Code::WrongMethod.into()));
    };
    let call =
        Call { app: app.clone(), caller, request_id: request_id.clone(), format, payload, size_bytes: bytes.len() };
    (path, Some(request_id), carry(call))
}
