//! The way to the lead: what the browser lacks, the lock, the store; then the driver. Owns [`Place`].

use crate::database::Database;
use crate::driver::Driver;
use crate::place::{Missing, Place};
use crate::sotto::World;
use crate::{lock, random};
use js_sys::Reflect;
use sotto_core::contract::{Failure, Input, Start};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::Window;

/// Runs until the world's inputs are closed, which frees the lead and all that hangs on it.
pub(crate) fn start(world: Rc<World>) {
    spawn_local(async move {
        world.inputs.until_closed(lead(&world)).await;
    });
}

async fn lead(world: &Rc<World>) {
    let place = match attempt(world).await {
        Ok(never) => match never {},
        Err(place) => place,
    };
    world.shown.set_place(place);
    // Nobody will carry anything out.
    while let Some(inputs) = world.inputs.take().await {
        refuse(world, inputs, Failure::Storage);
    }
}

enum Never {}

async fn attempt(world: &Rc<World>) -> Result<Never, Place> {
    let window = supported().map_err(Place::Unsupported)?;
    let seed = random::bytes().ok_or(Place::Unsupported(Missing::Random))?;
    let locks = window.navigator().locks();
    let name = format!("sotto-leader-{}", world.options.database);
    let no_locks = |_| Place::Unsupported(Missing::Locks);
    let _held = match lock::try_take(&locks, &name).await.map_err(no_locks)? {
        Some(held) => held,
        None => {
            world.shown.set_place(Place::Elsewhere);
            refuse(world, world.inputs.take_now(), Failure::WrongState);
            let held = lock::take(&locks, &name).await.map_err(no_locks)?;
            world.shown.set_place(Place::Starting);
            held
        }
    };
    let lost = {
        let world = Rc::clone(world);
        move |failure| world.shown.set_place(Place::Failed(failure))
    };
    let database = Database::open(&world.options.database, lost).await.map_err(Place::Failed)?;
    world.shown.set_place(Place::Leading);
    Driver::new(Rc::clone(world), database, Start { seed }).run().await;
    // The driver ends with the world only.
    std::future::pending().await
}

fn refuse(world: &World, inputs: Vec<Input>, failure: Failure) {
    for input in inputs {
        if let Input::Command { key, .. } = input {
            world.answers.answer(key, Err(failure));
        }
    }
}

/// The window, when it has all that Sotto needs.
fn supported() -> Result<Window, Missing> {
    let window = web_sys::window().ok_or(Missing::SecureContext)?;
    let has = |of: &JsValue, name: &str| {
        Reflect::get(of, &JsValue::from_str(name)).is_ok_and(|found| !found.is_undefined() && !found.is_null())
    };
    let crypto = window.crypto().map_err(|_| Missing::Crypto)?;
    let needed = [
        (window.is_secure_context(), Missing::SecureContext),
        (has(&window.navigator(), "locks"), Missing::Locks),
        (has(&crypto, "subtle"), Missing::Crypto),
        (has(&window, "indexedDB"), Missing::Database),
        (has(&window, "EventSource"), Missing::EventSource),
    ];
    match needed.into_iter().find(|(there, _)| !there) {
        Some((_, missing)) => Err(missing),
        None => Ok(window),
    }
}
