//! A control plane and workers in one process, with the same loops as the programs, on an in-memory store or a file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notifi_scaler_common::api::ViewFeed;
use notifi_scaler_common::item_list_printer::PrintIds;
use notifi_scaler_common::metrics::WorkerMetrics;
use notifi_scaler_common::observe::{WorkerLoad, WorkerObserver, loads_of};
use notifi_scaler_common::readiness::Readiness;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use prometheus_client::registry::Registry;
use scaler_core::control::{self, ControlConfig, ControlEvent};
use scaler_core::memory::MemoryMembership;
use scaler_core::node::{Control, Node, NodeEvent};
use scaler_core::{Clock, ItemId, Membership, RingKind, StoreError, TokioClock, WorkerId};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::journal::Journal;
use super::store::{DemoItem, DemoStore};
use super::summary::{Life, Summary, WorkerRow};
use crate::removal::Removal;

/// Running demo.
#[derive(Debug)]
pub struct System {
    clock: Arc<dyn Clock>,
    store: DemoStore,
    /// Tick of the store at the start.
    first_tick: u64,
    membership: Arc<dyn Membership>,
    lines: StdoutWriter,
    print: PrintIds,
    journal: Journal,
    control: JoinHandle<()>,
    workers: BTreeMap<WorkerId, Running>,
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
    /// Starts a system with a control plane, whose events go to `feed`, without workers. A store without items gets `items`. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// If the store's file cannot be read or written.
    pub async fn start(
        store: DemoStore,
        ring: RingKind,
        items: u32,
        lines: StdoutWriter,
        print: PrintIds,
        feed: ViewFeed,
    ) -> Result<Self, StoreError> {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let membership: Arc<dyn Membership> = Arc::new(MemoryMembership::new(Arc::clone(&clock)));
        let journal = Journal::default();
        let shared = store.shared();
        let first_tick = shared.assignment().await?.tick.0;
        if store.items().await?.is_empty() {
            add(&store, items).await?;
        }
        let mut record = journal.observer(Arc::clone(&clock), lines.clone());
        let observe = move |event: ControlEvent<'_>| {
            feed.observe(&event);
            record(event);
        };
        let control = tokio::spawn(control::run(
            ControlConfig { ring: ring.into(), ..ControlConfig::default() },
            Uuid::new_v4(),
            shared,
            Arc::clone(&membership),
            Arc::clone(&clock),
            std::future::pending(),
            observe,
        ));
        Ok(Self { clock, store, first_tick, membership, lines, print, journal, control, workers: BTreeMap::new() })
    }

    /// Returns the membership.
    #[must_use]
    pub fn membership(&self) -> Arc<dyn Membership> {
        Arc::clone(&self.membership)
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
    ///
    /// # Errors
    /// If the store's file cannot be written.
    pub async fn add_items(&self, count: u32) -> Result<(), StoreError> {
        add(&self.store, count).await
    }

    /// Removes items from the table, and returns the number of items removed.
    ///
    /// # Errors
    /// If the store's file cannot be read or written.
    pub async fn remove_items(&self, removal: &Removal) -> Result<usize, StoreError> {
        let ids = match removal {
            Removal::Any(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                self.store.items().await?.into_iter().map(|item| item.id).take(count).collect()
            }
            Removal::These(ids) => ids.clone(),
        };
        let mut removed = 0;
        for id in ids {
            removed += usize::from(self.store.remove(&id).await?);
        }
        Ok(removed)
    }

    /// Returns the loads of the workers, the rebalances, and the check of the values.
    ///
    /// # Errors
    /// If the store's file cannot be read.
    pub async fn summary(&self) -> Result<Summary, StoreError> {
        let shared = self.store.shared();
        let (assignment, load) = (shared.assignment().await?, shared.census().await?);
        let loads = loads_of(&assignment, &load);
        let mut workers: Vec<_> = self.workers.iter().collect();
        workers.sort_by_key(|(_, running)| running.number);
        let row = |(name, running): (&WorkerId, &Running)| {
            let WorkerLoad { slots, items } = loads.get(name).copied().unwrap_or_default();
            WorkerRow { name: name.clone(), life: running.life(), slots, items }
        };
        let items = self.store.items().await?;
        let is_exact = |item: &&DemoItem| item.value == item.ticks;
        Ok(Summary {
            lasted: self.now(),
            ticks: assignment.tick.0.saturating_sub(self.first_tick) + 1,
            exact: items.iter().filter(is_exact).count(),
            values: items.into_iter().map(|item| item.value).collect(),
            workers: workers.into_iter().map(row).collect(),
            redistributions: self.journal.entries(),
        })
    }

    /// Ends everything at once, and returns the last summary.
    ///
    /// # Errors
    /// If the store's file cannot be read.
    pub async fn stop(&mut self) -> Result<Summary, StoreError> {
        self.control.abort();
        let _ = (&mut self.control).await;
        for running in self.workers.values_mut() {
            running.task.abort();
            let _ = (&mut running.task).await;
        }
        self.summary().await
    }

    fn run_worker(&self, number: u32, name: WorkerId) -> Running {
        let (drain, drained) = oneshot::channel();
        let metrics = WorkerMetrics::register(&mut Registry::default());
        let readiness = Readiness::new(Arc::clone(&self.clock), "tick");
        let mut observer = WorkerObserver::new(name.clone(), self.print, self.lines.clone(), metrics, readiness);
        let (life, lines) = (Arc::new(Mutex::new(Life::Working)), self.lines.clone());
        let exits = name.clone();
        let node = Node::builder_on(self.store.shared())
            .name(name.as_str())
            .membership(Arc::clone(&self.membership))
            .control(Control::Off)
            .waits_for_successor(true)
            .clock(Arc::clone(&self.clock))
            .observe(move |event| {
                observer.observe(&event);
                if let Some(ending) = in_words(&event) {
                    lines.print(format!("# {exits} exited: {ending}"));
                }
            });
        let (told, lines) = (Arc::clone(&life), self.lines.clone());
        let task = tokio::spawn(async move {
            let drained = async {
                if drained.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            if let Err(error) = node.run_until(drained).await {
                lines.print(format!("# {name} exited: {error}"));
            }
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

/// Adds this many items with random keys.
async fn add(store: &DemoStore, count: u32) -> Result<(), StoreError> {
    for _ in 0..count {
        store.insert(&ItemId::Uuid(Uuid::new_v4())).await?;
    }
    Ok(())
}

/// Returns how a node ended, if that is what the event says.
fn in_words(event: &NodeEvent) -> Option<String> {
    match event {
        NodeEvent::Drained => Some("drained, it owned no slots".to_owned()),
        NodeEvent::DrainTimedOut { slots } => Some(format!("drain timeout, it still owned {slots} slots")),
        _ => None,
    }
}
