//! The client half against the server half of the same crate.

use super::{ExportKey, Login, LoginSuite, OpaqueError, Random, Registration, identifiers};
use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin,
    ServerLoginParameters, ServerRegistration, ServerSetup,
};
use sotto_suite::Provider;
use sotto_wire::account::Name;
use sotto_wire::session::LOGIN_CONTEXT;
use sotto_wire::{Base64, limit};

/// A server that knows one person.
struct Server {
    setup: ServerSetup<LoginSuite>,
    random: Provider,
    name: Name,
    record: Option<ServerRegistration<LoginSuite>>,
}

impl Server {
    fn new() -> Self {
        let random = Provider::new([9; 32]);
        let setup = ServerSetup::new(&mut Random(&random));
        Self { setup, random, name: Name::new("ada").expect("a name"), record: None }
    }

    fn register(&mut self, client: &Provider, password: &[u8]) -> ExportKey {
        let (registration, request) = Registration::start(client, password).expect("a password");
        let request = RegistrationRequest::deserialize(request.as_slice()).expect("a request");
        let started = ServerRegistration::start(&self.setup, request, self.name.as_str().as_bytes()).expect("a start");
        let response = Base64(started.message.serialize().to_vec());
        let (record, key) = registration.finish(client, password, &self.name, &response).expect("a record");
        assert!(record.len() <= limit::OPAQUE_MAX_BYTES);
        let upload = RegistrationUpload::deserialize(record.as_slice()).expect("an upload");
        self.record = Some(ServerRegistration::finish(upload));
        key
    }

    /// Answers KE1; gives KE2 and what checks KE3.
    fn answer(&self, request: &Base64) -> (ServerLogin<LoginSuite>, Base64) {
        let request = CredentialRequest::deserialize(request.as_slice()).expect("a request");
        let parameters = ServerLoginParameters { context: Some(LOGIN_CONTEXT), identifiers: identifiers(&self.name) };
        let random = &mut Random(&self.random);
        let name = self.name.as_str().as_bytes();
        let started = ServerLogin::start(random, &self.setup, self.record.clone(), request, name, parameters);
        let started = started.expect("an answer");
        (started.state, Base64(started.message.serialize().to_vec()))
    }

    fn sign_in(&self, client: &Provider, password: &[u8]) -> Result<ExportKey, OpaqueError> {
        let (login, request) = Login::start(client, password)?;
        let (state, response) = self.answer(&request);
        let (finalization, key) = login.finish(client, password, &self.name, &response)?;
        let finalization = CredentialFinalization::deserialize(finalization.as_slice()).expect("a finalization");
        let parameters = ServerLoginParameters { context: Some(LOGIN_CONTEXT), identifiers: identifiers(&self.name) };
        state.finish(finalization, parameters).expect("the server believes who knows the password");
        Ok(key)
    }
}

#[test]
fn sign_in_gives_the_export_key_of_sign_up() {
    let client = Provider::new([1; 32]);
    let mut server = Server::new();
    let registered = server.register(&client, b"correct horse");
    let signed_in = server.sign_in(&Provider::new([2; 32]), b"correct horse").expect("the right password");
    assert_eq!(registered.as_bytes(), signed_in.as_bytes());
}

#[test]
fn wrong_password_is_refused() {
    let client = Provider::new([1; 32]);
    let mut server = Server::new();
    server.register(&client, b"correct horse");
    assert_eq!(server.sign_in(&client, b"correct house").map(|_| ()), Err(OpaqueError::Refused));
}

#[test]
fn unknown_name_looks_like_a_wrong_password() {
    let server = Server::new();
    assert_eq!(server.sign_in(&Provider::new([1; 32]), b"correct horse").map(|_| ()), Err(OpaqueError::Refused));
}

#[test]
fn changed_or_cut_answers_are_errors() {
    let client = Provider::new([1; 32]);
    let mut server = Server::new();
    server.register(&client, b"correct horse");
    // One byte of every part of KE2: evaluated element, masked response, key share, KEM ciphertext, MAC.
    for at in [0, 40, 120, 300, 700, 1_200] {
        let (login, request) = Login::start(&client, b"correct horse").expect("a password");
        let (_, mut response) = server.answer(&request);
        let at = at.min(response.len() - 1);
        response.0[at] ^= 1;
        assert!(login.finish(&client, b"correct horse", &server.name, &response).is_err(), "byte {at}");
    }
    let (login, request) = Login::start(&client, b"correct horse").expect("a password");
    let (_, mut response) = server.answer(&request);
    response.0.pop();
    assert_eq!(
        login.finish(&client, b"correct horse", &server.name, &response).map(|_| ()),
        Err(OpaqueError::Malformed)
    );
}
