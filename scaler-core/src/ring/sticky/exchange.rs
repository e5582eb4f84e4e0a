//! How one class of slots changes hands: first the slots without an owner, then what the changed workers give or take.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::market::Market;
use super::pile::{LoadedSlot, Pile};
use super::planner::{Class, Holder, Measure, Party, Scene};
use super::share::{Rule, Share};
use crate::{Movement, Reason, WorkerId};

/// A class of slots on the way from one roster to the next.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    parties: &'a [Party<'a>],
    hands: Vec<Hand>,
    orphans: Vec<(LoadedSlot, Option<&'a WorkerId>)>,
    rule: Rule,
    fair: Share,
    movements: Vec<Movement>,
}

/// What a worker holds of the class.
#[derive(Debug, Default)]
struct Hand {
    load: i64,
    pile: Pile,
    role: Role,
}

/// A worker either gives or receives: who did both would have moved something in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Open,
    Donor,
    Receiver,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, class: Class) -> Self {
        let heaviest = class.slots.iter().map(|slot| slot.load()).max().unwrap_or(0);
        let load = class.slots.iter().map(|slot| slot.load()).sum();
        let mut exchange = Self {
            parties: &scene.parties,
            hands: scene.parties.iter().map(|_| Hand::default()).collect(),
            orphans: Vec::new(),
            rule: match class.measure {
                Measure::Slots => Rule::Webster,
                Measure::Items => Rule::Heaviest(heaviest),
            },
            fair: Share { load, weight: scene.parties.iter().map(|party| party.weight).sum() },
            movements: Vec::new(),
        };
        for slot in class.slots {
            match scene.holder(slot.slot) {
                Holder::Nobody => exchange.orphans.push((slot, None)),
                Holder::Leaver(leaver) => exchange.orphans.push((slot, Some(leaver))),
                Holder::Party(worker) => {
                    exchange.hands[worker].load += slot.load();
                    exchange.hands[worker].pile.push(slot);
                }
            }
        }
        exchange
    }

    pub(super) fn run(mut self) -> Vec<Movement> {
        self.hand_out_orphans();
        self.trade();
        if let Rule::Heaviest(heaviest) = self.rule
            && let Some(lowest) = (0..self.parties.len()).map(|worker| self.share(worker)).min()
        {
            self.rule = Rule::Polish { heaviest, lowest };
            self.trade();
        }
        self.movements
    }

    /// Gives each slot that has no owner to the worker that is furthest behind, the heaviest slots first.
    fn hand_out_orphans(&mut self) {
        let mut orphans = std::mem::take(&mut self.orphans);
        orphans.sort_by_key(|(slot, _)| (Reverse(slot.load()), slot.slot));
        let mut receivers: BinaryHeap<Reverse<(Share, usize)>> = (0..self.parties.len())
            .filter(|worker| self.parties[*worker].may_receive())
            .map(|worker| Reverse((self.rule.receiver_key(self.share(worker)), worker)))
            .collect();
        for (slot, from) in orphans {
            let Some(mut lowest) = receivers.peek_mut() else { return };
            let Reverse((key, receiver)) = &mut *lowest;
            let why = if from.is_some() { Reason::OwnerLeft } else { Reason::Unowned };
            self.receive(slot, from, *receiver, why);
            *key = self.rule.receiver_key(self.share(*receiver));
        }
    }

    /// Moves slots between donors and receivers as long as the rule says that it helps.
    fn trade(&mut self) {
        let mut market = Market::new(self.parties.len());
        for worker in 0..self.parties.len() {
            self.enter(&mut market, worker);
        }
        while let Some((donor, receiver)) = market.pair() {
            if self.give(donor, receiver) {
                self.enter(&mut market, donor);
                self.enter(&mut market, receiver);
            } else {
                market.offer(donor, self.parties[donor].side_as_donor(), None);
            }
        }
    }

    fn enter(&self, market: &mut Market, worker: usize) {
        let (party, role, share) = (&self.parties[worker], self.hands[worker].role, self.share(worker));
        let gives = role != Role::Receiver;
        let takes = role != Role::Donor && party.may_receive() && self.rule.wants(share, self.fair);
        market.offer(worker, party.side_as_donor(), gives.then(|| self.rule.donor_key(share)));
        market.seek(worker, party.side_as_receiver(), takes.then(|| self.rule.receiver_key(share)));
    }

    /// Moves one slot; whether there was one to move.
    fn give(&mut self, donor: usize, receiver: usize) -> bool {
        let (giver, taker) = (self.share(donor), self.share(receiver));
        let missing = self.fair.nearest_part(taker.weight) - taker.load;
        let excess = giver.load - self.fair.nearest_part(giver.weight);
        let (from, to) = (self.parties[donor].id, &self.parties[receiver]);
        let rule = self.rule;
        let pile = &mut self.hands[donor].pile;
        pile.begin_at(mix(from, to.id));
        let Some(slot) = pile.take(missing.min(excess).max(1), |load| rule.permits(giver, taker, load)) else {
            return false;
        };
        self.hands[donor].load -= slot.load();
        self.hands[donor].role = Role::Donor;
        self.receive(slot, Some(from), receiver, if to.joined() { Reason::WorkerJoined } else { Reason::WeightChanged });
        true
    }

    fn receive(&mut self, slot: LoadedSlot, from: Option<&WorkerId>, receiver: usize, why: Reason) {
        self.hands[receiver].load += slot.load();
        self.hands[receiver].role = Role::Receiver;
        let to = self.parties[receiver].id.clone();
        self.movements.push(Movement { slot: slot.slot, from: from.cloned(), to, why });
    }

    fn share(&self, worker: usize) -> Share {
        Share { load: self.hands[worker].load, weight: self.parties[worker].weight }
    }
}

/// A number that two names share and that looks random: FNV-1a, 64 bits (Fowler, Noll and Vo, RFC 9923).
fn mix(donor: &WorkerId, receiver: &WorkerId) -> u64 {
    let bytes = donor.as_str().bytes().chain([b' ']).chain(receiver.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
