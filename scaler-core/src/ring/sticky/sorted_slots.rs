//! Sorted array of slots that changes in batches.

use crate::Slot;

/// Slots of one owner, in order: four bytes per slot and no spare capacity.
///
/// A batch moves whole runs between its slots, so that it costs a search for each of them and one pass over the memory after
/// the first.
#[derive(Clone, Debug, Default)]
pub(super) struct SortedSlots(Box<[Slot]>);

impl SortedSlots {
    /// Returns the sorted slots for slots that are in order.
    pub(super) fn of(slots: Vec<Slot>) -> Self {
        Self(slots.into_boxed_slice())
    }

    pub(super) const fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// Removes slots, which are in order. Slots that it does not contain are ignored.
    pub(super) fn take(&mut self, gone: impl IntoIterator<Item = Slot>) {
        let mut slots = std::mem::take(&mut self.0).into_vec();
        let (mut kept, mut read) = (0, 0);
        for slot in gone {
            let run = gallop(&slots[read..], |next| *next < slot);
            shift(&mut slots, read, run, kept);
            kept += run;
            read += run;
            read += usize::from(slots.get(read) == Some(&slot));
        }
        let rest = slots.len() - read;
        shift(&mut slots, read, rest, kept);
        slots.truncate(kept + rest);
        *self = Self::of(slots);
    }

    /// Inserts slots, which are in order and which it does not contain.
    pub(super) fn put(&mut self, come: impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator) {
        let mut slots = std::mem::take(&mut self.0).into_vec();
        let mut unmoved = slots.len();
        let mut end = unmoved + come.len();
        slots.reserve_exact(come.len());
        slots.resize(end, Slot::new(0));
        for slot in come.rev() {
            let run = unmoved - slots[..unmoved].partition_point(|next| *next < slot);
            shift(&mut slots, unmoved - run, run, end - run);
            unmoved -= run;
            end -= run + 1;
            slots[end] = slot;
        }
        *self = Self::of(slots);
    }
}

fn shift(slots: &mut [Slot], from: usize, length: usize, to: usize) {
    if from != to {
        slots.copy_within(from..from + length, to);
    }
}

/// Returns the number of leading slots for which `is_before` holds, by galloping search: the cost is logarithmic in the result.
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

    fn sorted(numbers: &BTreeSet<u32>) -> Vec<Slot> {
        numbers.iter().copied().map(Slot::new).collect()
    }

    proptest! {
        #[test]
        fn it_takes_and_puts_as_a_set_does(before in slots(), batch in slots()) {
            let mut taken = SortedSlots::of(sorted(&before));
            taken.take(sorted(&batch));
            prop_assert_eq!(taken.slots(), &sorted(&(&before - &batch))[..]);
            taken.put(sorted(&batch).into_iter());
            prop_assert_eq!(taken.slots(), &sorted(&(&before | &batch))[..]);
        }
    }
}
