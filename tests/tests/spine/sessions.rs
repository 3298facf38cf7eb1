//! Sessions at the border: single-use tickets (T4), rotating refresh tokens (A3), what a device does when they end (A6), and
//! credentials that stand nowhere.

use crate::SERVER;
use crate::pair::{Pair, caller};
use sotto_core::view::{Connection, MessageKey, MessageState, Session, SignedOutCause};
use sotto_tests::canary::{self, Canary};
use sotto_tests::{Caller, Device, Proxy, Seen, Server};
use sotto_wire::event::SessionEndCause;
use sotto_wire::session::{EndSession, EndSessionRequest};
use sotto_wire::ticket::{OpenTicket, TicketRequest};
use sotto_wire::{Code, ConversationId, PROTOCOL};

const TICKET: TicketRequest = TicketRequest { cursor: None, protocol: PROTOCOL, features: Vec::new() };

/// A life of access tokens so short that a device renews its own every second in which it sends something.
const SHORT_LIFE: (&str, &str) = ("ACCESS_LIFE_MS", "2000");
/// Ten minutes of a life of ten minutes would be one: so many lives of the short ones.
const LIVES: usize = 10;
/// After so many renewals every token of before has ended.
const RENEWALS_A_LIFE: usize = 3;

/// What a device has asked for and got, as far as it has to do with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    refreshes: usize,
    streams: usize,
    commands: usize,
    /// Answers of 401.
    refused: usize,
}

impl Asked {
    /// Over this link so far.
    fn over(link: &Proxy) -> Self {
        Self {
            refreshes: link.count(b"POST /api/sessions/refresh "),
            streams: link.count(b"GET /api/events?"),
            commands: link.count(b"POST /api/"),
            refused: link.count(b"HTTP/1.1 401 "),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            refreshes: self.refreshes - before.refreshes,
            streams: self.streams - before.streams,
            commands: self.commands - before.commands,
            refused: self.refused - before.refused,
        }
    }
}

/// Sends messages until the device has renewed its access token so many times; gives how many.
async fn renewals(device: &Device, conversation: ConversationId, count: usize) -> usize {
    let (mut renewed, mut sent) = (0, 0);
    let mut token = device.cookies.refresh_token();
    while renewed < count {
        let message = device.send(conversation, "hello").await;
        device.wait_for("its acknowledgement", |seen| is_taken(seen, message).then_some(())).await;
        sent += 1;
        let now = device.cookies.refresh_token();
        renewed += usize::from(now != token);
        token = now;
    }
    sent
}

fn is_taken(seen: &Seen, message: MessageKey) -> bool {
    seen.items().iter().any(|item| item.key == message && item.state != MessageState::Sending)
}

#[tokio::test]
async fn access_tokens_that_end_are_renewed_once_each_and_the_stream_goes_on() {
    let pair = Pair::start_on(Server::start_with(SERVER, &[SHORT_LIFE]).await).await;
    let before = Asked::over(&pair.link);
    let sent = renewals(&pair.ben, pair.conversation, LIVES).await;
    let Asked { refreshes, streams, commands, refused } = Asked::over(&pair.link).since(before);
    assert_eq!((refreshes, streams, refused), (LIVES, 0, 0), "{sent} messages");
    assert!(commands >= sent + refreshes, "requests were counted: {commands}");
}

#[tokio::test]
async fn request_that_comes_after_the_end_of_its_token_is_refused_once_and_goes_again_with_a_fresh_one() {
    let pair = Pair::start_on(Server::start_with(SERVER, &[SHORT_LIFE]).await).await;
    // A token with half of its life before it.
    renewals(&pair.ben, pair.conversation, 1).await;
    let before = Asked::over(&pair.link);
    let token = newest_token(&pair.link);
    let with_token = pair.link.count(&token);
    pair.link.hold();
    let message = pair.ben.send(pair.conversation, "on its way for long").await;
    renewals(&pair.ada, pair.conversation, RENEWALS_A_LIFE).await;
    pair.link.pass();
    pair.ben.wait_for_state(message, MessageState::Delivered).await;
    let Asked { refreshes, streams, refused, .. } = Asked::over(&pair.link).since(before);
    // The message, and maybe a cursor that was told at the same time.
    let held = pair.link.count(&token) - with_token;
    assert!(held > 0, "the message came too late");
    assert_eq!((refreshes, streams, refused), (1, 0, held));
}

/// The access token of the newest request of this link.
fn newest_token(link: &Proxy) -> Vec<u8> {
    const BEARER: &[u8] = b"authorization: Bearer ";
    let carried = link.carried();
    let at = memchr::memmem::rfind(&carried, BEARER).expect("a request with a token") + BEARER.len();
    carried[at..].iter().copied().take_while(|byte| *byte != b'\r').collect()
}

#[tokio::test]
async fn device_whose_session_was_ended_elsewhere_closes_its_stream_and_asks_for_nothing_more() {
    let pair = Pair::start_on(Server::start_with(SERVER, &[SHORT_LIFE]).await).await;
    let mut elsewhere = Caller::to(&pair.server.origin());
    elsewhere.cookies = pair.ben.cookies.copied();
    elsewhere.call::<EndSession>(&EndSessionRequest {}).await.expect("the cookie is good");
    let ended = pair.ben.wait_for("the end of the session", signed_out).await;
    assert_eq!(ended, Some(SignedOutCause::SessionEnded(SessionEndCause::SignedOut)));
    pair.ben.wait_for("no connection", |seen| (seen.connection == Connection::None).then_some(())).await;
    let before = Asked::over(&pair.link);
    renewals(&pair.ada, pair.conversation, RENEWALS_A_LIFE).await;
    assert_eq!(Asked::over(&pair.link), before);
}

fn signed_out(seen: &Seen) -> Option<Option<SignedOutCause>> {
    match seen.session {
        Session::SignedOut(cause) => Some(cause),
        Session::Starting | Session::Authenticating | Session::SignedIn(_) => None,
    }
}

#[tokio::test]
async fn ticket_opens_one_stream_and_is_refused_the_second_time() {
    let mut pair = Pair::start().await;
    let ada = pair.as_ada().await;
    let opened = ada.call::<OpenTicket>(&TICKET).await.expect("a ticket");
    let path = format!("/api/events?ticket={}", opened.ticket.as_str());
    let guest = Caller::to(&pair.server.origin());
    let first = guest.load(&path).await;
    assert_eq!(first.status, 200, "the ticket is all that a stream needs");
    let header = |name: &str| first.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("text/event-stream"));
    assert_eq!(header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(header("x-accel-buffering"), Some("no"));
    let second = guest.load(&path).await;
    assert_eq!((second.status, second.code()), (401, Some(Code::BadTicket)));
    for forged in ["", "?ticket=", "?ticket=AAAAAAAAAAAAAAAAAAAAAA", "?ticket=%00", "?other=1"] {
        let answer = guest.load(&format!("/api/events{forged}")).await;
        assert_eq!((answer.status, answer.code()), (401, Some(Code::BadTicket)), "{forged}");
    }
}

#[tokio::test]
async fn no_credential_but_the_spent_ticket_stands_in_a_url_or_a_log() {
    let mut pair = Pair::start().await;
    pair.ada.send(pair.conversation, "hello").await;
    pair.ben.wait_for_texts(&["hello".to_owned()]).await;
    pair.ben.kill().await;
    let ben = caller(&pair.server, &pair.ben).await;
    let credentials = [
        Canary::of("access token", ben.token.as_deref().expect("just got")),
        Canary::of("refresh token", &ben.cookies.refresh_token().expect("signed in")),
    ];
    let refused = Caller::to(&pair.server.origin()).with_token(credentials[0].as_str());
    // A refused request, too, is logged without what it carried.
    let answer = refused.post("/api/messages/send", b"{".to_vec()).await;
    assert_eq!(answer.code(), Some(Code::Malformed));
    assert_eq!(canary::scan(&credentials, pair.server.log().as_bytes()), []);

    let carried = pair.link.carried();
    let traffic = String::from_utf8_lossy(&carried);
    // A request's line may follow the body of an answer on the same line.
    let line = |before: &'_ str| before.rfind("GET /").max(before.rfind("POST /")).map(|at| before[at..].to_owned());
    let urls: Vec<String> = traffic.split(" HTTP/1.1\r\n").filter_map(line).collect();
    assert!(urls.len() > 4, "requests were looked at: {urls:?}");
    let (streams, commands): (Vec<String>, Vec<String>) = urls.into_iter().partition(|line| line.starts_with("GET "));
    assert!(commands.iter().all(|line| !line.contains('?')), "commands have no query: {commands:?}");
    assert!(!streams.is_empty() && streams.iter().all(|line| line.contains("/api/events?ticket=")), "{streams:?}");
    let tickets: Vec<Canary> = streams
        .iter()
        .filter_map(|line| line.split(['=', '&', ' ']).nth(2))
        .map(|ticket| Canary::of("ticket", ticket))
        .collect();
    assert_eq!(canary::scan(&tickets, pair.server.log().as_bytes()), []);
    for ticket in tickets {
        let answer = ben.load(&format!("/api/events?ticket={}", ticket.as_str())).await;
        assert_eq!(answer.status, 401, "what stood in a URL is spent");
    }
}

#[tokio::test]
async fn two_refreshes_at_once_sign_nobody_out() {
    let mut pair = Pair::start().await;
    let mut browser = pair.as_ada().await;
    for round in 0..6 {
        let (mut one, mut two) = (browser.copied(), browser.copied());
        let refreshed = tokio::join!(one.refresh(), two.refresh());
        assert_eq!(refreshed, (Ok(()), Ok(())), "round {round}");
        for tab in [&one, &two] {
            tab.call::<OpenTicket>(&TICKET).await.expect("both have a token that works");
        }
        // Tabs share their cookies: the browser keeps what came last, whichever that is.
        browser = if round % 2 == 0 { one } else { two };
    }
}

#[tokio::test]
async fn reuse_of_a_spent_refresh_token_signs_the_whole_family_out() {
    let mut pair = Pair::start().await;
    let mut ada = pair.as_ada().await;
    let mut thief = Caller::to(&pair.server.origin());
    thief.cookies = ada.cookies.copied();
    for _ in 0..2 {
        ada.refresh().await.expect("the owner goes on");
    }
    ada.call::<OpenTicket>(&TICKET).await.expect("the token works");
    assert_eq!(thief.refresh().await.map_err(|problem| problem.code), Err(Code::SessionEnded));
    assert_eq!(ada.refresh().await.map_err(|problem| problem.code), Err(Code::SessionEnded));
    let refused = ada.call::<OpenTicket>(&TICKET).await.map_err(|problem| problem.code);
    assert_eq!(refused.err(), Some(Code::Unauthorized), "access tokens of the family are of no use either");
}

#[tokio::test]
async fn device_whose_refresh_token_was_stolen_learns_why_it_is_signed_out() {
    // A life so short that the device renews its token every half second in which it sends something.
    let pair = Pair::start_on(Server::start_with(SERVER, &[("ACCESS_LIFE_MS", "1000")]).await).await;
    let mut thief = Caller::to(&pair.server.origin());
    thief.cookies = pair.ada.cookies.copied();
    let mut tokens = vec![thief.cookies.refresh_token()];
    while tokens.len() < 3 {
        let message = pair.ada.send(pair.conversation, "hello").await;
        pair.ada.wait_for_state(message, MessageState::Delivered).await;
        let token = pair.ada.cookies.refresh_token();
        if tokens.last() != Some(&token) {
            tokens.push(token);
        }
    }
    assert_eq!(thief.refresh().await.map_err(|problem| problem.code), Err(Code::SessionEnded));
    let ended = pair.ada.wait_for("the end of the session", signed_out).await;
    assert_eq!(ended, Some(SignedOutCause::SessionEnded(SessionEndCause::TokenReused)));
    pair.ben.me().await;
}
