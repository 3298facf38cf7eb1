//! The device that a signed-in browser becomes.

use crate::client::{PASSWORD, Person, Server, bearer, code_of, new_device, sign_in};
use sotto_wire::account::{FindUser, FindUserRequest, Name};
use sotto_wire::key::{ClaimKeys, ClaimKeysRequest};
use sotto_wire::session::{LoginFinished, RegisterDevice, RegisterDeviceRequest};
use sotto_wire::{Code, DeviceRef};

fn find(name: &str) -> FindUserRequest {
    FindUserRequest { name: Name::new(name).expect("a valid name") }
}

#[tokio::test]
async fn session_without_a_device_may_only_register_one() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let (finished, _, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("signed in");
    assert_eq!(finished.device, None);
    let refused = server.call_with::<FindUser>(bearer(&finished.tokens.access_token), &find("ada")).await;
    assert_eq!(code_of(refused), Some(Code::DeviceNeeded));
    server.stop().await;
}

#[tokio::test]
async fn device_of_somebody_else_is_not_taken_for_ones_own() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let (finished, _, _) = sign_in(&server, ("ada", PASSWORD), Some(bob.device.device)).await.expect("signed in");
    assert_eq!(finished.device, None);
    let rows = server.rows().await;
    let request = RegisterDeviceRequest { device: bob.device.clone(), sequence: 2 };
    let refused = server.call_with::<RegisterDevice>(bearer(&finished.tokens.access_token), &request).await;
    assert_eq!(code_of(refused), Some(Code::IdTaken));
    assert_eq!(server.rows().await, rows);
    assert!(bob.call::<FindUser>(&server, &find("bob")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn new_device_takes_the_place_of_the_one_before() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let bob = Person::sign_up(&server, "bob").await;
    let (finished, cookie, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("signed in");
    let before = finished.tokens.access_token;
    let request = RegisterDeviceRequest { device: new_device(1), sequence: 2 };
    let device = request.device.device;
    let registered = server.call_with::<RegisterDevice>(bearer(&before), &request).await.expect("registered");

    // The new one acts; the token from before is spent; the cookie stays good.
    let access_token = registered.tokens.access_token;
    assert!(server.call_with::<FindUser>(bearer(&access_token), &find("bob")).await.is_ok());
    let spent = server.call_with::<FindUser>(bearer(&before), &find("bob")).await;
    assert_eq!(code_of(spent), Some(Code::Unauthorized));
    let (refreshed, _) = server.refresh(&cookie).await.expect("refreshed");
    assert_eq!(refreshed.device, Some(device));

    // The old one is out.
    assert_eq!(code_of(ada.call::<FindUser>(&server, &find("bob")).await), Some(Code::Unauthorized));
    assert_eq!(code_of(server.refresh(&ada.cookie).await), Some(Code::SessionEnded));

    // Others see the new one only.
    let owner = DeviceRef { user: ada.user, device };
    assert_eq!(bob.call::<FindUser>(&server, &find("ada")).await.expect("there").devices, [owner]);
    let claim = ClaimKeysRequest { users: vec![ada.user] };
    let claimed = bob.call::<ClaimKeys>(&server, &claim).await.expect("claimed").key_packages;
    assert_eq!((claimed[0].owner, &claimed[0].key_package), (owner, &request.device.key_packages[0]));

    let (finished, _, _) = sign_in(&server, ("ada", PASSWORD), Some(ada.device.device)).await.expect("signed in");
    assert_eq!(finished.device, None);
    assert_eq!(finished.current_device, Some(device));
    assert_eq!(finished.next_device_sequence, 3);
    server.stop().await;
}

#[tokio::test]
async fn of_two_devices_that_sign_in_at_once_the_second_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let (first, _, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("signed in");
    let (second, _, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("signed in");
    assert_eq!((first.next_device_sequence, second.next_device_sequence), (2, 2));
    let register = async |finished: &LoginFinished, number| {
        let request = RegisterDeviceRequest { device: new_device(number), sequence: finished.next_device_sequence };
        server.call_with::<RegisterDevice>(bearer(&finished.tokens.access_token), &request).await
    };
    let registered = register(&first, 1).await.expect("registered");
    let rows = server.rows().await;
    assert_eq!(code_of(register(&second, 2).await), Some(Code::DeviceOvertaken));
    assert_eq!(server.rows().await, rows);
    let access_token = registered.tokens.access_token;
    assert!(server.call_with::<FindUser>(bearer(&access_token), &find("ada")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn registration_sent_again_after_a_lost_answer_is_answered_again() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let (finished, cookie, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("signed in");
    let request = RegisterDeviceRequest { device: new_device(1), sequence: 2 };
    let first = server.call_with::<RegisterDevice>(bearer(&finished.tokens.access_token), &request).await;
    assert!(first.is_ok());
    let rows = server.rows().await;
    let spent = server.call_with::<RegisterDevice>(bearer(&finished.tokens.access_token), &request).await;
    assert_eq!(code_of(spent), Some(Code::Unauthorized));
    let (refreshed, _) = server.refresh(&cookie).await.expect("refreshed");
    let again = server.call_with::<RegisterDevice>(bearer(&refreshed.tokens.access_token), &request).await;
    let access_token = again.expect("answered").tokens.access_token;
    assert!(server.call_with::<FindUser>(bearer(&access_token), &find("ada")).await.is_ok());
    assert_eq!(server.rows().await, rows);
    server.stop().await;
}
