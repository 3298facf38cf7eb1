//! Settings: what others see of me, how the app looks, where the data lives, and leaving this device. Owns their forms.

use crate::client::{Theme, use_client};
use crate::locale;
use crate::page::pane::Pane;
use crate::page::privacy::PrivacyCard;
use crate::part::attempt::Attempt;
use crate::part::dialog::Dialog;
use crate::part::field::{Field, Kind, Line};
use crate::part::icon::{Icon, icon};
use crate::route::{Route, use_router};
use leptos::prelude::*;

/// The pane of the settings.
#[component]
pub(crate) fn SettingsPane() -> impl IntoView {
    let router = use_router();
    let text = &locale::text().settings;
    view! {
        <Pane title=text.title>
            <Profile />
            <Appearance />
            <PrivacyCard />
            <section class="card" aria-labelledby="data-title">
                <h2 id="data-title">{text.privacy}</h2>
                <ul class="facts">
                    <li>{icon(Icon::Lock)} <span>{text.privacy_device}</span></li>
                    <li>{icon(Icon::EyeOff)} <span>{text.privacy_server}</span></li>
                    <li>{icon(Icon::Key)} <span>{text.privacy_password}</span></li>
                </ul>
            </section>
            <section class="card" aria-labelledby="connection-title">
                <h2 id="connection-title">{locale::text().link.title}</h2>
                <div class="form-row form-row-apart">
                    <p>{locale::text().link.hint}</p>
                    <a
                        class="button button-quiet"
                        href=Route::Connection.path()
                        on:click=move |click| router.follow(&click, Route::Connection)
                    >
                        {locale::text().link.open}
                    </a>
                </div>
            </section>
            <Leaving />
        </Pane>
    }
}

#[component]
fn Profile() -> impl IntoView {
    let client = use_client();
    let text = &locale::text().settings;
    let present = move || client.me().map(|me| me.display_name).unwrap_or_default();
    let value = RwSignal::new(untrack(present));
    let saved = RwSignal::new(false);
    let attempt = Attempt::new();
    let changed = Memo::new(move |_| value.get().trim() != present());
    let error = Signal::derive(move || attempt.failure().map(locale::text().failure));
    Effect::new(move |_| {
        if changed.get() {
            saved.set(false);
        }
    });
    let submit = move |submit: web_sys::SubmitEvent| {
        submit.prevent_default();
        if changed.get_untracked() {
            let wanted = value.get_untracked().trim().to_owned();
            attempt.run(client.set_display_name(wanted), move |()| saved.set(true));
        }
    };
    let line = Line {
        id: "display-name",
        label: text.display_name,
        kind: Kind::Text,
        autocomplete: "nickname",
        hint: text.display_name_hint,
    };
    let save = move || if attempt.working() { text.saving } else { text.save };
    view! {
        <section class="card" aria-labelledby="profile-title">
            <h2 id="profile-title">{text.profile}</h2>
            <p class="pair">
                <span>{text.name}</span>
                <b dir="ltr">{move || client.me().map(|me| me.name.as_str().to_owned())}</b>
            </p>
            <form class="form" novalidate on:submit=submit>
                <Field line=line value=value error=error />
                <div class="form-row">
                    <button type="submit" class="button" aria-disabled=move || (!changed.get() || attempt.working()).then_some("true")>
                        {save}
                    </button>
                    <span class="form-saved" role="status">
                        {move || saved.get().then(|| view! { {icon(Icon::Check)} <span>{text.saved}</span> })}
                    </span>
                </div>
            </form>
        </section>
    }
}

#[component]
fn Appearance() -> impl IntoView {
    let client = use_client();
    let text = &locale::text().settings;
    let choice = move |theme: Theme| {
        let (shape, name, value) = match theme {
            Theme::System => (Icon::System, text.theme_system, "system"),
            Theme::Light => (Icon::Light, text.theme_light, "light"),
            Theme::Dark => (Icon::Dark, text.theme_dark, "dark"),
        };
        view! {
            <label class="segment">
                <input
                    type="radio"
                    name="theme"
                    value=value
                    prop:checked=move || client.theme() == theme
                    on:change=move |_| client.set_theme(theme)
                />
                {icon(shape)}
                <span>{name}</span>
            </label>
        }
    };
    view! {
        <section class="card" aria-labelledby="appearance-title">
            <h2 id="appearance-title">{text.appearance}</h2>
            <div class="segments" role="radiogroup" aria-label=text.theme>
                {Theme::ALL.into_iter().map(choice).collect_view()}
            </div>
        </section>
    }
}

#[component]
fn Leaving() -> impl IntoView {
    let text = &locale::text().settings;
    let open = RwSignal::new(false);
    view! {
        <section class="card" aria-labelledby="session-title">
            <h2 id="session-title">{text.session}</h2>
            <div class="form-row form-row-apart">
                <p id="sign-out-hint">{text.sign_out_hint}</p>
                <button type="button" class="button button-danger" aria-describedby="sign-out-hint" on:click=move |_| open.set(true)>
                    {icon(Icon::SignOut)}
                    {text.sign_out}
                </button>
            </div>
        </section>
        <Dialog id="leave" open=open title=text.sign_out_title>
            <Confirm open=open />
        </Dialog>
    }
}

#[component]
fn Confirm(open: RwSignal<bool>) -> impl IntoView {
    let (client, router) = (use_client(), use_router());
    let text = &locale::text().settings;
    let attempt = Attempt::new();
    let leave = move |_| attempt.run(client.sign_out(), move |()| router.replace(Route::SignIn));
    view! {
        <p>{text.sign_out_text}</p>
        <p>{text.sign_out_waiting}</p>
        {move || attempt.failure().map(|failure| view! { <p class="form-failure" role="alert">{icon(Icon::Alert)} <span>{(locale::text().failure)(failure)}</span></p> })}
        <div class="dialog-actions">
            <button type="button" class="button button-quiet" autofocus on:click=move |_| open.set(false)>
                {locale::text().app.cancel}
            </button>
            <button type="button" class="button button-danger" aria-disabled=move || attempt.working().then_some("true") on:click=leave>
                {move || if attempt.working() { text.signing_out } else { text.sign_out_confirm }}
            </button>
        </div>
    }
}
