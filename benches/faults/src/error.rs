//! Why a fault could not be played to its end.

use std::io;
use std::time::Duration;

/// Why a fault could not be played to its end: its row is not ok, and says this.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// Postgres said no.
    #[error("Postgres: {0}")]
    Postgres(#[from] sqlx::Error),
    /// The system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it was refused.
        source: io::Error,
    },
    /// A program is not installed.
    #[error("{program} is missing: install the package {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// The package of Debian that has it.
        package: &'static str,
    },
    /// A condition did not come true.
    #[error("not within {waited:?}: {what}; at last {last}")]
    Never {
        /// How long it was waited for.
        waited: Duration,
        /// The condition.
        what: String,
        /// What was seen instead.
        last: String,
    },
    /// Something is not as it must be for the fault to mean anything.
    #[error("{0}")]
    Unfit(String),
}

impl PlayError {
    /// Names what was being done when the system refused.
    pub fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// What a fault comes to, or why it could not be played.
pub type Result<T> = std::result::Result<T, PlayError>;
