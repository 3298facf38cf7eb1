//! How mls-rs is set up: one suite, one kind of credential, and the proposals that a commit may carry.
//!
//! Owns what can be said of a commit without looking at certificates: those stand in leaf extensions, which mls-rs shows
//! to none of its hooks, so `trust` checks them on the finished tree.
//!
//! The rule: what is not listed here is refused. No proposal by reference, no re-init; a context extension only where there is
//! a charter, and that alone; a PSK only of an invite, and from who joins by it.

use super::charter::Charter;
use super::storage::{KeyShelf, Shelf};
use crate::identity::DeviceKeys;
use mls_rs::client_builder::{
    BaseConfig, WithCryptoProvider, WithGroupStateStorage, WithIdentityProvider, WithKeyPackageRepo, WithMlsRules,
    WithPskStore,
};
use mls_rs::error::{IntoAnyError, MlsError};
use mls_rs::extension::ExtensionType;
use mls_rs::extension::built_in::RequiredCapabilitiesExt;
use mls_rs::group::{GroupContext, Roster};
use mls_rs::identity::basic::BasicCredential;
use mls_rs::identity::{CredentialType, SigningIdentity};
use mls_rs::mls_rules::{CommitDirection, CommitOptions, CommitSource, EncryptionOptions, ProposalBundle};
use mls_rs::time::MlsTime;
use mls_rs::{Client, CryptoProvider as _, Extension, ExtensionList, IdentityProvider, MlsRules};
use sotto_suite::{Provider, SUITE};
use sotto_wire::{DeviceRef, InviteId, Millis};
use std::time::Duration;

/// Leaf-node extension that carries the device certificate: of the private-use range of RFC 9420 §17.3.
pub(super) const CERTIFICATE: ExtensionType = ExtensionType::new(0xF0CE);

/// Leaf-node extension of a device that joined by an invite: the invite's id.
pub(super) const INVITED_BY: ExtensionType = ExtensionType::new(0xF0CC);
/// Group-context extension that holds the [`Charter`].
pub(super) const CHARTER: ExtensionType = ExtensionType::new(0xF0CD);

/// How long a key package may be used to add its device: a year, so that who was away as long can still be written to.
const KEY_PACKAGE_LIFE: Duration = Duration::from_secs(365 * 86_400);

/// What the groups of this device run with.
pub(super) type Config = WithKeyPackageRepo<
    KeyShelf,
    WithGroupStateStorage<
        Shelf,
        WithPskStore<
            Shelf,
            WithMlsRules<Rules, WithIdentityProvider<Credentials, WithCryptoProvider<Provider, BaseConfig>>>,
        >,
    >,
>;

/// An mls-rs client for one group, whose state stands in `shelf`.
pub(super) fn client(provider: &Provider, device: &DeviceKeys, keys: &KeyShelf, shelf: &Shelf) -> Client<Config> {
    let secret = device.mls_secret().to_vec().into();
    let public = mls_rs::CipherSuiteProvider::signature_key_derive_public(
        &provider.cipher_suite_provider(SUITE).expect("the provider knows its own suite"),
        &secret,
    )
    .expect("32 bytes are an ed25519 seed");
    let credential = BasicCredential::new(device.device().to_credential().to_vec()).into_credential();
    Client::builder()
        .crypto_provider(provider.clone())
        .identity_provider(Credentials)
        .mls_rules(Rules)
        .psk_store(shelf.clone())
        .group_state_storage(shelf.clone())
        .key_package_repo(keys.clone())
        .extension_types([CERTIFICATE, INVITED_BY, CHARTER])
        .key_package_lifetime(KEY_PACKAGE_LIFE)
        .signing_identity(SigningIdentity::new(credential, public), secret, SUITE)
        .build()
}

/// The extensions of this device's leaves.
pub(super) fn leaf_extensions(device: &DeviceKeys) -> ExtensionList {
    ExtensionList::from(vec![Extension::new(CERTIFICATE, device.certificate().to_vec())])
}

/// The same in a group that it joined by an invite.
pub(super) fn invited_leaf_extensions(device: &DeviceKeys, invite: Option<InviteId>) -> ExtensionList {
    let mut extensions = leaf_extensions(device);
    if let Some(InviteId(id)) = invite {
        extensions.set(Extension::new(INVITED_BY, id.to_vec()));
    }
    extensions
}

/// The context extensions of a group with this charter.
pub(super) fn context_extensions(charter: &Charter) -> Result<ExtensionList, MlsError> {
    let mut extensions = ExtensionList::from(vec![Extension::new(CHARTER, charter.encode())]);
    extensions.set_from(required())?;
    Ok(extensions)
}

/// What every device of a group must know.
fn required() -> RequiredCapabilitiesExt {
    RequiredCapabilitiesExt::new(vec![CERTIFICATE, INVITED_BY, CHARTER], Vec::new(), Vec::new())
}

/// The charter among the context extensions of a group. `Err` when they are no others and no less than a group has;
/// `Ok(None)` when there are none.
pub(super) fn charter(extensions: &ExtensionList) -> Result<Option<Charter>, Forbidden> {
    if extensions.is_empty() {
        return Ok(None);
    }
    let charter = extensions.get(CHARTER).and_then(|extension| Charter::decode(&extension.extension_data));
    let is_required = extensions.get_as::<RequiredCapabilitiesExt>().is_ok_and(|found| found == Some(required()));
    match charter.filter(|_| is_required && extensions.len() == 2) {
        Some(charter) => Ok(Some(charter)),
        None => Err(Forbidden::Charter),
    }
}

/// A time as mls-rs has it, in whole seconds.
pub(super) fn time(at: Millis) -> MlsTime {
    MlsTime::from(at.0 / 1_000)
}

/// The device that a credential names; `None` when it is of another kind or length.
pub(super) fn credential_device(identity: &SigningIdentity) -> Option<DeviceRef> {
    DeviceRef::from_credential(identity.credential.as_basic()?.identifier.as_slice())
}

/// Refused by the rules above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Forbidden {
    /// A credential that names no device.
    #[error("check a credential: it names no device")]
    Credential,
    /// Context extensions that are no charter.
    #[error("check a group: its context holds no charter")]
    Charter,
    /// A proposal that no commit of ours carries.
    #[error("check a commit: it carries a proposal of a forbidden kind")]
    Proposal,
}

impl IntoAnyError for Forbidden {
    fn into_dyn_error(self) -> Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        Ok(self.into())
    }
}

/// Credentials are basic (RFC 9420 §5.3) and name a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials;

impl IdentityProvider for Credentials {
    type Error = Forbidden;

    fn validate_member(
        &self,
        identity: &SigningIdentity,
        _: Option<MlsTime>,
        _: mls_rs_core::identity::MemberValidationContext<'_>,
    ) -> Result<(), Forbidden> {
        credential_device(identity).map(|_| ()).ok_or(Forbidden::Credential)
    }

    fn validate_external_sender(
        &self,
        _: &SigningIdentity,
        _: Option<MlsTime>,
        _: Option<&ExtensionList>,
    ) -> Result<(), Forbidden> {
        Err(Forbidden::Credential)
    }

    fn identity(&self, identity: &SigningIdentity, _: &ExtensionList) -> Result<Vec<u8>, Forbidden> {
        credential_device(identity).map(|device| device.to_credential().to_vec()).ok_or(Forbidden::Credential)
    }

    fn valid_successor(
        &self,
        predecessor: &SigningIdentity,
        successor: &SigningIdentity,
        _: &ExtensionList,
    ) -> Result<bool, Forbidden> {
        let user = |identity| credential_device(identity).map(|device| device.user).ok_or(Forbidden::Credential);
        Ok(user(predecessor)? == user(successor)?)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CredentialType::BASIC]
    }
}

/// Commits add, remove, amend the charter, or join from outside; the tree travels apart; everything is encrypted and padded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules;

impl MlsRules for Rules {
    type Error = Forbidden;

    fn filter_proposals(
        &self,
        _: CommitDirection,
        source: CommitSource,
        _: &Roster<'_>,
        context: &GroupContext,
        proposals: ProposalBundle,
    ) -> Result<ProposalBundle, Forbidden> {
        let is_chartered = charter(&context.extensions)?.is_some();
        let amendments = proposals.group_context_ext_proposals();
        for amendment in amendments {
            charter(&amendment.proposal)?.ok_or(Forbidden::Charter)?;
        }
        let keys = proposals.psk_proposals();
        let from_outside = matches!(source, CommitSource::NewMember(_));
        let of_invites = keys.iter().all(|key| key.proposal.external_psk_id().is_some()) && from_outside;
        if !(is_chartered && of_invites || keys.is_empty()) || !(is_chartered || amendments.is_empty()) {
            return Err(Forbidden::Proposal);
        }
        let allowed = amendments.len()
            + keys.len()
            + proposals.add_proposals().len()
            + proposals.remove_proposals().len()
            + proposals.external_init_proposals().len();
        let by_value = proposals.iter_proposals().all(|proposal| proposal.is_by_value());
        if proposals.length() == allowed && by_value { Ok(proposals) } else { Err(Forbidden::Proposal) }
    }

    fn commit_options(&self, _: &Roster<'_>, _: &GroupContext, _: &ProposalBundle) -> Result<CommitOptions, Forbidden> {
        Ok(CommitOptions::new().with_ratchet_tree_extension(false).with_allow_external_commit(true))
    }

    fn encryption_options(&self, _: &Roster<'_>, _: &GroupContext) -> Result<EncryptionOptions, Forbidden> {
        Ok(EncryptionOptions::new(true, mls_rs::client_builder::PaddingMode::StepFunction))
    }
}
