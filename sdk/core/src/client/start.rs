//! Starting: what is read from the store before anything else, and what of it is shown at once, without any network.

use super::{Client, Sought};
use crate::alarms::Alarm;
use crate::contract::{Output, Record, Table, Wanted};
use crate::conversation::{Stage as RowStage, Update};
use crate::group::Groups;
use crate::identity::DeviceKeys;
use crate::inbox::Inbox;
use crate::record;
use crate::session::{Account, Conversations, Progress, Session, Stage};
use crate::view::Change;
use sotto_wire::Millis;

/// Tables that are small and always in memory.
const ALWAYS: &[Table] =
    &[Table::Account, Table::Conversation, Table::Outbox, Table::Contact, Table::KeyPackage, Table::Change];
/// What was under way before a restart goes on within this time, not all of it at once.
const RESUME_MS: Millis = Millis(1_000);

impl Client {
    /// Asks for what is always in memory.
    pub(super) fn begin(&mut self) {
        self.ledger.tell(Output::Changed(Change::Session(self.session.view())));
        self.load(Sought::Start, Wanted::Tables(ALWAYS.to_vec()));
    }

    /// The store cannot be read: nothing is known of who is signed in.
    pub(super) fn unreadable(&mut self) {
        self.session = Session::Unreadable;
        self.show_session();
    }

    /// The store has been read.
    pub(super) fn started(&mut self, records: Vec<Record>) {
        let of = |table: Table| -> Vec<Record> {
            records.iter().filter(|record| record.place.table == table).cloned().collect()
        };
        let row = |row: &[u8]| records.iter().find(|record| record.place == record::account(row));
        let Some(account) = row(record::ACCOUNT) else {
            self.session = Session::SignedOut { kept: None, cause: None };
            self.show_session();
            return;
        };
        let account: Option<Account> = record::read(account);
        let keys = row(record::DEVICE).and_then(|record| DeviceKeys::from_bytes(&record.value).ok());
        let (Some(account), Some(keys)) = (account, keys) else { return self.unreadable() };
        let progress: Progress = row(record::PROGRESS).and_then(record::read).unwrap_or_default();
        self.inbox = Inbox::new(progress.cursor.clone());
        self.stream.remember(progress.transport);
        self.outbox.load(&of(Table::Outbox), progress.next_sequence);
        self.changes.load(&of(Table::Change));
        if let Some(record) = row(record::SENDS) {
            self.outbox.load_known(record);
        }
        self.list.load(&of(Table::Conversation), &of(Table::Contact));
        self.written = progress;
        self.use_groups(Groups::new(self.provider.clone(), keys));
        if let Some(groups) = &mut self.groups {
            groups.load_key_packages(of(Table::KeyPackage));
        }
        match account.stage {
            Stage::Active => self.enter(account),
            Stage::Ended(cause) => {
                self.session = Session::SignedOut { kept: Some(account), cause: Some(cause) };
                self.show_session();
            }
        }
    }

    /// From now on this store is the device of these groups.
    pub(super) fn use_groups(&mut self, mut groups: Groups) {
        for (user, contact) in self.list.contacts() {
            if let Some(pin) = contact.pin() {
                groups.pin(user, pin);
            }
        }
        self.groups = Some(groups);
        self.reading.clear();
    }

    /// The account is signed in: what is on disk is shown, then the connection is made.
    pub(super) fn enter(&mut self, account: Account) {
        let wanted = account.conversations;
        self.session = Session::SignedIn(account);
        self.show_session();
        self.show_list();
        self.owed = self.list.rows().filter(|(_, row)| row.ours.is_owed()).map(|(id, _)| id).collect();
        let actions = self.stream.start(self.now);
        self.connect(actions);
        if wanted == Conversations::Wanted {
            self.ask_conversations(None);
        }
    }

    /// There is a connection: what was under way goes on.
    pub(super) fn resume(&mut self) {
        let (mut alarms, mut over) = (Vec::new(), Vec::new());
        for (id, row) in self.list.rows() {
            match &row.stage {
                RowStage::Creating(_) => alarms.push(Alarm::Create(id)),
                RowStage::Outside(_) | RowStage::Rejoining(_) => alarms.push(Alarm::Rejoin(id)),
                RowStage::Over(_) => over.push(id),
                RowStage::Member => {}
            }
            match row.update {
                Update::None => {}
                Update::Due | Update::UnderWay => alarms.push(Alarm::Update(id)),
            }
            if row.kind == sotto_wire::conversation::Kind::Group && matches!(row.stage, RowStage::Member) {
                alarms.extend([Alarm::Wish(id), Alarm::Leave(id), Alarm::Tidy(id), Alarm::AskCard(id)]);
                if self.lacks_names(id) {
                    alarms.push(Alarm::Names(id));
                }
            }
        }
        for alarm in alarms {
            self.soon(alarm, RESUME_MS);
        }
        for id in over {
            self.stop_sending(id, super::members::Sealed::Forgotten);
        }
    }
}
