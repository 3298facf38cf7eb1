//! How far an own message has come, as an icon with a name (M1). Owns nothing else.

use crate::client::MessageState;
use crate::locale;
use crate::part::icon::{Icon, icon};
use leptos::prelude::*;

/// The icon of a state, with its name for those who do not see it.
pub(crate) fn receipt(state: MessageState) -> impl IntoView {
    let shape = match state {
        MessageState::Sending => Icon::Clock,
        MessageState::Sent => Icon::Check,
        MessageState::Delivered | MessageState::Read => Icon::Checks,
        MessageState::Failed(_) => Icon::Alert,
    };
    view! {
        <span class="receipt" data-receipt=name(state) role="img" aria-label=words(state) title=words(state)>
            {icon(shape)}
        </span>
    }
}

/// The state's name in the document.
pub(crate) fn name(state: MessageState) -> &'static str {
    match state {
        MessageState::Sending => "sending",
        MessageState::Sent => "sent",
        MessageState::Delivered => "delivered",
        MessageState::Read => "read",
        MessageState::Failed(_) => "failed",
    }
}

fn words(state: MessageState) -> &'static str {
    let text = &locale::text().message;
    match state {
        MessageState::Sending => text.sending,
        MessageState::Sent => text.sent,
        MessageState::Delivered => text.delivered,
        MessageState::Read => text.read,
        MessageState::Failed(_) => text.failed,
    }
}
