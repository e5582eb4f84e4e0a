//! Change that an operator asks about: joins, drains, weights, or a number of workers.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use notifi_scaler_common::Failure;
use notifi_scaler_common::overview::Overview;
use scaler_core::control::{Change, MemberPhase};
use scaler_core::{Weight, WorkerId};

use crate::commands::wishes::WeightArg;

/// Start of the names of workers that join in a plan.
const NEW: &str = "new-";

/// Change as it is given.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) join: Option<u32>,
    pub(super) leave: Vec<WorkerId>,
    pub(super) weights: Vec<WeightOf>,
    pub(super) scale: Option<u32>,
}

/// A worker with its new weight: `worker-1=2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightOf(pub(super) WorkerId, pub(super) Weight);

/// Text that names no worker with its weight.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a worker and a weight from 1 to 1000, such as worker-1=2")]
pub struct BadWeightOf;

impl FromStr for WeightOf {
    type Err = BadWeightOf;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (worker, weight) = text.rsplit_once('=').ok_or(BadWeightOf)?;
        let (worker, weight) = (worker.parse().map_err(|_| BadWeightOf)?, weight.parse().map_err(|_| BadWeightOf)?);
        let WeightArg(Some(weight)) = weight else { return Err(BadWeightOf) };
        Ok(Self(worker, weight))
    }
}

impl Asked {
    /// Returns the change with the names of the workers.
    ///
    /// # Errors
    /// [`Failure::Arguments`] if nothing is asked, if a worker is not known, or if workers join while the members are not known.
    pub(super) fn change(&self, overview: &Overview) -> Result<Change, Failure> {
        if self.join.is_none() && self.scale.is_none() && self.leave.is_empty() && self.weights.is_empty() {
            return Err(Failure::Arguments("nothing to plan: give --join N, --leave POD, --weight POD=N or --scale N".into()));
        }
        let named = self.leave.iter().chain(self.weights.iter().map(|WeightOf(worker, _)| worker));
        if let Some(unknown) = named.into_iter().find(|worker| !overview.knows(worker)) {
            return Err(Failure::Arguments(format!(
                "worker {unknown} is not known: it is no member and owns no slot; check the name by `notifi-scaler workers`"
            )));
        }
        let mut leave: BTreeSet<_> = self.leave.iter().cloned().collect();
        let mut join = self.join.unwrap_or(0) as usize;
        if let Some(scale) = self.scale {
            let sharing = sharing(overview, &leave);
            join = (scale as usize).saturating_sub(sharing.len());
            let surplus = sharing.len().saturating_sub(scale as usize);
            leave.extend(sharing.into_iter().take(surplus));
        }
        if join > 0 && overview.members.is_none() {
            return Err(Failure::Arguments(
                "the members cannot be read, so no worker can join; see `notifi-scaler doctor`".into(),
            ));
        }
        let weights: BTreeMap<_, _> = self.weights.iter().map(|WeightOf(worker, weight)| (worker.clone(), *weight)).collect();
        Ok(Change { join: new_names(overview, join), leave, weights })
    }
}

/// Returns the workers that share the slots and do not leave. Those with the fewest items come first: the autoscaler drains them
/// first, too.
fn sharing(overview: &Overview, leave: &BTreeSet<WorkerId>) -> Vec<WorkerId> {
    let drained = overview.steering().drained;
    let shares = |phase| matches!(phase, MemberPhase::Starting | MemberPhase::Healthy | MemberPhase::Unheard);
    let mut workers: Vec<_> = overview
        .workers()
        .into_iter()
        .filter(|(worker, state)| shares(state.phase) && !leave.contains(worker) && !drained.contains(worker))
        .collect();
    workers.sort_by_key(|(worker, state)| (state.items, state.slots, worker.clone()));
    workers.into_iter().map(|(worker, _)| worker).collect()
}

/// Returns names that no worker has: `new-1`, `new-2`.
fn new_names(overview: &Overview, count: usize) -> BTreeSet<WorkerId> {
    let names = (1..).filter_map(|number: u64| WorkerId::new(format!("{NEW}{number}")).ok());
    names.filter(|worker| !overview.knows(worker)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{World, worker};

    fn names(workers: &BTreeSet<WorkerId>) -> Vec<&str> {
        workers.iter().map(WorkerId::as_str).collect()
    }

    #[test]
    fn a_weight_names_its_worker() {
        assert_eq!("a=b=2".parse(), Ok(WeightOf(worker("a=b"), Weight::new(2).unwrap())));
        for bad in ["", "worker-1", "worker-1=", "=2", "worker-1=0", "worker-1=default", "worker 1=2"] {
            assert_eq!(bad.parse::<WeightOf>(), Err(BadWeightOf), "{bad}");
        }
    }

    #[tokio::test]
    async fn to_scale_is_to_join_or_to_drain_those_with_the_fewest_items() {
        let overview = World::of(&[("worker-1", 4), ("worker-2", 1), ("worker-3", 3)]).await.overview().await;
        let scaled = |scale| Asked { scale: Some(scale), ..Asked::default() }.change(&overview).unwrap();
        assert_eq!((names(&scaled(5).join), names(&scaled(5).leave)), (vec!["new-1", "new-2"], vec![]));
        assert_eq!((names(&scaled(1).join), names(&scaled(1).leave)), (vec![], vec!["worker-2", "worker-3"]));
        assert_eq!(scaled(3), Change::default());
        let leaving = Asked { scale: Some(3), leave: vec![worker("worker-1")], ..Asked::default() }.change(&overview).unwrap();
        assert_eq!((names(&leaving.join), names(&leaving.leave)), (vec!["new-1"], vec!["worker-1"]));
    }

    #[tokio::test]
    async fn what_cannot_be_planned_is_refused() {
        let overview = World::of(&[("worker-1", 4)]).await.overview().await;
        let unread = Overview { members: None, ..overview.clone() };
        for (asked, overview, why) in [
            (Asked::default(), &overview, "nothing to plan"),
            (Asked { leave: vec![worker("worker-9")], ..Asked::default() }, &overview, "worker-9 is not known"),
            (Asked { weights: vec!["worker-9=2".parse().unwrap()], ..Asked::default() }, &overview, "worker-9 is not known"),
            (Asked { join: Some(1), ..Asked::default() }, &unread, "the members cannot be read"),
        ] {
            let failure = asked.change(overview).unwrap_err();
            assert!(failure.code() == 64 && failure.to_string().contains(why), "{failure}");
        }
    }
}
