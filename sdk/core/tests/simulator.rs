//! The simulator: some browsers, a model of the server, virtual time, and everything going wrong that can. A seed
//! decides all of it, and replays.
//!
//! `SOTTO_SEEDS` says how many seeds run (50 without), `SOTTO_SEED` runs one.

#[path = "simulator/accounts.rs"]
mod accounts;
#[path = "simulator/behaviour.rs"]
mod behaviour;
#[path = "simulator/browser.rs"]
mod browser;
#[path = "simulator/changes.rs"]
mod changes;
#[path = "simulator/check.rs"]
mod check;
#[path = "simulator/crowd.rs"]
mod crowd;
#[path = "simulator/dice.rs"]
mod dice;
#[path = "simulator/lies.rs"]
mod lies;
#[path = "simulator/privacy.rs"]
mod privacy;
#[path = "simulator/script.rs"]
mod script;
#[path = "simulator/server.rs"]
mod server;
#[path = "simulator/sessions.rs"]
mod sessions;
#[path = "simulator/tabs.rs"]
mod tabs;
#[path = "simulator/transports.rs"]
mod transports;
#[path = "simulator/world.rs"]
mod world;

use dice::Fault;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Seeds of a plain `cargo test`.
const SEEDS: u64 = 50;
/// Seeds that found a defect, played in every run before all others: a false "failed" after a takeover, a lost commit
/// left unwritten, twice a sign-in that waited for ever after the answer to its registration was lost, a text sent a second
/// time by the device that took over, and a name left for a conversation that never was.
const FOUND: [u64; 6] = [399, 1599, 4175, 5871, 5055, 5645];
/// From so many seeds on every kind of fault must have struck.
const SEEDS_FOR_EVERY_FAULT: u64 = 20;

#[test]
fn whatever_goes_wrong_nothing_acknowledged_is_lost_and_all_agree() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let beginning = script::Beginning::new();
    if let Some(seed) = number("SOTTO_SEED") {
        let struck = script::play(&beginning, seed);
        println!("seed {seed}: {struck:?}");
        return;
    }
    let seeds = number("SOTTO_SEEDS").unwrap_or(SEEDS);
    let next = AtomicUsize::new(0);
    let struck: Mutex<BTreeMap<Fault, u64>> = Mutex::new(BTreeMap::new());
    let failed: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let Some(seed) = FOUND.into_iter().chain(0..seeds).nth(turn) else { break };
                    match catch_unwind(AssertUnwindSafe(|| script::play(&beginning, seed))) {
                        Ok(faults) => {
                            let mut struck = struck.lock().expect("nobody panics while holding it");
                            faults.into_iter().for_each(|(fault, n)| *struck.entry(fault).or_default() += n);
                        }
                        Err(_) => {
                            println!("failed: SOTTO_SEED={seed}");
                            failed.lock().expect("nobody panics while holding it").push(seed);
                        }
                    }
                }
            });
        }
    });
    let (struck, failed) = (struck.into_inner().expect("all threads have ended"), failed.into_inner());
    println!("{seeds} seeds, faults: {struck:?}");
    assert_eq!(failed.expect("all threads have ended"), Vec::<u64>::new(), "run one again with SOTTO_SEED");
    if seeds >= SEEDS_FOR_EVERY_FAULT {
        for fault in Fault::ALL {
            assert!(struck.contains_key(fault), "{fault:?} never struck");
        }
    }
}

#[test]
fn the_same_seed_plays_the_same_world() {
    let beginning = script::Beginning::new();
    assert_eq!(script::play(&beginning, 7), script::play(&beginning, 7));
}
