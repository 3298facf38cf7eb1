//! The charter of a group: what all members agree on by MLS about who may do what in it. It stands in the group context
//! (RFC 9420 §12.1.7), which the server can read, so nothing private is in it.
//!
//! Owns its encoding, its bounds and the question what a role may do. Compares no charters: that is `policy`'s.
//!
//! The rule: bytes that are no charter within its bounds are refused, and a charter always names an owner.

use crate::sorted::{SortedMap, SortedSet};
use serde::{Deserialize, Serialize};
use sotto_wire::group::{PersonRole, Role};
use sotto_wire::{Base64, InviteId, Millis, UserId, limit};

/// First byte of the encoding, before JSON.
const VERSION: u8 = 1;
/// Most owners and admins together: more than a group of a thousand needs, and 6 kB of each GroupInfo.
pub(crate) const STAFF_MAX: usize = 100;
/// Longest encoding: [`STAFF_MAX`] and [`limit::INVITES_MAX`] at about 60 and 120 bytes, four times over.
const CHARTER_MAX_BYTES: usize = 32 * 1_024;

/// What all members of a group agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Charter {
    /// Owners and admins; whoever is not named is a member.
    roles: SortedMap<UserId, Role>,
    /// Ways in by link.
    pub(crate) invites: Vec<Invite>,
    /// SHA-256 of the encoded [`super::Card`].
    pub(crate) card: [u8; 32],
}

/// A way into a group by link. Its secret is in the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invite {
    /// Which.
    pub(crate) id: InviteId,
    /// From this time on, by the server's clock, nobody joins by it.
    pub(crate) expires_at: Millis,
    /// So many devices that joined by it may sit in the group.
    pub(crate) uses_max: u32,
    /// Who made it.
    pub(crate) by: UserId,
}

/// The charter as it is encoded.
#[derive(Serialize, Deserialize)]
struct Encoded {
    roles: Vec<PersonRole>,
    invites: Vec<Invite>,
    card: Base64,
}

impl Charter {
    /// The charter of a new group: `owner` alone has a role.
    pub(crate) fn new(owner: UserId, card: [u8; 32]) -> Self {
        Self { roles: [(owner, Role::Owner)].into_iter().collect(), invites: Vec::new(), card }
    }

    /// What `user` is, if they are in the group at all.
    pub(crate) fn role(&self, user: UserId) -> Role {
        self.roles.get(&user).copied().unwrap_or(Role::Member)
    }

    /// Owners and admins.
    pub(crate) fn staff(&self) -> impl Iterator<Item = (UserId, Role)> {
        self.roles.iter().map(|(user, role)| (*user, *role))
    }

    /// Owners and admins, as the server is told.
    pub(crate) fn person_roles(&self) -> Vec<PersonRole> {
        self.staff().map(|(user, role)| PersonRole { user, role }).collect()
    }

    /// Gives `user` a role.
    pub(crate) fn set_role(&mut self, user: UserId, role: Role) {
        match role {
            Role::Owner | Role::Admin => {
                self.roles.insert(user, role);
            }
            Role::Member | Role::Unknown => {
                self.roles.remove(&user);
            }
        }
    }

    /// Who owns the group.
    pub(crate) fn owners(&self) -> usize {
        self.roles.values().filter(|role| **role == Role::Owner).count()
    }

    /// A live or expired invite by its id.
    pub(crate) fn invite(&self, id: InviteId) -> Option<&Invite> {
        self.invites.iter().find(|invite| invite.id == id)
    }

    /// The bytes of the extension.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let card = Base64(self.card.to_vec());
        let encoded = Encoded { roles: self.person_roles(), invites: self.invites.clone(), card };
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, &encoded).expect("a charter has string keys and no failing serializer");
        bytes
    }

    /// The inverse of [`Charter::encode`]; `None` for bytes that are no charter or break its bounds.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let json = bytes.strip_prefix(&[VERSION]).filter(|json| json.len() <= CHARTER_MAX_BYTES)?;
        let Encoded { roles, invites, card } = serde_json::from_slice(json).ok()?;
        let named = roles.len();
        let roles: SortedMap<UserId, Role> = roles.into_iter().map(|PersonRole { user, role }| (user, role)).collect();
        let is_plain = roles.values().any(|role| !matches!(role, Role::Owner | Role::Admin));
        let ids: SortedSet<InviteId> = invites.iter().map(|invite| invite.id).collect();
        let charter = Self { roles, card: card.as_slice().try_into().ok()?, invites };
        let keeps_bounds = charter.roles.len() <= STAFF_MAX && charter.invites.len() <= limit::INVITES_MAX;
        let names_each_once = charter.roles.len() == named && ids.len() == charter.invites.len();
        (keeps_bounds && names_each_once && !is_plain && charter.owners() > 0).then_some(charter)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::group) fn charters() -> impl Strategy<Value = Charter> {
        let staff = proptest::collection::vec((any::<[u8; 16]>(), any::<bool>()), 0..5);
        let invites = proptest::collection::vec((any::<[u8; 16]>(), any::<u64>(), any::<u32>()), 0..limit::INVITES_MAX);
        (any::<[u8; 16]>(), any::<[u8; 32]>(), staff, invites).prop_map(|(owner, card, staff, invites)| {
            let mut charter = Charter::new(UserId(owner), card);
            for (user, owns) in staff {
                charter.set_role(UserId(user), if owns { Role::Owner } else { Role::Admin });
            }
            charter.set_role(UserId(owner), Role::Owner);
            for (id, expires_at, uses_max) in invites {
                let invite = Invite { id: InviteId(id), expires_at: Millis(expires_at), uses_max, by: UserId(owner) };
                if charter.invite(invite.id).is_none() {
                    charter.invites.push(invite);
                }
            }
            charter
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(charter in charters()) {
            prop_assert_eq!(Charter::decode(&charter.encode()), Some(charter));
        }

        #[test]
        fn any_bytes_are_a_charter_with_an_owner_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            prop_assert!(Charter::decode(&bytes).is_none_or(|charter| charter.owners() > 0));
        }

        #[test]
        fn a_damaged_charter_never_breaks_the_bounds(charter in charters(), at in any::<usize>(), to in any::<u8>()) {
            let mut bytes = charter.encode();
            let at = at % bytes.len();
            bytes[at] = to;
            if let Some(decoded) = Charter::decode(&bytes) {
                prop_assert!(decoded.owners() > 0 && decoded.invites.len() <= limit::INVITES_MAX);
                prop_assert_eq!(Charter::decode(&decoded.encode()), Some(decoded));
            }
        }
    }

    #[test]
    fn a_charter_without_an_owner_or_with_too_many_of_anything_is_refused() {
        let mut ownerless = Charter::new(UserId([1; 16]), [0; 32]);
        ownerless.set_role(UserId([1; 16]), Role::Admin);
        assert_eq!(Charter::decode(&ownerless.encode()), None);
        let mut crowded = Charter::new(UserId([1; 16]), [0; 32]);
        for number in 0..=u8::try_from(STAFF_MAX).expect("it is 100") {
            crowded.set_role(UserId([number; 16]), Role::Owner);
        }
        assert_eq!(Charter::decode(&crowded.encode()), None);
        let mut open = Charter::new(UserId([1; 16]), [0; 32]);
        for number in 0..=u8::try_from(limit::INVITES_MAX).expect("it is 16") {
            let id = InviteId([number; 16]);
            open.invites.push(Invite { id, expires_at: Millis(1), uses_max: 1, by: UserId([1; 16]) });
        }
        assert_eq!(Charter::decode(&open.encode()), None);
        open.invites.truncate(2);
        open.invites[1] = open.invites[0];
        assert_eq!(Charter::decode(&open.encode()), None, "an invite is listed once");
    }
}
