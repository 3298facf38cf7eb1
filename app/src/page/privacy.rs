//! The card of what others are shown: status, presence, read receipts (M4, M5). Owns its choices until they are on disk; they
//! are told to others by the SDK, now or when the server is reached again.

use crate::client::{Audience, Connection, Failure, Privacy, Sharing, Status, use_client};
use crate::locale;
use crate::part::icon::{Icon, icon};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// One choice out of several.
struct Choice {
    /// Names the group in the document.
    id: &'static str,
    label: &'static str,
    hint: Option<&'static str>,
    options: [Choosable; 2],
}

/// What can be chosen, and what it makes of the present privacy.
struct Choosable {
    value: &'static str,
    name: &'static str,
    with: fn(Privacy) -> Privacy,
}

/// How the last choice went.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    /// Nothing was chosen yet.
    Not,
    /// It is on disk.
    Done,
    Failed(Failure),
}

/// The card.
#[component]
pub(crate) fn PrivacyCard() -> impl IntoView {
    let client = use_client();
    let text = &locale::text().privacy;
    // What was chosen and is not on disk yet: shown at once.
    let wanted = RwSignal::new(None::<Privacy>);
    let kept = RwSignal::new(Kept::Not);
    let shown = move || wanted.get().unwrap_or_else(|| client.privacy());
    let choose = move |with: fn(Privacy) -> Privacy| {
        let choice = with(untrack(shown));
        wanted.set(Some(choice));
        kept.set(Kept::Not);
        let saved = client.set_privacy(choice);
        spawn_local(async move {
            let saved = saved.await;
            // Another choice may have followed, or the page may have gone.
            if wanted.try_get_untracked() == Some(Some(choice)) {
                wanted.set(None);
                kept.set(saved.map_or_else(Kept::Failed, |()| Kept::Done));
            }
        });
    };
    let outcome = move || {
        let online = matches!(client.connection(), Connection::Online { .. });
        match kept.get() {
            Kept::Not => None,
            Kept::Done if online => Some(locale::text().settings.saved),
            Kept::Done => Some(text.told_later),
            Kept::Failed(_) => None,
        }
    };
    let failure = move || match kept.get() {
        Kept::Failed(failure) => Some((locale::text().failure)(failure)),
        Kept::Not | Kept::Done => None,
    };
    view! {
        <section class="card" aria-labelledby="privacy-title">
            <h2 id="privacy-title">{text.title}</h2>
            {choices().map(|choice| group(choice, shown, choose)).collect_view()}
            <p class="form-saved" role="status">
                {move || outcome().map(|words| view! { {icon(Icon::Check)} <span>{words}</span> })}
            </p>
            {move || failure().map(|words| view! { <p class="form-failure" role="alert">{icon(Icon::Alert)} <span>{words}</span></p> })}
        </section>
    }
}

fn choices() -> [Choice; 3] {
    let text = &locale::text().privacy;
    let option = |value, name, with| Choosable { value, name, with };
    [
        Choice {
            id: "presence-status",
            label: text.status,
            hint: None,
            options: [
                option("available", text.available, |now| Privacy { status: Status::Available, ..now }),
                option("busy", text.busy, |now| Privacy { status: Status::Busy, ..now }),
            ],
        },
        Choice {
            id: "presence-audience",
            label: text.audience,
            hint: Some(text.audience_hint),
            options: [
                option("people", text.people, |now| Privacy { presence: Audience::People, ..now }),
                option("nobody", text.nobody, |now| Privacy { presence: Audience::Nobody, ..now }),
            ],
        },
        Choice {
            id: "read-receipts",
            label: text.receipts,
            hint: Some(text.receipts_hint),
            options: [
                option("on", text.receipts_on, |now| Privacy { read_receipts: Sharing::Shared, ..now }),
                option("off", text.receipts_off, |now| Privacy { read_receipts: Sharing::Kept, ..now }),
            ],
        },
    ]
}

fn group(
    choice: Choice,
    shown: impl Fn() -> Privacy + Copy + Send + Sync + 'static,
    choose: impl Fn(fn(Privacy) -> Privacy) + Copy + 'static,
) -> impl IntoView {
    let (label_id, hint_id) = (format!("{}-label", choice.id), format!("{}-hint", choice.id));
    let described = choice.hint.map(|_| hint_id.clone());
    let segment = |option: Choosable| {
        let Choosable { value, name, with } = option;
        view! {
            <label class="segment">
                <input
                    type="radio"
                    name=choice.id
                    value=value
                    prop:checked=move || with(shown()) == shown()
                    on:change=move |_| choose(with)
                />
                <span>{name}</span>
            </label>
        }
    };
    view! {
        <div class="choice-of">
            <h3 id=label_id.clone()>{choice.label}</h3>
            <div class="segments" role="radiogroup" aria-labelledby=label_id aria-describedby=described>
                {choice.options.map(segment).collect_view()}
            </div>
            {choice.hint.map(|hint| view! { <p class="field-hint" id=hint_id>{hint}</p> })}
        </div>
    }
}
