//! In-memory fleet: a number of replicas and the names of workers in one process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::WorkerId;
use crate::autoscale::{Fleet, FleetError, FleetView, Pod};

/// The reference [`Fleet`]: holds the number of replicas and the workers reported to it. Its owner starts and stops the workers.
#[derive(Debug, Default)]
pub struct MemoryFleet(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    replicas: u32,
    version: u64,
    workers: BTreeMap<WorkerId, Pod>,
}

impl MemoryFleet {
    /// Creates a fleet that wants this many workers and has none yet.
    #[must_use]
    pub fn new(replicas: u32) -> Self {
        let fleet = Self::default();
        fleet.demand(replicas);
        fleet
    }

    /// Sets the number of replicas as another writer would.
    pub fn demand(&self, replicas: u32) {
        let mut book = self.book();
        book.replicas = replicas;
        book.version += 1;
    }

    /// Adds a worker, not ready yet.
    pub fn join(&self, worker: &WorkerId) {
        self.book().workers.insert(worker.clone(), Pod::default());
    }

    /// Removes a worker that is being terminated.
    pub fn forget(&self, worker: &WorkerId) {
        self.book().workers.remove(worker);
    }

    /// Sets the readiness of a worker; ignores workers that have not joined.
    pub fn report(&self, worker: &WorkerId, readiness: Readiness) {
        if let Some(pod) = self.book().workers.get_mut(worker) {
            pod.ready = readiness == Readiness::Ready;
        }
    }

    /// Returns the number of missing workers, and the surplus workers: first those that are not ready, then those that are marked.
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
        // A panic cannot leave the book half written: no code that changes it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Readiness of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The worker is ready for work.
    Ready,
    /// The worker is not ready, or no longer.
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
