//! A control plane and workers in one process, with the same loops as the programs, on the in-memory adapters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notifi_scaler_common::item_list_printer::PrintIds;
use notifi_scaler_common::metrics::WorkerMetrics;
use notifi_scaler_common::observe::{WorkerLoad, WorkerObserver, loads_of};
use notifi_scaler_common::readiness::Readiness;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use prometheus_client::registry::Registry;
use scaler_core::control::{self, ControlConfig};
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::worker::{self, Ending, Worker, WorkerConfig};
use scaler_core::{Clock, Incarnation, ItemId, MemberKey, Membership, RingKind, SlotCount, TokioClock, WorkStore, WorkerId};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::journal::Journal;
use super::summary::{Life, Summary, WorkerRow};
use crate::removal::Removal;

/// Length of a tick.
const TICK: Duration = Duration::from_secs(1);

/// Running local system.
#[derive(Debug)]
pub struct System {
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    membership: Arc<dyn Membership>,
    lines: StdoutWriter,
    print: PrintIds,
    journal: Journal,
    control: JoinHandle<()>,
    workers: BTreeMap<WorkerId, Running>,
    /// Number of ticks of each item's slot when the item was added.
    born: BTreeMap<ItemId, u64>,
}

#[derive(Debug)]
struct Running {
    number: u32,
    life: Arc<Mutex<Life>>,
    task: JoinHandle<()>,
    drain: Option<oneshot::Sender<()>>,
}

/// Error: no worker of this name exists, or it does not work any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no worker {0} is running")]
pub struct NotAtWork(pub WorkerId);

impl System {
    /// Starts a system with a control plane and items, without workers. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(slots: SlotCount, ring: RingKind, items: u32, lines: StdoutWriter, print: PrintIds) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock), slots, TICK));
        let membership: Arc<dyn Membership> = Arc::new(MemoryMembership::new(Arc::clone(&clock)));
        let journal = Journal::default();
        let born =
            (0..items).map(|_| ItemId::Uuid(Uuid::new_v4())).filter(|id| store.insert(id.clone())).map(|id| (id, 0)).collect();
        let control = tokio::spawn(control::run(
            ControlConfig { ring: ring.into(), ..ControlConfig::default() },
            Uuid::new_v4(),
            Arc::clone(&store),
            Arc::clone(&membership),
            Arc::clone(&clock),
            std::future::pending(),
            journal.observer(Arc::clone(&clock), lines.clone()),
        ));
        Self { clock, store, membership, lines, print, journal, control, workers: BTreeMap::new(), born }
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Starts workers, named by their numbers: `worker-1`, `worker-2`, and so on.
    pub fn add_workers(&mut self, count: u32) {
        let first = self.workers.values().map(|running| running.number).max().unwrap_or(0) + 1;
        for number in first..first + count {
            if let Ok(name) = WorkerId::new(format!("worker-{number}")) {
                let running = self.run_worker(number, name.clone());
                self.workers.insert(name, running);
            }
        }
    }

    /// Ends a worker at once, without a hand-over.
    ///
    /// # Errors
    /// [`NotAtWork`] if no such worker is at work.
    pub fn kill(&self, name: &WorkerId) -> Result<(), NotAtWork> {
        let running =
            self.workers.get(name).filter(|running| running.life().is_at_work()).ok_or_else(|| NotAtWork(name.clone()))?;
        running.task.abort();
        running.becomes(Life::Killed);
        Ok(())
    }

    /// Drains a worker: asks it to hand over and leave.
    ///
    /// # Errors
    /// [`NotAtWork`] if no such worker is at work.
    pub fn drain(&mut self, name: &WorkerId) -> Result<(), NotAtWork> {
        let running =
            self.workers.get_mut(name).filter(|running| running.life().is_at_work()).ok_or_else(|| NotAtWork(name.clone()))?;
        if let Some(drain) = running.drain.take() {
            running.becomes(Life::Draining);
            let _ = drain.send(());
        }
        Ok(())
    }

    /// Adds new items to the table.
    pub fn add_items(&mut self, count: u32) {
        for _ in 0..count {
            let id = ItemId::Uuid(Uuid::new_v4());
            let born = loop {
                let before = self.store.ticks_of(&id);
                self.store.insert(id.clone());
                if self.store.ticks_of(&id) == before {
                    break before;
                }
                // A tick happened in between and may or may not count for the item, so it is added again.
                self.store.remove(&id);
            };
            self.born.insert(id, born);
        }
    }

    /// Removes items from the table, and returns the number of items removed.
    pub fn remove_items(&mut self, removal: &Removal) -> usize {
        let ids = match removal {
            Removal::Any(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                self.store.rows().into_iter().map(|row| row.id).take(count).collect()
            }
            Removal::These(ids) => ids.clone(),
        };
        for id in &ids {
            self.born.remove(id);
        }
        ids.into_iter().filter(|id| self.store.remove(id)).count()
    }

    /// Returns the loads of the workers, the rebalances, and the check of the values.
    pub async fn summary(&self) -> Summary {
        // The in-memory store never fails.
        let (assignment, load) = (self.store.assignment().await.ok(), self.store.census().await.ok());
        let loads =
            assignment.as_ref().zip(load.as_ref()).map(|(assignment, load)| loads_of(assignment, load)).unwrap_or_default();
        let mut workers: Vec<_> = self.workers.iter().collect();
        workers.sort_by_key(|(_, running)| running.number);
        let row = |(name, running): (&WorkerId, &Running)| {
            let WorkerLoad { slots, items } = loads.get(name).copied().unwrap_or_default();
            WorkerRow { name: name.clone(), life: running.life(), slots, items }
        };
        let items = self.store.rows();
        let exact = |row: &&scaler_core::memory::Row| {
            self.born.get(&row.id).is_some_and(|born| row.value == self.store.ticks_of(&row.id).saturating_sub(*born))
        };
        Summary {
            lasted: self.now(),
            ticks: assignment.map_or(0, |assignment| assignment.tick.0),
            exact: items.iter().filter(exact).count(),
            values: items.into_iter().map(|row| row.value).collect(),
            workers: workers.into_iter().map(row).collect(),
            redistributions: self.journal.entries(),
        }
    }

    /// Ends everything at once, and returns the last summary.
    pub async fn stop(&mut self) -> Summary {
        self.control.abort();
        let _ = (&mut self.control).await;
        for running in self.workers.values_mut() {
            running.task.abort();
            let _ = (&mut running.task).await;
        }
        self.summary().await
    }

    fn run_worker(&self, number: u32, name: WorkerId) -> Running {
        let key = MemberKey { worker: name.clone(), incarnation: Incarnation::new(Uuid::new_v4()) };
        let (drain, drained) = oneshot::channel();
        let metrics = WorkerMetrics::register(&mut Registry::default());
        let readiness = Readiness::new(Arc::clone(&self.clock), "tick");
        let mut observer = WorkerObserver::new(name.clone(), self.print, self.lines.clone(), metrics, readiness);
        let work = worker::run(
            Worker::new(WorkerConfig::new(key)),
            Arc::clone(&self.store) as Arc<dyn WorkStore>,
            Arc::clone(&self.membership),
            Arc::clone(&self.clock),
            async move {
                if drained.await.is_err() {
                    std::future::pending::<()>().await;
                }
            },
            move |event| observer.observe(&event),
        );
        let life = Arc::new(Mutex::new(Life::Working));
        let (told, lines) = (Arc::clone(&life), self.lines.clone());
        let task = tokio::spawn(async move {
            let ending = work.await;
            lines.print(format!("# {name} exited: {}", in_words(ending)));
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Life::Left;
        });
        Running { number, life, task, drain: Some(drain) }
    }
}

impl Running {
    fn life(&self) -> Life {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn becomes(&self, life: Life) {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner) = life;
    }
}

fn in_words(ending: Ending) -> String {
    match ending {
        Ending::Drained => "drained, it owned no slots".to_owned(),
        Ending::DrainTimedOut { slots } => format!("drain timeout, it still owned {slots} slots"),
        Ending::Superseded => "another process uses its name".to_owned(),
        ending => format!("{ending:?}"),
    }
}
