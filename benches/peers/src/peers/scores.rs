//! Crates by highest random weight.

use std::hash::{Hash, Hasher};

use hrw_hash::HrwNodes;
use rendezvous_hash::{IdNode, NodeHasher, RendezvousNodes};

use crate::contender::Peer;
use crate::key::{BuildThrough, Item, Key, Through};

/// rendezvous_hash.
pub struct Candidates(RendezvousNodes<IdNode<u32>, Mixed>);

#[derive(Clone, Copy)]
struct Mixed;

impl NodeHasher<u32> for Mixed {
    fn hash<T: Hash>(&self, node: &u32, item: &T) -> u64 {
        let mut hasher = Through::default();
        item.hash(&mut hasher);
        node.hash(&mut hasher);
        hasher.finish()
    }
}

impl Peer for Candidates {
    const NAME: &'static str = "rendezvous_hash";
    const MOST_WORKERS: u32 = 100;

    fn build(workers: u32) -> Self {
        let mut nodes = RendezvousNodes::new(Mixed);
        (0..workers).for_each(|worker| _ = nodes.insert(IdNode::new(worker)));
        Self(nodes)
    }

    fn owner(&self, item: Item) -> u32 {
        **self.0.calc_candidates(&Key(item.hash)).next().expect("there are workers")
    }

    fn join(&mut self, workers: u32) {
        self.0.insert(IdNode::new(workers));
    }

    fn leave(&mut self, _workers: u32, leaver: u32) {
        self.0.remove(&leaver);
    }
}

/// hrw-hash. Its nodes are fixed when it is built.
pub struct Sorted(HrwNodes<u32, BuildThrough>);

impl Sorted {
    fn of(workers: impl Iterator<Item = u32>) -> Self {
        Self(HrwNodes::with_build_hasher(BuildThrough::default(), workers))
    }
}

impl Peer for Sorted {
    const NAME: &'static str = "hrw-hash";
    const MOST_WORKERS: u32 = 100;

    fn build(workers: u32) -> Self {
        Self::of(0..workers)
    }

    fn owner(&self, item: Item) -> u32 {
        *self.0.sorted(&Key(item.hash)).next().expect("there are workers")
    }

    fn join(&mut self, workers: u32) {
        *self = Self::of(0..workers + 1);
    }

    fn leave(&mut self, workers: u32, leaver: u32) {
        *self = Self::of((0..workers).filter(|worker| *worker != leaver));
    }
}
