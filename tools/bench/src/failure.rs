//! Why nothing could be measured.

use sotto_wire::Problem;
use std::fmt;

/// Why nothing could be measured.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no such benchmark.
    UnknownName,
    /// The system refused.
    Io {
        /// What was attempted.
        doing: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The server refused a request.
    Refused(Problem),
    /// The server did not do what is measured: figures of such a run would lie.
    Wrong(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::UnknownName => f.write_str("there is no such benchmark"),
            Failure::Io { doing, source } => write!(f, "{doing}: {source}"),
            Failure::Refused(problem) => write!(f, "the server refused: {}", problem.code.as_str()),
            Failure::Wrong(what) => write!(f, "not a valid run: {what}"),
        }
    }
}

/// Says what was attempted when the system refuses.
pub(crate) fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Failure {
    move |source| Failure::Io { doing, source }
}
