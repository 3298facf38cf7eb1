//! Chance: one seeded source for everything that may go one way or another, and the count of what has gone wrong. The
//! rule: a seed replays, so nothing here looks at a clock or an address.

use std::collections::BTreeMap;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    RequestLost,
    ResponseLost,
    RequestDoubled,
    RequestLate,
    StreamRefused,
    StreamCut,
    FrameDoubled,
    ServerRestart,
    CrashBeforePersist,
    CrashAfterPersist,
    PersistFailed,
    Offline,
    /// A proxy refuses every stream of a transport.
    TransportBlocked,
    /// A proxy lets it open and holds everything back.
    TransportBuffers,
    /// A proxy ends it soon after its beginning.
    TransportCuts,
    /// Somebody wants another transport.
    TransportPinned,
    /// One transport has taken over from another.
    TransportChanged,
    /// A link that says nothing any more and does not end.
    HalfOpen,
    /// A device sleeps; its clock has jumped when it wakes.
    Sleep,
}

impl Fault {
    /// Every kind.
    pub(crate) const ALL: &[Fault] = &[
        Fault::RequestLost,
        Fault::ResponseLost,
        Fault::RequestDoubled,
        Fault::RequestLate,
        Fault::StreamRefused,
        Fault::StreamCut,
        Fault::FrameDoubled,
        Fault::ServerRestart,
        Fault::CrashBeforePersist,
        Fault::CrashAfterPersist,
        Fault::PersistFailed,
        Fault::Offline,
        Fault::TransportBlocked,
        Fault::TransportBuffers,
        Fault::TransportCuts,
        Fault::TransportPinned,
        Fault::TransportChanged,
        Fault::HalfOpen,
        Fault::Sleep,
    ];
}

/// Whether things go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing does.
    Calm,
    /// Everything may.
    Storm,
}

/// A seeded source of chance (SplitMix64).
pub(crate) struct Dice {
    state: u64,
    /// Whether faults strike.
    pub(crate) weather: Weather,
    /// How often each has struck.
    pub(crate) struck: BTreeMap<Fault, u64>,
}

impl Dice {
    /// The dice of a seed, in calm weather.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), weather: Weather::Calm, struck: BTreeMap::new() }
    }

    /// The next number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.roll() % (most - least + 1)
    }

    /// A place in something of this length, which is not empty.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.roll() % length as u64).expect("under the length")
    }

    /// Whether something happens that happens once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.roll().is_multiple_of(times)
    }

    /// Whether a fault strikes, once in `times` while there is a storm.
    pub(crate) fn strikes(&mut self, fault: Fault, times: u64) -> bool {
        let strikes = self.once_in(times) && self.weather == Weather::Storm;
        if strikes {
            self.note(fault);
        }
        strikes
    }

    /// A fault has struck.
    pub(crate) fn note(&mut self, fault: Fault) {
        *self.struck.entry(fault).or_default() += 1;
    }

    /// 32 bytes.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        seed.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.roll().to_le_bytes()));
        seed
    }
}
