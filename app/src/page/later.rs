//! Pages that are no part of the first screen: they lie in a part of the module of their own, which is loaded when one of
//! them is opened, or before that when there is nothing else to do. Owns what is shown meanwhile, and trying again.
//!
//! The rule: a function below that is marked `wasm_split` is the only way to such a page, or it is in the first part too.

use crate::locale;
use crate::page::connection::ConnectionPane;
use crate::page::pane::Pane;
use crate::page::settings::SettingsPane;
use crate::part::icon::{Icon, icon};
use crate::route::focus_page;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// Makes a page; a plain function, so that it may come from the other part.
type Make = fn() -> AnyView;
type Loaded = Result<Make, SplitLoaderError>;

/// Until then nothing is shown, since a page mostly is there at once.
const PATIENCE: Duration = Duration::from_millis(150);
/// After the first screen; by then the list and what is open have come.
const IDLE_AFTER: Duration = Duration::from_secs(2);

/// Where a page stands.
#[derive(Clone, Copy)]
enum Stage {
    Waiting,
    Loading,
    Ready(Make),
    Failed,
}

#[wasm_split(pages, fallible, preload(preload_pages))]
fn settings_page() -> Loaded {
    Ok(|| view! { <SettingsPane /> }.into_any())
}

#[wasm_split(pages, fallible)]
fn connection_page() -> Loaded {
    Ok(|| view! { <ConnectionPane /> }.into_any())
}

/// The settings.
pub(crate) fn settings() -> impl IntoView {
    later(settings_page)
}

/// The connection.
pub(crate) fn connection() -> impl IntoView {
    later(connection_page)
}

/// Loads the pages when there is nothing else to do, so that they open without a network too.
pub(crate) fn prefetch() {
    let load = || {
        spawn_local(async {
            // Whoever opens a page tries again.
            let _ = preload_pages().await;
        });
    };
    set_timeout(load, IDLE_AFTER);
}

fn later<F: Future<Output = Loaded> + 'static>(load: fn() -> F) -> impl IntoView {
    let stage = RwSignal::new(Stage::Waiting);
    let start = move || {
        stage.set(Stage::Waiting);
        let patience = move || {
            if matches!(stage.try_get_untracked(), Some(Stage::Waiting)) {
                stage.set(Stage::Loading);
            }
        };
        set_timeout(patience, PATIENCE);
        spawn_local(async move {
            let loaded = load().await;
            // The focus stays in the pane if it was there; the pane may have gone meanwhile.
            let focused = document().active_element().and_then(|element| element.closest("#pane").ok().flatten());
            let next = loaded.map_or(Stage::Failed, Stage::Ready);
            if stage.try_set(next).is_none() && focused.is_some() {
                request_animation_frame(focus_page);
            }
        });
    };
    start();
    move || match stage.get() {
        Stage::Waiting => ().into_any(),
        Stage::Loading => loading().into_any(),
        Stage::Ready(make) => make(),
        Stage::Failed => failed(start).into_any(),
    }
}

fn loading() -> impl IntoView {
    let text = &locale::text().later;
    view! {
        <Pane title=text.title>
            <p class="spinner" role="status" aria-label=text.loading></p>
        </Pane>
    }
}

fn failed(again: impl Fn() + Send + 'static) -> impl IntoView {
    let text = &locale::text().later;
    view! {
        <Pane title=text.title>
            <section class="card" role="alert">
                <p>{text.failed}</p>
                <div class="form-row">
                    <button type="button" class="button" on:click=move |_| again()>
                        {icon(Icon::Again)}
                        {text.again}
                    </button>
                </div>
            </section>
        </Pane>
    }
}
