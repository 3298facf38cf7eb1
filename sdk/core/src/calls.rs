//! Requests under way, the access token that they need (A3) and the way they go (T2). Owns who waits for a token and which
//! answer belongs to which question; knows not what an answer means.
//!
//! The rule: one refresh at a time, and a request is sent again with a fresh token once, not more. What a WebSocket has
//! not answered goes again by POST.

use crate::contract::{CommandKey, Cookies, Request, RequestKey, StreamKey, Way};
use crate::sorted::SortedMap;
use sotto_wire::session::{Refresh, RefreshRequest, Tokens};
use sotto_wire::{Access, ClientId, ConversationId, Endpoint, Millis, Problem, RequestId, envelope, limit};

/// So long before its end a token is no longer used.
const RENEW_BEFORE_MS: Millis = Millis(30_000);
/// So long a WebSocket may take for an answer; then the request goes by POST.
const ANSWER_MS: Millis = Millis(10_000);

/// What a request is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Purpose {
    Refresh,
    RegisterStart,
    RegisterFinish,
    LoginStart,
    LoginFinish,
    RegisterDevice,
    EndSession,
    /// Of the stream, under its number.
    Ticket(u64),
    PublishKeys,
    LoadConversations,
    FindUser(sotto_wire::account::Name),
    ClaimKeys(Box<sotto_wire::account::UserFound>),
    /// Somebody who is to be added to a group.
    Gather(ConversationId, sotto_wire::account::Name),
    GatherKeys(ConversationId),
    Leave(ConversationId),
    /// Who is in a group.
    Names(ConversationId),
    Create(ConversationId),
    /// The tree that a Welcome at the head of the inbox needs, of this epoch.
    Welcome(ConversationId, u64),
    /// The state that an external commit starts from.
    Rejoin(ConversationId),
    Commit(ConversationId, ClientId),
    /// An item of the outbox, by its number.
    Send(ConversationId, u64),
    Typing,
    /// Who is there, under this number.
    Presence(u64),
    /// Whether a stream lives, and how long its way is.
    Ping,
    /// How far this device has come.
    Acknowledge,
}

impl Purpose {
    /// Whether it is short and asked for often, so that a WebSocket may carry it.
    fn is_light(&self) -> bool {
        matches!(
            self,
            Purpose::Send(..)
                | Purpose::Commit(..)
                | Purpose::Typing
                | Purpose::Presence(_)
                | Purpose::Ping
                | Purpose::Acknowledge
        )
    }

    /// Whether it is of no use any more when its time has passed.
    fn is_fleeting(&self) -> bool {
        matches!(self, Purpose::Typing | Purpose::Ping | Purpose::Acknowledge)
    }

    /// Whether its answer takes no longer than the way.
    fn tells_round_trip(&self) -> bool {
        matches!(self, Purpose::Ticket(_) | Purpose::Ping)
    }
}

/// A request, before it has a token.
#[derive(Debug)]
pub(crate) struct Call {
    purpose: Purpose,
    path: &'static str,
    id: RequestId,
    access: Access,
    body: Vec<u8>,
    token: TokenTries,
    ways: Ways,
}

/// How a call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ways {
    Any,
    Post,
}

/// A call that waits for its answer.
#[derive(Debug)]
struct UnderWay {
    call: Call,
    way: Way,
    sent_at: Millis,
}

impl Call {
    /// What it is for.
    pub(crate) fn purpose(&self) -> &Purpose {
        &self.purpose
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenTries {
    First,
    Renewed,
}

/// Requests under way.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    next_key: u64,
    token: Token,
    under_way: SortedMap<RequestKey, UnderWay>,
    waiting: Vec<Call>,
    /// The WebSocket that is open.
    socket: Option<StreamKey>,
    round_trip: Option<Millis>,
}

#[derive(Default)]
enum Token {
    /// None, and nobody asks for one.
    #[default]
    None,
    /// A fresh one is asked for.
    Refreshing,
    /// Until then.
    Held { text: String, until: Millis },
}

impl std::fmt::Debug for Token {
    /// State only: the token is a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Token::None => "None",
            Token::Refreshing => "Refreshing",
            Token::Held { .. } => "Held",
        })
    }
}

/// What to do with an answer.
pub(crate) enum Verdict {
    /// It is for this.
    For(Purpose),
    /// The request waits for a fresh token or was sent again: nothing to do but this.
    Again(Vec<Request>),
    /// It is of a request that nobody waits for any more.
    Stale,
}

impl Calls {
    /// A request of endpoint `E`, to be given to [`Calls::send`].
    pub(crate) fn prepare<E: Endpoint>(&mut self, purpose: Purpose, request: &E::Request, now: Millis) -> Call {
        let id = RequestId::new(format!("r{}", self.next_key)).expect("a letter and a number");
        self.next_key += 1;
        let body = envelope::request::<E>(request, id.clone(), now);
        let (token, ways) = (TokenTries::First, Ways::Any);
        Call { purpose, path: E::PATH, id, access: E::ACCESS, body, token, ways }
    }

    /// Sends a request, or lets it wait for a token.
    pub(crate) fn send(&mut self, call: Call, now: Millis) -> Vec<Request> {
        if let Some(socket) = self.socket.filter(|socket| self.fits(&call, *socket)) {
            // The caller is the session of the ticket.
            return vec![self.request(call, None, (Way::Stream(socket), now))];
        }
        match (call.access, &self.token) {
            (Access::Public | Access::Cookie, _) => vec![self.request(call, None, (Way::Post, now))],
            (_, Token::Held { text, until }) if now < *until => {
                let token = Some(text.clone());
                vec![self.request(call, token, (Way::Post, now))]
            }
            (_, Token::Refreshing) => {
                self.waiting.push(call);
                Vec::new()
            }
            (_, Token::Held { .. } | Token::None) => {
                self.waiting.push(call);
                self.token = Token::Refreshing;
                let refresh = self.prepare::<Refresh>(Purpose::Refresh, &RefreshRequest {}, now);
                vec![self.request(refresh, None, (Way::Post, now))]
            }
        }
    }

    /// Whether a WebSocket carries it: signed-in commands, none of which is long, a few at a time.
    fn fits(&self, call: &Call, socket: StreamKey) -> bool {
        let is_small = call.access == Access::Device && call.body.len() <= limit::BODY_MAX_BYTES;
        let under_way = self.under_way.values().filter(|call| call.way == Way::Stream(socket)).count();
        // Whether the socket lives is asked of the socket, however much it has not answered.
        let has_room = under_way < limit::COMMANDS_IN_FLIGHT_MAX || matches!(call.purpose, Purpose::Ping);
        is_small && call.ways == Ways::Any && call.purpose.is_light() && has_room
    }

    /// The WebSocket that is open now. What another one has not answered goes again; fleeting things do not.
    pub(crate) fn use_socket(&mut self, socket: Option<StreamKey>, now: Millis) -> Vec<Request> {
        if socket == self.socket {
            return Vec::new();
        }
        self.socket = socket;
        self.post_again(|call| matches!(call.way, Way::Stream(by) if Some(by) != socket), now)
    }

    /// What a WebSocket has not answered in time goes again.
    pub(crate) fn overdue(&mut self, now: Millis) -> Vec<Request> {
        self.post_again(|call| call.way != Way::Post && call.sent_at.after(ANSWER_MS) <= now, now)
    }

    /// When [`Calls::overdue`] is due.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        let streamed = self.under_way.values().filter(|call| call.way != Way::Post);
        streamed.map(|call| call.sent_at.after(ANSWER_MS)).min()
    }

    fn post_again(&mut self, is_it: impl Fn(&UnderWay) -> bool, now: Millis) -> Vec<Request> {
        let calls: Vec<UnderWay> = self.under_way.extract_if(|_, call| is_it(call)).map(|(_, call)| call).collect();
        let calls = calls.into_iter().map(|under_way| Call { ways: Ways::Post, ..under_way.call });
        let calls: Vec<Call> = calls.filter(|call| !call.purpose.is_fleeting()).collect();
        calls.into_iter().flat_map(|call| self.send(call, now)).collect()
    }

    /// The request that a WebSocket answers with this id.
    pub(crate) fn streamed(&self, key: StreamKey, id: &RequestId) -> Option<RequestKey> {
        let mut calls = self.under_way.iter();
        calls.find(|(_, it)| it.way == Way::Stream(key) && it.call.id == *id).map(|(key, _)| *key)
    }

    /// Path of a request.
    pub(crate) fn path(&self, key: RequestKey) -> Option<&'static str> {
        self.under_way.get(&key).map(|it| it.call.path)
    }

    /// From a question to its answer, as last measured.
    pub(crate) fn round_trip(&self) -> Option<Millis> {
        self.round_trip
    }

    /// A fresh token: those who waited are sent.
    pub(crate) fn renewed(&mut self, tokens: Tokens, now: Millis) -> Vec<Request> {
        let until = Millis(now.after(tokens.expires_in_ms).0.saturating_sub(RENEW_BEFORE_MS.0));
        // A life shorter than the margin is used for what it is: else every request would ask for a fresh one.
        let until = until.max(now.after(Millis(tokens.expires_in_ms.0 / 2)));
        self.token = Token::Held { text: tokens.access_token, until };
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().flat_map(|call| self.send(call, now)).collect()
    }

    /// No fresh token came: what waited for one, to be told that no answer came.
    pub(crate) fn not_renewed(&mut self) -> Vec<Purpose> {
        self.token = Token::None;
        std::mem::take(&mut self.waiting).into_iter().map(|call| call.purpose).collect()
    }

    /// An answer came, or none.
    pub(crate) fn answered(&mut self, key: RequestKey, answer: Answer, now: Millis) -> Verdict {
        let Some(UnderWay { call, sent_at, .. }) = self.under_way.remove(&key) else { return Verdict::Stale };
        if call.purpose.tells_round_trip() && answer == Answer::Came {
            self.round_trip = Some(now.since(sent_at));
        }
        if answer != Answer::RefusesToken || call.token == TokenTries::Renewed || call.access == Access::Cookie {
            return Verdict::For(call.purpose);
        }
        if matches!(self.token, Token::Held { .. }) {
            self.token = Token::None;
        }
        Verdict::Again(self.send(Call { token: TokenTries::Renewed, ways: Ways::Post, ..call }, now))
    }

    /// Forgets every request and the token.
    pub(crate) fn forget(&mut self) {
        (self.token, self.under_way, self.waiting) = (Token::None, SortedMap::default(), Vec::new());
    }

    fn request(&mut self, call: Call, access_token: Option<String>, (way, sent_at): (Way, Millis)) -> Request {
        let key = RequestKey(self.next_key);
        self.next_key += 1;
        let cookies = match call.access {
            Access::Cookie => Cookies::SameOrigin,
            // The answers of these set the cookie.
            Access::Public | Access::Account => Cookies::SameOrigin,
            Access::Device => Cookies::Omit,
        };
        let request = Request { key, way, path: call.path, access_token, cookies, body: call.body.clone() };
        self.under_way.insert(key, UnderWay { call, way, sent_at });
        request
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was answered.
    Came,
    /// Its access token was refused.
    RefusesToken,
    /// No answer came.
    None,
}

/// The problem in an answer, if it is one.
pub(crate) fn problem(bytes: &[u8]) -> Option<Problem> {
    let answer = envelope::open(bytes).ok().filter(|answer| answer.kind == envelope::ERROR)?;
    envelope::payload(&answer).ok()
}

/// The commands that wait for the answer to a request.
pub(crate) type Waiting = Vec<CommandKey>;
