//! Which transport carries the events (T5). Owns what the server offers, what was pinned and what is doubted; opens
//! nothing.
//!
//! The rule: the server's order counts, but for transports that did not work on this way; those are tried again in the
//! background, ever more seldom.

use crate::view::{CloseCause, LogKind};
use sotto_wire::Millis;
use sotto_wire::ticket::Transport;

/// How long the first frame may take. With two transports that do not work, the third is online within 10 s.
pub(crate) const FIRST_FRAME_MS: Millis = Millis(4_000);
/// The same, once no transport has kept to it: the link may just be slow.
pub(crate) const SLOW_FRAME_MS: Millis = Millis(10_000);
/// A stream that ends sooner counts as cut.
const CUT_WITHIN_MS: Millis = Millis(10_000);
/// So many cuts in a row make a transport doubted: one may be a restart of the server, two bad luck.
const CUTS_MAX: u32 = 3;
/// When a doubted transport is tried again, at first and at last.
const RETRY_FIRST_MS: Millis = Millis(5 * 60_000);
const RETRY_LONGEST_MS: Millis = Millis(60 * 60_000);
/// The same when the server was busy or went away.
const RETRY_BUSY_MS: Millis = Millis(60_000);
/// The same when the network has changed, and with it, maybe, the proxy; or when the client was started anew.
const RETRY_ELSEWHERE_MS: Millis = Millis(10_000);

/// Which transport carries the events.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// What the server offers and this version knows, best first.
    offered: Vec<Transport>,
    /// The only one that may be used.
    pinned: Option<Transport>,
    doubts: Vec<Doubt>,
    /// What worked last when nothing was pinned.
    working: Option<Transport>,
    /// Whether that is from before the start, and says something about those that are liked better.
    origin: Origin,
    /// Cuts in a row, of this transport.
    cuts: Option<(Transport, u32)>,
    patience: Patience,
}

/// A transport that has failed.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    transport: Transport,
    /// Until then it is not used; none when it works again.
    until: Option<Millis>,
    /// The wait until then, which doubles.
    wait: Millis,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Origin {
    #[default]
    Seen,
    Remembered,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Patience {
    #[default]
    Usual,
    /// Every transport was doubted at once.
    Long,
}

impl Choice {
    /// The server's order.
    pub(crate) fn offer(&mut self, transports: &[Transport], now: Millis) {
        self.offered = transports.iter().copied().filter(|transport| *transport != Transport::Unknown).collect();
        if std::mem::take(&mut self.origin) == Origin::Remembered
            && let Some(worked) = self.working.filter(|transport| self.offered.contains(transport))
        {
            let (until, wait) = (Some(now.after(RETRY_ELSEWHERE_MS)), RETRY_FIRST_MS);
            let better = self.offered.iter().copied().take_while(|transport| *transport != worked);
            self.doubts.extend(better.map(|transport| Doubt { transport, until, wait }));
        }
    }

    /// What worked last.
    pub(crate) fn working(&self) -> Option<Transport> {
        self.working
    }

    /// What worked last before the start: the server's better ones probably did not.
    pub(crate) fn remember(&mut self, transport: Option<Transport>) {
        (self.working, self.origin) = (transport, Origin::Remembered);
    }

    /// Only this one, or all again.
    pub(crate) fn pin(&mut self, transport: Option<Transport>) {
        self.pinned = transport;
    }

    /// The one that is pinned.
    pub(crate) fn pinned(&self) -> Option<Transport> {
        self.pinned
    }

    /// Whether this transport may carry the events.
    pub(crate) fn allows(&self, transport: Transport) -> bool {
        self.pinned.is_none_or(|pinned| pinned == transport)
    }

    /// The transport for the next stream; none when nothing that is offered is known or pinned.
    pub(crate) fn pick(&mut self) -> Option<Transport> {
        if let Some(trusted) = self.trusted().next() {
            return Some(trusted);
        }
        let first = self.offered.iter().copied().find(|transport| self.allows(*transport))?;
        if self.pinned.is_none() {
            self.doubts.iter_mut().for_each(|doubt| doubt.until = None);
            self.patience = Patience::Long;
        }
        Some(first)
    }

    /// Whether there is a transport that is not doubted.
    pub(crate) fn has_trusted(&self) -> bool {
        self.trusted().next().is_some()
    }

    /// How long the first frame may take.
    pub(crate) fn patience(&self) -> Millis {
        match self.patience {
            Patience::Usual => FIRST_FRAME_MS,
            Patience::Long => SLOW_FRAME_MS,
        }
    }

    /// A stream has caught up.
    pub(crate) fn worked(&mut self, transport: Transport) {
        self.patience = Patience::Usual;
        if self.pinned.is_none() {
            self.working = Some(transport);
        }
        let doubt = self.doubts.iter_mut().find(|doubt| doubt.transport == transport);
        doubt.into_iter().for_each(|doubt| doubt.until = None);
    }

    /// A stream has ended, so long after its opening. Says so when its transport is doubted now.
    pub(crate) fn ended(
        &mut self,
        transport: Transport,
        (cause, lived): (CloseCause, Millis),
        now: Millis,
    ) -> Option<LogKind> {
        let is_doubted = match cause {
            CloseCause::NoFirstFrame | CloseCause::Disabled => true,
            CloseCause::Ended if lived < CUT_WITHIN_MS => {
                let before = self.cuts.filter(|(cut, _)| *cut == transport).map_or(0, |(_, times)| times);
                self.cuts = Some((transport, before + 1));
                before + 1 >= CUTS_MAX
            }
            CloseCause::Ended | CloseCause::Silent | CloseCause::NoPong => {
                self.cuts = None;
                false
            }
            CloseCause::Overrun
            | CloseCause::Shutdown
            | CloseCause::SessionEnded
            | CloseCause::Offline
            | CloseCause::Woke
            | CloseCause::Replaced
            | CloseCause::NotWanted => false,
        };
        if lived >= RETRY_FIRST_MS {
            self.doubts.retain(|doubt| doubt.transport != transport);
        }
        (is_doubted && self.pinned.is_none()).then(|| self.doubt(transport, cause, now))
    }

    /// A transport does not work.
    pub(crate) fn doubt(&mut self, transport: Transport, cause: CloseCause, now: Millis) -> LogKind {
        self.cuts = None;
        let before = self.doubts.iter().find(|doubt| doubt.transport == transport).map(|doubt| doubt.wait);
        let wait = before.map_or(RETRY_FIRST_MS, |wait| Millis(wait.0.saturating_mul(2)).min(RETRY_LONGEST_MS));
        let until = now.after(wait);
        self.doubts.retain(|doubt| doubt.transport != transport);
        self.doubts.push(Doubt { transport, until: Some(until), wait });
        LogKind::TransportDoubted { transport, cause, until }
    }

    /// Nothing was learned of a transport: the server was busy, or going away. It is tried again before long.
    pub(crate) fn postpone(&mut self, transport: Transport, now: Millis) {
        let until = Some(now.after(RETRY_BUSY_MS));
        match self.doubts.iter_mut().find(|doubt| doubt.transport == transport) {
            Some(doubt) => doubt.until = until,
            None => self.doubts.push(Doubt { transport, until, wait: RETRY_BUSY_MS }),
        }
    }

    /// The network is another one: what did not work may work now.
    pub(crate) fn network_changed(&mut self, now: Millis) {
        for doubt in &mut self.doubts {
            doubt.wait = RETRY_FIRST_MS;
            doubt.until = doubt.until.map(|until| until.min(now.after(RETRY_ELSEWHERE_MS)));
        }
    }

    /// A transport that the server likes better than `used`, and when it is to be tried.
    pub(crate) fn better(&self, used: Transport) -> Option<(Transport, Millis)> {
        if self.pinned.is_some() {
            return None;
        }
        let better = self.offered.iter().copied().take_while(|transport| *transport != used);
        better.map(|transport| (transport, self.doubted_until(transport).unwrap_or_default())).min_by_key(|(_, at)| *at)
    }

    fn trusted(&self) -> impl Iterator<Item = Transport> {
        let mut offered = self.offered.iter().copied();
        std::iter::from_fn(move || {
            offered.find(|transport| self.allows(*transport) && self.doubted_until(*transport).is_none())
        })
    }

    fn doubted_until(&self, transport: Transport) -> Option<Millis> {
        self.doubts.iter().find(|doubt| doubt.transport == transport).and_then(|doubt| doubt.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_says_nothing_of_a_transport_and_does_not_make_its_wait_longer() {
        let mut choice = Choice::default();
        choice.offer(&[Transport::Sse, Transport::LongPoll], Millis(0));
        let next = |choice: &Choice| choice.better(Transport::LongPoll).map(|(_, at)| at);
        for now in [0, 60_000, 120_000] {
            choice.postpone(Transport::Sse, Millis(now));
            assert_eq!(next(&choice), Some(Millis(now + RETRY_BUSY_MS.0)));
        }
        choice.doubt(Transport::Sse, CloseCause::NoFirstFrame, Millis(200_000));
        assert!(next(&choice) <= Some(Millis(200_000 + RETRY_FIRST_MS.0)), "what it waited before does not count");
    }
}
