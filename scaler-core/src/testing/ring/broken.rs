//! Rings with one fault each, which the laws meant for the fault must detect.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::Law;
use crate::{
    Eligibility, Evenness, Guarantees, Move, Plan, Reason, Ring, Roster, Seat, Slot, SlotCount, SlotLoad, StalePlan, StickyRing,
    WorkerId,
};

/// Fault of a [`BrokenRing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Plans depend on the number of earlier calls.
    Moody,
    /// The owner is the slot's number modulo the number of workers.
    Modulo,
    /// A leave also moves a slot of a worker that stays.
    Disturbing,
    /// Two workers that stay exchange a slot whenever anything moves.
    Swapping,
    /// A joiner gets one slot too many.
    Greedy,
    /// All slots without an owner go to one worker.
    Dumping,
    /// It guarantees a bound, and moves all slots without an owner to one worker beyond it.
    Overfilling,
    /// Weights are ignored.
    BlindToWeights,
    /// Item loads are ignored: every slot counts the same.
    BlindToItems,
    /// A changed weight also moves a slot between two other workers.
    Meddling,
    /// Applying a plan forgets its last move.
    Forgetful,
    /// A plan for an unchanged roster also rebalances for load.
    Restless,
    /// A new item makes slots move.
    Fickle,
    /// It never rebalances for load.
    Idle,
    /// Cordoned workers receive slots.
    BlindToCordons,
    /// Stale plans are applied.
    Credulous,
    /// Apportions all slots from scratch on each join.
    Reseeding,
    /// Each worker gets the floor or the ceiling of its exact share: the quota rule instead of Webster's.
    Quota,
    /// A donor first gives the slots that it received last.
    LastInFirstOut,
    /// A donor gives its lightest slots first.
    LightFirst,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 20] = [
        Self::Moody,
        Self::Modulo,
        Self::Disturbing,
        Self::Swapping,
        Self::Greedy,
        Self::Dumping,
        Self::Overfilling,
        Self::BlindToWeights,
        Self::BlindToItems,
        Self::Meddling,
        Self::Forgetful,
        Self::Restless,
        Self::Fickle,
        Self::Idle,
        Self::BlindToCordons,
        Self::Credulous,
        Self::Reseeding,
        Self::Quota,
        Self::LastInFirstOut,
        Self::LightFirst,
    ];

    /// Returns the laws that must detect this fault.
    #[must_use]
    pub const fn breaks(self) -> &'static [Law] {
        match self {
            Self::Moody => &[Law::TotalAndDeterministic],
            Self::Modulo => &[Law::JoinMovesOnlyToTheJoiner, Law::LeaveMovesOnlyTheLeavers, Law::BatchIsMinimal],
            Self::Disturbing => &[Law::LeaveMovesOnlyTheLeavers],
            Self::Swapping => &[Law::SurvivorsExchangeNothing, Law::JoinMovesOnlyToTheJoiner],
            Self::Greedy => &[Law::EqualWeightsWithinOne],
            Self::Dumping => &[Law::EqualWeightsWithinOne, Law::Webster, Law::ItemWeightsWithinTheHeaviest],
            Self::Overfilling => &[Law::WithinTheBound],
            Self::BlindToWeights => &[Law::Webster],
            Self::BlindToItems => &[Law::ItemWeightsWithinTheHeaviest],
            Self::Meddling => &[Law::WeightChangeMovesOnlyItsWorker],
            Self::Forgetful => &[Law::DeltaIsTheDifference],
            Self::Restless => &[Law::SameRosterMovesNothing],
            Self::Fickle => &[Law::NewItemMovesNoOther],
            Self::Idle => &[Law::SettleEndsEven],
            Self::BlindToCordons => &[Law::CordonedReceiveNothing],
            Self::Credulous => &[Law::StalePlanIsRefused],
            Self::Reseeding => &[Law::JoinMovesOnlyToTheJoiner, Law::BatchIsMinimal],
            Self::Quota => &[Law::Webster],
            Self::LastInFirstOut => &[Law::SlotsTakeTurns],
            Self::LightFirst => &[Law::JoinersGetTypicalSlots],
        }
    }
}

/// A [`StickyRing`] with one fault.
#[derive(Debug)]
pub struct BrokenRing {
    ring: StickyRing,
    fault: Fault,
    asked: AtomicBool,
    /// Number of the plan that last moved each slot.
    moved_at: Vec<u64>,
    applied: u64,
}

impl BrokenRing {
    /// Returns a ring with this fault, whose slots have no owner yet.
    #[must_use]
    pub fn new(slots: SlotCount, fault: Fault) -> Self {
        Self { ring: StickyRing::new(slots), fault, asked: AtomicBool::new(false), moved_at: vec![0; slots.len()], applied: 0 }
    }

    fn plan_with_the_fault(&self, to: &Roster, load: &SlotLoad) -> Vec<Move> {
        let mut moves = self.ring.plan(to, load).moves().to_vec();
        let joiner = to.iter().map(|(id, _)| id).find(|id| !self.roster().contains(id));
        let survivors = to.iter().filter(|(id, _)| self.roster().contains(id));
        match self.fault {
            Fault::Moody if self.asked.fetch_xor(true, Relaxed) => moves.truncate(moves.len() / 2),
            Fault::Modulo => moves = self.modulo(to),
            Fault::Greedy => moves.extend(joiner.and_then(|joiner| self.one_more(&moves, None, joiner))),
            Fault::Disturbing if joiner.is_none() && !moves.is_empty() => self.exchange(to, &mut moves),
            Fault::Swapping if !moves.is_empty() => self.exchange(to, &mut moves),
            Fault::Meddling if survivors.into_iter().any(|(id, now)| self.roster().get(id) != Some(now)) => {
                self.exchange(to, &mut moves);
            }
            Fault::Dumping | Fault::Overfilling => dump(to, &mut moves),
            Fault::BlindToWeights => moves = self.seen_as(to, |seat| Seat { weight: Seat::PLAIN.weight, ..seat }, load),
            Fault::BlindToCordons => moves = self.seen_as(to, |seat| Seat { eligibility: Eligibility::Eligible, ..seat }, load),
            Fault::BlindToItems => moves = self.ring.plan(to, &SlotLoad::uniform(self.slots())).moves().to_vec(),
            Fault::Restless if to == self.roster() => moves = self.ring.rebalance_load(load, 0.0).moves().to_vec(),
            Fault::Reseeding if joiner.is_some() => moves = self.reseeded(to, load),
            Fault::Quota => moves = self.by_quota(to),
            Fault::LastInFirstOut if load.is_uniform() => {
                self.choose_again(&mut moves, load, |slot| u64::MAX - self.moved_at[slot.index()]);
            }
            Fault::LightFirst => self.choose_again(&mut moves, load, |slot| u64::from(load.of(slot))),
            Fault::Fickle if to == self.roster() && load.heaviest() == 1 => self.exchange(to, &mut moves),
            _ => {}
        }
        moves
    }

    fn modulo(&self, to: &Roster) -> Vec<Move> {
        let workers: Vec<&WorkerId> = to.iter().map(|(id, _)| id).collect();
        let owners = self.slots().iter().zip(workers.iter().cycle());
        let moving = owners.filter(|(slot, owner)| self.owner(*slot) != Some(**owner));
        moving.map(|(slot, owner)| self.slot_move(slot, owner)).collect()
    }

    fn reseeded(&self, to: &Roster, load: &SlotLoad) -> Vec<Move> {
        let fresh = StickyRing::new(self.slots()).plan(to, load);
        let moving = fresh.moves().iter().filter(|slot_move| self.owner(slot_move.slot) != Some(&slot_move.to));
        moving.map(|slot_move| self.slot_move(slot_move.slot, &slot_move.to)).collect()
    }

    /// Moves slots above the quotas, and slots without an owner, to workers below their quota. The largest remainders are
    /// rounded up.
    fn by_quota(&self, to: &Roster) -> Vec<Move> {
        let slots = u64::from(self.slots().get());
        let weights = || to.iter().map(|(_, seat)| u64::from(seat.weight.get()));
        let all: u64 = weights().sum();
        let mut quotas: Vec<(&WorkerId, u64, u64)> =
            to.iter().zip(weights()).map(|((id, _), weight)| (id, slots * weight / all, slots * weight % all)).collect();
        quotas.sort_by_key(|(_, _, remainder)| std::cmp::Reverse(*remainder));
        let missing = slots.abs_diff(quotas.iter().map(|(_, quota, _)| quota).sum());
        let mut left: BTreeMap<&WorkerId, u64> =
            (0..).zip(quotas).map(|(place, (id, quota, _))| (id, quota + u64::from(place < missing))).collect();
        let mut excess = Vec::new();
        for slot in self.slots().iter() {
            match self.owner(slot).and_then(|owner| left.get_mut(owner)) {
                Some(left) if *left > 0 => *left -= 1,
                _ => excess.push(slot),
            }
        }
        let below = left.into_iter().flat_map(|(id, left)| (0..left).map(move |_| id));
        excess.into_iter().zip(below).map(|(slot, id)| self.slot_move(slot, id)).collect()
    }

    /// Replaces the slots that each donor gives by others of at least the same load, in another order.
    fn choose_again(&self, moves: &mut Vec<Move>, load: &SlotLoad, order: impl Fn(Slot) -> u64) {
        let (traded, mut kept): (Vec<Move>, Vec<Move>) =
            moves.drain(..).partition(|slot_move| slot_move.why == Reason::WorkerJoined);
        let mut gifts: BTreeMap<(Option<WorkerId>, WorkerId), u64> = BTreeMap::new();
        for slot_move in traded {
            *gifts.entry((slot_move.from, slot_move.to)).or_default() += u64::from(load.of(slot_move.slot));
        }
        for ((from, to), mut owed) in gifts {
            let mut own: Vec<Slot> = self.slots().iter().filter(|slot| self.owner(*slot) == from.as_ref()).collect();
            own.sort_by_key(|slot| (order(*slot), *slot));
            for slot in own.into_iter().filter(|slot| load.of(*slot) > 0) {
                if owed > 0 && kept.iter().all(|slot_move| slot_move.slot != slot) {
                    owed = owed.saturating_sub(u64::from(load.of(slot)));
                    kept.push(self.slot_move(slot, &to));
                }
            }
        }
        *moves = kept;
    }

    fn seen_as(&self, to: &Roster, see: impl Fn(Seat) -> Seat, load: &SlotLoad) -> Vec<Move> {
        let seen = to.iter().map(|(id, seat)| (id.clone(), see(seat))).collect();
        self.ring.plan(&seen, load).moves().to_vec()
    }

    /// Adds moves that exchange a slot between the first two workers that stay, where each has one.
    fn exchange(&self, to: &Roster, moves: &mut Vec<Move>) {
        let mut staying = to.iter().map(|(id, _)| id).filter(|id| self.roster().contains(id));
        if let (Some(one), Some(other)) = (staying.next(), staying.next()) {
            let gifts = [(one, other), (other, one)].map(|(from, to)| self.one_more(moves, Some(from), to));
            moves.extend(gifts.into_iter().flatten());
        }
    }

    /// Returns a move of a slot that the other moves leave in place, from this worker or from any.
    fn one_more(&self, moves: &[Move], from: Option<&WorkerId>, to: &WorkerId) -> Option<Move> {
        let stays = |slot: &Slot| moves.iter().all(|slot_move| slot_move.slot != *slot);
        let fits = |slot: &Slot| self.owner(*slot).is_some_and(|owner| owner != to && from.is_none_or(|from| from == owner));
        self.slots().iter().find(|slot| stays(slot) && fits(slot)).map(|slot| self.slot_move(slot, to))
    }

    fn slot_move(&self, slot: Slot, to: &WorkerId) -> Move {
        Move { slot, from: self.owner(slot).cloned(), to: to.clone(), why: Reason::Uneven }
    }
}

/// Moves all slots without an owner to the first worker.
fn dump(to: &Roster, moves: &mut [Move]) {
    if let Some((first, _)) = to.iter().next() {
        let orphans = moves.iter_mut().filter(|slot_move| matches!(slot_move.why, Reason::Unowned | Reason::OwnerLeft));
        orphans.for_each(|orphan| orphan.to = first.clone());
    }
}

impl Ring for BrokenRing {
    fn guarantees(&self) -> Guarantees {
        let kept = self.ring.guarantees();
        if self.fault == Fault::Overfilling { Guarantees { even: Evenness::Bounded { percent: 25 }, ..kept } } else { kept }
    }

    fn slots(&self) -> SlotCount {
        self.ring.slots()
    }

    fn roster(&self) -> &Roster {
        self.ring.roster()
    }

    fn owner(&self, slot: Slot) -> Option<&WorkerId> {
        self.ring.owner(slot)
    }

    fn plan(&self, to: &Roster, load: &SlotLoad) -> Plan {
        let shared_among = self.ring.plan(to, load).shared_among().clone();
        Plan::new(to.clone(), self.plan_with_the_fault(to, load), load).with_shares_of(shared_among)
    }

    fn rebalance_load(&self, load: &SlotLoad, tolerance: f64) -> Plan {
        if self.fault == Fault::Idle {
            return Plan::new(self.roster().clone(), Vec::new(), load);
        }
        self.ring.rebalance_load(load, tolerance)
    }

    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan> {
        let mut moves: BTreeMap<Slot, Move> = plan.moves().iter().map(|slot_move| (slot_move.slot, slot_move.clone())).collect();
        match self.fault {
            Fault::Forgetful => drop(moves.pop_last()),
            Fault::Credulous => {
                moves.values_mut().for_each(|slot_move| slot_move.from = self.ring.owner(slot_move.slot).cloned());
            }
            _ => {}
        }
        let load = SlotLoad::uniform(self.slots());
        let faulty = Plan::new(plan.roster().clone(), moves.into_values().collect(), &load);
        self.ring.apply(&faulty.with_shares_of(plan.shared_among().clone()))?;
        self.applied += 1;
        plan.moves().iter().for_each(|slot_move| self.moved_at[slot_move.slot.index()] = self.applied);
        Ok(())
    }
}
