//! How the slots of one measure change hands: first those without an owner, then what the changed workers give or take.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::index::Measure;
use super::market::{Market, Side};
use super::pile::{LoadedSlot, Pile, Wish};
use super::scene::{Scene, State};
use super::share::{Rule, Share};
use crate::{Movement, Reason, Slot, WorkerId};

/// How many donors in a row are asked in vain for the last bit of evenness: what they lack, others hardly have, and each
/// costs a look at its slots.
const PATIENCE: usize = 8;

/// The slots of one measure on the way from one roster to the next.
pub(super) struct Exchange<'a> {
    scene: &'a Scene<'a>,
    measure: Measure,
    hands: Vec<Hand<'a>>,
    rule: Rule,
    fair: Share,
    passed: Passed,
}

/// What a worker holds of the measure.
struct Hand<'a> {
    load: i64,
    /// Laid out when it gives for the first time.
    pile: Option<Pile<SlotsOf<'a>>>,
    role: Role,
}

type SlotsOf<'a> = Box<dyn Iterator<Item = LoadedSlot> + 'a>;

/// A worker either gives or receives: who did both would have moved something in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Open,
    Donor,
    Receiver,
}

/// Movements by urgency.
#[derive(Debug, Default)]
pub(super) struct Passed {
    orphans: Vec<Movement>,
    pinned: Vec<Movement>,
    traded: Vec<Movement>,
}

impl Passed {
    pub(super) fn append(&mut self, mut more: Self) {
        self.orphans.append(&mut more.orphans);
        self.pinned.append(&mut more.pinned);
        self.traded.append(&mut more.traded);
    }

    pub(super) fn in_order_of_urgency(mut self) -> Vec<Movement> {
        self.orphans.append(&mut self.pinned);
        self.orphans.append(&mut self.traded);
        self.orphans
    }
}

impl<'a> Exchange<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, measure: Measure) -> Self {
        let index = scene.state.index;
        let load = |number| index.stock(number, measure).load();
        let hand = |number: Option<u32>| Hand { load: number.map_or(0, load), pile: None, role: Role::Open };
        Self {
            scene,
            measure,
            hands: scene.parties.iter().map(|party| hand(party.number)).collect(),
            rule: match measure {
                Measure::Slots => Rule::Webster,
                Measure::Items => Rule::Heaviest(index.heaviest(measure)),
            },
            fair: Share { load: index.total(measure), weight: scene.parties.iter().map(|party| party.weight).sum() },
            passed: Passed::default(),
        }
    }

    pub(super) fn run(mut self) -> Passed {
        if self.fair.load == 0 {
            return self.passed;
        }
        self.follow_pins();
        self.hand_out_orphans();
        self.trade();
        if let Rule::Heaviest(heaviest) = self.rule
            && let Some(lowest) = (0..self.hands.len()).map(|worker| self.share(worker)).min()
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
            let to = self.scene.parties[*worker].id;
            if measure != self.measure || owner == Some(to) {
                continue;
            }
            let load = state.index.loaded(*slot).load();
            let movement = Movement { slot: *slot, from: owner.cloned(), to: to.clone(), why: Reason::Pinned };
            match owner.and_then(|owner| self.scene.place_of(owner)) {
                Some(giver) => {
                    self.hands[giver].load -= load;
                    self.passed.pinned.push(movement);
                }
                None => self.passed.orphans.push(movement),
            }
            self.hands[*worker].load += load;
        }
    }

    /// Gives each slot that has no owner to the worker that is furthest behind, the heaviest slots first.
    fn hand_out_orphans(&mut self) {
        let mut orphans = self.orphans();
        if orphans.is_empty() {
            return;
        }
        orphans.sort_unstable_by_key(|(slot, _)| (Reverse(slot.load()), slot.slot));
        let mut receivers: BinaryHeap<Reverse<(Share, usize)>> = (0..self.hands.len())
            .filter(|worker| self.scene.may_receive(*worker))
            .map(|worker| Reverse((self.rule.receiver_key(self.share(worker)), worker)))
            .collect();
        for (slot, from) in orphans {
            let Some(mut lowest) = receivers.peek_mut() else { return };
            let Reverse((key, receiver)) = &mut *lowest;
            let why = if from.is_some() { Reason::OwnerLeft } else { Reason::Unowned };
            let movement = self.receive(slot, from, *receiver, why);
            self.passed.orphans.push(movement);
            *key = self.rule.receiver_key(self.share(*receiver));
        }
    }

    fn orphans(&self) -> Vec<(LoadedSlot, Option<&'a WorkerId>)> {
        let (index, pinned) = (self.scene.state.index, &self.scene.pinned);
        let of = |(number, owner): &(u32, Option<&'a WorkerId>)| {
            let owner = *owner;
            let slots = index.stock(*number, self.measure).slots().iter();
            slots.filter(|slot| !pinned.contains_key(slot)).map(move |slot| (index.loaded(*slot), owner))
        };
        self.scene.seatless.iter().flat_map(of).collect()
    }

    /// Moves slots between donors and receivers as long as the rule says that it helps.
    fn trade(&mut self) {
        let changed = |side: fn(&Scene<'a>, usize) -> Side| (0..self.hands.len()).any(|at| side(self.scene, at) == Side::Changed);
        let sides = Sides { grown: changed(Scene::side_as_receiver), shrunk: changed(Scene::side_as_donor) };
        if !sides.grown && !sides.shrunk {
            return;
        }
        let mut market = Market::new(self.hands.len());
        for worker in 0..self.hands.len() {
            self.enter(&mut market, sides, worker);
        }
        let mut refusals = 0;
        while let Some((donor, receiver)) = market.pair() {
            if self.give(donor, receiver) {
                self.enter(&mut market, sides, donor);
                self.enter(&mut market, sides, receiver);
                refusals = 0;
            } else {
                market.offer(donor, self.scene.side_as_donor(donor), None);
                refusals += 1;
                if matches!(self.rule, Rule::Polish { .. }) && refusals == PATIENCE {
                    return;
                }
            }
        }
    }

    /// Who neither has changed itself nor has anyone changed to trade with stays away.
    fn enter(&self, market: &mut Market, sides: Sides, worker: usize) {
        let (role, share) = (self.hands[worker].role, self.share(worker));
        let (as_donor, as_receiver) = (self.scene.side_as_donor(worker), self.scene.side_as_receiver(worker));
        if sides.grown || as_donor == Side::Changed {
            let gives = role != Role::Receiver;
            market.offer(worker, as_donor, gives.then(|| self.rule.donor_key(share)));
        }
        if sides.shrunk || as_receiver == Side::Changed {
            let takes = role != Role::Donor && self.scene.may_receive(worker) && self.rule.wants(share, self.fair);
            market.seek(worker, as_receiver, takes.then(|| self.rule.receiver_key(share)));
        }
    }

    /// Moves one slot; whether there was one to move.
    fn give(&mut self, donor: usize, receiver: usize) -> bool {
        let (giver, taker) = (self.share(donor), self.share(receiver));
        let wish = Wish {
            missing: self.fair.nearest_part(taker.weight) - taker.load,
            excess: giver.load - self.fair.nearest_part(giver.weight),
        };
        let (scene, measure, rule) = (self.scene, self.measure, self.rule);
        let pile = self.hands[donor].pile.get_or_insert_with(|| Pile::new(slots_to_give(scene, measure, donor, receiver)));
        let Some(slot) = pile.take(wish, |load| rule.permits(giver, taker, load)) else {
            return false;
        };
        self.hands[donor].load -= slot.load();
        self.hands[donor].role = Role::Donor;
        let why = if scene.joined(receiver) { Reason::WorkerJoined } else { Reason::WeightChanged };
        let movement = self.receive(slot, Some(scene.parties[donor].id), receiver, why);
        self.passed.traded.push(movement);
        true
    }

    fn receive(&mut self, slot: LoadedSlot, from: Option<&WorkerId>, receiver: usize, why: Reason) -> Movement {
        self.hands[receiver].load += slot.load();
        self.hands[receiver].role = Role::Receiver;
        Movement { slot: slot.slot, from: from.cloned(), to: self.scene.parties[receiver].id.clone(), why }
    }

    fn share(&self, worker: usize) -> Share {
        Share { load: self.hands[worker].load, weight: self.scene.parties[worker].weight }
    }
}

/// Which sides of the market have anyone whose part has changed.
#[derive(Clone, Copy, Debug)]
struct Sides {
    grown: bool,
    shrunk: bool,
}

/// The donor's slots that no pin holds, in order from a place that the two names choose.
fn slots_to_give<'a>(scene: &'a Scene<'a>, measure: Measure, donor: usize, receiver: usize) -> SlotsOf<'a> {
    let [from, to] = [donor, receiver].map(|worker| &scene.parties[worker]);
    let Some(number) = from.number else { return Box::new(std::iter::empty()) };
    let State { index, owners, .. } = scene.state;
    let slots = index.stock(number, measure).slots();
    #[expect(clippy::cast_possible_truncation, reason = "less than the number of slots")]
    let first = (mix(from.id, to.id) % owners.slots().len() as u64) as u32;
    let first = Slot::new(first);
    let around = slots.range(first..).chain(slots.range(..first)).map(|slot| index.loaded(*slot));
    Box::new(around.filter(|slot| !scene.pinned.contains_key(&slot.slot)))
}

/// A number that two names share and that looks random: FNV-1a, 64 bits (Fowler, Noll and Vo, RFC 9923).
fn mix(donor: &WorkerId, receiver: &WorkerId) -> u64 {
    let bytes = donor.as_str().bytes().chain([b' ']).chain(receiver.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
