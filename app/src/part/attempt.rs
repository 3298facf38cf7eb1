//! One thing that the user has asked for and waits for: idle, at work, or failed. Owns that state; what is attempted and
//! what follows is the caller's.

use crate::client::Failure;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::future::Future;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Working,
    Failed(Failure),
}

/// Something that is attempted, again and again if need be, once at a time.
#[derive(Clone, Copy)]
pub(crate) struct Attempt {
    stage: RwSignal<Stage>,
}

impl Attempt {
    /// Nothing attempted yet.
    pub(crate) fn new() -> Self {
        Self { stage: RwSignal::new(Stage::Idle) }
    }

    /// Whether it is under way.
    pub(crate) fn working(self) -> bool {
        self.stage.get() == Stage::Working
    }

    /// Why it failed, if it did.
    pub(crate) fn failure(self) -> Option<Failure> {
        match self.stage.get() {
            Stage::Failed(failure) => Some(failure),
            Stage::Idle | Stage::Working => None,
        }
    }

    /// Starts, unless it is under way already. `done` runs when it went well.
    pub(crate) fn run<T: 'static>(
        self,
        work: impl Future<Output = Result<T, Failure>> + 'static,
        done: impl FnOnce(T) + 'static,
    ) {
        if self.stage.get_untracked() == Stage::Working {
            return;
        }
        self.stage.set(Stage::Working);
        spawn_local(async move {
            let result = work.await;
            // The page may have gone meanwhile; then nobody is told.
            let stage = match &result {
                Ok(_) => Stage::Idle,
                Err(failure) => Stage::Failed(*failure),
            };
            self.stage.try_set(stage);
            if let Ok(value) = result {
                done(value);
            }
        });
    }
}
