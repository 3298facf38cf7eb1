//! Requests under way and the access token that they need (A3). Owns who waits for a token and which answer belongs to
//! which question; knows not what an answer means.
//!
//! The rule: one refresh at a time, and a request is sent again with a fresh token once, not more.

use crate::contract::{CommandKey, Cookies, Request, RequestKey};
use sotto_wire::session::{Refresh, RefreshRequest, Tokens};
use sotto_wire::{Access, ClientId, ConversationId, Endpoint, Millis, Problem, RequestId, envelope};
use std::collections::BTreeMap;

/// So long before its end a token is no longer used.
const RENEW_BEFORE_MS: Millis = Millis(30_000);

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
    Create(ConversationId),
    /// The tree that a Welcome at the head of the inbox needs, of this epoch.
    Welcome(ConversationId, u64),
    /// The state that an external commit starts from.
    Rejoin(ConversationId),
    Commit(ConversationId, ClientId),
    /// An item of the outbox, by its number.
    Send(ConversationId, u64),
    Typing,
}

/// A request, before it has a token.
#[derive(Debug)]
pub(crate) struct Call {
    purpose: Purpose,
    path: &'static str,
    access: Access,
    body: Vec<u8>,
    token: TokenTries,
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
    under_way: BTreeMap<RequestKey, Call>,
    waiting: Vec<Call>,
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
        let body = envelope::request::<E>(request, id, now);
        Call { purpose, path: E::PATH, access: E::ACCESS, body, token: TokenTries::First }
    }

    /// Sends a request, or lets it wait for a token.
    pub(crate) fn send(&mut self, call: Call, now: Millis) -> Vec<Request> {
        match (call.access, &self.token) {
            (Access::Public | Access::Cookie, _) => vec![self.request(call, None)],
            (_, Token::Held { text, until }) if now < *until => {
                let token = Some(text.clone());
                vec![self.request(call, token)]
            }
            (_, Token::Refreshing) => {
                self.waiting.push(call);
                Vec::new()
            }
            (_, Token::Held { .. } | Token::None) => {
                self.waiting.push(call);
                self.token = Token::Refreshing;
                let refresh = self.prepare::<Refresh>(Purpose::Refresh, &RefreshRequest {}, now);
                vec![self.request(refresh, None)]
            }
        }
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

    /// An answer came, or none. `refused` says whether it is a refusal of the token.
    pub(crate) fn answered(&mut self, key: RequestKey, refused: Refused, now: Millis) -> Verdict {
        let Some(call) = self.under_way.remove(&key) else { return Verdict::Stale };
        if refused == Refused::No || call.token == TokenTries::Renewed || call.access == Access::Cookie {
            return Verdict::For(call.purpose);
        }
        if matches!(self.token, Token::Held { .. }) {
            self.token = Token::None;
        }
        Verdict::Again(self.send(Call { token: TokenTries::Renewed, ..call }, now))
    }

    /// Forgets every request and the token.
    pub(crate) fn forget(&mut self) {
        (self.token, self.under_way, self.waiting) = (Token::None, BTreeMap::new(), Vec::new());
    }

    fn request(&mut self, call: Call, access_token: Option<String>) -> Request {
        let key = RequestKey(self.next_key);
        self.next_key += 1;
        let cookies = match call.access {
            Access::Cookie => Cookies::SameOrigin,
            // The answers of these set the cookie.
            Access::Public | Access::Account => Cookies::SameOrigin,
            Access::Device => Cookies::Omit,
        };
        let request = Request { key, path: call.path, access_token, cookies, body: call.body.clone() };
        self.under_way.insert(key, call);
        request
    }
}

/// Whether an answer refuses the access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// The problem in an answer, if it is one.
pub(crate) fn problem(bytes: &[u8]) -> Option<Problem> {
    let answer = envelope::open(bytes).ok().filter(|answer| answer.kind == envelope::ERROR)?;
    envelope::payload(&answer).ok()
}

/// The commands that wait for the answer to a request.
pub(crate) type Waiting = Vec<CommandKey>;
