//! Apportionment of slots under one measure: first slots without an owner, then the difference to each changed worker's fair
//! share.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Chain;
use std::slice::Iter;

use super::donor_queue::{DonorQueue, Offer, Role};
use super::donor_slots::{DonorSlots, LoadedSlot, Wish};
use super::fair_share::{FairShare, Rule};
use super::index::Measure;
use super::moves::{SlotMove, SlotMoves};
use super::roster_diff::{Giver, Party, RosterDiff};
use crate::{Reason, Slot, WorkerId};

/// Number of consecutive donors without a suitable slot after which [`Rule::Polish`] ends: other donors are unlikely to have
/// one, and each costs a search of its slots.
const PATIENCE: usize = 8;

/// Apportionment of the slots of one measure from one roster to the next.
pub(super) struct Apportionment<'a> {
    diff: &'a RosterDiff<'a>,
    measure: Measure,
    hands: Vec<Hand>,
    donor_slots: Vec<DonorSlots<Around<'a>>>,
    rule: Rule,
    fair: FairShare,
    passed: SlotMoves,
}

/// Load and role of a worker under the measure.
#[derive(Clone, Copy, Debug)]
struct Hand {
    load: i64,
    role: Role,
    /// Index of its donor slots, created when it gives for the first time.
    donor_slots: Option<u32>,
}

impl<'a> Apportionment<'a> {
    /// Returns the moves.
    pub(super) fn run(diff: &'a RosterDiff<'a>, measure: Measure) -> SlotMoves {
        let index = diff.state.index;
        if index.total(measure) == 0 {
            return SlotMoves::default();
        }
        let load = |number| index.load_of(number, measure);
        let hand = |number: Option<u32>| Hand { load: number.map_or(0, load), role: Role::Open, donor_slots: None };
        let rule = match measure {
            Measure::Slots => Rule::Webster,
            Measure::Items => Rule::Heaviest(index.heaviest(measure)),
        };
        let apportionment = Self {
            diff,
            measure,
            hands: diff.parties.iter().map(|party| hand(party.number)).collect(),
            donor_slots: Vec::new(),
            rule,
            fair: FairShare { load: index.total(measure), weight: diff.parties.iter().map(Party::weight).sum() },
            passed: SlotMoves::default(),
        };
        apportionment.carry_out()
    }

    fn carry_out(mut self) -> SlotMoves {
        self.follow_pins();
        self.hand_out_orphans();
        self.trade();
        if let Rule::Heaviest(heaviest) = self.rule
            && let Some(lowest) = self.workers().map(|worker| self.share(worker)).min()
        {
            self.rule = Rule::Polish { heaviest, lowest };
            self.trade();
        }
        self.passed
    }

    /// Moves the slots with an effective pin to their workers, regardless of the workers' loads.
    fn follow_pins(&mut self) {
        let state = self.diff.state;
        for (slot, worker) in &self.diff.pinned {
            let owner = state.owners.get(*slot);
            let (measure, _) = Measure::of(state.index.load(), *slot);
            if measure != self.measure || owner == Some(self.diff.party(*worker).id) {
                continue;
            }
            let slot = state.index.loaded(*slot);
            let pass = SlotMove { slot, from: self.diff.giver(owner), to: *worker, why: Reason::Pinned };
            match pass.from {
                Giver::Party(giver) => {
                    self.hand(giver).load -= slot.load();
                    self.passed.pinned.push(pass);
                }
                Giver::Seatless(_) => self.passed.orphans.push(pass),
            }
            self.hand(*worker).load += slot.load();
        }
    }

    /// Moves each slot without an owner to the worker with the lowest load per weight, the heaviest slots first.
    fn hand_out_orphans(&mut self) {
        let mut orphans = self.orphans();
        if orphans.is_empty() {
            return;
        }
        orphans.sort_unstable_by_key(|(slot, _)| (Reverse(slot.load()), slot.slot));
        let mut receivers: BinaryHeap<Reverse<(FairShare, u32)>> = self
            .workers()
            .filter(|worker| self.diff.may_receive(*worker))
            .map(|worker| Reverse((self.rule.receiver_key(self.share(worker)), worker)))
            .collect();
        for (slot, from) in orphans {
            let Some(mut lowest) = receivers.peek_mut() else { return };
            let Reverse((key, receiver)) = &mut *lowest;
            let why = if self.diff.name_of(from).is_some() { Reason::OwnerLeft } else { Reason::Unowned };
            let pass = self.receive(slot, from, *receiver, why);
            self.passed.orphans.push(pass);
            *key = self.rule.receiver_key(self.share(*receiver));
        }
    }

    fn orphans(&self) -> Vec<(LoadedSlot, Giver)> {
        let (index, pinned) = (self.diff.state.index, &self.diff.pinned);
        let of = |(place, (number, _)): (u32, &(u32, Option<&WorkerId>))| {
            let slots = index.slots_of(*number, self.measure).iter().filter(|slot| !pinned.contains_key(slot));
            slots.map(move |slot| (index.loaded(*slot), Giver::Seatless(place)))
        };
        (0..).zip(&self.diff.seatless).flat_map(of).collect()
    }

    /// Moves slots between donors and receivers while the rule allows a move.
    fn trade(&mut self) {
        let sides = self.diff.sides();
        if !sides.grown && !sides.shrunk {
            return;
        }
        let mut queue = DonorQueue::open(
            self.diff.donors(sides).map(|worker| (worker, self.as_donor(worker))),
            self.diff.receivers(sides).map(|worker| (worker, self.as_receiver(worker))),
        );
        let mut refusals = 0;
        while let Some((donor, receiver)) = queue.pair(|worker| self.hands[worker as usize].role) {
            if self.give(donor, receiver) {
                queue.gave(self.as_donor(donor));
                queue.took(self.as_receiver(receiver));
                refusals = 0;
            } else {
                queue.gave((self.diff.side_as_donor(donor), None));
                refusals += 1;
                if matches!(self.rule, Rule::Polish { .. }) && refusals == PATIENCE {
                    return;
                }
            }
        }
    }

    fn as_donor(&self, worker: u32) -> Offer<FairShare> {
        let gives = self.hands[worker as usize].role != Role::Receiver;
        (self.diff.side_as_donor(worker), gives.then(|| self.rule.donor_key(self.share(worker))))
    }

    fn as_receiver(&self, worker: u32) -> Offer<FairShare> {
        let share = self.share(worker);
        let may_take = self.hands[worker as usize].role != Role::Donor && self.diff.may_receive(worker);
        let takes = may_take && self.rule.wants(share, self.fair);
        (self.diff.side_as_receiver(worker), takes.then(|| self.rule.receiver_key(share)))
    }

    /// Moves one slot; returns false if the donor has no suitable slot.
    fn give(&mut self, donor: u32, receiver: u32) -> bool {
        let (giver, taker) = (self.share(donor), self.share(receiver));
        let wish = Wish {
            missing: self.fair.nearest_part(taker.weight) - taker.load,
            excess: giver.load - self.fair.nearest_part(giver.weight),
        };
        let Self { diff, measure, rule, .. } = *self;
        let donor_slots = self.donor_slots(donor, || Around::of(diff, measure, donor, receiver));
        let Some(slot) = donor_slots.take(wish, |load| rule.permits(giver, taker, load)) else {
            return false;
        };
        let hand = self.hand(donor);
        *hand = Hand { load: hand.load - slot.load(), role: Role::Donor, ..*hand };
        let why = if diff.joined(receiver) { Reason::WorkerJoined } else { Reason::WeightChanged };
        let pass = self.receive(slot, Giver::Party(donor), receiver, why);
        self.passed.traded.push(pass);
        true
    }

    fn receive(&mut self, slot: LoadedSlot, from: Giver, receiver: u32, why: Reason) -> SlotMove {
        let hand = self.hand(receiver);
        *hand = Hand { load: hand.load + slot.load(), role: Role::Receiver, ..*hand };
        SlotMove { slot, from, to: receiver, why }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are no more donor_slots than workers")]
    fn donor_slots(&mut self, donor: u32, slots: impl FnOnce() -> Around<'a>) -> &mut DonorSlots<Around<'a>> {
        let place = *self.hands[donor as usize].donor_slots.get_or_insert_with(|| {
            self.donor_slots.push(DonorSlots::new(slots()));
            self.donor_slots.len() as u32 - 1
        });
        &mut self.donor_slots[place as usize]
    }

    fn hand(&mut self, worker: u32) -> &mut Hand {
        &mut self.hands[worker as usize]
    }

    fn share(&self, worker: u32) -> FairShare {
        FairShare { load: self.hands[worker as usize].load, weight: self.diff.party(worker).weight() }
    }

    fn workers(&self) -> impl Iterator<Item = u32> + use<> {
        (0..).take(self.hands.len())
    }
}

/// Unpinned slots of a donor, in order from a start that depends on the donor's name and the receiver's.
struct Around<'a> {
    diff: &'a RosterDiff<'a>,
    slots: Chain<Iter<'a, Slot>, Iter<'a, Slot>>,
}

impl<'a> Around<'a> {
    #[expect(clippy::cast_possible_truncation, reason = "less than the number of slots")]
    fn of(diff: &'a RosterDiff<'a>, measure: Measure, donor: u32, receiver: u32) -> Self {
        let [from, to] = [donor, receiver].map(|worker| diff.party(worker));
        let slots = from.number.map_or(&[][..], |number| diff.state.index.slots_of(number, measure));
        let first = Slot::new((mix(from.id, to.id) % diff.state.owners.slots().len() as u64) as u32);
        let (before, behind) = slots.split_at(slots.partition_point(|slot| *slot < first));
        Self { diff, slots: behind.iter().chain(before) }
    }
}

impl Iterator for Around<'_> {
    type Item = LoadedSlot;

    fn next(&mut self) -> Option<LoadedSlot> {
        let slot = self.slots.by_ref().find(|slot| !self.diff.pinned.contains_key(slot))?;
        Some(self.diff.state.index.loaded(*slot))
    }
}

/// Returns a pseudo-random hash of two names: FNV-1a, 64 bits (Fowler, Noll and Vo, RFC 9923).
fn mix(donor: &WorkerId, receiver: &WorkerId) -> u64 {
    let bytes = donor.as_str().bytes().chain([b' ']).chain(receiver.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
