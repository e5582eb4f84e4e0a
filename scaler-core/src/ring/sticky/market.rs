//! Who gives next, and to whom.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::share::Share;

/// Whether a worker's part in the roster changed in the direction in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A receiver that joined or was raised; a donor that was lowered.
    Changed,
    /// Any other.
    Steady,
}

/// Donors and receivers by urgency. At least one of each pair has changed, so nothing moves among those that stay as they are.
#[derive(Debug)]
pub(super) struct Market {
    donors: Queue<Share>,
    receivers: Queue<Reverse<Share>>,
}

impl Market {
    pub(super) fn new(workers: usize) -> Self {
        Self { donors: Queue::new(workers), receivers: Queue::new(workers) }
    }

    /// Sets what the worker's key as a donor is now; `None` when it gives nothing.
    pub(super) fn offer(&mut self, worker: usize, side: Side, key: Option<Share>) {
        self.donors.set(worker, side, key);
    }

    /// Sets what the worker's key as a receiver is now; `None` when it takes nothing.
    pub(super) fn seek(&mut self, worker: usize, side: Side, key: Option<Share>) {
        self.receivers.set(worker, side, key.map(Reverse));
    }

    /// The donor and the receiver of the next move; `None` when no donor stands above a receiver that it may give to.
    ///
    /// It must be the highest of all donors and the lowest of all receivers wherever these may trade: only then do the
    /// rules hold for the workers that may not.
    pub(super) fn pair(&mut self) -> Option<(usize, usize)> {
        let (lowered, donor) = (self.donors.first(Side::Changed), self.donors.first(Side::Steady));
        let (eager, receiver) = (self.receivers.first(Side::Changed), self.receivers.first(Side::Steady));
        let to_changed = (lowered.max(donor), eager);
        let from_changed = (lowered, eager.max(receiver));
        let order = if eager >= receiver { [to_changed, from_changed] } else { [from_changed, to_changed] };
        order.into_iter().find_map(|(donor, receiver)| {
            let ((above, Reverse(donor)), (Reverse(below), Reverse(receiver))) = (donor?, receiver?);
            (above > below).then_some((donor, receiver))
        })
    }
}

/// Workers by key, the greatest first, and among equals the first by name.
#[derive(Debug)]
struct Queue<Key> {
    changed: BinaryHeap<(Key, Reverse<usize>)>,
    steady: BinaryHeap<(Key, Reverse<usize>)>,
    /// The key that holds now, by worker: entries with another are outdated and dropped when they surface.
    current: Vec<Option<Key>>,
}

impl<Key: Ord + Copy> Queue<Key> {
    fn new(workers: usize) -> Self {
        Self { changed: BinaryHeap::new(), steady: BinaryHeap::new(), current: vec![None; workers] }
    }

    fn set(&mut self, worker: usize, side: Side, key: Option<Key>) {
        self.current[worker] = key;
        if let Some(key) = key {
            match side {
                Side::Changed => self.changed.push((key, Reverse(worker))),
                Side::Steady => self.steady.push((key, Reverse(worker))),
            }
        }
    }

    fn first(&mut self, side: Side) -> Option<(Key, Reverse<usize>)> {
        let heap = match side {
            Side::Changed => &mut self.changed,
            Side::Steady => &mut self.steady,
        };
        while let Some((key, Reverse(worker))) = heap.peek().copied() {
            if self.current[worker] == Some(key) {
                return Some((key, Reverse(worker)));
            }
            heap.pop();
        }
        None
    }
}
