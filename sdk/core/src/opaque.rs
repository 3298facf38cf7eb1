//! The client half of OPAQUE (RFC 9807), by which the server learns neither the password nor anything to guess it from.
//!
//! Owns the cipher suite, which the server repeats word by word, and the two exchanges, sign-up and sign-in.
//!
//! The rule: 3DH is mixed with an ephemeral ML-KEM-768 secret, so a recorded sign-in stays closed to quantum computers.

use opaque_ke::argon2::Argon2;
use opaque_ke::errors::ProtocolError;
use opaque_ke::rand::{CryptoRng, Error, RngCore};
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialResponse, Identifiers, RegistrationResponse, Ristretto255, TripleDhKem,
};
use sotto_suite::Provider;
use sotto_wire::Base64;
use sotto_wire::account::Name;
use sotto_wire::session::{LOGIN_CONTEXT, LOGIN_SERVER};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// OPAQUE-3DH over ristretto255 with SHA-512 and ML-KEM-768; Argon2id (19 MiB, two passes) stretches the password.
struct LoginSuite;

impl opaque_ke::CipherSuite for LoginSuite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDhKem<Ristretto255, sha2_010::Sha512, opaque_ke::ml_kem::MlKem768>;
    type Ksf = Argon2<'static>;
}

/// What OPAQUE gives the client alone: the same at every sign-in with the same password. 64 bytes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct ExportKey([u8; 64]);

impl ExportKey {
    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// A key for tests.
    #[cfg(test)]
    pub(crate) fn for_test(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

/// Why an exchange went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpaqueError {
    /// The password is wrong, or nobody has this name: the answer does not say which.
    #[error("sign in: the name or the password is wrong")]
    Refused,
    /// The server's answer is not one of this protocol.
    #[error("read an answer of the sign-in exchange")]
    Malformed,
}

/// A sign-up between its two steps.
pub(crate) struct Registration(ClientRegistration<LoginSuite>);

impl Registration {
    /// Begins; gives the `registration_request`.
    pub(crate) fn start(provider: &Provider, password: &[u8]) -> Result<(Self, Base64), OpaqueError> {
        let started = ClientRegistration::start(&mut Random(provider), password).map_err(reason)?;
        Ok((Self(started.state), started.message.serialize().to_vec().into()))
    }

    /// Ends; gives the `registration_record`.
    pub(crate) fn finish(
        self,
        provider: &Provider,
        password: &[u8],
        name: &Name,
        response: &Base64,
    ) -> Result<(Base64, ExportKey), OpaqueError> {
        let response = RegistrationResponse::deserialize(response.as_slice()).map_err(|_| OpaqueError::Malformed)?;
        let parameters = ClientRegistrationFinishParameters::new(identifiers(name), None);
        let finished = self.0.finish(&mut Random(provider), password, response, parameters).map_err(reason)?;
        Ok((finished.message.serialize().to_vec().into(), ExportKey(finished.export_key.into())))
    }
}

/// A sign-in between its two steps.
pub(crate) struct Login(ClientLogin<LoginSuite>);

impl Login {
    /// Begins; gives the `credential_request`.
    pub(crate) fn start(provider: &Provider, password: &[u8]) -> Result<(Self, Base64), OpaqueError> {
        let started = ClientLogin::start(&mut Random(provider), password).map_err(reason)?;
        Ok((Self(started.state), started.message.serialize().to_vec().into()))
    }

    /// Ends; gives the `credential_finalization`.
    pub(crate) fn finish(
        self,
        provider: &Provider,
        password: &[u8],
        name: &Name,
        response: &Base64,
    ) -> Result<(Base64, ExportKey), OpaqueError> {
        let response = CredentialResponse::deserialize(response.as_slice()).map_err(|_| OpaqueError::Malformed)?;
        let parameters = ClientLoginFinishParameters::new(Some(LOGIN_CONTEXT), identifiers(name), None);
        let finished = self.0.finish(&mut Random(provider), password, response, parameters).map_err(reason)?;
        Ok((finished.message.serialize().to_vec().into(), ExportKey(finished.export_key.into())))
    }
}

fn identifiers(name: &Name) -> Identifiers<'_> {
    Identifiers { client: Some(name.as_str().as_bytes()), server: Some(LOGIN_SERVER) }
}

fn reason(error: ProtocolError) -> OpaqueError {
    match error {
        ProtocolError::InvalidLoginError => OpaqueError::Refused,
        ProtocolError::LibraryError(_)
        | ProtocolError::SerializationError
        | ProtocolError::SizeError { .. }
        | ProtocolError::ReflectedValueError
        | ProtocolError::Custom(_) => OpaqueError::Malformed,
    }
}

/// The client's one random source as `opaque-ke` wants it.
struct Random<'a>(&'a Provider);

impl RngCore for Random<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.0.fill(out);
        Ok(())
    }
}

impl CryptoRng for Random<'_> {}

#[cfg(test)]
mod tests;
