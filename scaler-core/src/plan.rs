//! What would move, and what it costs against the least that could.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Roster, Slot, SlotLoad, WorkerId};

/// Why a slot moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody owned it.
    Unowned,
    /// Its owner left the roster.
    OwnerLeft,
    /// A worker joined and takes its share.
    WorkerJoined,
    /// A weight changed.
    WeightChanged,
    /// Items came or went until the loads were too uneven.
    Uneven,
    /// The ring computes its owners, and this is what it computes: a cordon was lifted, a worker in between is full or has room
    /// again, or another ring gave the slots away before.
    Rule,
    /// It is pinned to a worker.
    Pinned,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unowned => "unowned",
            Self::OwnerLeft => "owner left",
            Self::WorkerJoined => "worker joined",
            Self::WeightChanged => "weight changed",
            Self::Uneven => "uneven",
            Self::Rule => "rule of the ring",
            Self::Pinned => "pinned",
        })
    }
}

/// One slot's change of owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    /// The slot.
    pub slot: Slot,
    /// Who owned it, if anybody did.
    pub from: Option<WorkerId>,
    /// Who shall own it.
    pub to: WorkerId,
    /// Why.
    pub why: Reason,
}

/// What moves, counted in slots and in items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Slots that change their owner.
    pub slots: u64,
    /// Items in them.
    pub items: u64,
}

/// The moves between two assignments, with their cost and the least that any plan to the same loads would cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    roster: Roster,
    shared_among: Roster,
    moves: Vec<Move>,
    cost: Cost,
    lower_bound: Cost,
}

impl Plan {
    /// A plan of these moves, each slot once at most, after which `roster` holds.
    ///
    /// The lower bound is the sum of what the workers gain: whoever ends with more than before must have received it.
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

    /// A plan whose moves stand in the order of their slots, and whose cost and bound are known.
    pub(crate) const fn counted(roster: Roster, shared_among: Roster, moves: Vec<Move>, cost: Cost, lower_bound: Cost) -> Self {
        Self { roster, shared_among, moves, cost, lower_bound }
    }

    /// The same plan where the slots are shared among others than the whole roster when it has been carried out.
    #[must_use]
    pub fn with_shares_of(self, shared_among: Roster) -> Self {
        Self { shared_among, ..self }
    }

    /// The roster after it.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Those among whom the slots are shared after it: the roster, save joiners that do not have their share yet, and with
    /// the old seat of those whose change of weight is not carried out yet.
    ///
    /// What is missing follows in later plans, from a ring that has this as [the roster it shares
    /// among](crate::StickyRing::shared_among). Equal to the roster where nothing was left out.
    #[must_use]
    pub const fn shared_among(&self) -> &Roster {
        &self.shared_among
    }

    /// The moves, in the order of their slots.
    #[must_use]
    pub fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// What the plan moves.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// The least that any plan to the same loads would move.
    #[must_use]
    pub const fn lower_bound(&self) -> Cost {
        self.lower_bound
    }

    /// Whether nothing moves.
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
