//! Why a command stopped. Owns the wording; the reaction is always the same (print, exit code 1).
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// A program could not be started.
    Start { program: String, source: io::Error },
    /// A program ended with a bad status; it has said why itself.
    Program { program: String, code: Option<i32> },
    /// A program has said nothing for so long that it was ended; tests that took over a minute are named above.
    Silent { program: String, seconds: u64 },
    /// A file or folder could not be read or written.
    File { path: PathBuf, source: io::Error },
    /// Something that must be there is not, and what to do about it.
    Missing { what: &'static str, remedy: String },
    /// Tests or checks failed; they are listed above.
    Failed { what: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => write!(to, "{text}"),
            Self::Start { program, source } => write!(to, "could not start {program}: {source}"),
            Self::Program { program, code: Some(code) } => write!(to, "{program} ended with status {code}"),
            Self::Program { program, code: None } => write!(to, "{program} was ended by a signal"),
            Self::Silent { program, seconds } => write!(to, "{program} said nothing for {seconds} s and was ended"),
            Self::File { path, source } => write!(to, "could not use {}: {source}", path.display()),
            Self::Missing { what, remedy } => write!(to, "{what} is missing: {remedy}"),
            Self::Failed { what } => write!(to, "{what}"),
        }
    }
}

/// Names the path in an I/O error.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Failure {
    let path = path.into();
    move |source| Failure::File { path, source }
}
