//! What can go wrong between a client and the server, when it does, and how often it has. Owns the kinds, the schedule of
//! a seed and the counters; `fault/link.rs` does it to real connections. The rule: the same seed gives the same schedule.

mod exchange;
mod link;

pub use link::FaultyLink;

use crate::Dice;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Connections are closed, and new ones before a byte of them is read.
    Drop,
    /// Everything takes longer.
    Delay,
    /// A POST reaches the server twice, one after the other; the second answer is told.
    Duplicate,
    /// Connections stay open and are accepted, and what is sent is swallowed, both ways.
    HalfOpen,
    /// An answer breaks off in the middle, as does a stream in the middle of a frame.
    Cut,
    /// A response is held back until it has ended.
    Buffer,
    /// A proxy refuses: 429, not in the words of Sotto.
    TooManyRequests,
    /// A proxy does not reach the server: 502.
    BadGateway,
    /// A proxy says that there is no server: 503.
    Unavailable,
    /// A captive portal answers everything: 200 with a page.
    Portal,
    /// RST; a command is carried out before, and its answer is lost.
    Reset,
    /// The server is killed (-9) and started again: for all links at once, and not by a link.
    Kill,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Fault; 12] = [
        Fault::Drop,
        Fault::Delay,
        Fault::Duplicate,
        Fault::HalfOpen,
        Fault::Cut,
        Fault::Buffer,
        Fault::TooManyRequests,
        Fault::BadGateway,
        Fault::Unavailable,
        Fault::Portal,
        Fault::Reset,
        Fault::Kill,
    ];
}

/// One fault of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// What goes wrong.
    pub fault: Fault,
    /// After how much quiet.
    pub after: Duration,
    /// How long it goes on once it has struck.
    pub lasts: Duration,
    /// How long [`Fault::Delay`] holds each piece.
    pub delay: Duration,
    /// After how many bytes of a response [`Fault::Cut`] cuts.
    pub cut_after_bytes: usize,
}

/// Who is struck by what: the strikes of each link in their order, and those of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Of each link.
    pub links: Vec<Vec<Strike>>,
    /// Kills.
    pub server: Vec<Strike>,
}

impl Schedule {
    /// `count` faults on `links` links, of every kind as many as of any other (give or take one), about `pace` apart.
    pub fn new(dice: &mut Dice, count: usize, links: usize, pace: Duration) -> Self {
        let mut faults = Vec::new();
        while faults.len() < count {
            let mut deck = Fault::ALL;
            dice.shuffle(&mut deck);
            faults.extend(deck);
        }
        let mut schedule = Self { links: vec![Vec::new(); links], server: Vec::new() };
        let kills = faults[..count].iter().filter(|fault| **fault == Fault::Kill).count().max(1);
        // Links are struck beside each other, so each has its strikes that much further apart.
        let pace_ms = |share: usize| u64::try_from(pace.as_millis()).unwrap_or(u64::MAX).max(1) * share as u64;
        for (number, fault) in faults[..count].iter().copied().enumerate() {
            let share = if fault == Fault::Kill { count / kills } else { links };
            let strike = Strike {
                fault,
                after: dice.time(pace_ms(share) / 2, pace_ms(share)),
                lasts: dice.time(100, 1_500),
                delay: dice.time(50, 400),
                cut_after_bytes: usize::try_from(dice.between(1, 400)).expect("small"),
            };
            let link = (number + dice.place(2)) % links;
            if fault == Fault::Kill { schedule.server.push(strike) } else { schedule.links[link].push(strike) }
        }
        schedule
    }
}

/// How often each fault has struck: not how often it was in force, but how often it did something to somebody.
#[derive(Clone)]
pub struct Struck(Arc<watch::Sender<BTreeMap<Fault, u64>>>);

impl Default for Struck {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeMap::new())))
    }
}

impl Struck {
    /// It has struck once more.
    pub fn note(&self, fault: Fault) {
        self.0.send_modify(|struck| *struck.entry(fault).or_default() += 1);
    }

    /// How often one has struck.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.borrow().get(&fault).copied().unwrap_or_default()
    }

    /// Waits until one has struck more than `before` times.
    pub async fn more_than(&self, fault: Fault, before: u64) {
        let mut seen = self.0.subscribe();
        let more = seen.wait_for(|struck| struck.get(&fault).is_some_and(|count| *count > before)).await;
        more.expect("the sender is held by self");
    }

    /// All counts, of those that never struck too.
    pub fn all(&self) -> BTreeMap<Fault, u64> {
        Fault::ALL.into_iter().map(|fault| (fault, self.of(fault))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(seed: u64) -> Schedule {
        Schedule::new(&mut Dice::new(seed), 60, 4, Duration::from_millis(200))
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule_and_another_does_not() {
        assert_eq!(schedule(7), schedule(7));
        assert_ne!(schedule(7), schedule(8));
    }

    #[test]
    fn every_kind_is_in_a_schedule_equally_often() {
        let Schedule { links, server } = schedule(7);
        let mut counts = BTreeMap::new();
        for strike in links.iter().flatten().chain(&server) {
            *counts.entry(strike.fault).or_insert(0) += 1;
        }
        assert_eq!(counts, Fault::ALL.into_iter().map(|fault| (fault, 5)).collect());
        assert!(links.iter().all(|strikes| strikes.len() > 5), "every link gets its share");
    }
}
