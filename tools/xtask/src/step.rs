//! Says what is being done and how long it took, with a line every 15 s that it goes on.
//! Owns the clock of xtask and the look of its output.
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;

const TICK: Duration = Duration::from_secs(15);

/// Does one step and says so: its name before, its time after.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    eprintln!("── {name}");
    let started = now();
    let (done, ended) = channel::<()>();
    let label = name.to_owned();
    let ticker = thread::spawn(move || {
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
            eprintln!("   … {label}: {} s", started.elapsed().as_secs());
        }
    });
    let outcome = work();
    drop(done);
    ticker.join().expect("the ticker only prints");
    let word = if outcome.is_ok() { "done" } else { "failed" };
    eprintln!("   {word} after {:.1} s", started.elapsed().as_secs_f64());
    outcome
}

/// Says that a step has nothing to do.
pub(crate) fn satisfied(name: &str, why: &str) {
    eprintln!("── {name}: {why}");
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where xtask reads the clock")]
fn now() -> Instant {
    Instant::now()
}
