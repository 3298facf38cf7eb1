//! Access tokens and the family of refresh tokens.

use crate::client::{PASSWORD, Person, Server, bearer, code_of, cookie_header, sign_in};
use reqwest::header::{HeaderMap, ORIGIN, SET_COOKIE};
use sotto_server::Clock;
use sotto_wire::account::{FindUser, FindUserRequest, Name};
use sotto_wire::session::{EndSession, EndSessionRequest, Refresh, RefreshRequest};
use sotto_wire::{Code, Millis, Problem};

async fn act(server: &Server, access_token: &str) -> Result<(), Problem> {
    let request = FindUserRequest { name: Name::new("ada").expect("a valid name") };
    server.call_with::<FindUser>(bearer(access_token), &request).await.map(|_| ())
}

#[tokio::test]
async fn refresh_rotates_the_cookie_and_gives_a_token_that_works() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let (first, second_cookie) = server.refresh(&ada.cookie).await.expect("refreshed");
    assert_eq!((first.user, first.device), (ada.user, Some(ada.device.device)));
    assert_eq!(first.tokens.expires_in_ms, Millis(600_000));
    assert_ne!(second_cookie, ada.cookie);
    act(&server, &first.tokens.access_token).await.expect("the new token works");
    let (_, third_cookie) = server.refresh(&second_cookie).await.expect("refreshed again");
    assert_ne!(third_cookie, second_cookie);
    server.stop().await;
}

#[tokio::test]
async fn cookie_is_bound_to_the_host_and_out_of_reach_of_scripts_and_other_sites() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let (reply, _) = server.answer::<Refresh>(cookie_header(&ada.cookie), &RefreshRequest {}).await;
    let cookie = reply.headers[SET_COOKIE].to_str().expect("text");
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    assert!(pair.starts_with("__Host-sotto_refresh="), "{cookie}");
    assert_eq!(attributes, "Path=/; Max-Age=5184000; Secure; HttpOnly; SameSite=Strict");
    server.stop().await;
}

#[tokio::test]
async fn token_before_the_current_one_gives_the_current_one_again() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let (_, current) = server.refresh(&ada.cookie).await.expect("refreshed");
    let (again, cookie) = server.refresh(&ada.cookie).await.expect("the answer may have been lost");
    assert_eq!(cookie, current);
    act(&server, &again.tokens.access_token).await.expect("its token works");
    server.stop().await;
}

#[tokio::test]
async fn refreshes_at_once_keep_the_session() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let (left, right) = tokio::join!(server.refresh(&ada.cookie), server.refresh(&ada.cookie));
    let (left, right) = (left.expect("one tab"), right.expect("the other tab"));
    assert_eq!(left.1, right.1);
    act(&server, &left.0.tokens.access_token).await.expect("one token works");
    act(&server, &right.0.tokens.access_token).await.expect("so does the other");
    assert!(server.refresh(&left.1).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn spent_token_used_again_ends_the_family() {
    let clock = Clock::standing(Millis(1_800_000_000_000));
    let server = Server::start_by(clock.clone(), |_| {}).await;
    let ada = Person::sign_up(&server, "ada").await;
    let (refreshed, current) = server.refresh(&ada.cookie).await.expect("refreshed");
    clock.advance(Millis(60_000));
    assert_eq!(code_of(server.refresh(&ada.cookie).await), Some(Code::SessionEnded));
    assert_eq!(code_of(server.refresh(&current).await), Some(Code::SessionEnded));
    assert_eq!(code_of(act(&server, &refreshed.tokens.access_token).await), Some(Code::Unauthorized));
    server.stop().await;
}

#[tokio::test]
async fn token_two_before_the_current_one_ends_the_family_at_once() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let (_, second) = server.refresh(&ada.cookie).await.expect("refreshed");
    let (_, third) = server.refresh(&second).await.expect("refreshed again");
    assert_eq!(code_of(server.refresh(&ada.cookie).await), Some(Code::SessionEnded));
    assert_eq!(code_of(server.refresh(&third).await), Some(Code::SessionEnded));
    server.stop().await;
}

#[tokio::test]
async fn end_of_one_session_leaves_those_of_others() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let (_, second) = server.refresh(&ada.cookie).await.expect("refreshed");
    server.refresh(&second).await.expect("refreshed again");
    assert_eq!(code_of(server.refresh(&ada.cookie).await), Some(Code::SessionEnded));
    assert!(server.refresh(&bob.cookie).await.is_ok());
    act(&server, &bob.access_token).await.expect("his token works");
    server.stop().await;
}

#[tokio::test]
async fn tokens_outlive_a_restart() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let server = server.restart().await;
    act(&server, &ada.access_token).await.expect("the access token works");
    assert!(server.refresh(&ada.cookie).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn access_token_ends_after_its_life_and_refresh_gives_another() {
    let clock = Clock::standing(Millis(1_800_000_000_000));
    let server = Server::start_by(clock.clone(), |_| {}).await;
    let ada = Person::sign_up(&server, "ada").await;
    clock.advance(Millis(599_999));
    act(&server, &ada.access_token).await.expect("not yet");
    clock.advance(Millis(1));
    assert_eq!(code_of(act(&server, &ada.access_token).await), Some(Code::Unauthorized));
    let (refreshed, _) = server.refresh(&ada.cookie).await.expect("refreshed");
    act(&server, &refreshed.tokens.access_token).await.expect("the new one");
    server.stop().await;
}

#[tokio::test]
async fn session_slides_with_each_refresh_and_ends_sixty_days_after_the_last() {
    const DAY_MS: u64 = 86_400_000;
    let clock = Clock::standing(Millis(1_800_000_000_000));
    let server = Server::start_by(clock.clone(), |_| {}).await;
    let ada = Person::sign_up(&server, "ada").await;
    clock.advance(Millis(59 * DAY_MS));
    let (_, cookie) = server.refresh(&ada.cookie).await.expect("within sixty days");
    clock.advance(Millis(59 * DAY_MS));
    let (_, cookie) = server.refresh(&cookie).await.expect("within sixty days of that");
    clock.advance(Millis(60 * DAY_MS));
    assert_eq!(code_of(server.refresh(&cookie).await), Some(Code::SessionEnded));
    server.stop().await;
}

#[tokio::test]
async fn sign_out_ends_tokens_and_clears_the_cookie() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let (reply, cookie) = server.answer::<EndSession>(cookie_header(&ada.cookie), &EndSessionRequest {}).await;
    assert_eq!(reply.status, 200);
    assert_eq!(cookie.as_deref(), Some("__Host-sotto_refresh="));
    assert_eq!(code_of(act(&server, &ada.access_token).await), Some(Code::Unauthorized));
    assert_eq!(code_of(server.refresh(&ada.cookie).await), Some(Code::SessionEnded));
    let (reply, _) = server.answer::<EndSession>(cookie_header(&ada.cookie), &EndSessionRequest {}).await;
    assert_eq!(reply.status, 200, "who is signed out stays signed out");
    server.stop().await;
}

#[tokio::test]
async fn sign_in_on_the_same_device_ends_the_session_before() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let (finished, cookie, _) = sign_in(&server, ("ada", PASSWORD), Some(ada.device.device)).await.expect("signed in");
    assert_eq!(code_of(server.refresh(&ada.cookie).await), Some(Code::SessionEnded));
    act(&server, &finished.tokens.access_token).await.expect("the new token works");
    assert!(server.refresh(&cookie).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn page_of_another_origin_may_not_use_the_cookie() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let with = |name: &'static str, value: &str| {
        let mut headers = cookie_header(&ada.cookie);
        headers.insert(name, value.parse().expect("a value"));
        headers
    };
    let evil: [HeaderMap; 3] = [
        with(ORIGIN.as_str(), "https://evil.example"),
        with("sec-fetch-site", "cross-site"),
        with("sec-fetch-site", "same-site"),
    ];
    for headers in evil {
        let (reply, cookie) = server.answer::<Refresh>(headers.clone(), &RefreshRequest {}).await;
        assert_eq!((reply.refusal(), cookie), ((403, Code::WrongOrigin), None));
        let (reply, cookie) = server.answer::<EndSession>(headers, &EndSessionRequest {}).await;
        assert_eq!((reply.refusal(), cookie), ((403, Code::WrongOrigin), None));
    }
    let own = with(ORIGIN.as_str(), &server.origin);
    let (reply, _) = server.answer::<Refresh>(own, &RefreshRequest {}).await;
    assert_eq!(reply.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn missing_or_made_up_cookie_is_an_ended_session() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let other = Server::start().await;
    let foreign = Person::sign_up(&other, "ada").await;
    let access = format!("__Host-sotto_refresh={}", ada.access_token);
    let cookies = ["other=1", "__Host-sotto_refresh=", "__Host-sotto_refresh=AAAA", &foreign.cookie, &access];
    for cookie in cookies {
        let (reply, set) = server.answer::<Refresh>(cookie_header(cookie), &RefreshRequest {}).await;
        assert_eq!((reply.refusal(), set), ((401, Code::SessionEnded), None));
    }
    let (reply, _) = server.answer::<Refresh>(HeaderMap::new(), &RefreshRequest {}).await;
    assert_eq!(reply.refusal(), (401, Code::SessionEnded));
    assert!(server.refresh(&ada.cookie).await.is_ok());
    server.stop().await;
    other.stop().await;
}
