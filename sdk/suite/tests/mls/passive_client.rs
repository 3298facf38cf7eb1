//! The passive-client vectors of RFC 9420: a client that joins by a Welcome and follows the commits of others.
//!
//! They run twice: on the RustCrypto suites, which shows that this build of mls-rs is interoperable, and for suite 7 on
//! our HKDF-SHA384 and AES-256-GCM, which shows ours through the whole key schedule, secret tree and message protection.
//! RustCrypto has suites 1, 2, 3 and 7; the entries of 4, 5 and 6 are not run.

use mls_rs::client_builder::MlsConfig;
use mls_rs::group::ExportedTree;
use mls_rs::identity::basic::BasicIdentityProvider;
use mls_rs::mls_rs_codec::MlsEncode;
use mls_rs::psk::ExternalPskId;
use mls_rs::storage_provider::in_memory::InMemoryKeyPackageStorage;
use mls_rs::time::MlsTime;
use mls_rs::{Client, CryptoProvider, MlsMessage};
use mls_rs_core::crypto::CipherSuite;
use mls_rs_core::key_package::KeyPackageData;
use mls_rs_crypto_hpke::dhkem::DhKem;
use mls_rs_crypto_rustcrypto::ecdh::Ecdh;
use mls_rs_crypto_rustcrypto::{RustCryptoCipherSuite, RustCryptoProvider};
use mls_rs_crypto_traits::KemId;
use serde::Deserialize;
use sotto_suite::{Aes256Gcm, HkdfSha384};

use crate::vectors::{Hex, beside_the_project};

/// Times within the lifetimes of the key packages of each file.
const WELCOME_TIME: u64 = 1_700_000_000;
const COMMIT_TIME: u64 = 1_715_000_000;

#[derive(Deserialize)]
struct Vector {
    cipher_suite: u16,
    external_psks: Vec<ExternalPsk>,
    key_package: Hex,
    signature_priv: Hex,
    encryption_priv: Hex,
    init_priv: Hex,
    welcome: Hex,
    ratchet_tree: Option<Hex>,
    initial_epoch_authenticator: Hex,
    epochs: Vec<Epoch>,
}

#[derive(Deserialize)]
struct ExternalPsk {
    psk_id: Hex,
    psk: Hex,
}

#[derive(Deserialize)]
struct Epoch {
    proposals: Vec<Hex>,
    commit: Hex,
    epoch_authenticator: Hex,
}

/// How many vectors and how many commits in them were followed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Followed {
    welcomes: usize,
    commits: usize,
}

fn follow<P: CryptoProvider + Clone>(vectors: &[Vector], provider: &P, time: u64) -> Followed {
    let mut followed = Followed::default();
    for vector in vectors {
        let Some(suite) = provider.cipher_suite_provider(vector.cipher_suite.into()) else { continue };
        let client = client(vector, provider.clone(), &suite);
        let tree = vector.ratchet_tree.as_ref().map(|tree| ExportedTree::from_bytes(&tree.0).expect("a tree"));
        let time = MlsTime::from(time);

        let (mut group, _) =
            client.join_group(tree, &message(&vector.welcome), Some(time)).expect("the welcome is for this client");
        let authenticator = group.epoch_authenticator().expect("the epoch has its secrets");
        assert_eq!(authenticator.to_vec(), vector.initial_epoch_authenticator.0);
        followed.welcomes += 1;

        for epoch in &vector.epochs {
            for incoming in epoch.proposals.iter().chain([&epoch.commit]) {
                group.process_incoming_message_with_time(message(incoming), time).expect("the message is valid");
            }
            let authenticator = group.epoch_authenticator().expect("the epoch has its secrets");
            assert_eq!(authenticator.to_vec(), epoch.epoch_authenticator.0);
            followed.commits += 1;
        }
    }
    followed
}

fn client<P: CryptoProvider + Clone>(
    vector: &Vector,
    provider: P,
    suite: &P::CipherSuiteProvider,
) -> Client<impl MlsConfig> {
    let key_package = message(&vector.key_package).into_key_package().expect("a key package");
    let keys = InMemoryKeyPackageStorage::new();
    keys.insert(
        key_package.to_reference(suite).expect("the suite is its own").to_vec(),
        KeyPackageData::new(
            key_package.mls_encode_to_vec().expect("what was decoded encodes"),
            vector.init_priv.0.clone().into(),
            vector.encryption_priv.0.clone().into(),
            u64::MAX,
        ),
    );
    let mut builder = Client::builder()
        .crypto_provider(provider)
        .identity_provider(BasicIdentityProvider::new())
        .key_package_repo(keys)
        .signing_identity(
            key_package.signing_identity().clone(),
            vector.signature_priv.0.clone().into(),
            vector.cipher_suite.into(),
        );
    for psk in &vector.external_psks {
        builder = builder.psk(ExternalPskId::new(psk.psk_id.0.clone()), psk.psk.0.clone().into());
    }
    builder.build()
}

fn message(bytes: &Hex) -> MlsMessage {
    MlsMessage::from_bytes(&bytes.0).expect("a vector holds whole messages")
}

/// Suite 7 of RFC 9420 with the KEM, the hash and the signatures of RustCrypto, and the KDF and the AEAD of ours.
#[derive(Clone)]
struct OursInSuite7;

impl CryptoProvider for OursInSuite7 {
    type CipherSuiteProvider = RustCryptoCipherSuite<DhKem<Ecdh, HkdfSha384>, HkdfSha384, Aes256Gcm>;

    fn supported_cipher_suites(&self) -> Vec<CipherSuite> {
        vec![CipherSuite::P384_AES256]
    }

    fn cipher_suite_provider(&self, cipher_suite: CipherSuite) -> Option<Self::CipherSuiteProvider> {
        let (suite, id) = (CipherSuite::P384_AES256, KemId::DhKemP384Sha384);
        if cipher_suite != suite {
            return None;
        }
        let kem = DhKem::new(Ecdh::new(suite)?, HkdfSha384, id as u16, id.n_secret());
        RustCryptoCipherSuite::new(suite, kem, HkdfSha384, Aes256Gcm)
    }
}

#[test]
fn a_client_joins_by_every_welcome_of_rfc_9420_in_suites_1_2_3_7() {
    let Some(vectors) = beside_the_project::<Vec<Vector>>("mls/passive-client-welcome.json") else { return };
    assert_eq!(follow(&vectors, &RustCryptoProvider::new(), WELCOME_TIME), Followed { welcomes: 4 * 8, commits: 0 });
    assert_eq!(follow(&vectors, &OursInSuite7, WELCOME_TIME), Followed { welcomes: 8, commits: 0 });
}

#[test]
fn a_client_follows_every_commit_of_rfc_9420_in_suites_1_2_3_7() {
    let Some(vectors) = beside_the_project::<Vec<Vector>>("mls/passive-client-handling-commit.json") else { return };
    assert_eq!(
        follow(&vectors, &RustCryptoProvider::new(), COMMIT_TIME),
        Followed { welcomes: 4 * 13, commits: 4 * 26 }
    );
    assert_eq!(follow(&vectors, &OursInSuite7, COMMIT_TIME), Followed { welcomes: 13, commits: 26 });
}
