//! The model server's accounts: the server half of OPAQUE, sessions, devices and key packages.

use crate::server::{Answer, Post, Reply, refuse, serve};
use opaque_ke::rand::{CryptoRng, Error, RngCore};
use opaque_ke::{
    CredentialFinalization, CredentialRequest, Identifiers, RegistrationRequest, RegistrationUpload, Ristretto255,
    ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup, TripleDhKem,
};
use sotto_core::wire::account::{
    FindUser, Identity, Name, RegisterFinish, RegisterFinishRequest, RegisterStart, RegisterStarted, Registered,
    UserFound,
};
use sotto_core::wire::key::{ClaimKeys, ClaimedKey, KeysClaimed, KeysPublished, NewDevice, PublishKeys};
use sotto_core::wire::session::{
    DeviceRegistered, EndSession, LoginFinish, LoginFinished, LoginStart, LoginStarted, Refresh, Refreshed,
    RegisterDevice, RegisterDeviceRequest, SessionEnded, Tokens,
};
use sotto_core::wire::{Base64, Code, DeviceId, DeviceRef, Endpoint, LoginId, Millis, Problem, UserId, limit};
use sotto_suite::Provider;
use std::collections::BTreeMap;
use std::sync::Arc;

struct LoginSuite;

impl opaque_ke::CipherSuite for LoginSuite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDhKem<Ristretto255, sha2_010::Sha512, opaque_ke::ml_kem::MlKem768>;
    type Ksf = opaque_ke::argon2::Argon2<'static>;
}

const IDENTIFIERS: fn(&Name) -> Identifiers<'_> =
    |name| Identifiers { client: Some(name.as_str().as_bytes()), server: Some(b"sotto") };

#[derive(Clone)]
struct Account {
    name: Name,
    record: Vec<u8>,
    identity: Identity,
    vault: Base64,
    device: Option<DeviceId>,
    next_device_sequence: u64,
    registration: RegisterFinishRequest,
}

#[derive(Clone)]
struct Device {
    registered_at: u64,
    key_packages: Vec<Base64>,
    last_resort: Base64,
}

#[derive(Clone)]
struct Session {
    user: UserId,
    device: Option<DeviceId>,
}

/// Accounts and what belongs to them.
#[derive(Clone)]
pub(crate) struct Accounts {
    setup: Arc<ServerSetup<LoginSuite>>,
    accounts: BTreeMap<UserId, Account>,
    devices: BTreeMap<DeviceId, Device>,
    sessions: BTreeMap<u64, Session>,
    tokens: BTreeMap<String, u64>,
    logins: BTreeMap<LoginId, (Name, Arc<ServerLogin<LoginSuite>>)>,
    next: u64,
    ended: Vec<DeviceRef>,
}

impl Default for Accounts {
    fn default() -> Self {
        let setup = Arc::new(ServerSetup::new(&mut random(0)));
        Self {
            setup,
            accounts: BTreeMap::new(),
            devices: BTreeMap::new(),
            sessions: BTreeMap::new(),
            tokens: BTreeMap::new(),
            logins: BTreeMap::new(),
            next: 1,
            ended: Vec::new(),
        }
    }
}

impl Accounts {
    /// Answers a request that is about accounts; none when it is about something else.
    pub(crate) fn post(&mut self, post: &Post, now: Millis, head: u64) -> Option<Reply> {
        let mut cookie = post.cookie;
        let body = match post.path {
            RegisterStart::PATH => serve::<RegisterStart>(post, now, |request| {
                let message = RegistrationRequest::deserialize(request.registration_request.as_slice());
                let message = message.expect("clients speak OPAQUE");
                let name = request.name.as_str().as_bytes();
                let started = ServerRegistration::<LoginSuite>::start(&self.setup, message, name);
                let registration_response = started.expect("a valid request").message.serialize().to_vec().into();
                Ok(RegisterStarted { registration_response })
            }),
            RegisterFinish::PATH => serve::<RegisterFinish>(post, now, |request| {
                let tokens = self.register(request, head, &mut cookie)?;
                Ok(Registered { tokens })
            }),
            LoginStart::PATH => serve::<LoginStart>(post, now, |request| {
                let account = self.accounts.values().find(|account| account.name == request.name);
                let record = account.ok_or(Problem::new(Code::SignInRefused))?.record.clone();
                let record = RegistrationUpload::<LoginSuite>::deserialize(&record).expect("as it was uploaded");
                let message = CredentialRequest::deserialize(request.credential_request.as_slice());
                let started = ServerLogin::start(
                    &mut random(self.next),
                    &self.setup,
                    Some(ServerRegistration::finish(record)),
                    message.expect("clients speak OPAQUE"),
                    request.name.as_str().as_bytes(),
                    parameters(&request.name),
                );
                let started = started.expect("a valid request");
                self.next += 1;
                let login = LoginId(u128::from(self.next).to_be_bytes());
                self.logins.insert(login, (request.name, Arc::new(started.state)));
                Ok(LoginStarted { login, credential_response: started.message.serialize().to_vec().into() })
            }),
            LoginFinish::PATH => serve::<LoginFinish>(post, now, |request| {
                let (name, login) = self.logins.remove(&request.login).ok_or(Problem::new(Code::SignInRefused))?;
                let message = CredentialFinalization::deserialize(request.credential_finalization.as_slice());
                let message = message.expect("clients speak OPAQUE");
                let login = Arc::into_inner(login).expect("nobody else holds a login");
                login.finish(message, parameters(&name)).or_else(|_| refuse(Code::SignInRefused))?;
                let found = self.accounts.iter().find(|(_, account)| account.name == name);
                let (user, account) = found.map(|(user, account)| (*user, account.clone())).expect("it was there");
                let device = request.device.filter(|device| account.device == Some(*device));
                let tokens = self.open_session(user, device, &mut cookie);
                Ok(LoginFinished {
                    user,
                    vault: account.vault,
                    device,
                    current_device: account.device,
                    next_device_sequence: account.next_device_sequence,
                    tokens,
                })
            }),
            RegisterDevice::PATH => serve::<RegisterDevice>(post, now, |request| {
                let session = self.session_of_token(post)?;
                let tokens = self.replace_device(session, request, head)?;
                Ok(DeviceRegistered { tokens })
            }),
            Refresh::PATH => serve::<Refresh>(post, now, |_| {
                let found = post.cookie.and_then(|number| Some((number, self.sessions.get(&number)?.clone())));
                let (number, session) = found.ok_or(Problem::new(Code::SessionEnded))?;
                Ok(Refreshed { user: session.user, device: session.device, tokens: self.token(number) })
            }),
            EndSession::PATH => serve::<EndSession>(post, now, |_| {
                if let Some(number) = cookie.take() {
                    self.sessions.remove(&number);
                }
                Ok(SessionEnded {})
            }),
            PublishKeys::PATH => serve::<PublishKeys>(post, now, |request| {
                let device = self.device(post)?.device;
                let device = self.devices.get_mut(&device).ok_or(Problem::new(Code::DeviceNeeded))?;
                device.key_packages.extend(request.key_packages);
                device.last_resort = request.last_resort.unwrap_or(device.last_resort.clone());
                Ok(KeysPublished { stock: device.key_packages.len() })
            }),
            ClaimKeys::PATH => serve::<ClaimKeys>(post, now, |request| {
                self.device(post)?;
                let owners = request.users.iter().filter_map(|user| self.current_ref(*user)).collect::<Vec<_>>();
                let claimed = owners.into_iter().map(|owner| {
                    let device = self.devices.get_mut(&owner.device).expect("devices of accounts exist");
                    let key_package = device.key_packages.pop().unwrap_or(device.last_resort.clone());
                    ClaimedKey { owner, key_package }
                });
                Ok(KeysClaimed { key_packages: claimed.collect() })
            }),
            FindUser::PATH => serve::<FindUser>(post, now, |request| {
                self.device(post)?;
                let found = self.accounts.iter().find(|(_, account)| account.name == request.name);
                let (user, account) = found.ok_or(Problem::new(Code::NotFound))?;
                Ok(UserFound {
                    user: *user,
                    name: account.name.clone(),
                    identity: account.identity.clone(),
                    devices: self.current_ref(*user).into_iter().collect(),
                })
            }),
            _ => return None,
        };
        Some(Reply { body, cookie })
    }

    /// The device that a request comes from.
    pub(crate) fn device(&self, post: &Post) -> Answer<DeviceRef> {
        if let Some(device) = post.device {
            let is_current = self.current(device.user) == Some(device.device);
            return if is_current { Ok(device) } else { refuse(Code::Unauthorized) };
        }
        let session = self.sessions.get(&self.session_of_token(post)?).ok_or(Problem::new(Code::Unauthorized))?;
        let device = session.device.ok_or(Problem::new(Code::DeviceNeeded))?;
        Ok(DeviceRef { user: session.user, device })
    }

    /// The account's device.
    pub(crate) fn current(&self, user: UserId) -> Option<DeviceId> {
        self.accounts.get(&user)?.device
    }

    /// The account's device, with its account.
    pub(crate) fn current_ref(&self, user: UserId) -> Option<DeviceRef> {
        self.current(user).map(|device| DeviceRef { user, device })
    }

    /// The account's name.
    pub(crate) fn user(&self, name: &str) -> UserId {
        let account = self.accounts.iter().find(|(_, account)| account.name.as_str() == name);
        *account.expect("somebody of this name has signed up").0
    }

    pub(crate) fn name(&self, user: UserId) -> Name {
        self.accounts.get(&user).map(|account| account.name.clone()).expect("a user of this server")
    }

    /// The log as it was when a device was registered.
    pub(crate) fn registered_at(&self, device: DeviceRef) -> u64 {
        self.devices.get(&device.device).map_or(0, |device| device.registered_at)
    }

    /// One-time key packages of a device.
    pub(crate) fn stock(&self, device: DeviceRef) -> usize {
        self.devices.get(&device.device).map_or(0, |device| device.key_packages.len())
    }

    /// Gives away so many key packages of somebody's device; says how many are left.
    pub(crate) fn use_up(&mut self, name: &str, count: usize) -> usize {
        let account = self.accounts.values().find(|account| account.name.as_str() == name);
        let device = account.and_then(|account| account.device).and_then(|device| self.devices.get_mut(&device));
        let key_packages = &mut device.expect("somebody with a device").key_packages;
        key_packages.truncate(key_packages.len() - count);
        key_packages.len()
    }

    /// A lie: calls an account by another name from now on.
    pub(crate) fn rename(&mut self, name: &str, to: &str) {
        self.named_mut(name).name = Name::new(to).expect("a name");
    }

    /// A lie: what the account's next device is told of its number.
    pub(crate) fn set_next_device_sequence(&mut self, name: &str, sequence: u64) {
        self.named_mut(name).next_device_sequence = sequence;
    }

    fn named_mut(&mut self, name: &str) -> &mut Account {
        self.accounts.values_mut().find(|account| account.name.as_str() == name).expect("somebody of this name")
    }

    /// Devices whose sessions have ended since the last call.
    pub(crate) fn take_ended(&mut self) -> Vec<DeviceRef> {
        std::mem::take(&mut self.ended)
    }

    /// Tokens and sign-ins are in memory only.
    pub(crate) fn restart(&mut self) {
        self.tokens.clear();
        self.logins.clear();
    }

    fn session_of_token(&self, post: &Post) -> Answer<u64> {
        let number = post.token.as_ref().and_then(|token| self.tokens.get(token)).copied();
        number.filter(|number| self.sessions.contains_key(number)).ok_or(Problem::new(Code::Unauthorized))
    }

    fn register(&mut self, request: RegisterFinishRequest, head: u64, cookie: &mut Option<u64>) -> Answer<Tokens> {
        let taken = self.accounts.values().find(|account| account.name == request.name);
        if let Some(account) = taken {
            if account.registration != request {
                return refuse(Code::NameTaken);
            }
            return Ok(self.open_session(request.user, Some(request.device.device), cookie));
        }
        let registration = request.clone();
        let (user, device) = (request.user, request.device.device);
        let account = Account {
            name: request.name,
            record: request.registration_record.0,
            identity: request.identity,
            vault: request.vault,
            device: Some(device),
            next_device_sequence: 2,
            registration,
        };
        self.accounts.insert(user, account);
        self.add_device(request.device, head);
        Ok(self.open_session(user, Some(device), cookie))
    }

    fn add_device(&mut self, device: NewDevice, registered_at: u64) {
        let NewDevice { device: id, key_packages, last_resort, .. } = device;
        self.devices.insert(id, Device { registered_at, key_packages, last_resort });
    }

    fn replace_device(&mut self, number: u64, request: RegisterDeviceRequest, head: u64) -> Answer<Tokens> {
        let RegisterDeviceRequest { device, sequence } = request;
        let session = self.sessions.get(&number).cloned().ok_or(Problem::new(Code::Unauthorized))?;
        let account = self.accounts.get_mut(&session.user).expect("sessions have accounts");
        let id = device.device;
        if account.device != Some(id) {
            if sequence != account.next_device_sequence {
                return refuse(Code::DeviceOvertaken);
            }
            if let Some(old) = account.device.replace(id) {
                self.ended.push(DeviceRef { user: session.user, device: old });
                self.sessions.retain(|_, other| other.user != session.user || other.device != Some(old));
            }
            account.next_device_sequence += 1;
            self.add_device(device, head);
        }
        let session = Session { device: Some(id), ..session };
        self.sessions.insert(number, session);
        Ok(self.token(number))
    }

    fn open_session(&mut self, user: UserId, device: Option<DeviceId>, cookie: &mut Option<u64>) -> Tokens {
        self.next += 1;
        self.sessions.insert(self.next, Session { user, device });
        *cookie = Some(self.next);
        self.token(self.next)
    }

    fn token(&mut self, session: u64) -> Tokens {
        self.next += 1;
        let access_token = format!("a{}", self.next);
        self.tokens.insert(access_token.clone(), session);
        Tokens { access_token, expires_in_ms: Millis(limit::ACCESS_LIFE_MS) }
    }
}

fn parameters(name: &Name) -> ServerLoginParameters<'static, '_> {
    ServerLoginParameters { context: Some(b"sotto login v1"), identifiers: IDENTIFIERS(name) }
}

/// The server's random source, from a number.
fn random(number: u64) -> Random {
    let mut seed = [0xA5; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    Random(Provider::new(seed))
}

struct Random(Provider);

impl RngCore for Random {
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

impl CryptoRng for Random {}
