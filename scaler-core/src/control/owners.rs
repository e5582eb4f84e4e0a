//! Slot owners, kept from look to look, so that a look at which little has changed costs little.

use std::collections::BTreeMap;

use crate::{Incarnation, MemberKey, Slot, SlotState, Tick, WorkerId};

/// Maximum number of former owners that are kept, or the number of present owners if that is greater.
const MOST_GONE: usize = 64;

/// Owner of each slot, and slots and last tick of each owner.
#[derive(Debug, Default)]
pub(super) struct SlotOwners {
    /// Index of the owner in `owners`, by slot.
    places: Vec<usize>,
    owners: Vec<KnownOwner>,
    by_key: BTreeMap<Option<MemberKey>, usize>,
    changes: Changes,
}

/// Slots that have changed their owner.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// These slots; some may occur more than once.
    Slots(Vec<Slot>),
    /// Any slot may have.
    All,
}

impl Default for Changes {
    fn default() -> Self {
        Self::Slots(Vec::new())
    }
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Slots(slots) if slots.is_empty())
    }

    /// Records a slot. Once as many are recorded as there are slots, any may have changed.
    fn note(&mut self, number: usize, slots: usize) {
        match (&mut *self, u32::try_from(number)) {
            (Self::Slots(noted), Ok(number)) if noted.len() < slots => noted.push(Slot::new(number)),
            _ => *self = Self::All,
        }
    }
}

#[derive(Debug)]
struct KnownOwner {
    /// `None` stands for slots without an owner.
    key: Option<MemberKey>,
    slots: usize,
    last_tick: Tick,
}

/// Slots and ticks of a worker, over all incarnations that own slots under its name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) ticked: BTreeMap<Incarnation, Tick>,
    pub(super) slots: usize,
}

impl SlotOwners {
    /// Updates the owners from the present state of the slots.
    pub(super) fn observe(&mut self, slots: &[SlotState]) {
        let gone = self.owners.iter().filter(|owner| owner.slots == 0).count();
        if self.places.len() != slots.len() || gone > MOST_GONE.max(self.owners.len() - gone) {
            *self = Self { places: vec![usize::MAX; slots.len()], changes: Changes::All, ..Self::default() };
        }
        self.owners.iter_mut().for_each(|owner| (owner.slots, owner.last_tick) = (0, Tick::default()));
        for (number, state) in slots.iter().enumerate() {
            let known = self.places[number];
            let place = match self.owners.get(known) {
                Some(owner) if owner.key == state.owner => known,
                _ => self.change(number, state.owner.as_ref()),
            };
            let owner = &mut self.owners[place];
            owner.slots += 1;
            owner.last_tick = owner.last_tick.max(state.last_tick);
        }
    }

    fn change(&mut self, slot: usize, owner: Option<&MemberKey>) -> usize {
        self.changes.note(slot, self.places.len());
        let owners = &mut self.owners;
        let place = *self.by_key.entry(owner.cloned()).or_insert_with_key(|key| {
            owners.push(KnownOwner { key: key.clone(), slots: 0, last_tick: Tick::default() });
            owners.len() - 1
        });
        self.places[slot] = place;
        place
    }

    /// Returns the slots that changed their owner since the last call.
    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Returns the owners of slots.
    pub(super) fn keys(&self) -> impl Iterator<Item = &MemberKey> {
        self.owners.iter().filter(|owner| owner.slots > 0).filter_map(|owner| owner.key.as_ref())
    }

    /// Returns what each worker owns.
    pub(super) fn by_worker(&self) -> BTreeMap<WorkerId, Owned> {
        let mut workers: BTreeMap<WorkerId, Owned> = BTreeMap::new();
        for owner in self.owners.iter().filter(|owner| owner.slots > 0) {
            let Some(key) = &owner.key else { continue };
            let owned = workers.entry(key.worker.clone()).or_default();
            owned.slots += owner.slots;
            owned.ticked.insert(key.incarnation, owner.last_tick);
        }
        workers
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::Epoch;

    fn state((owner, tick): (u8, u64)) -> SlotState {
        let key = |owner: u8| MemberKey {
            worker: WorkerId::new(format!("w{}", owner % 5)).unwrap(),
            incarnation: Incarnation::new(Uuid::from_u128(owner.into())),
        };
        SlotState { owner: (owner > 0).then(|| key(owner)), epoch: Epoch(1), last_tick: Tick(tick) }
    }

    /// Returns the same counts, counted from scratch.
    fn counted(slots: &[SlotState]) -> BTreeMap<WorkerId, Owned> {
        let mut workers: BTreeMap<WorkerId, Owned> = BTreeMap::new();
        for state in slots {
            let Some(key) = &state.owner else { continue };
            let owned = workers.entry(key.worker.clone()).or_default();
            owned.slots += 1;
            let last = owned.ticked.entry(key.incarnation).or_default();
            *last = (*last).max(state.last_tick);
        }
        workers
    }

    proptest! {
        #[test]
        fn incremental_counts_and_changes_equal_a_full_scan(looks in prop::collection::vec(prop::collection::vec((0_u8..200, 0_u64..9), 0..40), 1..12)) {
            let mut kept = SlotOwners::default();
            let mut before: Option<Vec<_>> = None;
            for look in looks {
                let slots: Vec<_> = look.into_iter().map(state).collect();
                kept.observe(&slots);
                prop_assert_eq!(kept.by_worker(), counted(&slots));
                let owners: Vec<_> = slots.iter().map(|slot| slot.owner.clone()).collect();
                let changes = kept.take_changes();
                if let (Changes::Slots(changed), Some(before)) = (changes, before) {
                    for (number, (before, now)) in before.iter().zip(&owners).enumerate() {
                        let is_noted = changed.contains(&Slot::new(u32::try_from(number).unwrap()));
                        prop_assert_eq!(is_noted, before != now);
                    }
                }
                before = Some(owners);
            }
        }
    }
}
