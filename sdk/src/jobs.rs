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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::{fresh_name, opened, put_generation, puts, record};
    use crate::sotto::Options;
    use sotto_core::contract::{BatchKey, Record, Table};
    use wasm_bindgen_test::wasm_bindgen_test;

    /// Waits for this many answers.
    async fn answers(world: &World, count: usize) -> Vec<Input> {
        let mut answers = Vec::new();
        while answers.len() < count {
            answers.extend(world.inputs.take().await.expect("not closed"));
        }
        answers
    }

    fn one(value: &str) -> Vec<Record> {
        vec![record(Table::Account, b"row", value)]
    }

    fn everything() -> Wanted {
        Wanted::Tables(Table::ALL.to_vec())
    }

    #[wasm_bindgen_test]
    async fn batches_are_written_in_order_and_a_load_sees_those_before_it() {
        let world = Rc::new(World::new(Options::default()));
        let jobs = Jobs::start(&world, opened(&fresh_name()).await);
        jobs.push(Job::Persist(puts(1, one("1"))));
        jobs.push(Job::Persist(puts(2, one("2"))));
        jobs.push(Job::Load(LoadKey(7), everything()));
        jobs.push(Job::Persist(puts(3, one("3"))));
        jobs.push(Job::Load(LoadKey(8), everything()));
        let answers = answers(&world, 5).await;
        assert!(matches!(&answers[0], Input::Persisted(BatchKey(1))));
        assert!(matches!(&answers[1], Input::Persisted(BatchKey(2))));
        assert!(matches!(&answers[2], Input::Loaded { key: LoadKey(7), records } if *records == one("2")));
        assert!(matches!(&answers[3], Input::Persisted(BatchKey(3))));
        assert!(matches!(&answers[4], Input::Loaded { key: LoadKey(8), records } if *records == one("3")));
    }

    #[wasm_bindgen_test]
    async fn nothing_is_written_after_a_batch_that_failed() {
        let (world, name) = (Rc::new(World::new(Options::default())), fresh_name());
        let jobs = Jobs::start(&world, opened(&name).await);
        let newer = opened(&name).await;
        let refused = async |batch: Batch| {
            let key = batch.key;
            jobs.push(Job::Persist(batch));
            assert!(matches!(&answers(&world, 1).await[..], [Input::PersistFailed(failed)] if *failed == key));
        };
        refused(puts(1, one("1"))).await;
        assert_eq!(world.shown.place(), Place::Failed(StoreFailure::Superseded));
        // By itself the database would take these.
        put_generation(&newer, 1.0).await;
        refused(puts(2, one("2"))).await;
        refused(Batch { erase: Erase::Everything, ..puts(3, one("3")) }).await;
        assert_eq!(newer.read(&everything()).await, Ok(Vec::new()));
    }
}
