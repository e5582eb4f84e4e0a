//! What goes wrong with Redis, as the core names it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use scaler_core::MembershipError;

use crate::client::Reason;
use crate::target::UrlError;

/// A failure of Redis or of the way to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The URL names no Redis.
    #[error("{url} is not the URL of a Redis: {why}")]
    Url { url: Arc<str>, why: UrlError },
    /// A certificate or key cannot be used.
    #[error("{}: {why}", file.display())]
    Tls { file: PathBuf, why: String },
    /// A key of ours holds what somebody else put there.
    #[error("the key {key} on {url} is a {found} where a {expected} is expected; it was left as it is")]
    WrongType { url: Arc<str>, key: String, found: String, expected: &'static str },
    /// A key of ours was of another type, and then no longer.
    #[error("a key on {url} is of another type than expected: {answer}")]
    SomeWrongType { url: Arc<str>, answer: String },
    /// Redis answered what no script of ours gives.
    #[error("{url} gave an answer that makes no sense: {answer:?}")]
    Nonsense { url: Arc<str>, answer: Vec<String> },
    /// What should be said cannot be written as JSON.
    #[error(transparent)]
    Unwritable(#[from] serde_json::Error),
    /// Redis wants another user or password, or the user may not do this.
    #[error("{url}: {reason}")]
    Denied { url: Arc<str>, reason: Reason },
    /// There is no connection, or Redis is not ready.
    #[error("{url}: {reason}")]
    Away { url: Arc<str>, reason: Reason },
    /// The answer did not come in time.
    #[error("{url}: no answer within {limit:?}")]
    Unanswered { url: Arc<str>, limit: Duration },
    /// Redis says no.
    #[error("{url}: {reason}")]
    Refused { url: Arc<str>, reason: Reason },
}

impl Failure {
    /// True if waiting does not help.
    pub(crate) const fn is_permanent(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Refused { .. })
    }

    /// The core's error for a failure of this call.
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
