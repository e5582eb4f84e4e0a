//! Scale-down candidates: selects the workers to retire.

use std::collections::BTreeSet;

use super::{Carried, FleetView, Pod, Workload};
use crate::WorkerId;
use crate::control::MemberPhase;

/// Returns the workers to retire before the number of replicas is lowered by `fewer`.
///
/// Order: workers that are already retired, so that no hand-over was in vain; then those of an earlier revision, those not ready, and those
/// with the fewest items and slots. Workers missing from the fleet are deducted first. While more workers exist than desired, some are
/// being replaced or terminated: no further worker is retired, and none is reinstated that may be terminated.
pub(super) fn choose(fleet: &FleetView, workload: &Workload, retired: &BTreeSet<WorkerId>, fewer: u32) -> BTreeSet<WorkerId> {
    let (here, shall_be) = (fleet.workers.len(), as_count(fleet.replicas));
    let needed = as_count(fewer).saturating_sub(shall_be.saturating_sub(here));
    let surplus = here.saturating_sub(shall_be);
    let mut workers: Vec<_> = fleet.workers.iter().collect();
    workers.sort_by_key(|(worker, pod)| {
        let Pod { ready, outdated, .. } = **pod;
        let Carried { slots, items, .. } = workload.workers.get(*worker).copied().unwrap_or_default();
        (!retired.contains(*worker), !outdated, ready, items, slots, (*worker).clone())
    });
    let kept = workers.iter().filter(|(worker, _)| retired.contains(*worker)).count();
    let count = if surplus == 0 { needed } else { kept.min(needed + surplus) };
    workers.into_iter().take(count).map(|(worker, _)| worker.clone()).collect()
}

/// True if a retired worker has handed over all its slots and will be given none. With [`Empties::All`], it may still own slots.
pub(super) fn is_relieved(worker: &WorkerId, workload: &Workload, empties: Empties) -> bool {
    let carried = workload.workers.get(worker).copied().unwrap_or_default();
    let may_be_given_more = matches!(carried.phase, Some(MemberPhase::Healthy | MemberPhase::Unheard));
    !may_be_given_more && (carried.slots == 0 || empties == Empties::All)
}

/// Extent of a scale-down: to zero workers or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empties {
    /// No worker remains and there are no items: no worker can take the slots over, and none needs to.
    All,
    /// Some workers remain.
    Some,
}

fn as_count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
