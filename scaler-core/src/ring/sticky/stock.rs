//! Sorted slots that change in batches.

use crate::Slot;

/// The slots that one owner has, in order: four bytes a slot, and little room to grow.
///
/// A batch moves whole runs between the slots that it concerns, so that it costs a search for each of them and one pass
/// over the memory behind the first.
#[derive(Clone, Debug, Default)]
pub(super) struct Stock(Vec<Slot>);

impl Stock {
    /// An empty one that will not grow before it has so many.
    pub(super) fn with_room_for(slots: usize) -> Self {
        Self(Vec::with_capacity(slots))
    }

    /// Adds a slot that stands behind all others.
    pub(super) fn push(&mut self, slot: Slot) {
        self.0.push(slot);
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// Takes these slots out; both are in order. One that is not there is not missed.
    pub(super) fn take(&mut self, gone: impl IntoIterator<Item = Slot>) {
        let (mut kept, mut read) = (0, 0);
        for slot in gone {
            let run = gallop(&self.0[read..], |next| *next < slot);
            self.shift(read, run, kept);
            kept += run;
            read += run;
            read += usize::from(self.0.get(read) == Some(&slot));
        }
        let rest = self.0.len() - read;
        self.shift(read, rest, kept);
        self.0.truncate(kept + rest);
        if 2 * self.0.len() < self.0.capacity() {
            self.0.shrink_to_fit();
        }
    }

    /// Puts these slots in; both are in order and have none in common.
    pub(super) fn put(&mut self, come: impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator) {
        let mut unmoved = self.0.len();
        let mut end = unmoved + come.len();
        self.0.reserve_exact(come.len());
        self.0.resize(end, Slot::new(0));
        for slot in come.rev() {
            let run = unmoved - self.0[..unmoved].partition_point(|next| *next < slot);
            self.shift(unmoved - run, run, end - run);
            unmoved -= run;
            end -= run + 1;
            self.0[end] = slot;
        }
    }

    fn shift(&mut self, from: usize, length: usize, to: usize) {
        if from != to {
            self.0.copy_within(from..from + length, to);
        }
    }
}

/// How many of the first slots are before it; the search costs as much as they are few.
fn gallop(slots: &[Slot], is_before: impl Fn(&Slot) -> bool) -> usize {
    let mut reach = 1;
    while slots.get(reach - 1).is_some_and(&is_before) {
        reach *= 2;
    }
    let known = reach / 2;
    known + slots[known..slots.len().min(reach)].partition_point(is_before)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn slots() -> impl Strategy<Value = BTreeSet<u32>> {
        prop::collection::btree_set(0..60_u32, 0..40)
    }

    fn stock(numbers: &BTreeSet<u32>) -> Stock {
        let mut stock = Stock::default();
        numbers.iter().for_each(|number| stock.push(Slot::new(*number)));
        stock
    }

    fn sorted(numbers: &BTreeSet<u32>) -> Vec<Slot> {
        numbers.iter().copied().map(Slot::new).collect()
    }

    proptest! {
        #[test]
        fn it_takes_and_puts_as_a_set_does(before in slots(), batch in slots()) {
            let mut taken = stock(&before);
            taken.take(sorted(&batch));
            prop_assert_eq!(taken.slots(), &sorted(&(&before - &batch))[..]);
            taken.put(sorted(&batch).into_iter());
            prop_assert_eq!(taken.slots(), &sorted(&(&before | &batch))[..]);
        }
    }
}
