//! Accounts and a conversation for the load: real sign-up at the server. Only Argon2 is left out, which is the client's
//! work and not measured, and MLS, which the server does not look into.

use crate::failure::Failure;
use crate::http::Connection;
use opaque_ke::rand::rngs::OsRng;
use opaque_ke::{ClientRegistration, ClientRegistrationFinishParameters, Identifiers, RegistrationResponse};
use sotto_wire::account::{Identity, Name, RegisterFinish, RegisterFinishRequest, RegisterStart, RegisterStartRequest};
use sotto_wire::conversation::{CreateConversation, CreateConversationRequest, GroupState, Kind, Welcome};
use sotto_wire::key::NewDevice;
use sotto_wire::session::LOGIN_SERVER;
use sotto_wire::{Base64, ClientId, ConversationId, DeviceId, DeviceRef, UserId};

struct LoginSuite;

impl opaque_ke::CipherSuite for LoginSuite {
    type OprfCs = opaque_ke::Ristretto255;
    type KeyExchange = opaque_ke::TripleDhKem<opaque_ke::Ristretto255, sha2_010::Sha512, opaque_ke::ml_kem::MlKem768>;
    type Ksf = opaque_ke::ksf::Identity;
}

/// A signed-in device.
#[derive(Clone)]
pub(crate) struct Account {
    /// Its device.
    pub(crate) device: DeviceRef,
    /// Its access token.
    pub(crate) token: String,
}

/// 16 random bytes.
pub(crate) fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("the system has random numbers");
    id
}

impl Account {
    /// Signs up under a random name.
    pub(crate) async fn sign_up(connection: &mut Connection) -> Result<Self, Failure> {
        let wrong = |_| Failure::Wrong("the server's OPAQUE does not answer ours".to_owned());
        let name = Name::new(&random_id().map(|b| char::from(b'a' + b % 26)).iter().collect::<String>());
        let name = name.expect("sixteen letters are a name");
        let password = b"a password of the load";
        let started = ClientRegistration::<LoginSuite>::start(&mut OsRng, password).map_err(wrong)?;
        let registration_request = Base64(started.message.serialize().to_vec());
        let request = RegisterStartRequest { name: name.clone(), registration_request };
        let answer = connection.call::<RegisterStart>("", &request).await?;
        let response = RegistrationResponse::deserialize(answer.registration_response.as_slice()).map_err(wrong)?;
        let identifiers = Identifiers { client: Some(name.as_str().as_bytes()), server: Some(LOGIN_SERVER) };
        let parameters = ClientRegistrationFinishParameters::new(identifiers, None);
        let finished = started.state.finish(&mut OsRng, password, response, parameters).map_err(wrong)?;
        let device = DeviceRef { user: UserId(random_id()), device: DeviceId(random_id()) };
        let request = RegisterFinishRequest {
            name,
            registration_record: Base64(finished.message.serialize().to_vec()),
            user: device.user,
            identity: Identity { ed25519: Base64(vec![1; 32]), ml_dsa_65: Base64(vec![2; 1_952]) },
            vault: Base64(vec![3; 128]),
            device: NewDevice {
                device: device.device,
                certificate: Base64(vec![4; 5_400]),
                key_packages: vec![Base64(random_id().to_vec())],
                last_resort: Base64(random_id().to_vec()),
            },
        };
        let registered = connection.call::<RegisterFinish>("", &request).await?;
        Ok(Self { device, token: registered.tokens.access_token })
    }

    /// Creates the direct conversation with `other`.
    pub(crate) async fn talk_to(
        &self,
        other: &Account,
        connection: &mut Connection,
    ) -> Result<ConversationId, Failure> {
        let conversation = ConversationId(random_id());
        let request = CreateConversationRequest {
            client_id: ClientId(random_id()),
            conversation,
            kind: Kind::Direct { peer: other.device.user },
            state: GroupState {
                epoch: 1,
                group_info: Base64(vec![1; 1_000]),
                ratchet_tree: Base64(vec![2; 12_000]),
                members: vec![self.device, other.device],
            },
            welcome: Some(Welcome { to: vec![other.device], welcome: Base64(vec![3; 1_500]) }),
            roles: Vec::new(),
        };
        Ok(connection.call::<CreateConversation>(&self.token, &request).await?.conversation)
    }
}
