//! Key packages: published, claimed once each, the last resort after them.

use crate::client::{Person, Server, code_of, packages};
use sotto_wire::key::{ClaimKeys, ClaimKeysRequest, PublishKeys, PublishKeysRequest};
use sotto_wire::{Base64, Code, UserId};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::task::JoinSet;

async fn claim_one(server: &Server, who: &Person, whose: UserId) -> Base64 {
    let claimed = who.call::<ClaimKeys>(server, &ClaimKeysRequest { users: vec![whose] }).await;
    let mut claimed = claimed.expect("claimed").key_packages;
    assert_eq!(claimed.len(), 1);
    claimed.remove(0).key_package
}

#[tokio::test]
async fn each_package_is_claimed_once_and_then_the_last_resort() {
    let server = Arc::new(Server::start().await);
    let ada = Arc::new(Person::sign_up(&server, "ada").await);
    let bob = Person::sign_up(&server, "bob").await;
    let packages = packages(&bob.device.device, 3..20);
    let publish = PublishKeysRequest { key_packages: packages, last_resort: None };
    assert_eq!(bob.call::<PublishKeys>(&server, &publish).await.expect("published").stock, 20);
    let mut claims = JoinSet::new();
    for _ in 0..30 {
        let (server, ada, whose) = (server.clone(), ada.clone(), bob.user);
        claims.spawn(async move { claim_one(&server, &ada, whose).await.0 });
    }
    let claimed = claims.join_all().await;
    let (last_resort, once): (Vec<_>, Vec<_>) = claimed.into_iter().partition(|package| package == b"last resort");
    assert_eq!(last_resort.len(), 10);
    assert_eq!(once.len(), 20);
    assert_eq!(once.into_iter().collect::<HashSet<_>>().len(), 20);
    Arc::into_inner(server).expect("all claims are over").stop().await;
}

#[tokio::test]
async fn package_sent_again_is_not_given_out_again() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let first = claim_one(&server, &ada, bob.user).await;
    assert_eq!(first, bob.device.key_packages[0]);
    let publish = PublishKeysRequest { key_packages: bob.device.key_packages.clone(), last_resort: None };
    assert_eq!(bob.call::<PublishKeys>(&server, &publish).await.expect("published").stock, 2);
    let mut claimed = Vec::new();
    for _ in 0..3 {
        claimed.push(claim_one(&server, &ada, bob.user).await);
    }
    let last_resort = Base64(b"last resort".to_vec());
    assert_eq!(claimed, [bob.device.key_packages[1].clone(), bob.device.key_packages[2].clone(), last_resort]);
    server.stop().await;
}

#[tokio::test]
async fn new_last_resort_takes_the_place_of_the_old() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let fresh = Base64(b"fresh".to_vec());
    let publish = PublishKeysRequest { key_packages: Vec::new(), last_resort: Some(fresh.clone()) };
    bob.call::<PublishKeys>(&server, &publish).await.expect("published");
    for _ in 0..3 {
        assert_ne!(claim_one(&server, &ada, bob.user).await, fresh);
    }
    assert_eq!(claim_one(&server, &ada, bob.user).await, fresh);
    server.stop().await;
}

#[tokio::test]
async fn claim_with_an_unknown_user_takes_nothing() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let rows = server.rows().await;
    let claim = ClaimKeysRequest { users: vec![bob.user, UserId([9; 16])] };
    assert_eq!(code_of(ada.call::<ClaimKeys>(&server, &claim).await), Some(Code::NotFound));
    assert_eq!(code_of(ada.call::<ClaimKeys>(&server, &ClaimKeysRequest { users: vec![] }).await), Some(Code::Invalid));
    assert_eq!(server.rows().await, rows);
    server.stop().await;
}

#[tokio::test]
async fn one_claim_takes_one_package_of_a_user() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let rows = server.rows().await;
    let claim = ClaimKeysRequest { users: vec![bob.user, ada.user, bob.user] };
    assert_eq!(code_of(ada.call::<ClaimKeys>(&server, &claim).await), Some(Code::Invalid));
    assert_eq!(server.rows().await, rows);
    server.stop().await;
}

#[tokio::test]
async fn stock_is_bounded_and_what_goes_over_changes_nothing() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let publish = |from, to| PublishKeysRequest {
        key_packages: packages(&ada.device.device, from..to),
        last_resort: Some(Base64(b"other".to_vec())),
    };
    assert_eq!(ada.call::<PublishKeys>(&server, &publish(3, 53)).await.expect("published").stock, 53);
    let rows = server.rows().await;
    assert_eq!(code_of(ada.call::<PublishKeys>(&server, &publish(53, 101)).await), Some(Code::Invalid));
    assert_eq!(code_of(ada.call::<PublishKeys>(&server, &publish(53, 104)).await), Some(Code::TooLarge));
    assert_eq!(server.rows().await, rows);
    assert_eq!(ada.call::<PublishKeys>(&server, &publish(53, 100)).await.expect("published").stock, 100);
    server.stop().await;
}

#[tokio::test]
async fn claims_of_one_account_are_limited_by_packages() {
    let server = Server::start_with(|config| config.rates.claims_per_minute_and_user = 3).await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let eve = Person::sign_up(&server, "eve").await;
    let claim = ClaimKeysRequest { users: vec![bob.user, eve.user] };
    assert!(ada.call::<ClaimKeys>(&server, &claim).await.is_ok());
    let rows = server.rows().await;
    assert_eq!(code_of(ada.call::<ClaimKeys>(&server, &claim).await), Some(Code::RateLimited));
    assert_eq!(server.rows().await, rows);
    server.stop().await;
}
