//! A person as a circle with initials, or the notes to self as one with a bookmark. Owns the hue that a person has on
//! every screen; it comes from the account's id, so that it never changes.

use crate::client::{ConversationKind, UserId};
use crate::locale;
use crate::part::icon::{Icon, icon};
use crate::part::presence;
use leptos::prelude::*;

/// How many hues the style sheet has (`.hue-0` and on).
const HUES: usize = 10;

/// A person.
pub(crate) fn person(user: UserId, title: &str) -> impl IntoView + use<> {
    view! { <span class=format!("avatar hue-{}", hue(user)) aria-hidden="true">{locale::initials(title)}</span> }
}

/// The other side of a conversation.
pub(crate) fn conversation(kind: &ConversationKind) -> AnyView {
    match kind {
        ConversationKind::Direct(other) => person(other.user, other.title()).into_any(),
        ConversationKind::Notes => {
            view! { <span class="avatar avatar-notes" aria-hidden="true">{icon(Icon::Note)}</span> }.into_any()
        }
        ConversationKind::Group(group) => {
            view! { <span class="avatar" aria-hidden="true">{locale::initials(&group.name)}</span> }.into_any()
        }
    }
}

/// The other side of a conversation with a dot that says whether they are there.
pub(crate) fn with_presence(kind: &ConversationKind) -> AnyView {
    let dot = match kind {
        ConversationKind::Direct(other) => Some(presence::dot_of(other.user)),
        ConversationKind::Notes | ConversationKind::Group(_) => None,
    };
    view! { <span class="avatar-frame">{conversation(kind)} {dot}</span> }.into_any()
}

/// Ids are random: their bytes spread evenly.
fn hue(user: UserId) -> usize {
    user.0.iter().fold(0, |sum, byte| sum + usize::from(*byte)) % HUES
}
