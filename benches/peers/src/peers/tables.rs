//! Crates whose look-up goes through a table.

use maglev::ConsistentHasher;

use crate::contender::Peer;
use crate::key::{BuildThrough, Item, Key};

/// The size of a table, from the paper: a small one, with a hundred entries a worker at the least. It must not change with the
/// workers, or every item would move.
fn entries(workers: u32) -> usize {
    (100 * workers as usize).max(65_537)
}

/// maglev. Its table is made anew at every change, in time and memory of its entries times the workers.
#[derive(Clone)]
pub struct Maglev(maglev::Maglev<u32, BuildThrough>);

impl Maglev {
    fn of(workers: impl Iterator<Item = u32>, entries: usize) -> Self {
        Self(maglev::Maglev::with_capacity_and_hasher(workers, entries, BuildThrough::default()))
    }
}

impl Peer for Maglev {
    const NAME: &'static str = "maglev";
    const MOST_WORKERS: u32 = 1000;

    fn build(workers: u32) -> Self {
        Self::of(0..workers, entries(workers))
    }

    fn fork(&self, _workers: u32) -> Self {
        self.clone()
    }

    fn owner(&self, item: Item) -> u32 {
        *self.0.get(&Key(item.hash)).expect("there are workers")
    }

    fn join(&mut self, workers: u32) {
        *self = Self::of(0..workers + 1, entries(workers));
    }

    fn leave(&mut self, workers: u32, leaver: u32) {
        *self = Self::of((0..workers).filter(|worker| *worker != leaver), entries(workers));
    }
}

/// maglev with the table that it makes where nothing is asked for. Its size follows the workers, so that every change moves nearly
/// every item: fast while small, but no consistent hashing. It is shown and not ranked.
#[derive(Clone)]
pub struct MaglevAsItComes(maglev::Maglev<u32, BuildThrough>);

impl MaglevAsItComes {
    fn of(workers: impl Iterator<Item = u32>) -> Self {
        Self(maglev::Maglev::with_hasher(workers, BuildThrough::default()))
    }
}

impl Peer for MaglevAsItComes {
    const NAME: &'static str = "maglev as it comes (not ranked)";
    const MOST_WORKERS: u32 = 1000;
    const COUNTS: bool = false;

    fn build(workers: u32) -> Self {
        Self::of(0..workers)
    }

    fn fork(&self, _workers: u32) -> Self {
        self.clone()
    }

    fn owner(&self, item: Item) -> u32 {
        *self.0.get(&Key(item.hash)).expect("there are workers")
    }

    fn join(&mut self, workers: u32) {
        *self = Self::of(0..workers + 1);
    }

    fn leave(&mut self, workers: u32, leaver: u32) {
        *self = Self::of((0..workers).filter(|worker| *worker != leaver));
    }
}

/// anchorhash, with room for as many workers again.
pub struct Anchor(anchorhash::AnchorHash<Key, u32, BuildThrough>);

impl Peer for Anchor {
    const NAME: &'static str = "anchorhash";
    const MOST_WORKERS: u32 = 10_000;

    fn build(workers: u32) -> Self {
        let capacity = u16::try_from(2 * workers).expect("it holds up to 65,535");
        Self(anchorhash::Builder::with_hasher(BuildThrough::default()).with_resources(0..workers).build(capacity))
    }

    fn owner(&self, item: Item) -> u32 {
        *self.0.get_resource(Key(item.hash)).expect("there are workers")
    }

    fn join(&mut self, workers: u32) {
        self.0.add_resource(workers).expect("there is room");
    }

    fn leave(&mut self, _workers: u32, leaver: u32) {
        self.0.remove_resource(&leaver).expect("it is there");
    }
}
