//! Sign-up and sign-in by OPAQUE (RFC 9807): the server's half, and the sign-ins that are under way.
//!
//! The rule: the server never sees a password, and a name that does not exist is answered as one that does (§10.9).

use crate::secret::Secrets;
use opaque_ke::rand::rngs::OsRng;
use opaque_ke::{
    CipherSuite, CredentialFinalization, CredentialRequest, Identifiers, RegistrationRequest, RegistrationUpload,
    ServerLogin, ServerLoginParameters, ServerRegistration,
};
use sotto_wire::account::Name;
use sotto_wire::session::{LOGIN_CONTEXT, LOGIN_SERVER};
use sotto_wire::{Base64, Code, LoginId, Millis, UserId};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The suite of OPAQUE: ristretto255-SHA512 for the OPRF, 3DH over ristretto255 with ML-KEM-768 mixed in, and Argon2id
/// (19 MiB, two passes, one lane; RFC 9106) on the client.
pub struct LoginSuite;

impl CipherSuite for LoginSuite {
    type OprfCs = opaque_ke::Ristretto255;
    type KeyExchange = opaque_ke::TripleDhKem<opaque_ke::Ristretto255, sha2::Sha512, opaque_ke::ml_kem::MlKem768>;
    type Ksf = opaque_ke::argon2::Argon2<'static>;
}

/// A sign-in must be finished within this time: Argon2 on a slow phone takes seconds.
const LOGIN_LIFE: Millis = Millis(60_000);
/// Most sign-ins under way. Each holds less than 1 kB.
const LOGINS_MAX: usize = 10_000;

fn parameters(name: &Name) -> ServerLoginParameters<'static, '_> {
    let identifiers = Identifiers { client: Some(name.as_str().as_bytes()), server: Some(LOGIN_SERVER) };
    ServerLoginParameters { context: Some(LOGIN_CONTEXT), identifiers }
}

/// Answers the first step of sign-up.
pub(crate) fn start_registration(secrets: &Secrets, name: &Name, request: &Base64) -> Result<Base64, Code> {
    let request = RegistrationRequest::deserialize(request.as_slice()).map_err(|_| Code::Malformed)?;
    let started = ServerRegistration::<LoginSuite>::start(&secrets.login, request, name.as_str().as_bytes());
    Ok(started.map_err(|_| Code::Malformed)?.message.serialize().to_vec().into())
}

/// The record of the second step of sign-up, as it is kept.
pub(crate) fn finish_registration(record: &Base64) -> Result<Vec<u8>, Code> {
    let upload = RegistrationUpload::<LoginSuite>::deserialize(record.as_slice()).map_err(|_| Code::Malformed)?;
    Ok(ServerRegistration::finish(upload).serialize().to_vec())
}

/// Sign-ins between their two steps. Kept in memory only: a restart costs the user one more try.
#[derive(Default)]
pub(crate) struct Logins {
    pending: Mutex<HashMap<LoginId, Pending>>,
}

struct Pending {
    state: ServerLogin<LoginSuite>,
    name: Name,
    /// `None` for a name that does not exist.
    user: Option<UserId>,
    ends_at: Millis,
}

impl Logins {
    /// Answers the first step of sign-in. `account` is the id and the record of the account, when there is one.
    pub(crate) fn start(
        &self,
        secrets: &Secrets,
        (name, account): (&Name, Option<(UserId, &[u8])>),
        request: &Base64,
        now: Millis,
    ) -> Result<(LoginId, Base64), LoginError> {
        let request = CredentialRequest::deserialize(request.as_slice()).map_err(|_| LoginError::Malformed)?;
        let record = account.map(|(_, record)| ServerRegistration::deserialize(record));
        let record = record.transpose().map_err(|_| LoginError::BadRecord)?;
        let identifier = name.as_str().as_bytes();
        // Without a record the answer is made from a fake one; a fake is made in either case, so the time is alike.
        let started = ServerLogin::start(&mut OsRng, &secrets.login, record, request, identifier, parameters(name));
        let started = started.map_err(|_| LoginError::Malformed)?;
        let mut login = LoginId([0; 16]);
        getrandom::fill(&mut login.0).expect("the system has randomness");
        let pending = Pending {
            state: started.state,
            name: name.clone(),
            user: account.map(|(user, _)| user),
            ends_at: now.after(LOGIN_LIFE),
        };
        let mut map = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= LOGINS_MAX {
            map.retain(|_, pending| pending.ends_at > now);
        }
        if map.len() >= LOGINS_MAX {
            return Err(LoginError::Full);
        }
        map.insert(login, pending);
        Ok((login, started.message.serialize().to_vec().into()))
    }

    /// Checks the second step of sign-in; whatever comes of it, the sign-in is over. `None` when it is refused.
    pub(crate) fn finish(&self, login: LoginId, finalization: &Base64, now: Millis) -> Option<UserId> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&login)?;
        let finalization = CredentialFinalization::deserialize(finalization.as_slice()).ok()?;
        let finished = pending.state.finish(finalization, parameters(&pending.name)).is_ok();
        if finished && now < pending.ends_at { pending.user } else { None }
    }
}

/// A sign-in that cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// The client's message is none.
    #[error("read the first message of a sign-in")]
    Malformed,
    /// The stored record is none.
    #[error("read a registration record")]
    BadRecord,
    /// Too many are under way.
    #[error("begin one more sign-in")]
    Full,
}
