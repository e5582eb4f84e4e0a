//! The interface of a ring in the comparison.

use std::hint::black_box;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use scaler_benches::Table;
use uuid::Uuid;

use crate::key::{IdHash, Item};

/// A crate's way to give items to workers, who are numbered from 0.
pub trait Peer: Sized {
    const NAME: &'static str;
    /// The most workers it can serve in good time and memory.
    const MOST_WORKERS: u32;
    /// True if the contender is ranked.
    const COUNTS: bool = true;

    fn build(workers: u32) -> Self;

    /// The same again, made before the clock starts.
    fn fork(&self, workers: u32) -> Self {
        let _ = self;
        Self::build(workers)
    }

    /// The owner of the item.
    fn owner(&self, item: Item) -> u32;

    /// One more joins the `workers` that there are.
    fn join(&mut self, workers: u32);

    /// One of the `workers` leaves.
    fn leave(&mut self, workers: u32, leaver: u32);

    /// Returns the index of the worker that leaves, of this many.
    fn leaver(workers: u32) -> u32 {
        workers / 2
    }
}

/// In which ranking a contender stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A ring of ours, or a way to look up in one.
    Ours,
    /// A crate as its users run it, with a fast hash.
    Peer,
    /// A crate with the hash of Postgres: its table beside ours.
    PeerByOurHash,
    /// Shown, and not ranked.
    Unranked,
}

/// The measures of the comparison.
pub trait Contender {
    fn name(&self) -> String;

    fn class(&self) -> Class;

    /// Looks up each of these ids this many times; `None` for one that only plans.
    fn look_up(&self, ids: &[Uuid], passes: usize) -> Option<Duration>;

    /// Lets one more worker join and lists the items that move; the time that took. Nothing is changed for the next measurement. `None` for one
    /// that only looks up.
    fn join(&self, table: &Table) -> Option<Duration>;

    /// The owner of each item; `None` for one that only plans.
    fn quality(&self, table: &Table) -> Option<Quality>;
}

/// Placements of the items: at first, after a join, and after a leave instead of it.
pub struct Quality {
    pub built: Vec<u32>,
    pub joined: Vec<u32>,
    pub left: Vec<u32>,
    pub leaver: u32,
}

/// The time that something takes.
#[expect(clippy::disallowed_methods, reason = "times are what is measured")]
pub fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    let done = black_box(work());
    let took = begun.elapsed();
    drop(done);
    took
}

/// A peer that tells what moves by looking every item up again.
pub struct LooksUp<P, H> {
    peer: P,
    class: Class,
    workers: u32,
    owners: Vec<u32>,
    hash: PhantomData<H>,
}

impl<P: Peer, H: IdHash> LooksUp<P, H> {
    pub fn build(workers: u32, table: &Table, class: Class) -> Self {
        let peer = P::build(workers);
        let owners = owners::<H>(&peer, table);
        let class = if P::COUNTS { class } else { Class::Unranked };
        Self { peer, class, workers, owners, hash: PhantomData }
    }
}

#[inline]
fn item<H: IdHash>(id: Uuid) -> Item {
    Item { id, hash: H::hash(id) }
}

impl<P: Peer, H: IdHash> Contender for LooksUp<P, H> {
    fn name(&self) -> String {
        format!("{}{}", P::NAME, H::SUFFIX)
    }

    fn class(&self) -> Class {
        self.class
    }

    fn look_up(&self, ids: &[Uuid], passes: usize) -> Option<Duration> {
        let owner = |id: &Uuid| self.peer.owner(item::<H>(*id));
        let sum = || (0..passes).flat_map(|_| ids).fold(0, |sum: u32, id| sum.wrapping_add(owner(id)));
        Some(timed(sum))
    }

    fn join(&self, table: &Table) -> Option<Duration> {
        if self.class == Class::PeerByOurHash {
            return None;
        }
        let mut peer = self.peer.fork(self.workers);
        Some(timed(|| {
            peer.join(self.workers);
            let mut moved: Vec<(u32, u32)> = Vec::new();
            for ((number, id), before) in (0..).zip(&table.ids).zip(&self.owners) {
                let owner = peer.owner(item::<H>(*id));
                if owner != *before {
                    moved.push((number, owner));
                }
            }
            moved
        }))
    }

    fn quality(&self, table: &Table) -> Option<Quality> {
        if self.class == Class::PeerByOurHash {
            return None;
        }
        let mut joined = self.peer.fork(self.workers);
        joined.join(self.workers);
        let (mut left, leaver) = (self.peer.fork(self.workers), P::leaver(self.workers));
        left.leave(self.workers, leaver);
        Some(Quality { built: self.owners.clone(), joined: owners::<H>(&joined, table), left: owners::<H>(&left, table), leaver })
    }
}

fn owners<H: IdHash>(peer: &impl Peer, table: &Table) -> Vec<u32> {
    table.ids.iter().map(|id| peer.owner(item::<H>(*id))).collect()
}
