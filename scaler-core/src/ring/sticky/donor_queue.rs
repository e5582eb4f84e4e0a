//! Queues of donors and receivers, which select the pair that moves the next slot.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::fair_share::FairShare;

/// Side of the queue: tells if a worker's weight changed in the direction in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Receiver that joined or whose weight rose; donor whose weight fell.
    Changed,
    /// Any other worker.
    Steady,
}

/// Role of a worker in one plan. It either gives or receives: a worker that did both would have moved slots in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Open,
    Donor,
    Receiver,
}

/// Side and key of a worker in the queue; the key is `None` if the worker does not take part.
pub(super) type Offer<Key> = (Side, Option<Key>);

/// Donors and receivers by priority. At least one of each pair is [`Side::Changed`], so that nothing moves between workers that
/// stay as they are.
#[derive(Debug)]
pub(super) struct DonorQueue {
    donors: Queue<FairShare>,
    receivers: Queue<Reverse<FairShare>>,
}

impl DonorQueue {
    /// Returns a queue of these donors and receivers, each with its index.
    pub(super) fn open(
        donors: impl Iterator<Item = (u32, Offer<FairShare>)>,
        receivers: impl Iterator<Item = (u32, Offer<FairShare>)>,
    ) -> Self {
        let reversed = receivers.map(|(worker, (side, key))| (worker, (side, key.map(Reverse))));
        Self { donors: Queue::of(donors), receivers: Queue::of(reversed) }
    }

    /// Returns the donor and the receiver of the next move; `None` if no donor's key is above that of a receiver that it may
    /// give to.
    ///
    /// The pair must be the highest donor and the lowest receiver among those that may trade: the invariant of
    /// [`Rule`](super::fair_share::Rule) for the workers that may not trade depends on it.
    pub(super) fn pair(&mut self, role: impl Fn(u32) -> Role) -> Option<(u32, u32)> {
        let gives = |worker| role(worker) != Role::Receiver;
        let receives = |worker| role(worker) != Role::Donor;
        let (lowered, donor) = (self.donors.first(Side::Changed, gives), self.donors.first(Side::Steady, gives));
        let (eager, receiver) = (self.receivers.first(Side::Changed, receives), self.receivers.first(Side::Steady, receives));
        let to_changed = (lowered.max(donor), eager);
        let from_changed = (lowered, eager.max(receiver));
        let order = if eager >= receiver { [to_changed, from_changed] } else { [from_changed, to_changed] };
        order.into_iter().find_map(|(donor, receiver)| {
            let ((above, Reverse(donor)), (Reverse(below), Reverse(receiver))) = (donor?, receiver?);
            (above > below).then_some((donor, receiver))
        })
    }

    /// Updates the key of the pair's donor; `None` if it gives nothing more.
    pub(super) fn gave(&mut self, (side, key): Offer<FairShare>) {
        self.donors.replace_first(side, key);
    }

    /// Updates the key of the pair's receiver; `None` if it takes nothing more.
    pub(super) fn took(&mut self, (side, key): Offer<FairShare>) {
        self.receivers.replace_first(side, key.map(Reverse));
    }
}

/// Priority queue of workers by key, the greatest first, and among equals the first by name.
///
/// The worker that trades is the first on its side, so that its key is replaced in place. A worker that took the other role is
/// dropped when it reaches the top.
#[derive(Debug)]
struct Queue<Key> {
    changed: BinaryHeap<(Key, Reverse<u32>)>,
    steady: BinaryHeap<(Key, Reverse<u32>)>,
}

impl<Key: Ord + Copy> Queue<Key> {
    fn of(offers: impl Iterator<Item = (u32, Offer<Key>)>) -> Self {
        let (mut changed, mut steady) = (Vec::new(), Vec::new());
        for (worker, (side, key)) in offers {
            let entry = key.map(|key| (key, Reverse(worker)));
            match side {
                Side::Changed => changed.extend(entry),
                Side::Steady => steady.extend(entry),
            }
        }
        Self { changed: changed.into(), steady: steady.into() }
    }

    fn first(&mut self, side: Side, has_the_role: impl Fn(u32) -> bool) -> Option<(Key, Reverse<u32>)> {
        let heap = self.of_side(side);
        loop {
            let first = *heap.peek()?;
            if has_the_role(first.1.0) {
                return Some(first);
            }
            heap.pop();
        }
    }

    fn replace_first(&mut self, side: Side, key: Option<Key>) {
        if let Some(mut first) = self.of_side(side).peek_mut() {
            match key {
                Some(key) => first.0 = key,
                None => _ = PeekMut::pop(first),
            }
        }
    }

    const fn of_side(&mut self, side: Side) -> &mut BinaryHeap<(Key, Reverse<u32>)> {
        match side {
            Side::Changed => &mut self.changed,
            Side::Steady => &mut self.steady,
        }
    }
}
