//! Workers of one process, as a number and names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::WorkerId;
use crate::autoscale::{Fleet, FleetError, FleetView, Pod};

/// The reference [`Fleet`]: it keeps the number and shows the workers that it is told of; whoever owns it starts and ends them.
#[derive(Debug, Default)]
pub struct MemoryFleet(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    replicas: u32,
    version: u64,
    workers: BTreeMap<WorkerId, Pod>,
}

impl MemoryFleet {
    /// A fleet that shall have this many workers and has none yet.
    #[must_use]
    pub fn new(replicas: u32) -> Self {
        let fleet = Self::default();
        fleet.demand(replicas);
        fleet
    }

    /// Sets the number, as somebody else would.
    pub fn demand(&self, replicas: u32) {
        let mut book = self.book();
        book.replicas = replicas;
        book.version += 1;
    }

    /// There is this worker now, not ready yet.
    pub fn join(&self, worker: &WorkerId) {
        self.book().workers.insert(worker.clone(), Pod::default());
    }

    /// This worker is being ended.
    pub fn forget(&self, worker: &WorkerId) {
        self.book().workers.remove(worker);
    }

    /// This worker is ready, or not; whoever has not joined is passed over.
    pub fn report(&self, worker: &WorkerId, readiness: Readiness) {
        if let Some(pod) = self.book().workers.get_mut(worker) {
            pod.ready = readiness == Readiness::Ready;
        }
    }

    /// How many workers are too few, and which are too many: first those that are not ready, then those that are marked.
    #[must_use]
    pub fn difference(&self) -> (usize, Vec<WorkerId>) {
        let book = self.book();
        let (here, shall_be) = (book.workers.len(), usize::try_from(book.replicas).unwrap_or(usize::MAX));
        let mut workers: Vec<_> = book.workers.iter().collect();
        workers.sort_by_key(|(worker, pod)| (pod.ready, !pod.marked, (*worker).clone()));
        let surplus = workers.into_iter().take(here.saturating_sub(shall_be)).map(|(worker, _)| worker.clone());
        (shall_be.saturating_sub(here), surplus.collect())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic cannot leave the book half written: nothing that changes it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a worker is ready for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is.
    Ready,
    /// It is not, or not any more.
    Unready,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Fleet for MemoryFleet {
    async fn read(&self) -> Result<FleetView, FleetError> {
        let book = self.book();
        let Book { replicas, version, workers } = &*book;
        Ok(FleetView { replicas: *replicas, version: version.to_string(), writer: None, workers: workers.clone() })
    }

    async fn set_replicas(&self, seen: &FleetView, replicas: u32) -> Result<(), FleetError> {
        let mut book = self.book();
        if book.version.to_string() != seen.version {
            return Err(FleetError::Changed { during: "setting the number", source: "it has another version".into() });
        }
        book.replicas = replicas;
        book.version += 1;
        Ok(())
    }

    async fn mark(&self, _: &FleetView, workers: &BTreeSet<WorkerId>) -> Result<(), FleetError> {
        for (worker, pod) in &mut self.book().workers {
            pod.marked = workers.contains(worker);
        }
        Ok(())
    }
}
