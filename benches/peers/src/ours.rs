//! Our rings as contenders.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_benches::{Table, roster, shared, worker};
use scaler_core::{HashRing, Rendezvous, Ring, RingExt, Roster, WorkerId, slot_of};

use crate::contender::{Contender, Quality, timed};

/// A ring of ours, shared by its workers.
pub struct Ours<R> {
    name: &'static str,
    ring: R,
    workers: u32,
}

/// A plan of the rendezvous ring costs as many hashes as there are slots times workers: beyond this it is left out.
pub const MOST_HASHES: u64 = 100_000_000;

pub const STICKY: &str = "StickyRing";

pub fn sticky(workers: u32, table: &Table) -> Box<dyn Contender> {
    Box::new(Ours { name: STICKY, ring: scaler_benches::sticky(workers as usize, table), workers })
}

pub fn hash_ring(workers: u32, table: &Table) -> Box<dyn Contender> {
    Box::new(Ours::shared("HashRing", HashRing::new(table.slots), workers, table))
}

pub fn bounded_hash_ring(workers: u32, table: &Table) -> Box<dyn Contender> {
    Box::new(Ours::shared("HashRing, bounded by 5 %", HashRing::new(table.slots).bounded(5), workers, table))
}

pub fn rendezvous(workers: u32, table: &Table) -> Box<dyn Contender> {
    Box::new(Ours::shared("Rendezvous", Rendezvous::new(table.slots), workers, table))
}

impl<R: Ring + Clone> Ours<R> {
    fn shared(name: &'static str, ring: R, workers: u32, table: &Table) -> Self {
        Self { name, ring: shared(ring, &of(workers), &table.load), workers }
    }

    fn after(&self, to: &Roster, table: &Table) -> R {
        shared(self.ring.clone(), to, &table.load)
    }
}

impl<R: Ring + Clone> Contender for Ours<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn look_up(&self, table: &Table, items: usize) -> Option<Duration> {
        let owner = |item| self.ring.owner_of(item).map_or(0, |owner| std::ptr::from_ref(owner) as usize);
        let sum = || table.items[..items].iter().fold(0, |sum: usize, item| sum.wrapping_add(owner(*item)));
        Some(timed(sum))
    }

    fn join(&self, table: &Table) -> Duration {
        let (mut ring, to) = (self.ring.clone(), of(self.workers + 1));
        timed(|| {
            let plan = ring.plan(&to, &table.load);
            ring.apply(&plan).expect("the plan was made from this state");
            (table.moved_by(&plan), plan)
        })
    }

    fn quality(&self, table: &Table) -> Option<Quality> {
        let leaver = self.workers / 2;
        let mut remaining = of(self.workers);
        remaining.remove(&worker(leaver as usize));
        Some(Quality {
            built: owners(&self.ring, table),
            joined: owners(&self.after(&of(self.workers + 1), table), table),
            left: owners(&self.after(&remaining, table), table),
            leaver,
        })
    }
}

fn of(workers: u32) -> Roster {
    roster(workers as usize)
}

fn owners(ring: &impl Ring, table: &Table) -> Vec<u32> {
    let numbers: BTreeMap<WorkerId, u32> =
        (0..=ring.roster().len() as u32 + 1).map(|number| (worker(number as usize), number)).collect();
    let of_slot: Vec<u32> = ring.slots().iter().map(|slot| numbers[ring.owner(slot).expect("an owner")]).collect();
    table.items.iter().map(|item| of_slot[slot_of(*item, ring.slots()).index()]).collect()
}
