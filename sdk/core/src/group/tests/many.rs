//! Groups of many: made, joined, changed, left. Here is also what the tests of their rules share.

use super::*;
use crate::group::change::GroupChange;
use crate::group::charter::Charter;
use sotto_wire::group::Role;

/// A group: Ada owns it, Bob is an admin, Carol and Dan are members.
pub(super) struct Many {
    pub(super) accounts: Vec<Account>,
    pub(super) devices: Vec<Device>,
    pub(super) state: GroupState,
}

pub(super) const ADA: usize = 0;
pub(super) const BOB: usize = 1;
pub(super) const CAROL: usize = 2;
pub(super) const DAN: usize = 3;

pub(super) fn welcomed_to(sender: DeviceRef, state: &GroupState, welcome: &Base64) -> ConversationWelcome {
    ConversationWelcome {
        cursor: cursor(),
        conversation: CONVERSATION,
        kind: Kind::Group,
        people: Vec::new(),
        accepted: true,
        sender,
        epoch: state.epoch,
        welcome: welcome.clone(),
        sent_at: NOW,
    }
}

/// A group of these people, the first of whom owns it.
pub(super) fn group_of(names: &[&str]) -> Many {
    let accounts: Vec<Account> = names.iter().map(|name| Account::new(name)).collect();
    let mut devices: Vec<Device> = accounts.iter().map(|account| account.device(1)).collect();
    let claimed: Vec<ClaimedKey> = devices[1..].iter_mut().map(Device::claim).collect();
    let found: Vec<UserFound> = accounts[1..].iter().map(Account::found).collect();
    let charter = Charter::new(accounts[ADA].user, [1; 32]);
    let owner = &mut devices[ADA];
    let created = owner.groups.create_group(CONVERSATION, &charter, (&found, &claimed), NOW).expect("a group");
    owner.persist();
    let (sender, welcome) = (owner.device(), created.welcome);
    for device in &mut devices[1..] {
        let welcome = &welcome.as_ref().expect("somebody was added").welcome;
        let event = welcomed_to(sender, &created.state, welcome);
        device.groups.join(&event, &created.state.ratchet_tree).expect("an invitation");
        device.persist();
    }
    Many { accounts, devices, state: created.state }
}

pub(super) fn many() -> Many {
    let mut many = group_of(&["ada", "bob", "carol", "dan"]);
    let bob = many.accounts[BOB].user;
    let pending = many.amend(ADA, |charter| charter.set_role(bob, Role::Admin)).expect("the owner may");
    many.take(ADA, &pending, &[BOB, CAROL, DAN]);
    many
}

impl Many {
    pub(super) fn charter(&self, of: usize) -> Charter {
        self.devices[of].groups.charter(CONVERSATION).expect("a charter").clone()
    }

    pub(super) fn amend(&mut self, by: usize, amend: impl FnOnce(&mut Charter)) -> Result<PendingCommit, GroupError> {
        let mut charter = self.charter(by);
        amend(&mut charter);
        self.change(by, GroupChange { charter, add: (&[], &[]), remove: &[] })
    }

    pub(super) fn change(&mut self, by: usize, change: GroupChange<'_>) -> Result<PendingCommit, GroupError> {
        let client_id = ClientId([self.state.epoch as u8 + 0x40; 16]);
        self.devices[by].groups.change(CONVERSATION, &change, (client_id, String::new()), NOW)
    }

    /// The server takes a commit; `by` and all of `others` follow it.
    pub(super) fn take(&mut self, by: usize, pending: &PendingCommit, others: &[usize]) -> Followed {
        self.devices[by].persist_and_restart();
        let followed = self.devices[by].groups.confirm(CONVERSATION).expect("its own commit");
        self.devices[by].persist_and_restart();
        let event = committed(self.devices[by].device(), pending);
        for other in others {
            assert_eq!(self.devices[*other].follow(&event), Ok(followed.clone()), "{other}");
            self.devices[*other].persist_and_restart();
        }
        self.state = pending.state.clone();
        followed
    }

    /// Somebody new, with a device that is in no group.
    pub(super) fn newcomer(&mut self, name: &str) -> usize {
        let account = Account::new(name);
        self.devices.push(account.device(1));
        self.accounts.push(account);
        self.devices.len() - 1
    }

    /// Everybody can read what everybody writes.
    pub(super) fn all_talk(&mut self, among: &[usize]) {
        for (at, writer) in among.iter().enumerate() {
            let event = self.devices[*writer].seal("there", 0xA0 + at as u8);
            for reader in among.iter().filter(|reader| *reader != writer) {
                let opened = self.devices[*reader].open(&event).map(|opened| opened.plaintext);
                assert_eq!(opened, Ok(b"there".to_vec()), "{writer} to {reader}");
            }
        }
    }
}

#[test]
fn a_group_is_made_and_all_talk_and_agree_on_the_charter() {
    let mut many = many();
    many.all_talk(&[ADA, BOB, CAROL, DAN]);
    let charter = many.charter(ADA);
    assert_eq!(charter.role(many.accounts[BOB].user), Role::Admin);
    for device in [BOB, CAROL, DAN] {
        assert_eq!(many.charter(device), charter);
        let (people, of_ada) = [device, ADA].map(|of| many.devices[of].groups.people(CONVERSATION)).into();
        assert_eq!((people.len(), people), (4, of_ada));
    }
}

#[test]
fn who_is_added_reads_what_comes_then_and_nothing_from_before() {
    let mut many = many();
    let before = many.devices[CAROL].seal("before", 1);
    let eve = many.newcomer("eve");
    let (claimed, found) = ([many.devices[eve].claim()], [many.accounts[eve].found()]);
    let charter = many.charter(BOB);
    let pending =
        many.change(BOB, GroupChange { charter, add: (&found, &claimed), remove: &[] }).expect("an admin may");
    let welcome = pending.beside.welcome().expect("somebody is added");
    assert_eq!(welcome.to, [many.devices[eve].device()]);
    let followed = many.take(BOB, &pending, &[ADA, CAROL, DAN]);
    assert_eq!(followed.added, [many.devices[eve].device()]);
    let event = welcomed_to(many.devices[BOB].device(), &pending.state, &welcome.welcome);
    many.devices[eve].groups.join(&event, &pending.state.ratchet_tree).expect("an invitation");
    many.devices[eve].persist_and_restart();
    many.all_talk(&[ADA, BOB, CAROL, DAN, eve]);
    assert_eq!(many.devices[eve].open(&before), Err(Unreadable::BeforeJoining));
}

#[test]
fn who_is_removed_reads_nothing_more_and_cannot_send() {
    let mut many = many();
    let carol = many.accounts[CAROL].user;
    let charter = many.charter(BOB);
    let pending = many.change(BOB, GroupChange { charter, add: (&[], &[]), remove: &[carol] }).expect("an admin may");
    many.take(BOB, &pending, &[ADA, DAN]);
    let after = many.devices[ADA].seal("after", 9);
    // Before it knows: the keys have changed.
    assert_eq!(many.devices[CAROL].open(&after), Err(Unreadable::EpochAhead));
    let late = many.devices[CAROL].seal("late", 10);
    let event = committed(many.devices[BOB].device(), &pending);
    let followed = many.devices[CAROL].follow(&event).expect("an admin may");
    assert_eq!((followed.by, followed.removed), (many.devices[BOB].device(), vec![many.devices[CAROL].device()]));
    assert!(!many.devices[CAROL].groups.is_loaded(CONVERSATION));
    assert_eq!(many.devices[CAROL].rows(Table::Group), [], "its keys are gone");
    assert_eq!(many.devices[CAROL].open(&after), Err(Unreadable::NotLoaded));
    assert!(many.devices[CAROL].groups.seal(CONVERSATION, TEXT, ClientId([1; 16]), b"no").is_err());
    // In the epoch of before it may have been on its way; it is read by nobody as of now.
    assert_eq!(many.devices[ADA].open(&late), Err(Unreadable::NotAuthentic));
    many.all_talk(&[ADA, BOB, DAN]);
}

#[test]
fn of_two_changes_at_once_one_wins_and_the_other_is_made_anew() {
    let mut many = many();
    let (carol, dan) = (many.accounts[CAROL].user, many.accounts[DAN].user);
    let first = many.amend(ADA, |charter| charter.set_role(carol, Role::Admin)).expect("the owner may");
    let charter = many.charter(BOB);
    many.change(BOB, GroupChange { charter, add: (&[], &[]), remove: &[dan] }).expect("an admin may");
    many.take(ADA, &first, &[BOB, CAROL, DAN]);
    assert!(many.devices[BOB].groups.pending(CONVERSATION).is_none());
    let charter = many.charter(BOB);
    assert_eq!(charter.role(carol), Role::Admin);
    let again = many.change(BOB, GroupChange { charter, add: (&[], &[]), remove: &[dan] }).expect("an admin may");
    many.take(BOB, &again, &[ADA, CAROL]);
    many.all_talk(&[ADA, BOB, CAROL]);
}

#[test]
fn who_leaves_is_removed_by_anybody_and_takes_the_role_along() {
    let mut many = many();
    let bob = many.accounts[BOB].user;
    for device in [ADA, CAROL, DAN] {
        many.devices[device].groups.note_left(CONVERSATION, bob);
        many.devices[device].persist_and_restart();
        assert_eq!(many.devices[device].groups.leaving(CONVERSATION), [bob]);
    }
    let mut charter = many.charter(CAROL);
    charter.set_role(bob, Role::Member);
    let pending = many.change(CAROL, GroupChange { charter, add: (&[], &[]), remove: &[bob] }).expect("he wants it");
    many.take(CAROL, &pending, &[ADA, DAN]);
    assert_eq!(many.devices[ADA].groups.leaving(CONVERSATION), []);
    assert_eq!(many.charter(DAN).staff().count(), 1);
    many.all_talk(&[ADA, CAROL, DAN]);
}

#[test]
fn a_new_device_takes_the_place_of_the_old_one_in_a_group() {
    let mut many = many();
    let mut new = many.accounts[BOB].device(2);
    let loaded = loaded_as(&many.state, Kind::Group);
    let pending = new.groups.rejoin(CONVERSATION, &loaded, ClientId([9; 16])).expect("the old one is there");
    new.persist_and_restart();
    let followed = new.groups.confirm(CONVERSATION).expect("its own commit");
    assert_eq!((followed.by, followed.epoch), (new.device(), 3));
    let event = committed(new.device(), &pending);
    for device in [ADA, CAROL, DAN] {
        let followed = many.devices[device].follow(&event).expect("his device");
        assert_eq!(followed.removed, [many.devices[BOB].device()]);
    }
    many.devices[BOB] = new;
    many.all_talk(&[ADA, BOB, CAROL, DAN]);
    assert_eq!(many.charter(BOB), many.charter(ADA));
}

#[test]
fn a_group_of_many_never_passes_for_a_direct_conversation_or_the_other_way_round() {
    let many = group_of(&["ada", "bob"]);
    let state = &many.state;
    let mut new = many.accounts[BOB].device(2);
    let direct = loaded_as(state, Kind::Direct { peer: many.accounts[ADA].user });
    let joined = new.groups.rejoin(CONVERSATION, &direct, ClientId([9; 16]));
    assert!(matches!(joined, Err(GroupError::Refused(Refusal::Charter))), "{joined:?}");
    let pair = pair();
    let mut new = pair.bob_account.device(2);
    let group = loaded_as(&pair.state, Kind::Group);
    let joined = new.groups.rejoin(CONVERSATION, &group, ClientId([9; 16]));
    assert!(matches!(joined, Err(GroupError::Refused(Refusal::Charter))), "{joined:?}");
}
