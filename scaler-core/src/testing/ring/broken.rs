//! Rings with one fault each, which the laws meant for it must find.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::Law;
use crate::{
    Evenness, Guarantees, Intake, Movement, Plan, Reason, Ring, Roster, Seat, Slot, SlotCount, SlotLoad, StalePlan, StickyRing,
    WorkerId,
};

/// What is wrong with a [`BrokenRing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Its plans depend on how often it was asked.
    Moody,
    /// The owner is the slot's number modulo the number of workers.
    Modulo,
    /// A leave moves a slot of a survivor too.
    Disturbing,
    /// Two survivors swap a slot whenever anything moves.
    Swapping,
    /// A joiner takes one slot too many.
    Greedy,
    /// All slots without an owner go to one worker.
    Dumping,
    /// It promises a bound and gives orphans to one worker beyond it.
    Overfilling,
    /// A weight is not looked at.
    BlindToWeights,
    /// Every slot counts alike, whatever it holds.
    BlindToItems,
    /// A changed weight moves a slot between two others.
    Meddling,
    /// Applying a plan forgets its last movement.
    Forgetful,
    /// Drifted loads are settled when nobody asked.
    Restless,
    /// An item in a slot makes it move.
    Fickle,
    /// It never settles.
    Idle,
    /// It gives to the cordoned.
    BlindToCordons,
    /// It applies any plan.
    Credulous,
    /// When a worker joins, all slots are shared out anew.
    Reseeding,
    /// It gives to each the floor or the ceiling of its exact share: the quota rule.
    Quota,
    /// A donor gives first what it got last.
    LastInFirstOut,
    /// A donor gives its lightest slots.
    LightFirst,
}

impl Fault {
    /// Every fault.
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

    /// The laws meant for it.
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
    /// When each slot changed hands, by a count of plans.
    moved_at: Vec<u64>,
    applied: u64,
}

impl BrokenRing {
    /// A ring with this fault, whose slots nobody owns yet.
    #[must_use]
    pub fn new(slots: SlotCount, fault: Fault) -> Self {
        Self { ring: StickyRing::new(slots), fault, asked: AtomicBool::new(false), moved_at: vec![0; slots.len()], applied: 0 }
    }

    fn plan_with_the_fault(&self, to: &Roster, load: &SlotLoad) -> Vec<Movement> {
        let mut movements = self.ring.plan(to, load).movements().to_vec();
        let joiner = to.iter().map(|(id, _)| id).find(|id| !self.roster().contains(id));
        let survivors = to.iter().filter(|(id, _)| self.roster().contains(id));
        match self.fault {
            Fault::Moody if self.asked.fetch_xor(true, Relaxed) => movements.truncate(movements.len() / 2),
            Fault::Modulo => movements = self.modulo(to),
            Fault::Greedy => movements.extend(joiner.and_then(|joiner| self.one_more(&movements, None, joiner))),
            Fault::Disturbing if joiner.is_none() && !movements.is_empty() => self.exchange(to, &mut movements),
            Fault::Swapping if !movements.is_empty() => self.exchange(to, &mut movements),
            Fault::Meddling if survivors.into_iter().any(|(id, now)| self.roster().get(id) != Some(now)) => {
                self.exchange(to, &mut movements);
            }
            Fault::Dumping | Fault::Overfilling => dump(to, &mut movements),
            Fault::BlindToWeights => movements = self.seen_as(to, |seat| Seat { weight: Seat::PLAIN.weight, ..seat }, load),
            Fault::BlindToCordons => movements = self.seen_as(to, |seat| Seat { intake: Intake::Open, ..seat }, load),
            Fault::BlindToItems => movements = self.ring.plan(to, &SlotLoad::uniform(self.slots())).movements().to_vec(),
            Fault::Restless if to == self.roster() => movements = self.ring.settle(load, 0.0).movements().to_vec(),
            Fault::Reseeding if joiner.is_some() => movements = self.reseeded(to, load),
            Fault::Quota => movements = self.by_quota(to),
            Fault::LastInFirstOut if load.is_uniform() => {
                self.choose_again(&mut movements, load, |slot| u64::MAX - self.moved_at[slot.index()]);
            }
            Fault::LightFirst => self.choose_again(&mut movements, load, |slot| u64::from(load.of(slot))),
            Fault::Fickle if to == self.roster() && load.heaviest() == 1 => self.exchange(to, &mut movements),
            _ => {}
        }
        movements
    }

    fn modulo(&self, to: &Roster) -> Vec<Movement> {
        let workers: Vec<&WorkerId> = to.iter().map(|(id, _)| id).collect();
        let owners = self.slots().iter().zip(workers.iter().cycle());
        let moving = owners.filter(|(slot, owner)| self.owner(*slot) != Some(**owner));
        moving.map(|(slot, owner)| self.movement(slot, owner)).collect()
    }

    fn reseeded(&self, to: &Roster, load: &SlotLoad) -> Vec<Movement> {
        let fresh = StickyRing::new(self.slots()).plan(to, load);
        let moving = fresh.movements().iter().filter(|movement| self.owner(movement.slot) != Some(&movement.to));
        moving.map(|movement| self.movement(movement.slot, &movement.to)).collect()
    }

    /// Moves what exceeds the quotas, and what nobody owns, to those below theirs; the largest remainders are rounded up.
    fn by_quota(&self, to: &Roster) -> Vec<Movement> {
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
        excess.into_iter().zip(below).map(|(slot, id)| self.movement(slot, id)).collect()
    }

    /// Lets every donor give other slots of the same load, or a little more, in another order.
    fn choose_again(&self, movements: &mut Vec<Movement>, load: &SlotLoad, order: impl Fn(Slot) -> u64) {
        let (traded, mut kept): (Vec<Movement>, Vec<Movement>) =
            movements.drain(..).partition(|movement| movement.why == Reason::WorkerJoined);
        let mut gifts: BTreeMap<(Option<WorkerId>, WorkerId), u64> = BTreeMap::new();
        for movement in traded {
            *gifts.entry((movement.from, movement.to)).or_default() += u64::from(load.of(movement.slot));
        }
        for ((from, to), mut owed) in gifts {
            let mut own: Vec<Slot> = self.slots().iter().filter(|slot| self.owner(*slot) == from.as_ref()).collect();
            own.sort_by_key(|slot| (order(*slot), *slot));
            for slot in own.into_iter().filter(|slot| load.of(*slot) > 0) {
                if owed > 0 && kept.iter().all(|movement| movement.slot != slot) {
                    owed = owed.saturating_sub(u64::from(load.of(slot)));
                    kept.push(self.movement(slot, &to));
                }
            }
        }
        *movements = kept;
    }

    fn seen_as(&self, to: &Roster, see: impl Fn(Seat) -> Seat, load: &SlotLoad) -> Vec<Movement> {
        let seen = to.iter().map(|(id, seat)| (id.clone(), see(seat))).collect();
        self.ring.plan(&seen, load).movements().to_vec()
    }

    /// Adds the gift of a slot by each of the first two workers that have one and stay to the other.
    fn exchange(&self, to: &Roster, movements: &mut Vec<Movement>) {
        let mut staying = to.iter().map(|(id, _)| id).filter(|id| self.roster().contains(id));
        if let (Some(one), Some(other)) = (staying.next(), staying.next()) {
            let gifts = [(one, other), (other, one)].map(|(from, to)| self.one_more(movements, Some(from), to));
            movements.extend(gifts.into_iter().flatten());
        }
    }

    /// A movement of a slot that stays where it is in the others, from this worker or from anyone.
    fn one_more(&self, movements: &[Movement], from: Option<&WorkerId>, to: &WorkerId) -> Option<Movement> {
        let stays = |slot: &Slot| movements.iter().all(|movement| movement.slot != *slot);
        let fits = |slot: &Slot| self.owner(*slot).is_some_and(|owner| owner != to && from.is_none_or(|from| from == owner));
        self.slots().iter().find(|slot| stays(slot) && fits(slot)).map(|slot| self.movement(slot, to))
    }

    fn movement(&self, slot: Slot, to: &WorkerId) -> Movement {
        Movement { slot, from: self.owner(slot).cloned(), to: to.clone(), why: Reason::Uneven }
    }
}

/// Sends what has lost its owner to the first worker.
fn dump(to: &Roster, movements: &mut [Movement]) {
    if let Some((first, _)) = to.iter().next() {
        let orphans = movements.iter_mut().filter(|movement| matches!(movement.why, Reason::Unowned | Reason::OwnerLeft));
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

    fn settle(&self, load: &SlotLoad, tolerance: f64) -> Plan {
        if self.fault == Fault::Idle {
            return Plan::new(self.roster().clone(), Vec::new(), load);
        }
        self.ring.settle(load, tolerance)
    }

    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan> {
        let mut movements: BTreeMap<Slot, Movement> =
            plan.movements().iter().map(|movement| (movement.slot, movement.clone())).collect();
        match self.fault {
            Fault::Forgetful => drop(movements.pop_last()),
            Fault::Credulous => {
                movements.values_mut().for_each(|movement| movement.from = self.ring.owner(movement.slot).cloned());
            }
            _ => {}
        }
        let load = SlotLoad::uniform(self.slots());
        let faulty = Plan::new(plan.roster().clone(), movements.into_values().collect(), &load);
        self.ring.apply(&faulty.with_shares_of(plan.shared_among().clone()))?;
        self.applied += 1;
        plan.movements().iter().for_each(|movement| self.moved_at[movement.slot.index()] = self.applied);
        Ok(())
    }
}
