//! Where this tab stands: whether it leads, and if not, why. Owns the words only.

/// Where this tab stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Asking for the lead, or opening the local store.
    Starting,
    /// This tab leads: it alone reads and writes the store and holds the stream.
    Leading,
    /// Another tab leads, and this one shows and does the same by it. When that one closes, crashes or freezes, this one
    /// takes over by itself.
    Following,
    /// A tab of another version of the app has taken the lead: this one can do nothing more until it is loaded anew.
    OtherVersion,
    /// This browser cannot carry Sotto.
    Unsupported(Missing),
    /// The local store does not work; commands that need it fail. A reload tries again.
    Failed(StoreFailure),
}

/// What a browser lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// No secure context: neither https nor localhost.
    #[error("look for a secure context: the page was not loaded over https")]
    SecureContext,
    /// No Web Locks.
    #[error("look for web locks: there are none")]
    Locks,
    /// No WebCrypto.
    #[error("look for web crypto: there is none")]
    Crypto,
    /// No IndexedDB.
    #[error("look for indexed db: there is none")]
    Database,
    /// No server-sent events.
    #[error("look for event source: there is none")]
    EventSource,
    /// No random numbers.
    #[error("look for random numbers: there are none")]
    Random,
}

/// Why the local store does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// It could not be opened: forbidden by a setting, or broken.
    #[error("open the local store")]
    Unopenable,
    /// The disk, or this origin's part of it, is full.
    #[error("write the local store: no space left")]
    Full,
    /// The browser or the user deleted it while it was open.
    #[error("use the local store: it was deleted")]
    Deleted,
    /// Another writer has opened it since: going on would use keys twice.
    #[error("write the local store: another writer has taken it over")]
    Superseded,
    /// A read or a write failed otherwise.
    #[error("read or write the local store")]
    Broken,
}
