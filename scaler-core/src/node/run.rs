//! Main loop of a node.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::driver::{Driver, Report};
use super::{Control, Node, NodeError, NodeEvent, NodeStore, Observer};
use crate::backoff::Backoff;
use crate::worker::{self, Ending, Worker, WorkerEvent};
use crate::{Cause, Clock, Episode, ErrorClass, MemberKey, MemberRecord, MemberState, Membership, WorkStore, control};

/// Wait after the first failure to prepare the store; it doubles with each further failure.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// Maximum wait after failures to prepare the store.
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// Age of a heartbeat up to which a member counts as present.
const PRESENT: Duration = Duration::from_secs(5);

impl Node {
    /// Runs the node until `shutdown` completes; then it drains: other nodes take its items over while its handlers end.
    ///
    /// Dropping the future ends the node at once, as a kill does, and aborts its handlers: other nodes take its items over after the
    /// failure detector has noticed, and after the limit of an exclusive hand-over.
    ///
    /// # Errors
    /// If the store cannot be used and that will not change by itself, or if another process takes the node's name. Everything else is
    /// tried again.
    pub async fn run_until(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
        let mut shutdown = pin!(shutdown);
        // A node that is no candidate may lack the rights of a control plane: its worker waits for what others prepare.
        if matches!(self.control, Control::On(_)) {
            tokio::select! {
                prepared = prepare(&self.key, &*self.store, &*self.clock, &self.observe) => prepared?,
                () = &mut shutdown => return Ok(()),
            }
        }
        self.start().until(shutdown).await
    }

    /// Starts the control plane and the driver of the leases. The worker does nothing before it is polled.
    fn start(self) -> Running {
        let Self { key, store, membership, handlers, hand_over, control, worker, clock, observe, observe_control, owned, .. } =
            self;
        let waits_for_successor = self.waits_for_successor;
        let (drain_timeout, candidate) = (worker.drain_timeout, key.incarnation.uuid());
        let control = match control {
            Control::Off => None,
            Control::On(config) => Some(Task::start(|stopped| {
                let stopped = async { _ = stopped.await };
                let (store, membership, clock) = (Arc::clone(&store), Arc::clone(&membership), Arc::clone(&clock));
                control::run(config, candidate, store, membership, clock, stopped, observe_control)
            })),
        };
        // A node whose only work is the store's tick needs no leases: the tick is fenced by itself.
        let has_leases = handlers.of_item.is_some() || handlers.of_tick.is_some() || owned.receiver_count() > 0;
        let (driver, reports) = has_leases
            .then(|| {
                let (reports, received) = mpsc::unbounded_channel();
                let driver =
                    Driver::new(key.clone(), Arc::clone(&store), Arc::clone(&clock), hand_over, handlers, owned, observe.clone());
                (Task::start(|stopped| driver.run(received, stopped)), reports)
            })
            .unzip();

        let (told_at, told) = (Arc::clone(&clock), observe.clone());
        let watch = move |event: WorkerEvent| {
            if let Some(reports) = &reports
                && let Some(report) = report_of(&event, told_at.now())
            {
                // The driver has ended only if the node ends, too.
                let _ = reports.send(report);
            }
            told.tell(NodeEvent::Worker(event));
        };
        let (drain, drained) = oneshot::channel();
        let drained = async { _ = drained.await };
        let work_store = Arc::clone(&store) as Arc<dyn WorkStore>;
        let work = Box::pin(worker::run(Worker::new(worker), work_store, Arc::clone(&membership), clock, drained, watch));
        Running { key, store, membership, control, driver, work, drain, drain_timeout, waits_for_successor, observe }
    }
}

/// Parts of a running node.
struct Running {
    key: MemberKey,
    store: Arc<dyn NodeStore>,
    membership: Arc<dyn Membership>,
    control: Option<Task<()>>,
    /// Runner of the leases; `None` if the node has none.
    driver: Option<Task<Cause>>,
    work: BoxFuture<'static, Ending>,
    drain: oneshot::Sender<()>,
    drain_timeout: Duration,
    waits_for_successor: bool,
    observe: Observer,
}

impl Running {
    async fn until(mut self, shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
        let mut ending = tokio::select! {
            ending = &mut self.work => Some(ending),
            () = shutdown => None,
        };
        // Without another node, no slot would move: the node keeps its slots, and ticks them while its handlers end.
        if ending.is_none() && (self.waits_for_successor || !is_alone(&self.key, &*self.store, &*self.membership).await) {
            let _ = self.drain.send(());
            ending = Some((&mut self.work).await);
        }
        let cause = if ending == Some(Ending::Superseded) { Cause::Stopped } else { Cause::Drained };
        // A handler that ignores its withdrawal must not keep the process for ever; the next owner waits for the limit.
        let stop = async {
            if let Some(driver) = &mut self.driver {
                driver.stop(cause).await;
            }
        };
        let mut handlers_ended = pin!(tokio::time::timeout(self.drain_timeout, stop));
        tokio::select! {
            ended = &mut self.work, if ending.is_none() => {
                ending = Some(ended);
                let _ = handlers_ended.await;
            }
            _ = &mut handlers_ended => {}
        }
        drop(self.work);
        if ending.is_none() {
            // A worker that drains leaves by itself. The membership forgets a node that does not say so, too.
            let _ = self.membership.leave(&self.key).await;
        }
        if let Some(control) = &mut self.control {
            control.stop(()).await;
        }
        self.observe.tell(match ending {
            Some(Ending::Superseded) => return Err(NodeError::Superseded(self.key.worker)),
            Some(Ending::Drained) => NodeEvent::Drained,
            Some(Ending::DrainTimedOut { slots }) => NodeEvent::DrainTimedOut { slots },
            None => NodeEvent::LeftAlone,
        });
        Ok(())
    }
}

/// Task that ends when it is stopped, or at once when its node is dropped.
struct Task<Why> {
    stop: Option<oneshot::Sender<Why>>,
    handle: JoinHandle<()>,
}

impl<Why> Task<Why> {
    fn start<F: Future<Output = ()> + Send + 'static>(run: impl FnOnce(oneshot::Receiver<Why>) -> F) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop: Some(stop), handle: tokio::spawn(run(stopped)) }
    }

    /// Asks the task to end, and waits for it.
    async fn stop(&mut self, why: Why) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(why);
        }
        let _ = (&mut self.handle).await;
    }
}

impl<Why> Drop for Task<Why> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Prepares the store; tries again until that succeeds, or fails for good.
async fn prepare(key: &MemberKey, store: &dyn NodeStore, clock: &dyn Clock, observe: &Observer) -> Result<(), NodeError> {
    let seed = crate::uuid_hash(key.incarnation.uuid(), 0);
    let (mut backoff, mut episode) = (Backoff::new(FIRST_RETRY, LONGEST_RETRY, seed), Episode::default());
    loop {
        let error = match store.prepare().await {
            Ok(()) => return Ok(()),
            Err(error) if error.class() == ErrorClass::Permanent => return Err(error.into()),
            Err(error) => error,
        };
        let retry_in = backoff.failed();
        if episode.failed(clock.now(), &error) {
            observe.tell(NodeEvent::NotPrepared { error, retry_in });
        }
        tokio::time::sleep(retry_in).await;
    }
}

/// True if no other member of the node's installation is present that could take over its slots.
async fn is_alone(key: &MemberKey, store: &dyn NodeStore, membership: &dyn Membership) -> bool {
    let (Ok(installation), Ok(members)) = (store.installation().await, membership.members().await) else { return false };
    !members.iter().any(|MemberRecord { member, age }| {
        let is_another = member.key != *key && member.installation == installation;
        is_another && *age < PRESENT && member.state != MemberState::Draining
    })
}

/// Returns what an event of the worker tells the driver of the leases.
fn report_of(event: &WorkerEvent, now: Duration) -> Option<Report> {
    Some(match event {
        WorkerEvent::Ticked { is_complete, report, took } => {
            let fence = is_complete.then_some(report.fence);
            Report::Ticked { asked_at: now.saturating_sub(*took), fence, slots: report.slots }
        }
        WorkerEvent::Watching { tick, items } => Report::Listed(*tick, Arc::clone(items)),
        WorkerEvent::Draining | WorkerEvent::Retiring => Report::Draining(true),
        WorkerEvent::Reinstated => Report::Draining(false),
        _ => return None,
    })
}
