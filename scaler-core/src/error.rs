//! What can go wrong with a store or a membership, sorted by what the caller may do about it.

use std::error::Error;

/// The error of an adapter's own library, kept as the source of ours.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// What a failure means for the one who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The same call will fail again until somebody changes something.
    Permanent,
    /// Nothing happened; the same call may succeed later.
    Transient,
    /// It may or may not have happened. Only a call that is safe to repeat may be repeated.
    Indeterminate,
}

/// A failure of a [`WorkStore`](crate::WorkStore) or an [`Election`](crate::Election).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store lacks its schema, or the table of work.
    #[error("{during}: not installed yet: {source}")]
    NotInstalled {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// The store refuses this user or this database.
    #[error("{during}: access is denied: {source}")]
    Denied {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// What the store holds is not what this program works on.
    #[error("{during}: {source}")]
    Misshapen {
        /// The call that failed.
        during: &'static str,
        /// What is wrong and where.
        source: BoxError,
    },
    /// The store cannot be reached now.
    #[error("{during}: the store is away: {source}")]
    Unavailable {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// Somebody else holds what the call needs; nothing was changed.
    #[error("{during}: the store is busy: {source}")]
    Busy {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// No answer came, so nobody knows whether it happened.
    #[error("{during}: no answer: {source}")]
    Unanswered {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// The store refuses the call itself.
    #[error("{during}: refused: {source}")]
    Refused {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
}

impl StoreError {
    /// What the caller may do about it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::NotInstalled { .. } | Self::Unavailable { .. } | Self::Busy { .. } => ErrorClass::Transient,
            Self::Unanswered { .. } => ErrorClass::Indeterminate,
            Self::Denied { .. } | Self::Misshapen { .. } | Self::Refused { .. } => ErrorClass::Permanent,
        }
    }
}

/// A failure of a [`Membership`](crate::Membership).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// The membership refuses this user.
    #[error("{during}: access is denied: {source}")]
    Denied {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// A key of ours holds something of somebody else's, which is left as it is.
    #[error("{during}: {source}")]
    Misshapen {
        /// The call that failed.
        during: &'static str,
        /// Which key, and what it holds.
        source: BoxError,
    },
    /// The membership cannot be reached now.
    #[error("{during}: the membership is away: {source}")]
    Unavailable {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// No answer came, so nobody knows whether it happened.
    #[error("{during}: no answer: {source}")]
    Unanswered {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// The membership refuses the call itself.
    #[error("{during}: refused: {source}")]
    Refused {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
}

impl MembershipError {
    /// What the caller may do about it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable { .. } => ErrorClass::Transient,
            Self::Unanswered { .. } => ErrorClass::Indeterminate,
            Self::Denied { .. } | Self::Misshapen { .. } | Self::Refused { .. } => ErrorClass::Permanent,
        }
    }
}
