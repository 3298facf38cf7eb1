//! The dialog that starts a conversation: by somebody's name, or with oneself. Owns the form.

use crate::client::{Code, ConversationId, Failure, use_client};
use crate::locale;
use crate::part::attempt::Attempt;
use crate::part::dialog::Dialog;
use crate::part::field::{self, Field, Kind, Line};
use crate::part::icon::{Icon, icon};
use crate::route::{Route, use_router};
use leptos::prelude::*;

const NAME: &str = "other-name";

/// The dialog.
#[component]
pub(crate) fn StartDialog(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog id="start" open=open title=locale::text().start.title>
            <StartForm open=open />
        </Dialog>
    }
}

#[component]
fn StartForm(open: RwSignal<bool>) -> impl IntoView {
    let (client, router) = (use_client(), use_router());
    let text = &locale::text().start;
    let name = RwSignal::new(String::new());
    let attempt = Attempt::new();
    let notes = Attempt::new();
    let go = move |id: ConversationId| {
        open.set(false);
        router.go(Route::Conversation(id));
    };
    let failed = Signal::derive(move || attempt.failure().map(words));
    Effect::new(move |_| {
        if failed.get().is_some() {
            field::focus(NAME);
        }
    });
    let submit = move |submit: web_sys::SubmitEvent| {
        submit.prevent_default();
        attempt.run(client.start_direct(name.get_untracked()), go);
    };
    let line = Line { id: NAME, label: text.name_label, kind: Kind::Name, autocomplete: "off", hint: text.name_hint };
    view! {
        <form class="form" novalidate on:submit=submit>
            <p class="form-lead">{text.lead}</p>
            <Field line=line value=name error=failed first=true />
            <button type="submit" class="button button-wide" aria-busy=move || attempt.working().then_some("true") aria-disabled=move || attempt.working().then_some("true")>
                <span class="button-spinner" class:button-spinning=move || attempt.working() aria-hidden="true"></span>
                {move || if attempt.working() { text.working } else { text.button }}
            </button>
        </form>
        <p class="divider" aria-hidden="true"><span>{text.or}</span></p>
        <button type="button" class="choice" aria-describedby="start-notes-hint" on:click=move |_| notes.run(client.start_notes(), go)>
            <span class="avatar avatar-notes" aria-hidden="true">{icon(Icon::Note)}</span>
            <span class="choice-title">{text.notes}</span>
            <span class="choice-hint" id="start-notes-hint" aria-hidden="true">{text.notes_hint}</span>
        </button>
        {move || notes.failure().map(|failure| view! { <p class="form-failure" role="alert">{icon(Icon::Alert)} <span>{words(failure)}</span></p> })}
    }
}

fn words(failure: Failure) -> &'static str {
    match failure {
        Failure::NotFound | Failure::Refused(Code::NotFound) => locale::text().start.not_found,
        failure => (locale::text().failure)(failure),
    }
}
