//! Rebalance plans: moves, their cost, and the lower bound of that cost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{Roster, Slot, SlotLoad, SlotRange, WorkerId};

/// Maximum number of workers named in one text.
const NAMED_WORKERS: usize = 20;

/// Reason why a slot moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It had no owner.
    Unowned,
    /// Its owner left the roster.
    OwnerLeft,
    /// A worker joined and takes its fair share.
    WorkerJoined,
    /// The weight of a worker changed.
    WeightChanged,
    /// Item counts changed until the loads were too uneven.
    Uneven,
    /// The ring computes this owner for it: a cordon was lifted, a worker that comes earlier for the slot is full or has room
    /// again, or another ring placed the slots before.
    Rule,
    /// It is pinned to a worker.
    Pinned,
}

impl Reason {
    /// All reasons.
    pub const ALL: &'static [Self] =
        &[Self::Unowned, Self::OwnerLeft, Self::WorkerJoined, Self::WeightChanged, Self::Uneven, Self::Rule, Self::Pinned];

    /// Returns the reason in words, as log lines and metrics show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unowned => "unowned",
            Self::OwnerLeft => "owner left",
            Self::WorkerJoined => "worker joined",
            Self::WeightChanged => "weight changed",
            Self::Uneven => "uneven",
            Self::Rule => "rule of the ring",
            Self::Pinned => "pinned",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Change of owner of one slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    /// The slot.
    pub slot: Slot,
    /// Former owner; `None` if it had none.
    pub from: Option<WorkerId>,
    /// New owner.
    pub to: WorkerId,
    /// Reason.
    pub why: Reason,
}

/// Amount that moves, in slots and in items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Number of slots that change their owner.
    pub slots: u64,
    /// Number of items in them.
    pub items: u64,
}

/// Moves between two assignments, with their cost and the minimum cost of any plan that leads to the same loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    roster: Roster,
    shared_among: Roster,
    moves: Vec<Move>,
    cost: Cost,
    lower_bound: Cost,
}

impl Plan {
    /// Returns a plan of these moves, at most one per slot, with `roster` as the roster after it.
    ///
    /// The lower bound is the sum of the workers' gains: a worker that ends with more than before must have received the
    /// difference.
    #[must_use]
    pub fn new(roster: Roster, mut moves: Vec<Move>, load: &SlotLoad) -> Self {
        moves.sort_unstable_by_key(|slot_move| slot_move.slot);
        let mut cost = Cost::default();
        let mut change: BTreeMap<&WorkerId, (i64, i64)> = BTreeMap::new();
        for slot_move in &moves {
            let items = load.of(slot_move.slot);
            cost.slots += 1;
            cost.items += u64::from(items);
            let gain = change.entry(&slot_move.to).or_default();
            *gain = (gain.0 + 1, gain.1 + i64::from(items));
            if let Some(from) = &slot_move.from {
                let loss = change.entry(from).or_default();
                *loss = (loss.0 - 1, loss.1 - i64::from(items));
            }
        }
        let gained = |pick: fn(&(i64, i64)) -> i64| change.values().map(pick).filter(|n| *n > 0).sum::<i64>().unsigned_abs();
        let lower_bound = Cost { slots: gained(|change| change.0), items: gained(|change| change.1) };
        Self { shared_among: roster.clone(), roster, moves, cost, lower_bound }
    }

    /// Returns a plan of moves that are sorted by slot, with a known cost and lower bound.
    pub(crate) const fn counted(roster: Roster, shared_among: Roster, moves: Vec<Move>, cost: Cost, lower_bound: Cost) -> Self {
        Self { roster, shared_among, moves, cost, lower_bound }
    }

    /// Returns the same plan with `shared_among` as the roster among which the slots are shared after it.
    #[must_use]
    pub fn with_shares_of(self, shared_among: Roster) -> Self {
        Self { shared_among, ..self }
    }

    /// Returns the same plan without moves of slots outside the range.
    #[must_use]
    pub fn within(self, range: SlotRange, load: &SlotLoad) -> Self {
        if self.moves.iter().all(|slot_move| range.contains(slot_move.slot)) {
            return self;
        }
        let Self { roster, shared_among, mut moves, .. } = self;
        moves.retain(|slot_move| range.contains(slot_move.slot));
        Self::new(roster, moves, load).with_shares_of(shared_among)
    }

    /// Returns the roster after the plan.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns the roster among which the slots are shared after the plan: [`roster`](Self::roster) without workers that have
    /// joined and not received their share yet, and with the former [`Seat`](crate::Seat) of workers whose new weight is not
    /// applied yet.
    ///
    /// Later plans do the rest, if the ring takes this as [the roster it shares among](crate::StickyRing::shared_among). It
    /// equals [`roster`](Self::roster) if nothing was left out.
    #[must_use]
    pub const fn shared_among(&self) -> &Roster {
        &self.shared_among
    }

    /// Returns the moves, in the order of their slots.
    #[must_use]
    pub fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// Returns the number of slots and items that the plan moves.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// Returns the minimum that any plan that leads to the same loads would move.
    #[must_use]
    pub const fn lower_bound(&self) -> Cost {
        self.lower_bound
    }

    /// Returns the reasons of the moves, each with the workers that joined or left: `owner left (worker-2), worker joined (worker-4)`.
    #[must_use]
    pub fn why(&self) -> String {
        let mut reasons: BTreeMap<Reason, BTreeSet<&WorkerId>> = BTreeMap::new();
        for slot_move in &self.moves {
            let workers = reasons.entry(slot_move.why).or_default();
            match slot_move.why {
                Reason::OwnerLeft => workers.extend(&slot_move.from),
                Reason::WorkerJoined => _ = workers.insert(&slot_move.to),
                _ => {}
            }
        }
        let described = reasons.into_iter().map(|(reason, workers)| match workers.len() {
            0 => reason.to_string(),
            1..=NAMED_WORKERS => {
                format!("{reason} ({})", workers.into_iter().map(WorkerId::as_str).collect::<Vec<_>>().join(", "))
            }
            many => format!("{reason} ({many} workers)"),
        });
        described.collect::<Vec<_>>().join(", ")
    }

    /// True if the plan moves nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SlotCount;

    #[test]
    fn a_swap_costs_more_than_its_bound_and_a_gain_does_not() {
        let [a, b] = ["a", "b"].map(|name| WorkerId::new(name).unwrap());
        let load = SlotLoad::uniform(SlotCount::new(8).unwrap());
        let slot_move = |slot, from: &WorkerId, to: &WorkerId| Move {
            slot: Slot::new(slot),
            from: Some(from.clone()),
            to: to.clone(),
            why: Reason::Uneven,
        };
        let swap = Plan::new(Roster::default(), vec![slot_move(3, &a, &b), slot_move(1, &b, &a)], &load);
        assert_eq!((swap.cost().slots, swap.lower_bound().slots), (2, 0));
        assert_eq!(swap.moves()[0].slot, Slot::new(1));
        let gain = Plan::new(Roster::default(), vec![slot_move(3, &a, &b), slot_move(1, &a, &b)], &load);
        assert_eq!((gain.cost().slots, gain.lower_bound().slots), (2, 2));
    }
}
