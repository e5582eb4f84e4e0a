//! Scale-down candidates: which workers to retire.

use std::collections::BTreeSet;

use super::{Carried, FleetView, Pod, Workload};
use crate::WorkerId;
use crate::control::MemberPhase;

/// The workers to retire so that `fewer` replicas can do.
///
/// Who is retired already comes first, so that nobody is retired in vain; then those of an earlier revision, those not ready, and
/// those who carry least. Workers that are missing from the fleet go before any that are there. While there are more workers
/// than there shall be, some are just being replaced or ended: nobody new is chosen, and nobody is reinstated to be ended.
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

/// Whether a retired worker has handed everything over and will be given nothing more.
pub(super) fn is_relieved(worker: &WorkerId, workload: &Workload, empties: Empties) -> bool {
    let carried = workload.workers.get(worker).copied().unwrap_or_default();
    let may_be_given_more = matches!(carried.phase, Some(MemberPhase::Healthy | MemberPhase::Unheard));
    !may_be_given_more && (carried.slots == 0 || empties == Empties::All)
}

/// Whether the fleet shall be left without workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empties {
    /// No worker stays, and there are no items: nobody can take the slots over, and nobody needs to.
    All,
    /// Some stay.
    Some,
}

fn as_count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
