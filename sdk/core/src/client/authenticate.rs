//! Signing up, in and out (A1, A3). The password and what is derived from it live as long as the step that needs them.

use super::command::{Progress, display_name};
use super::{Client, Sought};
use crate::alarms::Alarm;
use crate::calls::Purpose;
use crate::contract::{CommandKey, Failure, Output, Record, Reply, Table, Wanted};
use crate::conversation::{List, Reason, Stage as RowStage, Update};
use crate::group::Groups;
use crate::identity::{AccountKeys, DeviceKeys};
use crate::inbox::Inbox;
use crate::opaque::{ExportKey, Login, OpaqueError, Registration};
use crate::outbox::Outbox;
use crate::presence::Settings;
use crate::record;
use crate::session::{Account, Conversations, Progress as Written, Session, Stage};
use crate::timeline::Timeline;
use crate::typing::Typing;
use crate::vault;
use sotto_wire::account::{
    Name, RegisterFinish, RegisterFinishRequest, RegisterStart, RegisterStartRequest, RegisterStarted, Registered,
};
use sotto_wire::session::{
    DeviceRegistered, EndSession, EndSessionRequest, LoginFinish, LoginFinishRequest, LoginFinished, LoginStart,
    LoginStartRequest, LoginStarted, RegisterDevice, RegisterDeviceRequest, Tokens,
};
use sotto_wire::{Code, Millis, Problem, UserId, key, limit};
use zeroize::Zeroizing;

/// How often a request that makes something is sent when no answer comes.
const TRIES_MAX: u32 = 3;
/// Devices that an account may have had at most, besides one for each second since the epoch of the clock.
const DEVICES_MAX: u64 = 1 << 20;
/// How long signing out waits for the server.
const SIGN_OUT_MS: Millis = Millis(5_000);

/// A step of signing up or in: what is waited for, with what is needed then.
pub(super) enum Step {
    /// Sign-up: the server's half of the password.
    RegisterStart { registration: Box<Registration>, name: Name, display_name: String, password: Zeroizing<String> },
    /// Sign-up: the account. Sent again when no answer came.
    RegisterFinish { new: Box<NewDevice>, request: Box<RegisterFinishRequest>, tries: u32 },
    /// Sign-in: the server's half of the password.
    LoginStart { login: Box<Login>, name: Name, password: Zeroizing<String> },
    /// Sign-in: the session.
    LoginFinish { export_key: ExportKey, name: Name },
    /// Sign-in: the new device. Sent again when no answer came.
    RegisterDevice { new: Box<NewDevice>, request: Box<RegisterDeviceRequest>, tries: u32 },
    /// Sign-in: what is left of an older device of the same account, to be deleted.
    Clearing { new: Box<NewDevice> },
}

/// A device that the server does not know yet. Nothing of it is on disk before the server does: should the browser die
/// in between, the next sign-in makes another.
pub(super) struct NewDevice {
    /// For this account.
    pub(super) account: Account,
    /// Its keys, certified.
    pub(super) keys: DeviceKeys,
    /// Its key packages.
    pub(super) groups: Groups,
}

impl Client {
    /// The account whose new device is being registered.
    pub(super) fn registering(&self) -> Option<UserId> {
        match &self.session {
            Session::Authenticating { step, .. } => match step.as_ref() {
                Step::RegisterDevice { new, .. } => Some(new.account.user),
                Step::RegisterStart { .. }
                | Step::RegisterFinish { .. }
                | Step::LoginStart { .. }
                | Step::LoginFinish { .. }
                | Step::Clearing { .. } => None,
            },
            _ => None,
        }
    }

    pub(super) fn sign_up(
        &mut self,
        key: CommandKey,
        (name, shown): (&str, String),
        password: Zeroizing<String>,
    ) -> Result<Progress, Failure> {
        let name = self.check(name, &password)?;
        let display_name = display_name(&shown)?;
        let started = Registration::start(&self.provider, password.as_bytes());
        let (registration, registration_request) = started.map_err(|_| Failure::PasswordTooLong)?;
        let registration = Box::new(registration);
        let request = RegisterStartRequest { name: name.clone(), registration_request };
        self.authenticate(key, Step::RegisterStart { registration, name, display_name, password });
        self.ask::<RegisterStart>(Purpose::RegisterStart, &request);
        Ok(Progress::UnderWay)
    }

    pub(super) fn sign_in(
        &mut self,
        key: CommandKey,
        name: &str,
        password: Zeroizing<String>,
    ) -> Result<Progress, Failure> {
        let name = self.check(name, &password)?;
        let started = Login::start(&self.provider, password.as_bytes());
        let (login, credential_request) = started.map_err(|_| Failure::PasswordTooLong)?;
        let login = Box::new(login);
        let request = LoginStartRequest { name: name.clone(), credential_request };
        self.authenticate(key, Step::LoginStart { login, name, password });
        self.ask::<LoginStart>(Purpose::LoginStart, &request);
        Ok(Progress::UnderWay)
    }

    fn check(&self, name: &str, password: &str) -> Result<Name, Failure> {
        if !matches!(self.session, Session::SignedOut { .. }) {
            return Err(Failure::WrongState);
        }
        let name = Name::new(name).ok_or(Failure::NameInvalid)?;
        match password {
            short if short.chars().count() < limit::PASSWORD_MIN_CHARS => Err(Failure::PasswordTooShort),
            long if long.len() > limit::PASSWORD_MAX_BYTES => Err(Failure::PasswordTooLong),
            _ => Ok(name),
        }
    }

    fn authenticate(&mut self, key: CommandKey, step: Step) {
        let kept = match std::mem::replace(&mut self.session, Session::Starting) {
            Session::SignedOut { kept, .. } => kept,
            _ => None,
        };
        self.session = Session::Authenticating { command: key, kept, step: Box::new(step) };
        self.show_session();
    }

    /// Takes the step that is under way, with the account that the store is of.
    fn take_step(&mut self) -> Option<(CommandKey, Option<Account>, Step)> {
        match std::mem::replace(&mut self.session, Session::Starting) {
            Session::Authenticating { command, kept, step } => Some((command, kept, *step)),
            other => {
                self.session = other;
                None
            }
        }
    }

    fn go_on(&mut self, (command, kept): (CommandKey, Option<Account>), step: Step) {
        self.session = Session::Authenticating { command, kept, step: Box::new(step) };
    }

    fn give_up(&mut self, (command, kept): (CommandKey, Option<Account>), failure: Failure) {
        self.calls.forget();
        let cause = kept.as_ref().and_then(|account| match account.stage {
            Stage::Ended(cause) => Some(cause),
            Stage::Active => None,
        });
        self.session = Session::SignedOut { kept, cause };
        self.show_session();
        self.refuse(command, failure);
    }

    pub(super) fn register_started(&mut self, answer: Result<RegisterStarted, Problem>) {
        let Some((command, kept, step)) = self.take_step() else { return };
        let Step::RegisterStart { registration, name, display_name, password } = step else {
            return self.go_on((command, kept), step);
        };
        let started = match answer {
            Ok(started) => started,
            Err(problem) => return self.give_up((command, kept), Failure::Refused(problem.code)),
        };
        let Ok((registration_record, export_key)) =
            registration.finish(&self.provider, password.as_bytes(), &name, &started.registration_response)
        else {
            return self.give_up((command, kept), Failure::Refused(Code::NotSotto));
        };
        let user = UserId(self.random.id());
        let account_keys = AccountKeys::generate(&self.provider);
        let keys = DeviceKeys::generate(&self.provider, &account_keys, user, self.server_now(), 1);
        let conversations = Conversations::Known;
        let account = self.account(user, (name.clone(), display_name), conversations);
        let Some((new, device)) = self.new_device(account, keys) else {
            return self.give_up((command, kept), Failure::Refused(Code::Internal));
        };
        let vault = vault::seal(&self.provider, &export_key, user, &account_keys);
        let identity = account_keys.public();
        let request = RegisterFinishRequest { name, registration_record, user, identity, vault, device };
        self.ask::<RegisterFinish>(Purpose::RegisterFinish, &request);
        self.go_on((command, kept), Step::RegisterFinish { new: Box::new(new), request: Box::new(request), tries: 1 });
    }

    pub(super) fn registered(&mut self, answer: Result<Registered, Problem>) {
        let Some((command, kept, step)) = self.take_step() else { return };
        let Step::RegisterFinish { new, request, tries } = step else { return self.go_on((command, kept), step) };
        match answer {
            Ok(registered) => self.begin_account((command, kept), *new, registered.tokens),
            Err(problem) if problem.code == Code::Unreachable && tries < TRIES_MAX => {
                // It may have been taken: the same again gets the same answer.
                self.ask::<RegisterFinish>(Purpose::RegisterFinish, &request);
                self.go_on((command, kept), Step::RegisterFinish { new, request, tries: tries + 1 });
            }
            Err(problem) => self.give_up((command, kept), Failure::Refused(problem.code)),
        }
    }

    pub(super) fn login_started(&mut self, answer: Result<LoginStarted, Problem>) {
        let Some((command, kept, step)) = self.take_step() else { return };
        let Step::LoginStart { login, name, password } = step else { return self.go_on((command, kept), step) };
        let started = match answer {
            Ok(started) => started,
            Err(problem) => return self.give_up((command, kept), Failure::Refused(problem.code)),
        };
        match login.finish(&self.provider, password.as_bytes(), &name, &started.credential_response) {
            Ok((credential_finalization, export_key)) => {
                let device = kept.as_ref().and(self.groups.as_ref()).map(|groups| groups.device().device);
                let request = LoginFinishRequest { login: started.login, credential_finalization, device };
                self.ask::<LoginFinish>(Purpose::LoginFinish, &request);
                self.go_on((command, kept), Step::LoginFinish { export_key, name });
            }
            Err(OpaqueError::Refused) => self.give_up((command, kept), Failure::Refused(Code::SignInRefused)),
            Err(OpaqueError::Malformed) => self.give_up((command, kept), Failure::Refused(Code::NotSotto)),
        }
    }

    pub(super) fn login_finished(&mut self, answer: Result<LoginFinished, Problem>) {
        let Some((command, kept, step)) = self.take_step() else { return };
        let Step::LoginFinish { export_key, name } = step else { return self.go_on((command, kept), step) };
        let finished = match answer {
            Ok(finished) => finished,
            Err(problem) => return self.give_up((command, kept), Failure::Refused(problem.code)),
        };
        let device = self.groups.as_ref().map(|groups| groups.device().device);
        let same = kept.as_ref().filter(|account| account.user == finished.user);
        if let Some(account) = same.filter(|_| finished.device.is_some() && finished.device == device) {
            let account = Account { stage: Stage::Active, ..account.clone() };
            self.hold(finished.tokens);
            self.ledger.put(record::write(record::account(record::ACCOUNT), &account));
            self.enter(account);
            return self.ledger.answer(command, Ok(Reply::Done));
        }
        // The next device needs a higher number than this one. Time goes on, so one lie cannot use all numbers up.
        let is_possible = (1..=DEVICES_MAX.saturating_add(self.now.0 / 1_000)).contains(&finished.next_device_sequence);
        if !is_possible {
            return self.give_up((command, kept), Failure::Refused(Code::NotSotto));
        }
        let Ok(account_keys) = vault::open(&export_key, finished.user, &finished.vault) else {
            return self.give_up((command, kept), Failure::VaultUnreadable);
        };
        let (now, sequence) = (self.server_now(), finished.next_device_sequence);
        let keys = DeviceKeys::generate(&self.provider, &account_keys, finished.user, now, sequence);
        let display_name = same.map(|account| account.display_name.clone()).unwrap_or_default();
        let settings = same.map(|account| account.settings).unwrap_or_default();
        let account = self.account(finished.user, (name, display_name), Conversations::Wanted);
        let account = Account { settings, ..account };
        let Some((new, device)) = self.new_device(account, keys) else {
            return self.give_up((command, kept), Failure::Refused(Code::Internal));
        };
        self.hold(finished.tokens);
        let request = RegisterDeviceRequest { device, sequence };
        self.ask::<RegisterDevice>(Purpose::RegisterDevice, &request);
        self.go_on((command, kept), Step::RegisterDevice { new: Box::new(new), request: Box::new(request), tries: 1 });
    }

    pub(super) fn device_registered(&mut self, answer: Result<DeviceRegistered, Problem>) {
        let Some((command, kept, step)) = self.take_step() else { return };
        let Step::RegisterDevice { new, request, tries } = step else { return self.go_on((command, kept), step) };
        match answer {
            Ok(registered) if kept.as_ref().is_some_and(|account| account.user == new.account.user) => {
                self.hold(registered.tokens);
                self.load(Sought::Leftovers, Wanted::Tables(vec![Table::Group, Table::KeyPackage]));
                self.go_on((command, kept), Step::Clearing { new });
            }
            Ok(registered) => self.begin_account((command, kept), *new, registered.tokens),
            Err(problem) if problem.code == Code::Unreachable && tries < TRIES_MAX => {
                self.ask::<RegisterDevice>(Purpose::RegisterDevice, &request);
                self.go_on((command, kept), Step::RegisterDevice { new, request, tries: tries + 1 });
            }
            Err(problem) => self.give_up((command, kept), Failure::Refused(problem.code)),
        }
    }

    /// The same person on a new device in the old store: what they have read stays, the old device's keys go.
    pub(super) fn leftovers_loaded(&mut self, records: Vec<Record>) {
        let Some((command, kept, step)) = self.take_step() else { return };
        let Step::Clearing { new } = step else { return self.go_on((command, kept), step) };
        records.into_iter().for_each(|record| self.ledger.delete(record.place));
        let rows: Vec<_> = self.list.rows().map(|(id, row)| (id, row.stage.clone())).collect();
        for (id, stage) in rows {
            match (stage, self.list.row_mut(id)) {
                (RowStage::Creating(_), _) => self.list.remove(id),
                (_, Some(row)) => (row.stage, row.update) = (RowStage::Outside(Reason::NewDevice), Update::None),
                (_, None) => {}
            }
        }
        for sequence in self.outbox.disown(Code::SessionEnded) {
            self.write_waiting(sequence);
        }
        self.inbox = Inbox::default();
        self.settle_in(command, *new);
    }

    /// A device on an empty store.
    fn begin_account(&mut self, (command, _): (CommandKey, Option<Account>), new: NewDevice, tokens: Tokens) {
        self.empty();
        self.hold(tokens);
        self.settle_in(command, new);
    }

    fn settle_in(&mut self, command: CommandKey, new: NewDevice) {
        let NewDevice { account, keys, groups } = new;
        self.ledger.put(record::write(record::account(record::ACCOUNT), &account));
        let value = keys.to_bytes().to_vec().into();
        self.ledger.put(Record { place: record::account(record::DEVICE), value });
        self.use_groups(groups);
        self.enter(account);
        self.ledger.answer(command, Ok(Reply::Done));
    }

    pub(super) fn sign_out(&mut self, key: CommandKey) -> Result<Progress, Failure> {
        match &self.session {
            Session::SignedIn(_) => {
                self.leave();
                self.session = Session::SigningOut(key);
                self.ask::<EndSession>(Purpose::EndSession, &EndSessionRequest {});
                self.alarms.set(self.now.after(SIGN_OUT_MS), Alarm::SignOut);
                Ok(Progress::UnderWay)
            }
            Session::SignedOut { kept: Some(_), .. } => {
                self.session = Session::SigningOut(key);
                self.session_over();
                Ok(Progress::UnderWay)
            }
            Session::Unreadable => {
                self.session = Session::SigningOut(key);
                self.session_over();
                Ok(Progress::UnderWay)
            }
            Session::SignedOut { kept: None, .. }
            | Session::Starting
            | Session::Authenticating { .. }
            | Session::SigningOut(_) => Err(Failure::WrongState),
        }
    }

    /// The server has ended the session, or has had its time: the store is erased.
    pub(super) fn session_over(&mut self) {
        let Session::SigningOut(command) = self.session else { return };
        self.leave();
        self.empty();
        self.session = Session::SignedOut { kept: None, cause: None };
        self.show_session();
        self.ledger.answer(command, Ok(Reply::Done));
    }

    /// The command that waits for the session, if one does.
    pub(super) fn session_command(&self) -> Option<CommandKey> {
        match &self.session {
            Session::Authenticating { command, .. } | Session::SigningOut(command) => Some(*command),
            Session::Starting | Session::Unreadable | Session::SignedOut { .. } | Session::SignedIn(_) => None,
        }
    }

    /// Erases the store and everything of it that is in memory.
    fn empty(&mut self) {
        self.ledger.erase();
        self.groups = None;
        self.reading.clear();
        self.owed.clear();
        self.overdue.clear();
        (self.inbox, self.outbox, self.list) = (Inbox::default(), Outbox::default(), List::default());
        self.outbox.load(&[], 1);
        self.forget_changes();
        (self.timeline, self.typing, self.written) = (Timeline::default(), Typing::default(), Written::default());
    }

    fn hold(&mut self, tokens: Tokens) {
        let requests = self.calls.renewed(tokens, self.now);
        requests.into_iter().for_each(|request| self.ledger.tell(Output::Request(request)));
    }

    fn account(&self, user: UserId, (name, display_name): (Name, String), conversations: Conversations) -> Account {
        let last_resort_at = self.server_now();
        let settings = Settings::default();
        Account { user, name, display_name, stage: Stage::Active, conversations, last_resort_at, settings }
    }

    fn new_device(&self, account: Account, keys: DeviceKeys) -> Option<(NewDevice, key::NewDevice)> {
        let mut groups = Groups::new(self.provider.clone(), keys.clone());
        let key_packages = groups.key_packages(limit::KEY_PACKAGE_STOCK, self.server_now()).ok()?;
        let last_resort = groups.last_resort(self.server_now()).ok()?;
        let certificate = keys.certificate().into();
        let device = key::NewDevice { device: keys.device().device, certificate, key_packages, last_resort };
        Some((NewDevice { account, keys, groups }, device))
    }
}
