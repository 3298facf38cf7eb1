//! The key file: without it the database is of no use to whoever wants the passwords.

use crate::client::{PASSWORD, Person, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opaque_ke::rand::rngs::OsRng;
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, Identifiers, ServerLogin, ServerLoginParameters, ServerRegistration,
    ServerSetup,
};
use sotto_server::{Config, LoginSuite, SecretError, ServeError, serve};
use std::path::Path;
use tokio::net::TcpListener;

/// Whether the right password opens `record` for who has `setup`: what a dictionary would be run on.
fn opens(setup: &ServerSetup<LoginSuite>, record: &[u8]) -> bool {
    let identifiers = Identifiers { client: Some(b"ada"), server: Some(b"sotto") };
    let context = Some(b"sotto login v1".as_slice());
    let client = ClientLogin::<LoginSuite>::start(&mut OsRng, PASSWORD.as_bytes()).expect("a start");
    let record = ServerRegistration::deserialize(record).expect("a record");
    let parameters = ServerLoginParameters { context, identifiers };
    let server = ServerLogin::start(&mut OsRng, setup, Some(record), client.message, b"ada", parameters);
    let parameters = ClientLoginFinishParameters::new(context, identifiers, None);
    let response = server.expect("a response").message;
    client.state.finish(&mut OsRng, PASSWORD.as_bytes(), response, parameters).is_ok()
}

fn setup_of(folder: &Path) -> ServerSetup<LoginSuite> {
    let json = std::fs::read(folder.join("server.key")).expect("a key file");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let setup = STANDARD.decode(json["opaque_server_setup"].as_str().expect("text")).expect("base64");
    ServerSetup::deserialize(&setup).expect("a setup")
}

#[tokio::test]
async fn stored_record_opens_only_with_the_key_file() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let mut database = server.database().await;
    let record: Vec<u8> =
        sqlx::query_scalar("SELECT record FROM account").fetch_one(&mut database).await.expect("a record");
    let folder = server.stop().await;
    assert!(opens(&setup_of(folder.path()), &record));
    assert!(!opens(&ServerSetup::new(&mut OsRng), &record));
}

#[tokio::test]
async fn database_holds_neither_the_password_nor_a_part_of_the_key_file() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let folder = server.stop().await;
    let setup = setup_of(folder.path()).serialize();
    let secrets = [PASSWORD.as_bytes(), &ada.export_key[..16], &setup[..32], &setup[64..96]];
    let mut bytes_read = 0;
    for file in std::fs::read_dir(folder.path()).expect("a folder") {
        let file = file.expect("an entry");
        if file.file_name() == "server.key" {
            continue;
        }
        let bytes = std::fs::read(file.path()).expect("readable");
        bytes_read += bytes.len();
        for (number, secret) in secrets.iter().enumerate() {
            let holds = bytes.windows(secret.len()).any(|window| window == *secret);
            assert!(!holds, "{:?} holds secret {number}", file.file_name());
        }
    }
    assert!(bytes_read > 4_096, "the database was looked through");
}

#[tokio::test]
async fn database_with_another_key_file_is_not_served() {
    let server = Server::start().await;
    Person::sign_up(&server, "ada").await;
    let folder = server.stop().await;
    std::fs::remove_file(folder.path().join("server.key")).expect("removed");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let outcome = serve(Config::with_data_dir(folder.path()), listener, std::future::pending()).await;
    assert!(matches!(outcome, Err(ServeError::Secret(SecretError::Foreign))), "{outcome:?}");
}
