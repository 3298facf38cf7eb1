//! What every command is given: settings, clock, and the parts of the running server.

use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::http::auth::Sessions;
use crate::http::command::Commands;
use crate::http::endpoint::Bodies;
use crate::http::rate::Limits;
use crate::http::streams::Streams;
use crate::login::Logins;
use crate::secret::Secrets;
use crate::store::Store;
use crate::store::session::SessionId;
use sotto_wire::event::SessionEndCause;

/// The running server.
pub(crate) struct App {
    /// The settings.
    pub(crate) config: Config,
    /// The clock.
    pub(crate) clock: Clock,
    /// The database.
    pub(crate) store: Store,
    /// The log's way to its readers.
    pub(crate) delivery: Delivery,
    /// The key file.
    pub(crate) secrets: Secrets,
    /// Sign-ins under way.
    pub(crate) logins: Logins,
    /// Sessions that were looked up.
    pub(crate) sessions: Sessions,
    /// Rate limits.
    pub(crate) limits: Limits,
    /// Room for the bodies of running requests.
    pub(crate) bodies: Bodies,
    /// How many streams are open, and whose.
    pub(crate) streams: Streams,
    /// The commands that WebSockets carry.
    pub(crate) commands: Commands,
}

impl App {
    /// Ends what hangs on sessions whose rows are gone: their access tokens and their streams.
    pub(crate) fn end_sessions(&self, ended: &[SessionId], cause: SessionEndCause) {
        for session in ended {
            self.sessions.forget(*session);
            self.delivery.end_session(*session, cause);
        }
    }
}
