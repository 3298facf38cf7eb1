//! Why a command was not carried out: a problem of the caller's making, or a failure of ours.
//!
//! The rule: the caller learns a code of the closed set, never the cause of a failure; the log gets the cause, once.

use crate::store::StoreError;
use sotto_wire::{Code, Problem, RequestId};
use std::error::Error;

/// What a command answers instead of its response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The caller's problem: goes back as it is.
    #[error("refuse a command: {0}")]
    Problem(Box<Problem>),
    /// A failure of the server: the caller reads [`Code::Internal`], the log gets the source.
    #[error("carry out a command")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Problem::new(code).into()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Code::Unavailable.into(),
            error => Self::failed(error),
        }
    }
}

impl Refusal {
    /// A failure caused by `source`.
    pub(crate) fn failed(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(source.into())
    }

    /// What the caller is told.
    pub(crate) fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => *problem,
            Self::Failed(_) => Problem::new(Code::Internal),
        }
    }

    /// Writes the refusal to the log: what was called, by which request, how it ended, how long it took.
    pub(crate) fn log(&self, path: &'static str, request_id: Option<&RequestId>, latency_ms: u64) {
        let request_id = request_id.map(RequestId::as_str);
        match self {
            Self::Problem(problem) => {
                tracing::info!(path, request_id, code = problem.code.as_str(), latency_ms, "refused a command");
            }
            Self::Failed(source) => {
                let causes = causes(source.as_ref());
                tracing::error!(
                    path,
                    request_id,
                    code = Code::Internal.as_str(),
                    latency_ms,
                    causes,
                    "failed a command"
                );
            }
        }
    }
}

/// The error and its sources on one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
