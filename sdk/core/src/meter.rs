//! Figures of the connection (X2). Owns the counters and how often they are told; measures nothing itself.

use crate::view::{Link, LogKind};
use sotto_wire::Millis;

/// The figures are told at most this often: each costs a page that shows them a layout.
const EVERY_MS: Millis = Millis(1_000);

/// Figures of the connection.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    link: Link,
    told: Link,
    told_at: Millis,
}

impl Meter {
    /// A frame or an answer came.
    pub(crate) fn came(&mut self, size_bytes: usize) {
        self.link.bytes_in = self.link.bytes_in.saturating_add(size_bytes as u64);
    }

    /// A request leaves.
    pub(crate) fn left(&mut self, size_bytes: usize) {
        self.link.bytes_out = self.link.bytes_out.saturating_add(size_bytes as u64);
    }

    /// Something happened to the connection.
    pub(crate) fn note(&mut self, kind: &LogKind, now: Millis) {
        match kind {
            LogKind::Opening(_) => self.link.streams = self.link.streams.saturating_add(1),
            LogKind::Closed { cause, .. } => self.link.last_close = Some((now, *cause)),
            LogKind::Asked(_)
            | LogKind::Refused(_)
            | LogKind::Opened { .. }
            | LogKind::Resumed { .. }
            | LogKind::FellBehind
            | LogKind::TransportChanged { .. }
            | LogKind::TransportDoubted { .. }
            | LogKind::TransportPinned(_)
            | LogKind::Waiting { .. }
            | LogKind::NetworkFound
            | LogKind::NetworkLost
            | LogKind::Woke(_)
            | LogKind::HistoryLost(_)
            | LogKind::RequestFailed { .. }
            | LogKind::SentAgain(_)
            | LogKind::TokenRenewed
            | LogKind::SessionEnded(_) => {}
        }
    }

    /// The figures, when they are to be told: `plans` are the stream's own.
    pub(crate) fn news(&mut self, plans: impl FnOnce(Link) -> Link, now: Millis) -> Option<Link> {
        if self.told_at != Millis::default() && now.since(self.told_at) < EVERY_MS {
            return None;
        }
        self.link = plans(self.link);
        if self.link == self.told {
            return None;
        }
        (self.told, self.told_at) = (self.link, now);
        Some(self.link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_once_a_second_and_only_when_they_changed() {
        let mut meter = Meter::default();
        let news = |meter: &mut Meter, at: u64| meter.news(|link| link, Millis(at)).map(|link| link.bytes_in);
        assert_eq!(news(&mut meter, 1_000), None);
        meter.came(10);
        assert_eq!(news(&mut meter, 1_000), Some(10));
        meter.came(5);
        assert_eq!(news(&mut meter, 1_999), None);
        assert_eq!(news(&mut meter, 2_000), Some(15));
        assert_eq!(news(&mut meter, 9_000), None);
    }
}
