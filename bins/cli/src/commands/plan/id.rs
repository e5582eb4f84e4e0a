//! Id of a plan: the change, and a digest of what it was planned from.
//!
//! `apply` needs nothing else, and people can read what they apply: `leave=worker-2,weight=worker-1=2@4f1c22d0-…`. The digest has
//! four parts of 32 bits: of the epochs of all slots, of the workers and wishes, of the load class, and of the change.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::str::FromStr;

use notifi_scaler_common::Failure;
use notifi_scaler_common::overview::Overview;
use scaler_core::control::Change;
use scaler_core::{ItemId, Roster, WorkerId, item_hash};

use super::change::WeightOf;

/// Id of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanId {
    change: String,
    parts: [u32; 4],
}

/// Text that is not the id of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an id that `notifi-scaler plan` printed, such as leave=worker-2@ followed by 32 hexadecimal digits in four groups"
)]
pub struct BadPlanId;

impl PlanId {
    /// Returns the id of the plan of this change. `before` is the roster without it.
    pub(super) fn of(overview: &Overview, before: &Roster, change: &Change) -> Self {
        let change = written(change);
        let parts = [slots(overview), workers(overview, before), load_class(overview), change.clone()];
        Self { change, parts: parts.map(|part| digest(&part)) }
    }

    /// Returns the change.
    ///
    /// # Errors
    /// [`Failure::Arguments`] if the id was altered.
    pub(super) fn change(&self) -> Result<Change, Failure> {
        let altered = || Failure::Arguments(format!("plan {self} was altered: its digest is of another change; {BadPlanId}"));
        let change = read(&self.change).ok_or_else(altered)?;
        if digest(&written(&change)) == self.parts[3] { Ok(change) } else { Err(altered()) }
    }

    /// Compares with the id of the same change at present.
    ///
    /// # Errors
    /// [`Failure::Arguments`] with what has changed since.
    pub(super) fn check(&self, present: &Self) -> Result<(), Failure> {
        let what = [
            "slots have changed their owners",
            "the workers, or what operators asked of them, have changed",
            "the number of items has changed a lot",
            "the change is another one",
        ];
        let stale = self.parts.iter().zip(present.parts).zip(what).find(|((planned, present), _)| *planned != present);
        let Some((_, what)) = stale else { return Ok(()) };
        let flags = self.change.split(',').map(|part| format!("--{}", part.replacen('=', " ", 1))).collect::<Vec<_>>().join(" ");
        Err(Failure::Arguments(format!("the plan is stale: {what} since; make a new one by notifi-scaler plan {flags}")))
    }
}

/// Returns the change as text: `join=2,leave=worker-2,weight=worker-1=2`.
fn written(change: &Change) -> String {
    let joins = (!change.join.is_empty()).then(|| format!("join={}", change.join.len()));
    let leaves = change.leave.iter().map(|worker| format!("leave={worker}"));
    let weights = change.weights.iter().map(|(worker, weight)| format!("weight={worker}={}", weight.get()));
    joins.into_iter().chain(leaves).chain(weights).collect::<Vec<_>>().join(",")
}

/// Reads a change, in which workers that join have the names of numbers. `None` if the text is none.
fn read(text: &str) -> Option<Change> {
    let mut change = Change::default();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        match part.split_once('=')? {
            ("join", count) => {
                let count: u32 = count.parse().ok().filter(|count| *count <= 1000)?;
                let names: BTreeSet<_> = (1..=count).filter_map(|number| WorkerId::new(number.to_string()).ok()).collect();
                change.join = names;
            }
            ("leave", worker) => _ = change.leave.insert(worker.parse().ok()?),
            ("weight", weight) => {
                let WeightOf(worker, weight) = weight.parse().ok()?;
                change.weights.insert(worker, weight);
            }
            _ => return None,
        }
    }
    Some(change)
}

fn slots(overview: &Overview) -> String {
    let mut text = overview.assignment.installation.to_string();
    for state in &overview.assignment.slots {
        // Writing to a string cannot fail.
        let _ = write!(text, " {}", state.epoch);
    }
    text
}

fn workers(overview: &Overview, before: &Roster) -> String {
    let steering = overview.steering();
    let mut text = format!("{:?} {:?}", steering.is_paused, steering.pins);
    for worker in steering.drained.iter().chain(&steering.cordoned) {
        let _ = write!(text, " {worker}");
    }
    for (worker, seat) in before.iter() {
        let _ = write!(text, " {worker} {:?} {} {}", seat.eligibility, seat.weight.get(), seat.generation);
    }
    text
}

/// Returns the load class: the number of binary digits of the number of items. A class is left when the items double or halve.
fn load_class(overview: &Overview) -> String {
    (u64::BITS - overview.load.total().leading_zeros()).to_string()
}

fn digest(text: &str) -> u32 {
    (item_hash(&ItemId::from(text), 0) >> 32) as u32
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [slots, workers, load, change] = self.parts;
        write!(f, "{}@{slots:08x}-{workers:08x}-{load:08x}-{change:08x}", self.change)
    }
}

impl FromStr for PlanId {
    type Err = BadPlanId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (change, digest) = text.rsplit_once('@').ok_or(BadPlanId)?;
        let part = |part: &str| u32::from_str_radix(part, 16).ok().filter(|_| part.len() == 8);
        let parts: Vec<_> = digest.split('-').map(part).collect::<Option<_>>().ok_or(BadPlanId)?;
        Ok(Self { change: change.to_owned(), parts: parts.try_into().map_err(|_| BadPlanId)? })
    }
}

#[cfg(test)]
mod tests {
    use scaler_core::Weight;

    use super::*;
    use crate::commands::testing::{World, worker};

    #[tokio::test]
    async fn an_id_holds_its_change() {
        let overview = World::of(&[("worker-1", 4)]).await.overview().await;
        let change = Change {
            join: BTreeSet::new(),
            leave: [worker("a@b"), worker("worker-2")].into(),
            weights: [(worker("x=y"), Weight::new(3).unwrap())].into(),
        };
        let id = PlanId::of(&overview, &Roster::default(), &change);
        assert!(id.to_string().starts_with("leave=a@b,leave=worker-2,weight=x=y=3@"), "{id}");
        let read: PlanId = id.to_string().parse().unwrap();
        assert_eq!((read.clone(), read.change().unwrap()), (id, change));
    }

    #[tokio::test]
    async fn an_altered_id_is_refused() {
        let overview = World::of(&[("worker-1", 4)]).await.overview().await;
        let leave = |name| Change { leave: [worker(name)].into(), ..Change::default() };
        let id = PlanId::of(&overview, &Roster::default(), &leave("worker-1")).to_string();
        let altered: PlanId = id.replace("worker-1", "worker-2").parse().unwrap();
        assert_eq!(altered.change().unwrap_err().code(), 64);
        for bad in [
            "",
            "leave=worker-1",
            "leave=worker-1@",
            "x@1-2-3-4",
            "x@00000000-00000000-00000000",
            "x@0000000g-00000000-00000000-00000000",
        ] {
            assert_eq!(bad.parse::<PlanId>(), Err(BadPlanId), "{bad}");
        }
    }
}
