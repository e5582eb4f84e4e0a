//! Crates that tell what a join moves without looking every item up again. They tell the new owner only.

use std::time::Duration;

use consistent_hash_ring::migrated_ranges;
use hash_rings::consistent::Client;
use scaler_benches::Table;
use uuid::Uuid;

use super::circles::{POINTS, Weighted, fixed};
use crate::contender::{Class, Contender, Peer, Quality, timed};
use crate::key::{BuildThrough, Fast, IdHash, Key};

/// Both take long to build.
pub const MOST_WORKERS: u32 = 1000;

/// consistent_hash_ring tells which ranges of hashes move; the items stand in the order of their hashes.
pub struct Ranges {
    ring: Weighted,
    workers: u32,
    by_hash: Vec<(u64, u32)>,
}

impl Ranges {
    pub fn build(workers: u32, table: &Table) -> Self {
        let mut by_hash: Vec<(u64, u32)> = table.ids.iter().map(|id| Fast::hash(*id)).zip(0..).collect();
        by_hash.sort_unstable();
        Self { ring: Weighted::build(workers), workers, by_hash }
    }
}

impl Contender for Ranges {
    fn name(&self) -> String {
        "consistent_hash_ring, its own delta".to_owned()
    }

    fn class(&self) -> Class {
        Class::Peer
    }

    fn look_up(&self, _ids: &[Uuid], _passes: usize) -> Option<Duration> {
        None
    }

    fn join(&self, _table: &Table) -> Option<Duration> {
        let mut ring = self.ring.fork(self.workers);
        Some(timed(|| {
            ring.join(self.workers);
            let mut moved: Vec<(u32, u32)> = Vec::new();
            for range in migrated_ranges(&self.ring.0, &ring.0) {
                // The range that goes around the end of the circle begins behind its end.
                let (first, last) = (*range.keys().start(), *range.keys().end());
                let parts = if first <= last { [(first, last), (1, 0)] } else { [(first, u64::MAX), (0, last)] };
                for (first, last) in parts.into_iter().filter(|(first, last)| first <= last) {
                    let from = self.by_hash.partition_point(|(hash, _)| *hash < first);
                    let items = self.by_hash[from..].iter().take_while(|(hash, _)| *hash <= last);
                    moved.extend(items.map(|(_, item)| (*item, *range.dst())));
                }
            }
            moved
        }))
    }

    fn quality(&self, _table: &Table) -> Option<Quality> {
        None
    }
}

/// hash-rings keeps the items of every point and passes them on as points come.
pub struct Points {
    workers: u32,
    keys: &'static [Key],
}

impl Points {
    pub fn build(workers: u32, table: &Table) -> Self {
        Self { workers, keys: table.ids.iter().map(|id| Key(Fast::hash(*id))).collect::<Vec<_>>().leak() }
    }
}

impl Contender for Points {
    fn name(&self) -> String {
        "hash-rings, its own delta".to_owned()
    }

    fn class(&self) -> Class {
        Class::Peer
    }

    fn look_up(&self, _ids: &[Uuid], _passes: usize) -> Option<Duration> {
        None
    }

    fn join(&self, _table: &Table) -> Option<Duration> {
        let mut client = Client::with_hasher(BuildThrough::default());
        (0..self.workers).for_each(|worker| client.insert_node(fixed(worker), POINTS));
        self.keys.iter().for_each(|key| _ = client.insert_point(key));
        let joiner = fixed(self.workers);
        Some(timed(|| {
            client.insert_node(joiner, POINTS);
            client.get_points(joiner).len()
        }))
    }

    fn quality(&self, _table: &Table) -> Option<Quality> {
        None
    }
}
