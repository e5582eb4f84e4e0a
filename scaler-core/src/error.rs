//! Errors of a store or a membership, classified by how the caller may react.

use std::error::Error;

/// Error of an adapter's own library, kept as the source of a [`StoreError`] or [`MembershipError`].
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// Class of an error: whether a call may be repeated after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The same call fails again until its cause is fixed.
    Permanent,
    /// Nothing was changed; the same call may succeed later.
    Transient,
    /// The call may or may not have taken effect. Only a call that is safe to repeat may be repeated.
    Indeterminate,
}

/// Error of a [`WorkStore`](crate::WorkStore) or an [`Election`](crate::Election).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store lacks its schema or the work table.
    #[error("{during}: the schema is not installed: {source}")]
    NotInstalled {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
    /// The store denies access to this user or this database.
    #[error("{during}: access is denied: {source}")]
    Denied {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
    /// The data in the store does not have the shape that this program expects.
    #[error("{during}: {source}")]
    Misshapen {
        /// The call that failed.
        during: &'static str,
        /// Description of the mismatch, and its place.
        source: BoxError,
    },
    /// The store cannot be reached now.
    #[error("{during}: the store is unavailable: {source}")]
    Unavailable {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
    /// Another session holds a lock that the call needs; nothing was changed.
    #[error("{during}: the store is busy: {source}")]
    Busy {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
    /// No answer came, so it is unknown whether the call took effect.
    #[error("{during}: the outcome is unknown: {source}")]
    Unanswered {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
    /// The store refuses the call itself.
    #[error("{during}: the store refused the call: {source}")]
    Refused {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
}

impl StoreError {
    /// Returns the class of the error, which tells whether the call may be repeated.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::NotInstalled { .. } | Self::Unavailable { .. } | Self::Busy { .. } => ErrorClass::Transient,
            Self::Unanswered { .. } => ErrorClass::Indeterminate,
            Self::Denied { .. } | Self::Misshapen { .. } | Self::Refused { .. } => ErrorClass::Permanent,
        }
    }

    /// Returns the same error with another source, for a store that calls another one.
    #[must_use]
    pub fn map_source(mut self, change: impl FnOnce(BoxError) -> BoxError) -> Self {
        let (Self::NotInstalled { source, .. }
        | Self::Denied { source, .. }
        | Self::Misshapen { source, .. }
        | Self::Unavailable { source, .. }
        | Self::Busy { source, .. }
        | Self::Unanswered { source, .. }
        | Self::Refused { source, .. }) = &mut self;
        let placeholder: BoxError = "".into();
        let before = std::mem::replace(source, placeholder);
        *source = change(before);
        self
    }
}

/// Error of a [`Membership`](crate::Membership).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// The membership denies access to this user.
    #[error("{during}: access is denied: {source}")]
    Denied {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
    /// A key that the adapter uses holds foreign data, which is left unchanged.
    #[error("{during}: {source}")]
    Misshapen {
        /// The call that failed.
        during: &'static str,
        /// Key, and what it holds.
        source: BoxError,
    },
    /// The membership cannot be reached now.
    #[error("{during}: the membership is unavailable: {source}")]
    Unavailable {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
    /// No answer came, so it is unknown whether the call took effect.
    #[error("{during}: the outcome is unknown: {source}")]
    Unanswered {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
    /// The membership refuses the call itself.
    #[error("{during}: the membership refused the call: {source}")]
    Refused {
        /// The call that failed.
        during: &'static str,
        /// Reason, in the adapter's words.
        source: BoxError,
    },
}

impl MembershipError {
    /// Returns the class of the error, which tells whether the call may be repeated.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable { .. } => ErrorClass::Transient,
            Self::Unanswered { .. } => ErrorClass::Indeterminate,
            Self::Denied { .. } | Self::Misshapen { .. } | Self::Refused { .. } => ErrorClass::Permanent,
        }
    }
}
