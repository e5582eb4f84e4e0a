//! The workers as whoever runs them sees them, and how many there shall be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;

use crate::{BoxError, ErrorClass, WorkerId};

/// What is seen of a fleet at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetView {
    /// How many workers there shall be.
    pub replicas: u32,
    /// The version of that number, in the fleet's own words.
    pub version: String,
    /// Who wrote that number last, where the fleet can tell.
    pub writer: Option<String>,
    /// The workers there are, without those that are being ended already.
    pub workers: BTreeMap<WorkerId, Pod>,
}

/// One worker, from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Whether it is ready for work.
    pub ready: bool,
    /// Whether it is of an earlier revision than others.
    pub outdated: bool,
    /// Whether it is [marked](Fleet::mark) to be ended before others.
    pub marked: bool,
}

/// Runs as many workers as it is told to.
#[async_trait]
pub trait Fleet: fmt::Debug + Send + Sync {
    /// Looks at it. The number and the workers may be of slightly different moments.
    ///
    /// # Errors
    /// When the fleet is away, refuses, or is not there.
    async fn read(&self) -> Result<FleetView, FleetError>;

    /// Sets how many workers there shall be; returns before there are.
    ///
    /// # Errors
    /// [`Changed`](FleetError::Changed), and nothing is changed, when the number was written since it was seen; else as for
    /// [`read`](Self::read).
    async fn set_replicas(&self, seen: &FleetView, replicas: u32) -> Result<(), FleetError>;

    /// Marks these workers, and no others that were seen, to be ended before others when the number is lowered. A worker that is
    /// gone is passed over.
    ///
    /// # Errors
    /// As for [`read`](Self::read); some may be marked then.
    async fn mark(&self, seen: &FleetView, workers: &BTreeSet<WorkerId>) -> Result<(), FleetError>;
}

/// A failure of a [`Fleet`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// Somebody else wrote first; nothing was changed.
    #[error("{during}: it was changed meanwhile: {source}")]
    Changed {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// The fleet refuses this user.
    #[error("{during}: access is denied: {source}")]
    Denied {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
    /// There is no such fleet.
    #[error("{during}: not found: {source}")]
    Missing {
        /// The call that failed.
        during: &'static str,
        /// What is missing.
        source: BoxError,
    },
    /// The fleet cannot be reached now.
    #[error("{during}: the fleet is away: {source}")]
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
    /// The fleet refuses the call itself, or answers what makes no sense.
    #[error("{during}: refused: {source}")]
    Refused {
        /// The call that failed.
        during: &'static str,
        /// Why, in the adapter's words.
        source: BoxError,
    },
}

impl FleetError {
    /// What the caller may do about it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Changed { .. } | Self::Unavailable { .. } => ErrorClass::Transient,
            Self::Unanswered { .. } => ErrorClass::Indeterminate,
            Self::Denied { .. } | Self::Missing { .. } | Self::Refused { .. } => ErrorClass::Permanent,
        }
    }
}
