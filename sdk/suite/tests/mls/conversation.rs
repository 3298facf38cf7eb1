//! Our suite inside mls-rs: two clients and their group, set up as Sotto does it (the tree apart, controls encrypted).

use mls_rs::client_builder::MlsConfig;
use mls_rs::error::MlsError;
use mls_rs::group::{ExportedTree, ReceivedMessage};
use mls_rs::identity::SigningIdentity;
use mls_rs::identity::basic::{BasicCredential, BasicIdentityProvider};
use mls_rs::mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions};
use mls_rs::time::MlsTime;
use mls_rs::{CipherSuiteProvider, Client, CryptoProvider, Group, MlsMessage};
use sotto_suite::{Provider, SUITE};

const NOW: u64 = 1_800_000_000;

fn now() -> Option<MlsTime> {
    Some(MlsTime::from(NOW))
}

fn client(name: &str, seed: u8) -> Client<impl MlsConfig> {
    let provider = Provider::new([seed; 32]);
    let suite = provider.cipher_suite_provider(SUITE).expect("the provider has its own suite");
    let (secret, public) = suite.signature_key_generate().expect("generation cannot fail");
    let credential = BasicCredential::new(name.as_bytes().to_vec()).into_credential();
    Client::builder()
        .crypto_provider(provider)
        .identity_provider(BasicIdentityProvider::new())
        .mls_rules(
            DefaultMlsRules::new()
                .with_commit_options(
                    CommitOptions::new().with_ratchet_tree_extension(false).with_allow_external_commit(true),
                )
                .with_encryption_options(EncryptionOptions::new(true, Default::default())),
        )
        .signing_identity(SigningIdentity::new(credential, public), secret, SUITE)
        .build()
}

fn key_package(client: &Client<impl MlsConfig>) -> MlsMessage {
    client
        .generate_key_package_message(Default::default(), Default::default(), now())
        .expect("the client has an identity")
}

/// Over the wire: what arrives is only what the bytes say.
fn sent(message: &MlsMessage) -> MlsMessage {
    MlsMessage::from_bytes(&message.to_bytes().expect("a message encodes")).expect("and decodes")
}

/// Ada's group with Bo in it, both at the same epoch.
fn pair() -> (Group<impl MlsConfig>, Group<impl MlsConfig>) {
    let bo = client("bo", 2);
    let (ada, welcome, tree) = welcomed(sent(&key_package(&bo)));
    let (bo, _) = bo.join_group(Some(tree), &welcome, now()).expect("the welcome is for Bo");
    (ada, bo)
}

/// Ada's group after she added the owner of `key_package`, and what the new member needs to join it.
fn welcomed(key_package: MlsMessage) -> (Group<impl MlsConfig>, MlsMessage, ExportedTree<'static>) {
    let mut ada = client("ada", 1)
        .create_group(Default::default(), Default::default(), now())
        .expect("the client has an identity");
    let commit = ada
        .commit_builder()
        .add_member(key_package)
        .expect("a key package")
        .commit_time(MlsTime::from(NOW))
        .build()
        .expect("the commit is allowed");
    ada.apply_pending_commit().expect("a commit is pending");
    let tree = read_tree(&commit.ratchet_tree().expect("the tree travels apart").to_bytes().expect("a tree encodes"));
    (ada, sent(&commit.welcome_messages()[0]), tree)
}

fn read_tree(bytes: &[u8]) -> ExportedTree<'static> {
    ExportedTree::from_bytes(bytes).expect("what was encoded decodes")
}

fn text(received: Result<ReceivedMessage, MlsError>) -> (u32, Vec<u8>) {
    match received.expect("the message is readable") {
        ReceivedMessage::ApplicationMessage(message) => (message.sender_index, message.data().to_vec()),
        other => panic!("an application message, not {other:?}"),
    }
}

fn encrypt(group: &mut Group<impl MlsConfig>, text: &[u8]) -> MlsMessage {
    sent(&group.encrypt_application_message(text, Vec::new()).expect("the group is writable"))
}

#[test]
fn two_clients_write_to_each_other() {
    let (mut ada, mut bo) = pair();
    assert_eq!(ada.cipher_suite(), SUITE);
    assert_eq!(ada.epoch_authenticator().expect("secrets"), bo.epoch_authenticator().expect("secrets"));

    let message = encrypt(&mut ada, b"hello Bo");
    assert_eq!(text(bo.process_incoming_message(message)), (0, b"hello Bo".to_vec()));
    let message = encrypt(&mut bo, b"hello Ada");
    assert_eq!(text(ada.process_incoming_message(message)), (1, b"hello Ada".to_vec()));
}

fn tampered(message: &MlsMessage) -> MlsMessage {
    let mut bytes = message.to_bytes().expect("a message encodes");
    *bytes.last_mut().expect("a message has bytes") ^= 1;
    MlsMessage::from_bytes(&bytes).expect("the frame is whole")
}

#[test]
fn a_tampered_message_is_refused() {
    let (mut ada, mut bo) = pair();
    let message = encrypt(&mut ada, b"pay ten");
    assert!(matches!(bo.process_incoming_message(tampered(&message)), Err(MlsError::CryptoProviderError(_))));
}

/// A refused message has used up its key in the `Group` that refused it, though not in what is stored. So who wants
/// the genuine one must go back to the stored state: the rule that the core keeps after every error.
#[test]
fn the_genuine_message_reads_from_the_stored_state_after_a_tampered_one() {
    let client = client("bo", 2);
    let (mut ada, welcome, tree) = welcomed(sent(&key_package(&client)));
    let (mut bo, _) = client.join_group(Some(tree), &welcome, now()).expect("the welcome is for Bo");
    bo.write_to_storage().expect("memory takes everything");
    let message = encrypt(&mut ada, b"pay ten");

    bo.process_incoming_message(tampered(&message)).expect_err("the tag does not hold");
    assert!(matches!(bo.process_incoming_message(message.clone()), Err(MlsError::KeyMissing(0))));

    let mut bo = client.load_group(bo.group_id()).expect("the group is stored");
    assert_eq!(text(bo.process_incoming_message(message)), (0, b"pay ten".to_vec()));
}

#[test]
fn a_message_reads_once() {
    let (mut ada, mut bo) = pair();
    let message = encrypt(&mut ada, b"once");
    text(bo.process_incoming_message(message.clone()));
    assert!(matches!(bo.process_incoming_message(message), Err(MlsError::KeyMissing(_))));
}

#[test]
fn an_own_message_that_comes_back_is_told_apart() {
    let (mut ada, _) = pair();
    let message = encrypt(&mut ada, b"mine");
    assert!(matches!(ada.process_incoming_message(message), Err(MlsError::CantProcessMessageFromSelf)));
}

#[test]
fn a_path_update_moves_both_to_new_secrets() {
    let (mut ada, mut bo) = pair();
    let before = bo.epoch_authenticator().expect("secrets");
    let commit = ada.commit(Vec::new()).expect("an empty commit is allowed");
    assert!(commit.contains_update_path);
    bo.process_incoming_message(sent(commit.commit_message())).expect("the commit is valid");
    ada.apply_pending_commit().expect("a commit is pending");
    assert_eq!(ada.epoch_authenticator().expect("secrets"), bo.epoch_authenticator().expect("secrets"));
    assert_ne!(before, bo.epoch_authenticator().expect("secrets"));
}

#[test]
fn a_third_client_joins_by_external_commit() {
    let (mut ada, mut bo) = pair();
    let info = ada.group_info_message_allowing_ext_commit(false).expect("the group has secrets");
    let (mut cy, commit) = client("cy", 3)
        .external_commit_builder()
        .expect("the client has an identity")
        .with_tree_data(ada.export_tree().into_owned())
        .build(sent(&info))
        .expect("the group is open to it");
    for group in [&mut ada as &mut dyn Member, &mut bo] {
        group.process(sent(&commit));
    }
    let message = encrypt(&mut cy, b"hello both");
    assert_eq!(text(ada.process_incoming_message(message.clone())), (2, b"hello both".to_vec()));
    assert_eq!(text(bo.process_incoming_message(message)), (2, b"hello both".to_vec()));
}

/// Groups of two hidden configurations behind one face.
trait Member {
    fn process(&mut self, message: MlsMessage);
}

impl<C: MlsConfig> Member for Group<C> {
    fn process(&mut self, message: MlsMessage) {
        self.process_incoming_message(message).expect("the commit is valid");
    }
}

#[test]
fn equal_seeds_give_one_key_package_byte_for_byte() {
    let bytes = |seed| key_package(&client("ada", seed)).to_bytes().expect("a message encodes");
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn a_group_written_without_its_tree_goes_on_with_the_tree_beside_it() {
    let ada = client("ada", 1);
    let mut group =
        ada.create_group(Default::default(), Default::default(), now()).expect("the client has an identity");
    group.write_to_storage_without_ratchet_tree().expect("memory takes everything");
    let (id, tree) = (group.group_id().to_vec(), group.export_tree().to_bytes().expect("a tree encodes"));
    let expected = group.epoch_authenticator().expect("secrets");
    drop(group);

    let mut group = ada.load_group_with_ratchet_tree(&id, read_tree(&tree)).expect("the group is stored");
    assert_eq!(group.epoch_authenticator().expect("secrets"), expected);
    group.commit(Vec::new()).expect("the loaded group can commit");
}
