//! One browser: a client, its disk, its cookie and what is on its screen. The rule: after a crash nothing is left but
//! disk and cookie.

use bytes::Bytes;
use sotto_core::contract::{
    Batch, CommandKey, Erase, Failure, Input, LoadKey, Place, Record, Reply, Start, Table, ViewerKey, Wanted,
};
use sotto_core::view::{
    Change, Connection, Conversation, Item, Link, LogKind, MessageKey, Older, People, Position, Privacy, Session,
    TimelineChange,
};
use sotto_core::wire::{ConversationId, Millis};
use sotto_core::{Client, Command};
use std::collections::{BTreeMap, BTreeSet};

/// What a command was for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    Text(String),
    Other,
}

/// Whether what this browser has promised must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// It has been one device from the first day.
    Clean,
    /// It was signed out, replaced, or has begun anew.
    Broken,
}

/// A browser.
pub(crate) struct Browser {
    pub(crate) client: Option<Client>,
    /// Counts restarts: what was under way for an earlier one is void.
    pub(crate) generation: u64,
    pub(crate) disk: BTreeMap<Place, Bytes>,
    /// Everything that was ever on the disk.
    pub(crate) past_rows: Vec<(Table, Bytes)>,
    pub(crate) disk_free_at: Millis,
    /// So many of the next reads fail.
    pub(crate) failing_reads: u32,
    pub(crate) cookie: Option<u64>,
    pub(crate) timer: Option<Millis>,
    /// How often its timer has rung.
    pub(crate) rings: u64,
    pub(crate) name: String,
    pub(crate) screen: Screen,
    pub(crate) past: Past,
    /// Texts that the core has answered for.
    pub(crate) promised: BTreeMap<MessageKey, String>,
    pub(crate) asked: BTreeMap<CommandKey, Asked>,
    pub(crate) next_command: u64,
    pub(crate) results: Vec<Result<Reply, Failure>>,
}

/// A closed browser.
pub(crate) struct Saved {
    name: String,
    disk: BTreeMap<Place, Bytes>,
    cookie: Option<u64>,
}

/// What is on the screen.
#[derive(Default)]
pub(crate) struct Screen {
    pub(crate) session: Option<Session>,
    pub(crate) connection: Option<Connection>,
    pub(crate) link: Option<Link>,
    pub(crate) logged: Vec<LogKind>,
    pub(crate) people: People,
    pub(crate) privacy: Privacy,
    pub(crate) conversations: BTreeMap<ConversationId, Conversation>,
    /// For every viewer but [`SECOND`].
    pub(crate) timeline: Option<Shown>,
    /// For [`SECOND`].
    pub(crate) second: Option<Shown>,
}

/// A second viewer of the same browser.
pub(crate) const SECOND: ViewerKey = ViewerKey(2);

/// The open timeline.
pub(crate) struct Shown {
    pub(crate) conversation: ConversationId,
    pub(crate) items: BTreeMap<MessageKey, Item>,
    pub(crate) older: Older,
}

impl Browser {
    /// A browser that was never used.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            client: None,
            generation: 0,
            disk: BTreeMap::new(),
            past_rows: Vec::new(),
            disk_free_at: Millis(0),
            failing_reads: 0,
            cookie: None,
            timer: None,
            rings: 0,
            name: name.to_owned(),
            screen: Screen::default(),
            past: Past::Clean,
            promised: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_command: 0,
            results: Vec::new(),
        }
    }

    /// What is left of it when it is closed.
    pub(crate) fn save(&self) -> Saved {
        Saved { name: self.name.clone(), disk: self.disk.clone(), cookie: self.cookie }
    }

    /// The same browser in another world.
    pub(crate) fn restore(saved: &Saved) -> Self {
        Self { disk: saved.disk.clone(), cookie: saved.cookie, ..Self::new(&saved.name) }
    }

    /// Starts the client anew.
    pub(crate) fn boot(&mut self, seed: [u8; 32]) {
        self.crash();
        self.client = Some(Client::new(Start { seed }));
    }

    /// Everything goes but disk and cookie.
    pub(crate) fn crash(&mut self) {
        self.client = None;
        self.generation += 1;
        self.timer = None;
        self.screen = Screen::default();
        self.asked.clear();
    }

    /// Names a command.
    pub(crate) fn name_command(&mut self, command: &Command) -> CommandKey {
        self.next_command += 1;
        let key = CommandKey(self.next_command);
        let asked = match command {
            Command::Send { message, .. } => Asked::Text(message.text.clone()),
            _ => Asked::Other,
        };
        self.asked.insert(key, asked);
        key
    }

    /// Takes note of an answer. Each command is answered once.
    pub(crate) fn answered(&mut self, key: CommandKey, result: Result<Reply, Failure>) {
        let asked = self.asked.remove(&key).expect("an answer is for a command that waits");
        if let (Asked::Text(text), Ok(Reply::Message(message))) = (asked, &result) {
            let before = self.promised.insert(*message, text);
            let text = self.promised[message].clone();
            assert_eq!(before.unwrap_or(text.clone()), text, "a message key is given for one text");
        }
        self.results.push(result);
    }

    /// Writes a batch.
    pub(crate) fn write(&mut self, batch: &Batch) {
        self.check_ratchet(batch);
        if batch.erase == Erase::Everything {
            self.disk.clear();
        }
        for place in &batch.deletes {
            self.disk.remove(place);
        }
        for record in &batch.puts {
            assert!((1..=64).contains(&record.place.row.len()), "a row is 1 to 64 bytes long");
            self.disk.insert(record.place.clone(), record.value.clone());
            self.past_rows.push((record.place.table, record.value.clone()));
        }
    }

    /// A message that is newly sealed stands in one batch with its group's ratchet.
    fn check_ratchet(&self, batch: &Batch) {
        for record in batch.puts.iter().filter(|record| record.place.table == Table::Outbox) {
            let (new, old) = (sealed(&record.value), self.disk.get(&record.place).and_then(|row| sealed(row)));
            let Some((conversation, ciphertext)) = new else { continue };
            if old.is_some_and(|(_, old)| old == ciphertext) {
                continue;
            }
            let of_group = |put: &Record| put.place.table == Table::Group && put.place.row.starts_with(&conversation.0);
            assert!(batch.puts.iter().any(of_group), "a sealed message without its ratchet step");
        }
    }

    /// Whether some row of a table holds `needle`, or has held it: what is sent again may be settled already.
    pub(crate) fn has_had_on_disk(&self, table: Table, needle: &[u8]) -> bool {
        let holds = |value: &Bytes| value.windows(needle.len()).any(|part| part == needle);
        self.past_rows.iter().rev().any(|(of, value)| *of == table && holds(value))
    }

    /// Answers a load.
    pub(crate) fn answer_load(&mut self, key: LoadKey, wanted: &Wanted) -> Input {
        if self.failing_reads > 0 {
            self.failing_reads -= 1;
            return Input::LoadFailed(key);
        }
        Input::Loaded { key, records: self.read(wanted) }
    }

    /// Reads what is wanted.
    pub(crate) fn read(&self, wanted: &Wanted) -> Vec<Record> {
        let record = |(place, value): (&Place, &Bytes)| Record { place: place.clone(), value: value.clone() };
        match wanted {
            Wanted::Places(places) => places.iter().filter_map(|p| self.disk.get_key_value(p)).map(record).collect(),
            Wanted::Tables(tables) => {
                self.disk.iter().filter(|(place, _)| tables.contains(&place.table)).map(record).collect()
            }
            Wanted::Newest { table, prefix, below, limit } => {
                let wanted = |place: &Place| {
                    place.table == *table
                        && place.row.starts_with(prefix)
                        && below.as_ref().is_none_or(|below| place.row < *below)
                };
                self.disk.iter().rev().filter(|(place, _)| wanted(place)).take(*limit).map(record).collect()
            }
        }
    }

    /// How many wait to be sent, on disk.
    pub(crate) fn waiting(&self) -> usize {
        self.disk.keys().filter(|place| place.table == Table::Outbox).count()
    }

    /// Shows a change.
    pub(crate) fn show(&mut self, change: Change) {
        match change {
            Change::Session(session) => {
                if matches!(session, Session::SignedOut(_)) {
                    self.screen.conversations.clear();
                    (self.screen.timeline, self.screen.second) = (None, None);
                }
                self.screen.session = Some(session);
            }
            Change::Connection(connection) => self.screen.connection = Some(connection),
            Change::Link(link) => self.screen.link = Some(link),
            Change::Logged(entry) => self.screen.logged.push(entry.kind),
            Change::TakenBack { .. } => {}
            Change::Presence(told) => self.screen.people.apply(&told),
            Change::Privacy(privacy) => self.screen.privacy = privacy,
            Change::Conversation(conversation) => {
                self.screen.conversations.insert(conversation.id, conversation);
            }
            Change::Conversations(list) => {
                self.screen.conversations = list.into_iter().map(|it| (it.id, it)).collect();
            }
            Change::Timeline(SECOND, change) => Screen::timeline_changed(&mut self.screen.second, change),
            Change::Timeline(_, change) => Screen::timeline_changed(&mut self.screen.timeline, change),
        }
    }

    /// Whether somebody is signed in.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.client.is_some() && matches!(self.screen.session, Some(Session::SignedIn(_)))
    }
}

impl Screen {
    fn timeline_changed(timeline: &mut Option<Shown>, change: TimelineChange) {
        match change {
            TimelineChange::Opened { conversation, items, older } => {
                let count = items.len();
                let items: BTreeMap<_, _> = items.into_iter().map(|item| (item.key, item)).collect();
                assert_eq!(items.len(), count, "a page shows nothing twice");
                *timeline = Some(Shown { conversation, items, older });
            }
            TimelineChange::OlderLoaded { conversation, items, older } => {
                let Some(shown) = timeline.as_mut().filter(|shown| shown.conversation == conversation) else {
                    return;
                };
                shown.older = older;
                for item in items {
                    let before = shown.items.insert(item.key, item);
                    assert_eq!(before, None, "an older page shows nothing twice");
                }
            }
            TimelineChange::Put(item) => {
                if let Some(shown) = timeline.as_mut().filter(|it| it.conversation == item.key.conversation) {
                    shown.items.insert(item.key, item);
                }
            }
            TimelineChange::Gone(key) => {
                if let Some(shown) = timeline {
                    shown.items.remove(&key);
                }
            }
        }
        if let Some(shown) = timeline {
            let positions: BTreeSet<Position> = shown.items.values().map(|item| item.position).collect();
            assert_eq!(positions.len(), shown.items.len(), "no two items stand in one place");
        }
    }
}

impl Shown {
    /// The items in order.
    pub(crate) fn ordered(&self) -> Vec<&Item> {
        let mut items: Vec<&Item> = self.items.values().collect();
        items.sort_by_key(|item| item.position);
        items
    }
}

/// Conversation and ciphertext of an outbox row that is sealed.
fn sealed(row: &[u8]) -> Option<(ConversationId, String)> {
    let row: serde_json::Value = serde_json::from_slice(row).expect("outbox rows are JSON");
    let ciphertext = row.pointer("/stage/sealed/ciphertext")?.as_str()?.to_owned();
    let conversation = row.get("conversation")?.as_str()?.parse().expect("an id");
    Some((conversation, ciphertext))
}
