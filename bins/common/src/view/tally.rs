//! Counts over all slots at one look.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use scaler_core::{Assignment, Slot, SlotLoad, Tick, WorkerId};

use super::map::slots_per_cell;
use crate::observe::WorkerLoad;

/// Counts over all slots at one look.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) tick: Tick,
    pub(super) tick_length: Duration,
    pub(super) slots: usize,
    pub(super) items: u64,
    pub(super) unowned: u64,
    pub(super) late: u64,
    pub(super) loads: BTreeMap<WorkerId, WorkerLoad>,
    /// Worker that owns most of the slots of each cell.
    pub(super) cells: Vec<Option<WorkerId>>,
}

impl Tally {
    /// Counts the slots. `earlier` is a load of at least two ticks ago: slots that had no items then may be on time with a last tick of
    /// long ago.
    pub(super) fn of(seen: &Assignment, load: &SlotLoad, earlier: Option<&SlotLoad>) -> Self {
        let mut owners = Owners::default();
        let mut cells = Vec::new();
        let (mut unowned, mut late) = (0, 0);
        let numbered = (0..).map(Slot::new).zip(&seen.slots);
        let per_cell = slots_per_cell(seen.slots.len());
        let mut votes: Vec<(usize, usize)> = Vec::new();
        for (slot, state) in numbered {
            let items = load.of(slot);
            match &state.owner {
                Some(owner) => {
                    let index = owners.add(&owner.worker, u64::from(items));
                    match votes.iter_mut().find(|(other, _)| *other == index) {
                        Some((_, count)) => *count += 1,
                        None => votes.push((index, 1)),
                    }
                }
                None => unowned += 1,
            }
            let is_missed = items > 0 && seen.tick.since(state.last_tick) > 1;
            late += u64::from(is_missed && earlier.is_some_and(|earlier| earlier.of(slot) > 0));
            if (slot.index() + 1) % per_cell == 0 {
                // The first of those with the most slots.
                let most = votes.iter().copied().reduce(|most, other| if other.1 > most.1 { other } else { most });
                cells.push(most.map(|(index, _)| owners.loads[index].0.clone()));
                votes.clear();
            }
        }
        Self {
            tick: seen.tick,
            tick_length: seen.tick_length,
            slots: seen.slots.len(),
            items: load.total(),
            unowned,
            late,
            loads: owners.loads.into_iter().map(|(worker, load)| (worker.clone(), load)).collect(),
            cells,
        }
    }
}

/// Loads of the owners, in the order in which they are met.
#[derive(Debug, Default)]
struct Owners<'a> {
    loads: Vec<(&'a WorkerId, WorkerLoad)>,
    index: HashMap<&'a WorkerId, usize>,
}

impl<'a> Owners<'a> {
    /// Adds a slot with its items to the load of a worker, and returns the index of the worker.
    fn add(&mut self, worker: &'a WorkerId, items: u64) -> usize {
        let loads = &mut self.loads;
        let index = *self.index.entry(worker).or_insert_with(|| {
            loads.push((worker, WorkerLoad::default()));
            loads.len() - 1
        });
        self.loads[index].1.slots += 1;
        self.loads[index].1.items += items;
        index
    }
}
