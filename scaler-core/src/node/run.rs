//! Main loop of a node.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::driver::{Driver, Report};
use super::{Cause, Control, Node, NodeError, NodeEvent, NodeStore, Observer};
use crate::backoff::Backoff;
use crate::worker::{self, Ending, Worker, WorkerEvent};
use crate::{Clock, Episode, ErrorClass, MemberKey, MemberRecord, MemberState, Membership, WorkStore, control};

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
        tokio::select! {
            prepared = prepare(&self.key, &*self.store, &*self.clock, &self.observe) => prepared?,
            () = &mut shutdown => return Ok(()),
        }
        self.run_prepared(shutdown).await
    }

    async fn run_prepared(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
        let Self { key, store, membership, handler, hand_over, control, worker, clock, observe, observe_control, owned } = self;
        let drain_timeout = worker.drain_timeout;
        // Dropped with this future, so that no task outlives the node.
        let mut tasks = JoinSet::new();

        let (stop_control, control_stopped) = oneshot::channel::<()>();
        if let Control::On(config) = control {
            let stop = async {
                let _ = control_stopped.await;
            };
            let (store, membership, clock) = (Arc::clone(&store), Arc::clone(&membership), Arc::clone(&clock));
            let candidate = key.incarnation.uuid();
            tasks.spawn(async move { control::run(config, candidate, store, membership, clock, stop, observe_control).await });
        }

        let (stop_driver, driver_stopped) = oneshot::channel();
        let (reports, received) = mpsc::unbounded_channel();
        let driver = Driver::new(key.clone(), Arc::clone(&store), Arc::clone(&clock), hand_over, handler, owned, observe.clone());
        let mut driver = AbortOnDrop(tokio::spawn(driver.run(received, driver_stopped)));

        let told_at = Arc::clone(&clock);
        let told = observe.clone();
        let watch = move |event: WorkerEvent| {
            if let Some(report) = report_of(&event, told_at.now()) {
                // The driver has ended only if the node ends, too.
                let _ = reports.send(report);
            }
            told.tell(NodeEvent::Worker(event));
        };
        let (drain, drained) = oneshot::channel::<()>();
        let drained = async {
            let _ = drained.await;
        };
        let work_store = Arc::clone(&store) as Arc<dyn WorkStore>;
        let mut work =
            Box::pin(worker::run(Worker::new(worker), work_store, Arc::clone(&membership), Arc::clone(&clock), drained, watch));

        let mut ending = tokio::select! {
            ending = &mut work => Some(ending),
            () = shutdown => None,
        };
        // Without another node, no slot would move: the node keeps its slots, and ticks them while its handlers end.
        if ending.is_none() && !is_alone(&key, &*store, &*membership).await {
            let _ = drain.send(());
            ending = Some((&mut work).await);
        }
        let cause = if ending == Some(Ending::Superseded) { Cause::Stopped } else { Cause::Drained };
        let _ = stop_driver.send(cause);
        // A handler that ignores its withdrawal must not keep the process for ever; the next owner waits for the limit.
        let mut handlers_ended = pin!(tokio::time::timeout(drain_timeout, &mut driver.0));
        tokio::select! {
            ending = &mut work, if ending.is_none() => {
                let _ = handlers_ended.await;
                if ending == Ending::Superseded {
                    return Err(NodeError::Superseded(key.worker));
                }
            }
            _ = &mut handlers_ended => {}
        }
        drop(work);
        let _ = membership.leave(&key).await;
        let _ = stop_control.send(());
        while tasks.join_next().await.is_some() {}
        match ending {
            Some(Ending::Superseded) => Err(NodeError::Superseded(key.worker)),
            Some(Ending::Drained | Ending::DrainTimedOut { .. }) | None => Ok(()),
        }
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

/// Task that ends when its node is dropped.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns what an event of the worker tells the driver of the leases.
fn report_of(event: &WorkerEvent, now: Duration) -> Option<Report> {
    Some(match event {
        WorkerEvent::Ticked { is_complete, report, took } => {
            let fence = is_complete.then_some(report.fence);
            Report::Ticked { asked_at: now.saturating_sub(*took), fence, slots: report.slots }
        }
        WorkerEvent::Watching { items, .. } => Report::Listed(Arc::clone(items)),
        WorkerEvent::Claimed { .. } => Report::Gains(Cause::Claimed),
        WorkerEvent::Adopted { .. } => Report::Gains(Cause::Adopted),
        WorkerEvent::Draining | WorkerEvent::Retiring => Report::Draining(true),
        WorkerEvent::Reinstated => Report::Draining(false),
        _ => return None,
    })
}
