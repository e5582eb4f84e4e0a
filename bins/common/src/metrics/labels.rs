//! Labels of metrics. Every value is a `&'static str`: no label can grow with items or workers.

use std::fmt::Debug;
use std::hash::Hash;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use scaler_core::control::MemberPhase;
use scaler_core::{ErrorClass, Reason, RefusalReason, WishKind};

/// Reason of the move of a slot to the next incarnation of the same worker, which no plan contains.
pub const WORKER_RESTARTED: &str = "worker restarted";

/// Creates the counters of all these labels, which begin at 0.
///
/// A counter that appears with its first event hides that event from `rate` and `increase`, which need a sample before it.
pub fn from_zero<L: Clone + Debug + Eq + Hash + EncodeLabelSet + Send + Sync + 'static>(
    family: &Family<L, Counter>,
    labels: impl IntoIterator<Item = L>,
) {
    for label in labels {
        drop(family.get_or_create(&label));
    }
}

/// Label with the phase of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PhaseLabel {
    /// Name of the phase.
    pub phase: &'static str,
}

impl PhaseLabel {
    /// Labels of all phases.
    pub fn all() -> impl Iterator<Item = Self> {
        MemberPhase::ALL.iter().map(|phase| Self { phase: phase.as_str() })
    }
}

/// Label with the reason of a move or of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// Name of the reason.
    pub reason: &'static str,
}

impl ReasonLabel {
    /// Labels of all reasons of committed moves.
    pub fn of_moves() -> impl Iterator<Item = Self> {
        Reason::ALL.iter().map(|reason| reason.as_str()).chain([WORKER_RESTARTED]).map(|reason| Self { reason })
    }

    /// Labels of all reasons of refused moves.
    pub fn of_refusals() -> impl Iterator<Item = Self> {
        [RefusalReason::EpochPassed, RefusalReason::NotTickedYet].into_iter().map(Self::of_refusal)
    }

    /// Returns the label of a refused move.
    #[must_use]
    pub const fn of_refusal(why: RefusalReason) -> Self {
        let reason = match why {
            RefusalReason::EpochPassed => "epoch passed",
            RefusalReason::NotTickedYet => "not ticked yet",
        };
        Self { reason }
    }
}

/// Label with the kind of an operator's wish.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WishLabel {
    /// Name of the kind.
    pub wish: &'static str,
}

impl WishLabel {
    /// Labels of all kinds.
    pub fn all() -> impl Iterator<Item = Self> {
        WishKind::ALL.into_iter().map(Self::of)
    }

    /// Returns the label of a kind.
    #[must_use]
    pub const fn of(kind: WishKind) -> Self {
        Self { wish: kind.as_str() }
    }
}

/// Labels of a failure: server and error class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailureLabels {
    /// `store`, `membership` or `fleet`.
    pub server: &'static str,
    /// `permanent`, `transient` or `indeterminate`.
    pub class: &'static str,
}

impl FailureLabels {
    /// Labels of all failures of the store and of the membership.
    pub fn of_servers() -> impl Iterator<Item = Self> {
        CLASSES.into_iter().map(Self::store).chain(CLASSES.into_iter().map(Self::membership))
    }

    /// Labels of all failures of an autoscaler: of the fleet and of the membership.
    pub fn of_autoscaler() -> impl Iterator<Item = Self> {
        CLASSES.into_iter().map(Self::fleet).chain(CLASSES.into_iter().map(Self::membership))
    }

    /// Returns the labels of a failure of the store.
    #[must_use]
    pub const fn store(class: ErrorClass) -> Self {
        Self { server: "store", class: word(class) }
    }

    /// Returns the labels of a failure of the fleet.
    #[must_use]
    pub const fn fleet(class: ErrorClass) -> Self {
        Self { server: "fleet", class: word(class) }
    }

    /// Returns the labels of a failure of the membership.
    #[must_use]
    pub const fn membership(class: ErrorClass) -> Self {
        Self { server: "membership", class: word(class) }
    }
}

const CLASSES: [ErrorClass; 3] = [ErrorClass::Permanent, ErrorClass::Transient, ErrorClass::Indeterminate];

const fn word(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Permanent => "permanent",
        ErrorClass::Transient => "transient",
        ErrorClass::Indeterminate => "indeterminate",
    }
}
