//! Our rings as contenders.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_benches::{Table, roster, shared, worker};
use scaler_core::{HashRing, ItemId, Rendezvous, Ring, RingExt, Roster, StickyRing, WorkerId, slots_of_uuids};
use uuid::Uuid;

use crate::contender::{Class, Contender, Quality, timed};
use crate::key::{Fast, IdHash};

/// A ring of ours, shared by its workers.
pub struct Ours<R> {
    name: &'static str,
    ring: R,
    workers: u32,
}

/// A plan of the rendezvous ring costs as many hashes as there are slots times workers: beyond this it is left out.
pub const MOST_HASHES: u64 = 100_000_000;

pub const STICKY: &str = "StickyRing";
pub const MANY_AT_ONCE: &str = "StickyRing, many look-ups in one call";
pub const OWN_HASH: &str = "StickyRing, by a fast hash";

/// Another way to look up in the sticky ring.
pub struct LookUps {
    ring: StickyRing,
    name: &'static str,
}

/// By the hash of Postgres, many in one call; and by a hash of the user's own.
pub fn look_ups(workers: u32, table: &Table) -> [Box<dyn Contender>; 2] {
    [MANY_AT_ONCE, OWN_HASH]
        .map(|name| Box::new(LookUps { ring: scaler_benches::sticky(workers as usize, table), name }) as Box<dyn Contender>)
}

impl Contender for LookUps {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn class(&self) -> Class {
        Class::Ours
    }

    fn look_up(&self, ids: &[Uuid], passes: usize) -> Option<Duration> {
        let by_own_hash = |id: &Uuid| self.ring.owner_of_hash(Fast::hash(*id));
        Some(match self.name {
            MANY_AT_ONCE => timed(|| sum((0..passes).flat_map(|_| self.ring.owners_of_uuids(ids)))),
            _ => timed(|| sum((0..passes).flat_map(|_| ids).map(by_own_hash))),
        })
    }

    fn join(&self, _table: &Table) -> Option<Duration> {
        None
    }

    fn quality(&self, _table: &Table) -> Option<Quality> {
        None
    }
}

/// The sum of the addresses of owners, so that each must be found.
fn sum<'a>(owners: impl Iterator<Item = Option<&'a WorkerId>>) -> usize {
    owners.fold(0, |sum, owner| sum.wrapping_add(owner.map_or(0, |owner| std::ptr::from_ref(owner) as usize)))
}

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
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn class(&self) -> Class {
        Class::Ours
    }

    fn look_up(&self, ids: &[Uuid], passes: usize) -> Option<Duration> {
        Some(timed(|| sum((0..passes).flat_map(|_| ids).map(|id| self.ring.owner_of(&ItemId::Uuid(*id))))))
    }

    fn join(&self, table: &Table) -> Option<Duration> {
        let (mut ring, to) = (self.ring.clone(), of(self.workers + 1));
        Some(timed(|| {
            let plan = ring.plan(&to, &table.load);
            ring.apply(&plan).expect("the plan was made from this state");
            (table.moved_by(&plan), plan)
        }))
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
    slots_of_uuids(&table.ids, ring.slots()).map(|slot| of_slot[slot.index()]).collect()
}
