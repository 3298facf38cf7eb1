//! Sign-up and sign-in. Owns both forms: which field a failure belongs to, and what is shown while keys are made.

use crate::client::{Code, Failure, Session, SignedOutCause, use_client};
use crate::locale;
use crate::part::attempt::Attempt;
use crate::part::field::{self, Field, Kind, Line};
use crate::part::icon::{Icon, icon, logo};
use crate::part::status::Status;
use crate::part::strength::StrengthBar;
use crate::route::{Route, use_router};
use leptos::prelude::*;

const NAME: &str = "username";
const DISPLAY_NAME: &str = "display-name";
const NEW_PASSWORD: &str = "new-password";
const PASSWORD: &str = "password";

/// Where a failure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    Name,
    DisplayName,
    Password,
    Form,
}

fn spot(failure: Failure) -> Spot {
    match failure {
        Failure::NameInvalid | Failure::Refused(Code::NameTaken) => Spot::Name,
        Failure::DisplayNameTooLong => Spot::DisplayName,
        Failure::PasswordTooShort | Failure::PasswordTooLong | Failure::VaultUnreadable => Spot::Password,
        Failure::Refused(_)
        | Failure::TextEmpty
        | Failure::TextTooLong
        | Failure::WrongState
        | Failure::NotFound
        | Failure::Yourself
        | Failure::OutboxFull
        | Failure::Untrusted
        | Failure::GroupNameInvalid
        | Failure::DescriptionTooLong
        | Failure::PictureInvalid
        | Failure::TooManyPeople
        | Failure::NotAllowed
        | Failure::LastOwner
        | Failure::MentionsInvalid
        | Failure::EmojiInvalid
        | Failure::NotYours
        | Failure::Storage => Spot::Form,
    }
}

/// The failure's words when it belongs to this spot.
fn at(attempt: Attempt, wanted: Spot) -> Signal<Option<&'static str>> {
    Signal::derive(move || attempt.failure().filter(|failure| spot(*failure) == wanted).map(locale::text().failure))
}

/// Puts the cursor where the failure is.
fn focus_failure(attempt: Attempt, password: &'static str) {
    Effect::new(move |_| {
        if let Some(failure) = attempt.failure() {
            match spot(failure) {
                Spot::Name => field::focus(NAME),
                Spot::DisplayName => field::focus(DISPLAY_NAME),
                Spot::Password | Spot::Form => field::focus(password),
            }
        }
    });
}

/// The screen of somebody who is not signed in.
#[component]
pub(crate) fn AccountPage() -> impl IntoView {
    let (client, router) = (use_client(), use_router());
    let account = &locale::text().account;
    // Somebody whose session ended has an account: the form to sign in comes first.
    let ended = Memo::new(move |_| matches!(client.session(), Session::SignedOut(Some(_))));
    let signing_in = Memo::new(move |_| match router.route() {
        Route::SignIn => true,
        Route::SignUp => false,
        Route::List | Route::Settings | Route::Connection | Route::Conversation(_) => ended.get(),
    });
    view! {
        <main class="account">
            <div class="account-brand">
                <p class="wordmark">{logo()} <span>{locale::text().app.name}</span></p>
                <p class="account-tagline">{account.tagline}</p>
                <p class="account-promise">{icon(Icon::Lock)} <span>{account.promise}</span></p>
            </div>
            <div class="account-card">
                {move || if signing_in.get() { view! { <SignIn /> }.into_any() } else { view! { <SignUp /> }.into_any() }}
            </div>
            <div class="account-foot">
                <Status />
            </div>
        </main>
    }
}

#[component]
fn SignUp() -> impl IntoView {
    let (client, router) = (use_client(), use_router());
    let account = &locale::text().account;
    let (name, display_name, password) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let attempt = Attempt::new();
    focus_failure(attempt, NEW_PASSWORD);
    let submit = move |submit: web_sys::SubmitEvent| {
        submit.prevent_default();
        let signed_up = client.sign_up(name.get_untracked(), display_name.get_untracked(), password.get_untracked());
        attempt.run(signed_up, move |()| router.replace(Route::List));
    };
    let line = |id, label, kind, autocomplete, hint| Line { id, label, kind, autocomplete, hint };
    view! {
        <form class="form" novalidate on:submit=submit aria-labelledby="account-title">
            <h1 id="account-title" tabindex="-1" data-page-focus>{account.sign_up_title}</h1>
            <Field line=line(NAME, account.name, Kind::Name, "username", account.name_hint) value=name error=at(attempt, Spot::Name) />
            <Field
                line=line(DISPLAY_NAME, account.display_name, Kind::Text, "nickname", account.display_name_hint)
                value=display_name
                error=at(attempt, Spot::DisplayName)
            />
            <Field
                line=line(NEW_PASSWORD, account.password, Kind::Password, "new-password", account.password_hint)
                value=password
                error=at(attempt, Spot::Password)
            />
            <StrengthBar password=password />
            <p class="form-note">{icon(Icon::Key)} <span>{account.password_warning}</span></p>
            {form_failure(attempt)}
            {submit_button(attempt, account.sign_up_button, account.signing_up)}
            <p class="form-other">
                {account.sign_in_question} " "
                <a href=Route::SignIn.path() on:click=move |click| router.follow(&click, Route::SignIn)>
                    {account.sign_in_link}
                </a>
            </p>
        </form>
    }
}

#[component]
fn SignIn() -> impl IntoView {
    let (client, router) = (use_client(), use_router());
    let account = &locale::text().account;
    let (name, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let attempt = Attempt::new();
    focus_failure(attempt, PASSWORD);
    let cause = move || match client.session() {
        Session::SignedOut(Some(SignedOutCause::SessionEnded(cause))) => Some((locale::text().session_end)(cause)),
        Session::SignedOut(Some(SignedOutCause::StoreUnreadable)) => Some(account.store_unreadable),
        Session::SignedOut(None) | Session::Starting | Session::Authenticating | Session::SignedIn(_) => None,
    };
    let submit = move |submit: web_sys::SubmitEvent| {
        submit.prevent_default();
        let signed_in = client.sign_in(name.get_untracked(), password.get_untracked());
        attempt.run(signed_in, move |()| router.replace(Route::List));
    };
    let line = |id, label, kind, autocomplete| Line { id, label, kind, autocomplete, hint: "" };
    view! {
        <form class="form" novalidate on:submit=submit aria-labelledby="account-title">
            <h1 id="account-title" tabindex="-1" data-page-focus>{account.sign_in_title}</h1>
            <p class="form-lead">{account.sign_in_lead}</p>
            {move || cause().map(|words| view! { <p class="form-notice" role="status">{icon(Icon::Alert)} <span>{words}</span></p> })}
            <Field line=line(NAME, account.name, Kind::Name, "username") value=name error=at(attempt, Spot::Name) />
            <Field
                line=line(PASSWORD, account.password, Kind::Password, "current-password")
                value=password
                error=at(attempt, Spot::Password)
            />
            {form_failure(attempt)}
            {submit_button(attempt, account.sign_in_button, account.signing_in)}
            <p class="form-other">
                {account.sign_up_question} " "
                <a href=Route::SignUp.path() on:click=move |click| router.follow(&click, Route::SignUp)>
                    {account.sign_up_link}
                </a>
            </p>
        </form>
    }
}

fn form_failure(attempt: Attempt) -> impl IntoView {
    let words = at(attempt, Spot::Form);
    move || {
        words
            .get()
            .map(|words| view! { <p class="form-failure" role="alert">{icon(Icon::Alert)} <span>{words}</span></p> })
    }
}

/// The button of a form. It stays in reach while it waits, so that the focus does.
fn submit_button(attempt: Attempt, name: &'static str, working: &'static str) -> impl IntoView {
    view! {
        <button type="submit" class="button button-wide" aria-busy=move || attempt.working().then_some("true") aria-disabled=move || attempt.working().then_some("true")>
            <span class="button-spinner" class:button-spinning=move || attempt.working() aria-hidden="true"></span>
            {move || if attempt.working() { working } else { name }}
        </button>
        <p class="form-working" role="status">
            {move || attempt.working().then_some(locale::text().account.working_hint)}
        </p>
    }
}
