//! Fleet: the workers as their orchestrator sees them, and their desired number.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;

use crate::{BoxError, ErrorClass, WorkerId};

/// State of a fleet at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetView {
    /// Desired number of workers.
    pub replicas: u32,
    /// Version of `replicas`, opaque outside of the fleet.
    pub version: String,
    /// Writer that last set `replicas`; `None` if the fleet cannot tell.
    pub writer: Option<String>,
    /// Existing workers, without those that are being terminated.
    pub workers: BTreeMap<WorkerId, Pod>,
}

/// State of one worker as the fleet sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// True if the worker is ready for work.
    pub ready: bool,
    /// True if the worker has an earlier revision than others.
    pub outdated: bool,
    /// True if the worker is [marked](Fleet::mark) to be terminated before others.
    pub marked: bool,
}

/// Orchestrator that runs a set number of workers, such as a Kubernetes Deployment.
#[async_trait]
pub trait Fleet: fmt::Debug + Send + Sync {
    /// Reads the state of the fleet. `replicas` and `workers` may be of slightly different moments.
    ///
    /// # Errors
    /// If the fleet is unreachable, refuses the call, or does not exist.
    async fn read(&self) -> Result<FleetView, FleetError>;

    /// Sets the desired number of workers; returns before that many exist.
    ///
    /// # Errors
    /// [`Changed`](FleetError::Changed) if the number was written since `seen` was read: nothing is changed then. Otherwise as for
    /// [`read`](Self::read).
    async fn set_replicas(&self, seen: &FleetView, replicas: u32) -> Result<(), FleetError>;

    /// Marks `workers`, and no others in `seen`, to be terminated before others when the number is lowered. A worker that no longer exists
    /// is skipped.
    ///
    /// # Errors
    /// As for [`read`](Self::read); some workers may be marked even then.
    async fn mark(&self, seen: &FleetView, workers: &BTreeSet<WorkerId>) -> Result<(), FleetError>;
}

/// A failure of a [`Fleet`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// Another writer changed the fleet first; nothing was changed.
    #[error("{during}: concurrent modification: {source}")]
    Changed {
        /// The call that failed.
        during: &'static str,
        /// Error of the adapter.
        source: BoxError,
    },
    /// The fleet denies access to this user.
    #[error("{during}: access is denied: {source}")]
    Denied {
        /// The call that failed.
        during: &'static str,
        /// Error of the adapter.
        source: BoxError,
    },
    /// The fleet does not exist.
    #[error("{during}: not found: {source}")]
    Missing {
        /// The call that failed.
        during: &'static str,
        /// Error that names what is missing.
        source: BoxError,
    },
    /// The fleet cannot be reached now.
    #[error("{during}: the orchestrator is unavailable: {source}")]
    Unavailable {
        /// The call that failed.
        during: &'static str,
        /// Error of the adapter.
        source: BoxError,
    },
    /// No answer came, so it is unknown whether the call took effect.
    #[error("{during}: the outcome is unknown: {source}")]
    Unanswered {
        /// The call that failed.
        during: &'static str,
        /// Error of the adapter.
        source: BoxError,
    },
    /// The fleet refuses the call itself, or its answer is invalid.
    #[error("{during}: the orchestrator refused the call: {source}")]
    Refused {
        /// The call that failed.
        during: &'static str,
        /// Error of the adapter.
        source: BoxError,
    },
}

impl FleetError {
    /// Returns the class of the error, which tells if a retry makes sense.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Changed { .. } | Self::Unavailable { .. } => ErrorClass::Transient,
            Self::Unanswered { .. } => ErrorClass::Indeterminate,
            Self::Denied { .. } | Self::Missing { .. } | Self::Refused { .. } => ErrorClass::Permanent,
        }
    }
}
