//! What every contender can do.

use std::hint::black_box;
use std::time::{Duration, Instant};

use scaler_benches::Table;

/// A crate's way to give items to workers, who are numbered from 0.
pub trait Peer: Sized {
    const NAME: &'static str;
    /// The most workers it can serve in good time and memory.
    const MOST_WORKERS: u32;
    /// Whether it stands in the ranking.
    const COUNTS: bool = true;

    fn build(workers: u32) -> Self;

    /// The same again, made before the clock starts.
    fn fork(&self, workers: u32) -> Self {
        let _ = self;
        Self::build(workers)
    }

    /// The owner of the item.
    fn owner(&self, item: uuid::Uuid) -> u32;

    /// One more joins the `workers` that there are.
    fn join(&mut self, workers: u32);

    /// One of the `workers` leaves.
    fn leave(&mut self, workers: u32, leaver: u32);

    /// Who can leave, of so many.
    fn leaver(workers: u32) -> u32 {
        workers / 2
    }
}

/// What is measured.
pub trait Contender {
    fn name(&self) -> &'static str;

    /// Whether it stands in the ranking.
    fn counts(&self) -> bool {
        true
    }

    /// Looks up that many items; `None` for one that only plans.
    fn look_up(&self, table: &Table, items: usize) -> Option<Duration>;

    /// Lets one more worker join and lists the items that move; the time that took. Nothing is changed for the next measurement.
    fn join(&self, table: &Table) -> Duration;

    /// The owner of each item; `None` for one that only plans.
    fn quality(&self, table: &Table) -> Option<Quality>;
}

/// Where the items are: at first, after a join, and after a leave instead of it.
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
pub struct LooksUp<P> {
    peer: P,
    workers: u32,
    owners: Vec<u32>,
}

impl<P: Peer> LooksUp<P> {
    pub fn build(workers: u32, table: &Table) -> Self {
        let peer = P::build(workers);
        let owners = owners(&peer, table);
        Self { peer, workers, owners }
    }
}

impl<P: Peer> Contender for LooksUp<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn counts(&self) -> bool {
        P::COUNTS
    }

    fn look_up(&self, table: &Table, items: usize) -> Option<Duration> {
        let sum = || table.items[..items].iter().fold(0, |sum: u32, item| sum.wrapping_add(self.peer.owner(item.uuid())));
        Some(timed(sum))
    }

    fn join(&self, table: &Table) -> Duration {
        let mut peer = self.peer.fork(self.workers);
        timed(|| {
            peer.join(self.workers);
            let mut moved: Vec<(u32, u32)> = Vec::new();
            for ((number, item), before) in (0..).zip(&table.items).zip(&self.owners) {
                let owner = peer.owner(item.uuid());
                if owner != *before {
                    moved.push((number, owner));
                }
            }
            moved
        })
    }

    fn quality(&self, table: &Table) -> Option<Quality> {
        let mut joined = self.peer.fork(self.workers);
        joined.join(self.workers);
        let (mut left, leaver) = (self.peer.fork(self.workers), P::leaver(self.workers));
        left.leave(self.workers, leaver);
        Some(Quality { built: self.owners.clone(), joined: owners(&joined, table), left: owners(&left, table), leaver })
    }
}

fn owners(peer: &impl Peer, table: &Table) -> Vec<u32> {
    table.items.iter().map(|item| peer.owner(item.uuid())).collect()
}
