//! Who stands behind a sign-in name. Owns no state; decides what the list may take from the server.
//!
//! The rule: the first name of somebody stays, and a name stands for one person, whatever the server says later. Names
//! are the server's word, so the first one is trusted, as with identities.

use super::Client;
use sotto_wire::UserId;
use sotto_wire::account::Name;
use sotto_wire::conversation::{Kind, Member};

impl Client {
    /// Takes the name of a conversation's other side, when it has none yet and the name stands for nobody else.
    pub(super) fn meet(&mut self, kind: Kind, people: &[Member]) {
        for member in others(kind, people) {
            if self.list.name(member.user).is_none() && self.stands_for(&member.name, member.user) {
                self.list.contact_mut(member.user).name = Some(member.name.clone());
            }
        }
    }

    /// Whether the other side of a conversation can be shown: it is known, or its name stands for nobody else.
    pub(super) fn is_nameable(&self, kind: Kind, people: &[Member]) -> bool {
        // In a group whoever cannot be named is not: nobody else is to be kept from it.
        kind == Kind::Group
            || others(kind, people)
                .all(|member| self.list.name(member.user).is_some() || self.stands_for(&member.name, member.user))
    }

    /// Whether `name` is the name of `user`, or may become it: neither has been seen with another.
    pub(super) fn stands_for(&self, name: &Name, user: UserId) -> bool {
        let is_mine = self.session.account().is_some_and(|account| account.user == user || account.name == *name);
        let is_its_own = self.list.name(user).is_none_or(|known| known == name);
        !is_mine && is_its_own && self.list.named(name).is_none_or(|known| known == user)
    }
}

/// The other side of a conversation of this kind; whoever else is named is not asked after.
fn others(kind: Kind, people: &[Member]) -> impl Iterator<Item = &Member> {
    people.iter().filter(move |member| kind == Kind::Group || kind == Kind::Direct { peer: member.user })
}
