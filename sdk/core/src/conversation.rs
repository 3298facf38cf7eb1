//! The list of conversations and the people in them, as they stand on disk. Owns the rows; knows neither group nor
//! network. The rule: what changes is written with the next batch and shown with it, once.

use crate::content::MessageRef;
use crate::contract::Record;
use crate::group::Pin;
use crate::marks::{HeardOf, Mark, Ours, Theirs};
use crate::membership::Membership;
use crate::record;
use crate::sorted::{SortedMap, SortedSet};
use crate::view::{
    self, Author, ConversationKind, GroupView, LastMessage, LastWhat, MessageState, Participant, Person, Standing,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sotto_wire::account::Name;
use sotto_wire::conversation::{CreateConversationRequest, Kind};
use sotto_wire::{ConversationId, Millis, UserId};

/// First characters of a text that the list shows.
const LAST_TEXT_CHARS: usize = 120;

/// A conversation as it stands on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// What sort.
    pub(crate) kind: Kind,
    /// How far it has come.
    pub(crate) stage: Stage,
    /// Whether a path update is owed to the group.
    pub(crate) update: Update,
    /// Newest text of the log.
    pub(crate) last: Option<Last>,
    /// Messages of others after the read mark.
    pub(crate) unread: u32,
    /// Those of them that name the user.
    #[serde(default)]
    pub(crate) mentions: u32,
    /// The read mark: position of the newest item when the reader last looked.
    #[serde(default)]
    pub(crate) read_to: u64,
    /// When something last happened.
    pub(crate) active_at: Millis,
    /// The position of the next item.
    pub(crate) next_position: u64,
    /// How far the other side has come with this device's texts.
    pub(crate) theirs: Theirs,
    /// How far this device has come with the other side's.
    pub(crate) ours: Ours,
    /// Number of this device's newest text that the server has taken.
    #[serde(default)]
    pub(crate) taken: u64,
    /// How far this device has come with the texts of each device of a group.
    #[serde(default)]
    pub(crate) heard: HeardOf,
}

/// How far a conversation has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Made here; the server may or may not know of it. Not shown.
    Creating(Box<CreateConversationRequest>),
    /// A member, but this device is not, or can no longer follow: to be joined anew.
    Outside(Reason),
    /// An external commit is under way.
    Rejoining(Reason),
    /// This device is a member.
    Member,
    /// The user is in it no more; what is here can be read.
    Over(End),
}

/// Why a user is in a group no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// They left.
    Left,
    /// Removed, by this person if that is known.
    Removed(Option<UserId>),
}

/// Why a conversation is to be joined anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// This device is new.
    NewDevice,
    /// It missed what it cannot do without.
    Missed,
    /// The server has lost what came before, which the reader is told. Only then may it go on from an older epoch.
    HistoryLost,
}

/// Whether a path update is owed to the group, after joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Update {
    /// It is not.
    None,
    /// It is.
    Due,
    /// It is sealed and under way.
    UnderWay,
}

/// The newest text of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Last {
    /// Who wrote it.
    pub(crate) user: UserId,
    /// First characters.
    pub(crate) text: String,
    /// When.
    pub(crate) at: Millis,
    /// Number of it, when this device wrote it.
    pub(crate) sequence: Option<u64>,
    /// Which it is.
    #[serde(default)]
    pub(crate) of: Option<MessageRef>,
    /// Whether it was deleted for all.
    #[serde(default)]
    pub(crate) deleted: bool,
}

/// A person as they stand on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    /// Sign-in name, once known.
    pub(crate) name: Option<Name>,
    /// What they call themselves.
    #[serde(default)]
    pub(crate) display_name: String,
    /// Fingerprint of the account identity that was seen first.
    #[serde(default)]
    pin: Option<[u8; 32]>,
    /// Highest sequence number of a certificate of their devices.
    #[serde(default)]
    newest_sequence: u64,
}

impl Contact {
    /// What they are known by.
    pub(crate) fn pin(&self) -> Option<Pin> {
        let newest_sequence = self.newest_sequence;
        self.pin.map(|fingerprint| Pin { fingerprint, newest_sequence })
    }

    /// They are known by this from now on.
    pub(crate) fn learn(&mut self, pin: Pin) {
        (self.pin, self.newest_sequence) = (Some(pin.fingerprint), pin.newest_sequence);
    }
}

/// The account that looks: who, by which name, and what they call themselves.
pub(crate) type Myself<'a> = (UserId, &'a Name, &'a str);

/// Conversations and people.
#[derive(Debug, Default)]
pub(crate) struct List {
    rows: SortedMap<ConversationId, Row>,
    contacts: SortedMap<UserId, Contact>,
    memberships: SortedMap<ConversationId, Membership>,
    unwritten_memberships: SortedSet<ConversationId>,
    unwritten_rows: SortedSet<ConversationId>,
    unwritten_contacts: SortedSet<UserId>,
    unshown: SortedSet<ConversationId>,
}

impl Row {
    /// A conversation in which nothing has happened yet.
    pub(crate) fn new(kind: Kind, stage: Stage, now: Millis) -> Self {
        Self {
            kind,
            stage,
            update: Update::None,
            last: None,
            unread: 0,
            mentions: 0,
            read_to: 0,
            active_at: now,
            next_position: 1,
            theirs: Theirs::default(),
            ours: Ours::default(),
            taken: 0,
            heard: HeardOf::default(),
        }
    }

    /// Takes the next position.
    pub(crate) fn take_position(&mut self) -> u64 {
        let position = self.next_position;
        self.next_position += 1;
        position
    }

    /// How far this device's text of this number has come.
    pub(crate) fn state_of(&self, sequence: u64) -> MessageState {
        match self.theirs.mark {
            _ if self.theirs.is_missing(sequence) => MessageState::Sent,
            Mark { read, .. } if sequence <= read => MessageState::Read,
            Mark { delivered, .. } if sequence <= delivered => MessageState::Delivered,
            Mark { .. } => MessageState::Sent,
        }
    }
}

impl Last {
    /// The newest text, cut to what the list shows.
    pub(crate) fn new(of: MessageRef, text: &str, at: Millis, sequence: Option<u64>) -> Self {
        let text = text.chars().take(LAST_TEXT_CHARS).collect();
        Self { user: of.sender.user, text, at, sequence, of: Some(of), deleted: false }
    }

    /// It says something else now.
    pub(crate) fn reword(&mut self, text: &str) {
        self.text = text.chars().take(LAST_TEXT_CHARS).collect();
    }

    /// It is deleted for all.
    pub(crate) fn delete(&mut self) {
        self.text.clear();
        self.deleted = true;
    }
}

impl List {
    /// What stood on disk. Rows of another shape are left out.
    pub(crate) fn load(&mut self, rows: &[Record], contacts: &[Record]) {
        let pair = |record: &Record| Some((ConversationId(record::id(record)?), record::read(record)?));
        self.rows.extend(rows.iter().filter_map(pair));
        let pair = |record: &Record| Some((record::membership_of(record)?, record::read(record)?));
        self.memberships.extend(rows.iter().filter_map(pair));
        let pair = |record: &Record| Some((UserId(record::id(record)?), record::read(record)?));
        self.contacts.extend(contacts.iter().filter_map(pair));
    }

    /// Every conversation.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (ConversationId, &Row)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    /// A conversation.
    pub(crate) fn row(&self, id: ConversationId) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// A conversation, to be changed: it is written and shown with the next batch.
    pub(crate) fn row_mut(&mut self, id: ConversationId) -> Option<&mut Row> {
        let row = self.rows.get_mut(&id)?;
        self.unwritten_rows.insert(id);
        self.unshown.insert(id);
        Some(row)
    }

    /// A conversation comes.
    pub(crate) fn add(&mut self, id: ConversationId, row: Row) {
        self.rows.insert(id, row);
        self.unwritten_rows.insert(id);
        self.unshown.insert(id);
    }

    /// What a group has besides its row.
    pub(crate) fn membership(&self, id: ConversationId) -> Option<&Membership> {
        self.memberships.get(&id)
    }

    /// The same, to be changed: it is written and shown with the next batch.
    pub(crate) fn membership_mut(&mut self, id: ConversationId) -> Option<&mut Membership> {
        let membership = self.memberships.get_mut(&id)?;
        self.unwritten_memberships.insert(id);
        self.unshown.insert(id);
        Some(membership)
    }

    /// What a group has besides its row comes.
    pub(crate) fn add_membership(&mut self, id: ConversationId, membership: Membership) {
        self.memberships.insert(id, membership);
        self.unwritten_memberships.insert(id);
        self.unshown.insert(id);
    }

    /// A conversation goes.
    pub(crate) fn remove(&mut self, id: ConversationId) {
        self.rows.remove(&id);
        self.memberships.remove(&id);
        self.unwritten_rows.insert(id);
    }

    /// A conversation looks different for a reason that is not written.
    pub(crate) fn touch(&mut self, id: ConversationId) {
        self.unshown.insert(id);
    }

    /// The direct conversation with somebody.
    pub(crate) fn direct(&self, user: UserId) -> Option<ConversationId> {
        self.rows().find(|(_, row)| row.kind == Kind::Direct { peer: user }).map(|(id, _)| id)
    }

    /// The notes to self.
    pub(crate) fn notes(&self) -> Option<ConversationId> {
        self.rows().find(|(_, row)| row.kind == Kind::Notes).map(|(id, _)| id)
    }

    /// Every person.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = (UserId, &Contact)> {
        self.contacts.iter().map(|(user, contact)| (*user, contact))
    }

    /// Somebody by sign-in name.
    pub(crate) fn named(&self, name: &Name) -> Option<UserId> {
        self.contacts().find(|(_, contact)| contact.name.as_ref() == Some(name)).map(|(user, _)| user)
    }

    /// Somebody's sign-in name, once known.
    pub(crate) fn name(&self, user: UserId) -> Option<&Name> {
        self.contacts.get(&user)?.name.as_ref()
    }

    /// Somebody, to be changed: written and shown with the next batch.
    pub(crate) fn contact_mut(&mut self, user: UserId) -> &mut Contact {
        self.unwritten_contacts.insert(user);
        self.unshown
            .extend(self.rows.iter().filter(|(_, row)| row.kind == Kind::Direct { peer: user }).map(|(id, _)| *id));
        self.unshown.extend(self.memberships.iter().filter(|(_, it)| it.role(user).is_some()).map(|(id, _)| *id));
        self.contacts.get_or_insert(user, Contact::default())
    }

    /// What is to be written: a record, or the conversation whose row goes.
    pub(crate) fn take_unwritten(&mut self) -> Vec<Result<Record, ConversationId>> {
        let rows = std::mem::take(&mut self.unwritten_rows).into_iter().map(|id| match self.rows.get(&id) {
            Some(row) => Ok(record::write(record::conversation(id), row)),
            None => Err(id),
        });
        let contacts = std::mem::take(&mut self.unwritten_contacts).into_iter().filter_map(|user| {
            let contact = self.contacts.get(&user)?;
            Some(Ok(record::write(record::contact(user), contact)))
        });
        let memberships = std::mem::take(&mut self.unwritten_memberships).into_iter().filter_map(|id| {
            let membership = self.memberships.get(&id)?;
            Some(Ok(record::write(record::membership(id), membership)))
        });
        rows.chain(contacts).chain(memberships).collect()
    }

    /// The conversations that look different now.
    pub(crate) fn take_unshown(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.unshown).into_iter().collect()
    }

    /// What a person sees of a conversation; `waiting` is its newest text that is not yet in the log.
    pub(crate) fn view(
        &self,
        id: ConversationId,
        myself: Myself<'_>,
        waiting: Option<LastMessage>,
    ) -> Option<view::Conversation> {
        let me = myself.0;
        let row = self.rows.get(&id).filter(|row| !matches!(row.stage, Stage::Creating(_)))?;
        let kind = match row.kind {
            Kind::Notes => ConversationKind::Notes,
            Kind::Group => ConversationKind::Group(Box::new(self.group_view(id, myself)?)),
            Kind::Direct { peer } => {
                let contact = self.contacts.get(&peer)?;
                let (name, display_name) = (contact.name.clone()?, contact.display_name.clone());
                ConversationKind::Direct(Person { user: peer, name, display_name })
            }
        };
        let logged = row.last.as_ref().map(|last| LastMessage {
            author: author(last.user, me),
            what: if last.deleted { LastWhat::Deleted } else { LastWhat::Text },
            text: last.text.clone(),
            at: last.at,
            state: last.sequence.map_or(MessageState::Sent, |sequence| row.state_of(sequence)),
        });
        let active_at = waiting.as_ref().map_or(row.active_at, |waiting| waiting.at.max(row.active_at));
        let last = waiting.or(logged);
        let standing = match row.stage {
            Stage::Over(End::Left) => Standing::Left,
            Stage::Over(End::Removed(by)) => Standing::Removed(by),
            Stage::Creating(_) | Stage::Outside(_) | Stage::Rejoining(_) | Stage::Member => Standing::Accepted,
        };
        let (unread, mentions) = (row.unread, row.mentions);
        Some(view::Conversation { id, kind, last, unread, mentions, active_at, typing: Vec::new(), standing })
    }

    fn group_view(&self, id: ConversationId, (me, name, display_name): Myself<'_>) -> Option<GroupView> {
        let membership = self.memberships.get(&id)?;
        let card = membership.card.clone().unwrap_or_default();
        let person = |user: UserId| {
            if user == me {
                return Some(Person { user, name: name.clone(), display_name: display_name.to_owned() });
            }
            let contact = self.contacts.get(&user)?;
            Some(Person { user, name: contact.name.clone()?, display_name: contact.display_name.clone() })
        };
        let people = membership.people.iter();
        let mut people: Vec<Participant> =
            people.filter_map(|it| Some(Participant { person: person(it.user)?, role: it.role })).collect();
        people
            .sort_by(|one, other| one.role.cmp(&other.role).then_with(|| one.person.title().cmp(other.person.title())));
        Some(GroupView {
            name: card.name,
            description: card.description,
            picture: card.picture.map(|picture| Bytes::from(picture.0)),
            people,
            count: u32::try_from(membership.people.len()).unwrap_or(u32::MAX),
            role: membership.role(me).unwrap_or_default(),
        })
    }
}

/// Who wrote something, seen from `me`.
pub(crate) fn author(user: UserId, me: UserId) -> Author {
    if user == me { Author::Me } else { Author::Other(user) }
}
