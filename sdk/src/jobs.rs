//! Work for the local store, one piece at a time in the order given out by the core: so batches are written in order,
//! and a load sees every batch before it. Owns what follows from a failed write: nothing is written after it.

use crate::database::Database;
use crate::place::{Place, StoreFailure};
use crate::queue::Queue;
use crate::sotto::World;
use sotto_core::contract::{Batch, Erase, Input, LoadKey, Wanted};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// A piece of work.
pub(crate) enum Job {
    Persist(Batch),
    Load(LoadKey, Wanted),
}

/// The work to be done; what has not been begun is dropped with it.
pub(crate) struct Jobs {
    queue: Rc<Queue<Job>>,
}

impl Jobs {
    /// Begins to work on `database`; the answers go into the inputs of `world`.
    pub(crate) fn start(world: &Rc<World>, database: Database) -> Self {
        let queue = Rc::new(Queue::default());
        let worker = Worker { world: Rc::clone(world), queue: Rc::clone(&queue), database, failure: None };
        spawn_local(worker.run());
        Self { queue }
    }

    pub(crate) fn push(&self, job: Job) {
        self.queue.push(job);
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.queue.close();
    }
}

struct Worker {
    world: Rc<World>,
    queue: Rc<Queue<Job>>,
    database: Database,
    /// Why the last write failed.
    failure: Option<StoreFailure>,
}

impl Worker {
    async fn run(mut self) {
        while let Some(jobs) = self.queue.take().await {
            for job in jobs {
                if self.queue.is_closed() {
                    return;
                }
                let input = match job {
                    Job::Persist(batch) => self.persist(batch).await,
                    Job::Load(key, wanted) => match self.database.read(&wanted).await {
                        Ok(records) => Input::Loaded { key, records },
                        Err(_) => Input::LoadFailed(key),
                    },
                };
                self.world.inputs.push(input);
            }
        }
    }

    async fn persist(&mut self, batch: Batch) -> Input {
        let written = match self.failure {
            // A batch builds on those before it. One that erases everything builds on none, and frees space.
            Some(failure) if batch.erase == Erase::Nothing || failure == StoreFailure::Superseded => Err(failure),
            Some(_) | None => self.database.write(&batch).await,
        };
        match written {
            Ok(()) => {
                if self.failure.take().is_some() {
                    self.world.shown.set_place(Place::Leading);
                }
                Input::Persisted(batch.key)
            }
            Err(failure) => {
                self.failure = Some(failure);
                self.world.shown.set_place(Place::Failed(failure));
                Input::PersistFailed(batch.key)
            }
        }
    }
}
