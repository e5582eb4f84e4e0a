//! Crates with points on a circle.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hash_rings::consistent;
use pingora_ketama::{Bucket, Continuum};

use crate::contender::Peer;
use crate::key::{BuildThrough, Item, Key};

/// Points a worker, where the crate does not fix them: what nginx takes.
pub const POINTS: usize = 160;

/// hashring. It knows no virtual nodes, so that each point is a node.
#[derive(Clone)]
pub struct Popular(hashring::HashRing<(u32, u32), BuildThrough>);

fn points_of(worker: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..POINTS as u32).map(move |point| (worker, point))
}

impl Peer for Popular {
    const NAME: &'static str = "hashring";
    const MOST_WORKERS: u32 = 10_000;

    fn build(workers: u32) -> Self {
        let mut ring = hashring::HashRing::with_hasher(BuildThrough::default());
        ring.batch_add((0..workers).flat_map(points_of).collect());
        Self(ring)
    }

    fn fork(&self, _workers: u32) -> Self {
        self.clone()
    }

    fn owner(&self, item: Item) -> u32 {
        self.0.get(&Key(item.hash)).expect("there are workers").0
    }

    fn join(&mut self, workers: u32) {
        self.0.batch_add(points_of(workers).collect());
    }

    fn leave(&mut self, _workers: u32, leaver: u32) {
        points_of(leaver).for_each(|point| _ = self.0.remove(&point));
    }
}

/// consistent_hash_ring.
#[derive(Clone)]
pub struct Weighted(pub consistent_hash_ring::Ring<u32, BuildThrough>);

impl Peer for Weighted {
    const NAME: &'static str = "consistent_hash_ring";
    const MOST_WORKERS: u32 = 1000;

    fn build(workers: u32) -> Self {
        let builder = consistent_hash_ring::RingBuilder::new(BuildThrough::default());
        Self(builder.vnodes(POINTS).nodes_iter(0..workers).build())
    }

    fn fork(&self, _workers: u32) -> Self {
        self.clone()
    }

    fn owner(&self, item: Item) -> u32 {
        *self.0.get(Key(item.hash))
    }

    fn join(&mut self, workers: u32) {
        self.0.insert(workers);
    }

    fn leave(&mut self, _workers: u32, leaver: u32) {
        self.0.remove(&leaver);
    }
}

/// hash-rings, its consistent ring.
pub struct Tree(consistent::Ring<'static, u32, BuildThrough>);

/// The number of a worker at a place that stays. There are few of them, and they last as long as the program.
pub fn fixed(worker: u32) -> &'static u32 {
    Box::leak(Box::new(worker))
}

impl Peer for Tree {
    const NAME: &'static str = "hash-rings";
    const MOST_WORKERS: u32 = 1000;

    fn build(workers: u32) -> Self {
        let mut ring = consistent::Ring::with_hasher(BuildThrough::default());
        (0..workers).for_each(|worker| ring.insert_node(fixed(worker), POINTS));
        Self(ring)
    }

    fn owner(&self, item: Item) -> u32 {
        *self.0.get_node(&Key(item.hash))
    }

    fn join(&mut self, workers: u32) {
        self.0.insert_node(fixed(workers), POINTS);
    }

    fn leave(&mut self, _workers: u32, leaver: u32) {
        self.0.remove_node(&leaver);
    }
}

/// pingora-ketama. It hashes by CRC-32 and knows no other hash; its ring is made anew at every change.
pub struct Ketama(Continuum);

impl Ketama {
    fn of(workers: impl Iterator<Item = u32>) -> Self {
        let node = |worker| Bucket::new(SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(worker)), 80), 1);
        Self(Continuum::new(&workers.map(node).collect::<Vec<_>>()))
    }
}

impl Peer for Ketama {
    const NAME: &'static str = "pingora-ketama";
    const MOST_WORKERS: u32 = 10_000;

    fn build(workers: u32) -> Self {
        Self::of(0..workers)
    }

    fn fork(&self, _workers: u32) -> Self {
        // The ring before a change is of no use to the ring after it.
        Self::of(0..1)
    }

    fn owner(&self, item: Item) -> u32 {
        match self.0.node(item.id.as_bytes()).map(|node| node.ip()) {
            Some(IpAddr::V4(address)) => address.to_bits(),
            _ => u32::MAX,
        }
    }

    fn join(&mut self, workers: u32) {
        *self = Self::of(0..workers + 1);
    }

    fn leave(&mut self, workers: u32, leaver: u32) {
        *self = Self::of((0..workers).filter(|worker| *worker != leaver));
    }
}
