//! Reasons for which workers have no share of the slots, or receive none.

use std::collections::BTreeMap;

use super::{MemberPhase, Steering};
use crate::{Eligibility, Roster, WorkerId};

/// Reason for which a worker has no share of the slots, or receives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Waiting {
    /// It has not ticked or has not been heard yet.
    Starting,
    /// The membership has no fresh heartbeat of it.
    Unheard,
    /// It drains by itself.
    Draining,
    /// The store refuses all its writes.
    Barred,
    /// It is lost.
    Lost,
    /// An operator drains it.
    Drained,
    /// An operator has cordoned it.
    Cordoned,
    /// Flap damping: it was gone repeatedly.
    Damped,
    /// Debounce: further workers may join or drain.
    Debounced,
    /// An operator has paused rebalancing.
    Paused,
    /// It is of an older revision while a rollout goes on.
    OlderRevision,
}

impl Waiting {
    /// Returns the reason as a clause about the worker.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "it has not ticked or has not been heard yet",
            Self::Unheard => "the membership has no fresh heartbeat of it",
            Self::Draining => "it drains",
            Self::Barred => "the store refuses all its writes",
            Self::Lost => "it is dead or cut off from the store",
            Self::Drained => "an operator drains it",
            Self::Cordoned => "an operator has cordoned it",
            Self::Damped => "it was gone repeatedly, and flap damping lets it wait",
            Self::Debounced => "it has just joined, and the control plane waits for further changes",
            Self::Paused => "an operator has paused rebalancing",
            Self::OlderRevision => "it is of an older revision while a rollout goes on",
        }
    }
}

/// Returns the workers that have no share of the slots or receive none, each with the reason. `admitted` is the roster after flap damping,
/// and `sharing` the one after the debounce.
pub(super) fn waiting(
    phases: &BTreeMap<WorkerId, MemberPhase>,
    admitted: &Roster,
    sharing: &Roster,
    steering: &Steering,
) -> BTreeMap<WorkerId, Waiting> {
    let newest = admitted.iter().map(|(_, seat)| seat.generation).max().unwrap_or(0);
    let reason = |worker: &WorkerId, phase: MemberPhase| match (phase, admitted.get(worker)) {
        (MemberPhase::Starting, _) => Some(Waiting::Starting),
        (MemberPhase::Draining, _) => Some(Waiting::Draining),
        (MemberPhase::Barred, _) => Some(Waiting::Barred),
        (MemberPhase::CutOff | MemberPhase::Dead, _) => Some(Waiting::Lost),
        _ if steering.drained.contains(worker) => Some(Waiting::Drained),
        _ if steering.cordoned.contains(worker) => Some(Waiting::Cordoned),
        (MemberPhase::Unheard, Some(seat)) if seat.eligibility == Eligibility::Cordoned => Some(Waiting::Unheard),
        (_, None) => Some(Waiting::Damped),
        (_, Some(seat)) if seat.eligibility == Eligibility::Cordoned => Some(Waiting::Damped),
        (_, Some(seat)) if seat.generation < newest => Some(Waiting::OlderRevision),
        _ if !sharing.contains(worker) && steering.is_paused => Some(Waiting::Paused),
        _ if !sharing.contains(worker) => Some(Waiting::Debounced),
        _ => None,
    };
    phases.iter().filter_map(|(worker, phase)| Some((worker.clone(), reason(worker, *phase)?))).collect()
}
