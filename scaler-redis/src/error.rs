//! Failures of Redis, and their conversion to [`MembershipError`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use scaler_core::{BoxError, MembershipError};

use crate::reason::{Reason, has_code};
use crate::target::UrlError;

/// Failure of Redis or of the connection to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The URL is not one of a Redis.
    #[error("{url} is not a valid Redis URL: {why}")]
    Url { url: Arc<str>, why: UrlError },
    /// A certificate or key cannot be used.
    #[error("{}: {why}", file.display())]
    Tls { file: PathBuf, why: String },
    /// A key of ours has another type: another client wrote it.
    #[error("the key {key} on {url} is a {found} where a {expected} is expected; it was not changed; set another REDIS_KEY")]
    WrongType { url: Arc<str>, key: String, found: String, expected: &'static str },
    /// A key of ours had another type, but no longer when its type was read.
    #[error("a key on {url} has another type than expected: {answer}")]
    SomeWrongType { url: Arc<str>, answer: String },
    /// Redis gave an answer that none of our scripts returns.
    #[error("{url} returned an unexpected answer: {answer:?}")]
    Nonsense { url: Arc<str>, answer: Vec<String> },
    /// A member record cannot be written as JSON.
    #[error("{0}")]
    Unwritable(#[source] BoxError),
    /// Redis requires another user or password, or the user lacks a privilege.
    #[error("{url}: {reason}")]
    Denied { url: Arc<str>, reason: Reason },
    /// There is no connection, or Redis is not ready.
    #[error("{url}: {reason}")]
    Away { url: Arc<str>, reason: Reason },
    /// The answer did not come in time.
    #[error("{url}: no answer within {limit:?}")]
    Unanswered { url: Arc<str>, limit: Duration },
    /// Redis refused the command.
    #[error("{url}: {reason}")]
    Refused { url: Arc<str>, reason: Reason },
}

/// Error codes of a Redis that is not ready now, but may be later.
const NOT_READY: [&str; 9] =
    ["LOADING", "BUSY", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM", "MISCONF", "NOREPLICAS"];
/// Error codes of a Redis that refuses this client, by its privileges, password or address (protected mode).
const DENIED: [&str; 4] = ["NOPERM", "NOAUTH", "WRONGPASS", "DENIED"];
/// Start of the error of a Redis at `maxclients`, which has no code of its own. In a cluster, it mentions cluster connections, too.
const FULL: &str = "ERR max number of clients";

impl Failure {
    /// Returns the failure of a call to this URL for this reason.
    pub(crate) fn of(reason: Reason, url: &Arc<str>) -> Self {
        let url = url.clone();
        match &reason {
            Reason::Answer { text, .. } if has_code(text, "WRONGTYPE") => Self::SomeWrongType { url, answer: text.clone() },
            Reason::Answer { text, .. } if DENIED.iter().any(|code| has_code(text, code)) => Self::Denied { url, reason },
            Reason::Answer { text, .. } if text.starts_with(FULL) || NOT_READY.iter().any(|code| has_code(text, code)) => {
                Self::Away { url, reason }
            }
            Reason::Answer { .. } | Reason::TooOld { .. } => Self::Refused { url, reason },
            _ => Self::Away { url, reason },
        }
    }

    /// True if waiting does not help.
    pub(crate) const fn is_permanent(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Refused { .. })
    }

    /// Converts the failure of this call to the core's error.
    pub(crate) fn during(self, during: &'static str) -> MembershipError {
        match self {
            Self::Denied { .. } => MembershipError::Denied { during, source: self.into() },
            Self::WrongType { .. } | Self::SomeWrongType { .. } => MembershipError::Misshapen { during, source: self.into() },
            Self::Away { .. } => MembershipError::Unavailable { during, source: self.into() },
            Self::Unanswered { .. } => MembershipError::Unanswered { during, source: self.into() },
            Self::Url { .. } | Self::Tls { .. } | Self::Nonsense { .. } | Self::Unwritable(_) | Self::Refused { .. } => {
                MembershipError::Refused { during, source: self.into() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Address;

    fn reply(code: &str, detail: &str) -> Reason {
        let address = Address { host: "asked".to_owned(), port: 1 };
        Reason::of(&address, redis::make_extension_error(code.to_owned(), Some(detail.to_owned())))
    }

    #[test]
    fn replies_are_told_apart_by_their_codes() {
        let failure = |code, detail| Failure::of(reply(code, detail), &"redis://asked".into());
        for (code, detail) in [
            ("LOADING", "Redis is loading the dataset in memory"),
            ("MASTERDOWN", "Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
            ("ERR", "max number of clients reached"),
            ("ERR", "max number of clients + cluster connections reached"),
            ("ERR", "Error running script (call to f_0): @user_script:3: READONLY You can't write against a read only replica."),
        ] {
            assert!(matches!(failure(code, detail), Failure::Away { .. }), "{code} {detail}");
        }
        for code in ["NOPERM", "NOAUTH", "WRONGPASS", "DENIED"] {
            assert!(matches!(failure(code, "whatever"), Failure::Denied { .. }), "{code}");
        }
        assert!(matches!(failure("ERR", "unknown command"), Failure::Refused { .. }));
        assert!(matches!(failure("WRONGTYPE", "Operation against a key"), Failure::SomeWrongType { .. }));
    }
}
