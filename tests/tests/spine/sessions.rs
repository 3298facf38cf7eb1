//! Sessions at the border: single-use tickets (T4), rotating refresh tokens (A3), and credentials that stand nowhere.

use crate::SERVER;
use crate::pair::{Pair, caller};
use sotto_core::view::{MessageState, Session, SignedOutCause};
use sotto_tests::canary::{self, Canary};
use sotto_tests::{Caller, Server};
use sotto_wire::event::SessionEndCause;
use sotto_wire::ticket::{OpenTicket, TicketRequest};
use sotto_wire::{Code, PROTOCOL};

const TICKET: TicketRequest = TicketRequest { cursor: None, protocol: PROTOCOL, features: Vec::new() };

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
    let ended = pair
        .ada
        .wait_for("the end of the session", |seen| match seen.session {
            Session::SignedOut(cause) => Some(cause),
            Session::Starting | Session::Authenticating | Session::SignedIn(_) => None,
        })
        .await;
    assert_eq!(ended, Some(SignedOutCause::SessionEnded(SessionEndCause::TokenReused)));
    pair.ben.me().await;
}
