//! Errors that end a program, and their exit codes.

use std::net::SocketAddr;

use scaler_core::node::NodeError;
use scaler_core::{BoxError, ErrorClass, MembershipError, StoreError, WorkerId};

use crate::config::Problem;

/// Exit code of an invalid configuration (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// Exit code of a command-line tool whose server is unavailable (`EX_UNAVAILABLE`).
pub const UNAVAILABLE: u8 = 69;
/// Exit code of all other failures.
pub const OTHER: u8 = 1;

/// Error that ends a program. Its text is one line that names what failed and on what, and never a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Invalid command line, or invalid environment variable that stands for a flag.
    #[error("{0}")]
    Arguments(String),
    /// Invalid environment variable.
    #[error("{variable}: {problem}")]
    Variable {
        /// Name of the variable.
        variable: &'static str,
        /// Reason why its value is invalid.
        problem: Problem,
    },
    /// The address for health and metrics cannot be bound.
    #[error("LISTEN: cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Error of the store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Error of the membership.
    #[error("{0}")]
    Membership(#[from] MembershipError),
    /// A check found problems.
    #[error("the check failed: {}", .0.join("; "))]
    Check(Vec<String>),
    /// Error of one program only.
    #[error("{source}")]
    Own {
        /// The error.
        source: BoxError,
        /// Its exit code.
        code: u8,
    },
    /// Another process has taken the name of this worker.
    #[error("another process now uses the worker name {0}, so this process stops; give each worker its own POD_NAME")]
    Superseded(WorkerId),
    /// The operating system refuses an operation that every program needs.
    #[error("the operating system refused an operation: {what}: {source}")]
    System {
        /// The operation.
        what: &'static str,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Superseded(name) => Self::Superseded(name),
            NodeError::Store(error) => error.into(),
            NodeError::Membership(error) => error.into(),
            error => Self::own(error, OTHER),
        }
    }
}

impl Failure {
    /// Returns a failure for an error of one program only, with its exit code.
    pub fn own(error: impl Into<BoxError>, code: u8) -> Self {
        Self::Own { source: error.into(), code }
    }

    /// Returns the error class. Errors that come from no server are permanent.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Membership(error) => error.class(),
            _ => ErrorClass::Permanent,
        }
    }

    /// Returns the exit code: 64 if the configuration must change, 69 if a server is unavailable, 1 otherwise.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Arguments(_) | Self::Variable { .. } | Self::Listen { .. } | Self::Store(StoreError::NotInstalled { .. }) => {
                USAGE
            }
            Self::Own { code, .. } => *code,
            Self::Store(error) => code_of(error.class()),
            Self::Membership(error) => code_of(error.class()),
            Self::Check(_) | Self::Superseded(_) | Self::System { .. } => OTHER,
        }
    }
}

const fn code_of(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::Permanent => USAGE,
        ErrorClass::Transient | ErrorClass::Indeterminate => UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_follows_from_the_error_class() {
        let source = || "Postgres at db:5432/work: as it is".into();
        let away = Failure::from(StoreError::Unavailable { during: "assignment", source: source() });
        assert_eq!(away.code(), UNAVAILABLE);
        assert_eq!(away.to_string(), "assignment: the store is unavailable: Postgres at db:5432/work: as it is");
        assert_eq!(Failure::from(StoreError::Denied { during: "probe", source: source() }).code(), USAGE);
        let bare = Failure::from(StoreError::NotInstalled { during: "census", source: source() });
        assert_eq!(bare.code(), USAGE);
        assert_eq!(bare.to_string(), "census: the schema is not installed: Postgres at db:5432/work: as it is");
        assert_eq!(Failure::from(MembershipError::Unanswered { during: "members", source: source() }).code(), UNAVAILABLE);
        assert_eq!(Failure::Superseded(WorkerId::new("w-1").unwrap()).code(), OTHER);
    }
}
