//! Sign-up, sign-in, looking people up.

use crate::client::{PASSWORD, Person, Server, code_of, new_device, random, registration, sign_in};
use opaque_ke::ClientLogin;
use opaque_ke::rand::rngs::OsRng;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use sotto_server::LoginSuite;
use sotto_wire::account::{FindUser, FindUserRequest, Name, RegisterFinish, RegisterFinishRequest, UserFound};
use sotto_wire::session::{LoginFinish, LoginFinishRequest, LoginStart, LoginStartRequest};
use sotto_wire::{Code, DeviceRef, LoginId, Problem, envelope};

fn find(name: &str) -> FindUserRequest {
    FindUserRequest { name: Name::new(name).expect("a valid name") }
}

fn login_start(name: &str) -> LoginStartRequest {
    let start = ClientLogin::<LoginSuite>::start(&mut OsRng, b"guess").expect("a start");
    let name = Name::new(name).expect("a valid name");
    LoginStartRequest { name, credential_request: start.message.serialize().to_vec().into() }
}

fn login_finish(login: LoginId) -> LoginFinishRequest {
    LoginFinishRequest { login, credential_finalization: vec![7; 64].into(), device: None }
}

#[tokio::test]
async fn signed_up_person_signs_in_with_the_password_and_gets_the_vault_and_the_same_export_key() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "Ada").await;
    let device = ada.device.device;
    let (finished, _, export_key) = sign_in(&server, ("ada", PASSWORD), Some(device)).await.expect("signed in");
    assert_eq!(finished.user, ada.user);
    assert_eq!(finished.vault.as_slice(), b"sealed");
    assert_eq!(finished.device, Some(device));
    assert_eq!(finished.current_device, Some(device));
    assert_eq!(finished.next_device_sequence, 2);
    assert_eq!(export_key, ada.export_key);
    server.stop().await;
}

#[tokio::test]
async fn sign_in_works_after_a_restart() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let server = server.restart().await;
    let (finished, _, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("signed in");
    assert_eq!(finished.user, ada.user);
    server.stop().await;
}

#[tokio::test]
async fn wrong_password_is_refused() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let rows = server.rows().await;
    assert_eq!(code_of(sign_in(&server, ("ada", "wrong password"), None).await), Some(Code::SignInRefused));
    assert_eq!(server.rows().await, rows);
    server.stop().await;
}

#[tokio::test]
async fn unknown_name_is_answered_as_a_known_one() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let mut seen = Vec::new();
    for name in ["ada", "bob"] {
        let (reply, _) = server.answer::<LoginStart>(HeaderMap::new(), &login_start(name)).await;
        let started = envelope::response::<LoginStart>(&reply.body).expect("an answer");
        let (refused, cookie) = server.answer::<LoginFinish>(HeaderMap::new(), &login_finish(started.login)).await;
        let problem = envelope::response::<LoginFinish>(&refused.body).expect_err("a guess");
        seen.push((reply.status, started.credential_response.len(), refused.status, problem, cookie));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].3, Problem::new(Code::SignInRefused));
    server.stop().await;
}

#[tokio::test]
async fn sign_in_has_one_try() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let started = server.call::<LoginStart>(&login_start("ada")).await.expect("an answer");
    for _ in 0..2 {
        let refused = server.call::<LoginFinish>(&login_finish(started.login)).await;
        assert_eq!(code_of(refused), Some(Code::SignInRefused));
    }
    server.stop().await;
}

#[tokio::test]
async fn taken_name_is_refused_and_nothing_changes() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let rows = server.rows().await;
    let (request, key) = registration(&server, "ada", "another password").await.expect("a start");
    assert_eq!(code_of(Person::finish_sign_up(&server, request, key).await), Some(Code::NameTaken));
    assert_eq!(server.rows().await, rows);
    let (finished, _, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("the first password still works");
    assert_eq!(finished.user, ada.user);
    server.stop().await;
}

#[tokio::test]
async fn taken_id_is_refused_and_nothing_changes() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let rows = server.rows().await;
    let (mut request, key) = registration(&server, "bob", PASSWORD).await.expect("a start");
    request.user = ada.user;
    let same_user = request.clone();
    request.user = sotto_wire::UserId(random());
    request.device.device = ada.device.device;
    for request in [same_user, request] {
        assert_eq!(code_of(Person::finish_sign_up(&server, request, key.clone()).await), Some(Code::IdTaken));
    }
    assert_eq!(server.rows().await, rows);
    Person::sign_up(&server, "bob").await;
    server.stop().await;
}

#[tokio::test]
async fn sign_up_sent_again_after_a_lost_answer_is_answered_again() {
    let server = Server::start().await;
    let (request, key) = registration(&server, "ada", PASSWORD).await.expect("a start");
    let first = Person::finish_sign_up(&server, request.clone(), key.clone()).await.expect("the first");
    let again = Person::finish_sign_up(&server, request, key).await.expect("the second");
    assert_eq!(again.user, first.user);
    assert!(again.call::<FindUser>(&server, &find("ada")).await.is_ok());
    assert_eq!(server.rows().await[..2], [1, 1]);
    server.stop().await;
}

#[tokio::test]
async fn sign_up_out_of_bounds_is_refused_and_nothing_changes() {
    let server = Server::start().await;
    let (good, _) = registration(&server, "ada", PASSWORD).await.expect("a start");
    let changed = |change: fn(&mut RegisterFinishRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let cases = [
        (changed(|r| r.identity.ed25519.0.truncate(31)), Code::Invalid),
        (changed(|r| r.identity.ml_dsa_65.0.push(0)), Code::TooLarge),
        (changed(|r| r.vault.0.clear()), Code::Invalid),
        (changed(|r| r.vault.0.resize(4_097, 0)), Code::TooLarge),
        (changed(|r| r.registration_record.0.truncate(10)), Code::Malformed),
        (changed(|r| r.device.certificate.0.clear()), Code::Invalid),
        (changed(|r| r.device.last_resort.0.clear()), Code::Invalid),
        (changed(|r| r.device.last_resort.0.resize(16_385, 0)), Code::TooLarge),
        (changed(|r| r.device.key_packages = new_device(51).key_packages), Code::TooLarge),
        (changed(|r| r.device.key_packages[0].0.clear()), Code::Invalid),
    ];
    for (number, (request, code)) in cases.into_iter().enumerate() {
        assert_eq!(code_of(server.call::<RegisterFinish>(&request).await), Some(code), "case {number}");
    }
    assert_eq!(server.rows().await, [0, 0, 0, 0]);
    server.stop().await;
}

#[tokio::test]
async fn person_is_found_by_exact_name_only() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let found = ada.call::<FindUser>(&server, &find("BOB")).await.expect("there");
    let device = DeviceRef { user: bob.user, device: bob.device.device };
    assert_eq!(
        found,
        UserFound { user: bob.user, name: bob.name, identity: found.identity.clone(), devices: vec![device] }
    );
    assert_eq!(found.identity.ml_dsa_65.len(), 1_952);
    assert_eq!(code_of(ada.call::<FindUser>(&server, &find("bobb")).await), Some(Code::NotFound));
    server.stop().await;
}

#[tokio::test]
async fn guess_too_many_is_told_when_to_come_back_whether_the_name_exists_or_not() {
    let server = Server::start_with(|config| config.rates.guesses_per_minute_name_and_address = 3).await;
    Person::sign_up(&server, "ada").await;
    // A sign-up asks once too.
    for (name, allowed) in [("ada", 2), ("bob", 3)] {
        for _ in 0..allowed {
            assert!(server.call::<LoginStart>(&login_start(name)).await.is_ok(), "{name}");
        }
        let (reply, _) = server.answer::<LoginStart>(HeaderMap::new(), &login_start(name)).await;
        assert_eq!(reply.refusal(), (429, Code::RateLimited));
        let problem = envelope::response::<LoginStart>(&reply.body).expect_err("a refusal");
        let wait_ms = problem.retry_after_ms.expect("a wait").0;
        let retry_after_s: u64 = reply.headers[RETRY_AFTER].to_str().expect("text").parse().expect("a number");
        assert!((1..=20_000).contains(&wait_ms), "{wait_ms}");
        assert_eq!(retry_after_s, wait_ms.div_ceil(1_000));
    }
    server.stop().await;
}

#[tokio::test]
async fn sign_ins_and_sign_ups_of_one_address_are_limited_across_names() {
    let server = Server::start_with(|config| {
        config.rates.sign_ins_per_minute_and_address = 2;
        config.rates.sign_ups_per_minute_and_address = 1;
    })
    .await;
    Person::sign_up(&server, "ada").await;
    assert_eq!(code_of(registration(&server, "bob", PASSWORD).await), Some(Code::RateLimited));
    for name in ["eve", "mallory"] {
        assert!(server.call::<LoginStart>(&login_start(name)).await.is_ok());
    }
    assert_eq!(code_of(server.call::<LoginStart>(&login_start("trent")).await), Some(Code::RateLimited));
    server.stop().await;
}

#[tokio::test]
async fn look_ups_of_one_account_are_limited() {
    let server = Server::start_with(|config| config.rates.finds_per_minute_and_user = 2).await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    for _ in 0..2 {
        assert!(ada.call::<FindUser>(&server, &find("bob")).await.is_ok());
    }
    assert_eq!(code_of(ada.call::<FindUser>(&server, &find("bob")).await), Some(Code::RateLimited));
    assert!(bob.call::<FindUser>(&server, &find("ada")).await.is_ok());
    server.stop().await;
}
