//! How the slots of one measure change hands: first those without an owner, then what the changed workers give or take.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Chain;
use std::slice::Iter;

use super::index::Measure;
use super::market::{Market, Role, Stand};
use super::passing::{Pass, Passed};
use super::pile::{LoadedSlot, Pile, Wish};
use super::scene::{Giver, Party, Scene};
use super::share::{Rule, Share};
use crate::{Reason, Slot, WorkerId};

/// How many donors in a row are asked in vain for the last bit of evenness: what they lack, others hardly have, and each
/// costs a look at its slots.
const PATIENCE: usize = 8;

/// The slots of one measure on the way from one roster to the next.
pub(super) struct Exchange<'a> {
    scene: &'a Scene<'a>,
    measure: Measure,
    hands: Vec<Hand>,
    piles: Vec<Pile<Around<'a>>>,
    rule: Rule,
    fair: Share,
    passed: Passed,
}

/// What a worker holds of the measure.
#[derive(Clone, Copy, Debug)]
struct Hand {
    load: i64,
    role: Role,
    /// The place of its pile, laid out when it gives for the first time.
    pile: Option<u32>,
}

impl<'a> Exchange<'a> {
    /// What passes.
    pub(super) fn run(scene: &'a Scene<'a>, measure: Measure) -> Passed {
        let index = scene.state.index;
        if index.total(measure) == 0 {
            return Passed::default();
        }
        let load = |number| index.load_of(number, measure);
        let hand = |number: Option<u32>| Hand { load: number.map_or(0, load), role: Role::Open, pile: None };
        let rule = match measure {
            Measure::Slots => Rule::Webster,
            Measure::Items => Rule::Heaviest(index.heaviest(measure)),
        };
        let exchange = Self {
            scene,
            measure,
            hands: scene.parties.iter().map(|party| hand(party.number)).collect(),
            piles: Vec::new(),
            rule,
            fair: Share { load: index.total(measure), weight: scene.parties.iter().map(Party::weight).sum() },
            passed: Passed::default(),
        };
        exchange.carry_out()
    }

    fn carry_out(mut self) -> Passed {
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

    /// Gives the slots whose pin holds to their workers, whatever these have.
    fn follow_pins(&mut self) {
        let state = self.scene.state;
        for (slot, worker) in &self.scene.pinned {
            let owner = state.owners.get(*slot);
            let (measure, _) = Measure::of(state.index.load(), *slot);
            if measure != self.measure || owner == Some(self.scene.party(*worker).id) {
                continue;
            }
            let slot = state.index.loaded(*slot);
            let pass = Pass { slot, from: self.scene.giver(owner), to: *worker, why: Reason::Pinned };
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

    /// Gives each slot that has no owner to the worker that is furthest behind, the heaviest slots first.
    fn hand_out_orphans(&mut self) {
        let mut orphans = self.orphans();
        if orphans.is_empty() {
            return;
        }
        orphans.sort_unstable_by_key(|(slot, _)| (Reverse(slot.load()), slot.slot));
        let mut receivers: BinaryHeap<Reverse<(Share, u32)>> = self
            .workers()
            .filter(|worker| self.scene.may_receive(*worker))
            .map(|worker| Reverse((self.rule.receiver_key(self.share(worker)), worker)))
            .collect();
        for (slot, from) in orphans {
            let Some(mut lowest) = receivers.peek_mut() else { return };
            let Reverse((key, receiver)) = &mut *lowest;
            let why = if self.scene.name_of(from).is_some() { Reason::OwnerLeft } else { Reason::Unowned };
            let pass = self.receive(slot, from, *receiver, why);
            self.passed.orphans.push(pass);
            *key = self.rule.receiver_key(self.share(*receiver));
        }
    }

    fn orphans(&self) -> Vec<(LoadedSlot, Giver)> {
        let (index, pinned) = (self.scene.state.index, &self.scene.pinned);
        let of = |(place, (number, _)): (u32, &(u32, Option<&WorkerId>))| {
            let slots = index.slots_of(*number, self.measure).iter().filter(|slot| !pinned.contains_key(slot));
            slots.map(move |slot| (index.loaded(*slot), Giver::Seatless(place)))
        };
        (0..).zip(&self.scene.seatless).flat_map(of).collect()
    }

    /// Moves slots between donors and receivers as long as the rule says that it helps.
    fn trade(&mut self) {
        let sides = self.scene.sides();
        if !sides.grown && !sides.shrunk {
            return;
        }
        let mut market = Market::open(
            self.scene.donors(sides).map(|worker| (worker, self.as_donor(worker))),
            self.scene.receivers(sides).map(|worker| (worker, self.as_receiver(worker))),
        );
        let mut refusals = 0;
        while let Some((donor, receiver)) = market.pair(|worker| self.hands[worker as usize].role) {
            if self.give(donor, receiver) {
                market.gave(self.as_donor(donor));
                market.took(self.as_receiver(receiver));
                refusals = 0;
            } else {
                market.gave((self.scene.side_as_donor(donor), None));
                refusals += 1;
                if matches!(self.rule, Rule::Polish { .. }) && refusals == PATIENCE {
                    return;
                }
            }
        }
    }

    fn as_donor(&self, worker: u32) -> Stand<Share> {
        let gives = self.hands[worker as usize].role != Role::Receiver;
        (self.scene.side_as_donor(worker), gives.then(|| self.rule.donor_key(self.share(worker))))
    }

    fn as_receiver(&self, worker: u32) -> Stand<Share> {
        let share = self.share(worker);
        let may_take = self.hands[worker as usize].role != Role::Donor && self.scene.may_receive(worker);
        let takes = may_take && self.rule.wants(share, self.fair);
        (self.scene.side_as_receiver(worker), takes.then(|| self.rule.receiver_key(share)))
    }

    /// Moves one slot; whether there was one to move.
    fn give(&mut self, donor: u32, receiver: u32) -> bool {
        let (giver, taker) = (self.share(donor), self.share(receiver));
        let wish = Wish {
            missing: self.fair.nearest_part(taker.weight) - taker.load,
            excess: giver.load - self.fair.nearest_part(giver.weight),
        };
        let Self { scene, measure, rule, .. } = *self;
        let pile = self.pile(donor, || Around::of(scene, measure, donor, receiver));
        let Some(slot) = pile.take(wish, |load| rule.permits(giver, taker, load)) else {
            return false;
        };
        let hand = self.hand(donor);
        *hand = Hand { load: hand.load - slot.load(), role: Role::Donor, ..*hand };
        let why = if scene.joined(receiver) { Reason::WorkerJoined } else { Reason::WeightChanged };
        let pass = self.receive(slot, Giver::Party(donor), receiver, why);
        self.passed.traded.push(pass);
        true
    }

    fn receive(&mut self, slot: LoadedSlot, from: Giver, receiver: u32, why: Reason) -> Pass {
        let hand = self.hand(receiver);
        *hand = Hand { load: hand.load + slot.load(), role: Role::Receiver, ..*hand };
        Pass { slot, from, to: receiver, why }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are no more piles than workers")]
    fn pile(&mut self, donor: u32, slots: impl FnOnce() -> Around<'a>) -> &mut Pile<Around<'a>> {
        let place = *self.hands[donor as usize].pile.get_or_insert_with(|| {
            self.piles.push(Pile::new(slots()));
            self.piles.len() as u32 - 1
        });
        &mut self.piles[place as usize]
    }

    fn hand(&mut self, worker: u32) -> &mut Hand {
        &mut self.hands[worker as usize]
    }

    fn share(&self, worker: u32) -> Share {
        Share { load: self.hands[worker as usize].load, weight: self.scene.party(worker).weight() }
    }

    fn workers(&self) -> impl Iterator<Item = u32> + use<> {
        (0..).take(self.hands.len())
    }
}

/// The slots of a donor that no pin holds, in order from a place that its name and the receiver's choose.
struct Around<'a> {
    scene: &'a Scene<'a>,
    slots: Chain<Iter<'a, Slot>, Iter<'a, Slot>>,
}

impl<'a> Around<'a> {
    #[expect(clippy::cast_possible_truncation, reason = "less than the number of slots")]
    fn of(scene: &'a Scene<'a>, measure: Measure, donor: u32, receiver: u32) -> Self {
        let [from, to] = [donor, receiver].map(|worker| scene.party(worker));
        let slots = from.number.map_or(&[][..], |number| scene.state.index.slots_of(number, measure));
        let first = Slot::new((mix(from.id, to.id) % scene.state.owners.slots().len() as u64) as u32);
        let (before, behind) = slots.split_at(slots.partition_point(|slot| *slot < first));
        Self { scene, slots: behind.iter().chain(before) }
    }
}

impl Iterator for Around<'_> {
    type Item = LoadedSlot;

    fn next(&mut self) -> Option<LoadedSlot> {
        let slot = self.slots.by_ref().find(|slot| !self.scene.pinned.contains_key(slot))?;
        Some(self.scene.state.index.loaded(*slot))
    }
}

/// A number that two names share and that looks random: FNV-1a, 64 bits (Fowler, Noll and Vo, RFC 9923).
fn mix(donor: &WorkerId, receiver: &WorkerId) -> u64 {
    let bytes = donor.as_str().bytes().chain([b' ']).chain(receiver.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
