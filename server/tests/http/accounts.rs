//! Sign-up, sign-in, devices.

use crate::client::{PASSWORD, Person, Server, new_device, registration, sign_in};
use sotto_wire::Code;
use sotto_wire::account::{FindUser, FindUserRequest, Name};
use sotto_wire::session::{RegisterDevice, RegisterDeviceRequest};

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
