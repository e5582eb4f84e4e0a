//! Errors of faults that could not be played to the end.

use std::io;
use std::time::Duration;

/// Reason for which a fault could not be played to its end. Its row of the report is not ok and shows it.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// Postgres returned an error.
    #[error("Postgres: {0}")]
    Postgres(#[from] sqlx::Error),
    /// The operating system returned an error.
    #[error("{doing}: {source}")]
    Io {
        /// Action that failed.
        doing: &'static str,
        /// Cause of the failure.
        source: io::Error,
    },
    /// A program is not installed.
    #[error("{program} is missing: install the package {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// Debian package that contains it.
        package: &'static str,
    },
    /// A condition did not become true in time.
    #[error("timeout after {waited:?}: {what}; last state: {last}")]
    Never {
        /// Time that was waited.
        waited: Duration,
        /// The condition.
        what: String,
        /// Last state that was seen instead.
        last: String,
    },
    /// A precondition of the fault does not hold.
    #[error("{0}")]
    Unfit(String),
}

impl PlayError {
    /// Returns a conversion of I/O errors that adds the action that failed.
    pub fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Result of a step of a fault, or the reason for which it could not be played.
pub type Result<T> = std::result::Result<T, PlayError>;
