//! Why a program ends, and the exit code that says so.

use std::net::SocketAddr;

use scaler_core::{BoxError, ErrorClass, MembershipError, StoreError, WorkerId};

use crate::config::Problem;

/// Exit code of a configuration that cannot work (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// Exit code of a tool whose server is away (`EX_UNAVAILABLE`).
pub const UNAVAILABLE: u8 = 69;
/// Exit code of everything else.
pub const OTHER: u8 = 1;

/// Why a program ends other than well. Its text is one clear line that names what and where, and never a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The command line, or a variable of the environment that stands for a flag.
    #[error("{0}")]
    Arguments(String),
    /// A variable of the environment.
    #[error("{variable}: {problem}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// Reason why its value is invalid.
        problem: Problem,
    },
    /// The address for health and metrics cannot be had.
    #[error("LISTEN: cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The membership.
    #[error("{0}")]
    Membership(#[from] MembershipError),
    /// The system does not work as it should.
    #[error("the check failed: {}", .0.join("; "))]
    Check(Vec<String>),
    /// An error that only one program has.
    #[error("{source}")]
    Own {
        /// The error.
        source: BoxError,
        /// The exit code that says so.
        code: u8,
    },
    /// Another process has taken the name of this worker.
    #[error("another process has taken the name {0}; this one stops")]
    Superseded(WorkerId),
    /// The operating system refuses what every program needs.
    #[error("{what}: {source}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

impl Failure {
    /// An error that only one program has, with its exit code.
    pub fn own(error: impl Into<BoxError>, code: u8) -> Self {
        Self::Own { source: error.into(), code }
    }

    /// What may be done about it: all that is no server's is permanent.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Membership(error) => error.class(),
            _ => ErrorClass::Permanent,
        }
    }

    /// The exit code: 64 where the configuration must change, 69 where a server is away, 1 otherwise.
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
    fn the_exit_code_tells_whose_turn_it_is() {
        let source = || "Postgres at db:5432/work: as it is".into();
        let away = Failure::from(StoreError::Unavailable { during: "assignment", source: source() });
        assert_eq!(away.code(), UNAVAILABLE);
        assert_eq!(away.to_string(), "assignment: the store is away: Postgres at db:5432/work: as it is");
        assert_eq!(Failure::from(StoreError::Denied { during: "probe", source: source() }).code(), USAGE);
        let bare = Failure::from(StoreError::NotInstalled { during: "census", source: source() });
        assert_eq!(bare.code(), USAGE);
        assert_eq!(bare.to_string(), "census: not installed yet: Postgres at db:5432/work: as it is");
        assert_eq!(Failure::from(MembershipError::Unanswered { during: "members", source: source() }).code(), UNAVAILABLE);
        assert_eq!(Failure::Superseded(WorkerId::new("w-1").unwrap()).code(), OTHER);
    }
}
