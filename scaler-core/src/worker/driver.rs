//! Driver of a worker: carries out the effects of its state machine.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::{Effect, Ending, Input, Worker, WorkerEvent};
use crate::{Clock, Membership, WorkStore};

/// Runs a worker until it has left or another process has taken its name.
///
/// It drains once `drain` completes. Dropping the future ends the worker at once, as a kill does: this is safe, but the failure detector
/// notices only that heartbeats and ticks stop.
pub async fn run(
    mut worker: Worker,
    store: Arc<dyn WorkStore>,
    membership: Arc<dyn Membership>,
    clock: Arc<dyn Clock>,
    drain: impl Future<Output = ()> + Send,
    mut observe: impl FnMut(WorkerEvent) + Send,
) -> Ending {
    let mut calls = Calls { key: worker.config().key.clone(), store, membership, pending: FuturesUnordered::new() };
    let mut wake_ups = calls.membership.wake_ups();
    let mut drain = std::pin::pin!(drain);
    let mut draining = false;
    let mut input = Input::Woken;
    loop {
        for effect in worker.step(clock.now(), input) {
            match effect {
                Effect::Emit(event) => observe(event),
                effect => calls.start(effect),
            }
        }
        if let Some(ending) = worker.ending() {
            return ending;
        }
        let wake = tokio::time::sleep(worker.wake_at().saturating_sub(clock.now()));
        input = tokio::select! {
            biased; // A fixed order keeps simulations reproducible.
            () = &mut drain, if !draining => {
                draining = true;
                Input::Drain
            }
            Some(answer) = calls.pending.next() => answer,
            Some(wake_up) = wake_ups.next() => Input::Notified(wake_up),
            () = wake => Input::Woken,
        };
    }
}

/// Calls in flight.
struct Calls {
    key: crate::MemberKey,
    store: Arc<dyn WorkStore>,
    membership: Arc<dyn Membership>,
    pending: FuturesUnordered<BoxFuture<'static, Input>>,
}

impl Calls {
    fn start(&mut self, effect: Effect) {
        let (key, store, membership) = (self.key.clone(), Arc::clone(&self.store), Arc::clone(&self.membership));
        self.pending.push(Box::pin(async move {
            match effect {
                Effect::Adopt => Input::Adopted(store.adopt(&key).await),
                Effect::Tick(slots) => Input::Ticked(slots, store.tick(&key, slots).await),
                Effect::Claim { limit, well_since } => Input::Claimed(store.claim_orphans(&key, limit, well_since).await),
                Effect::TryToWrite => Input::TriedToWrite(store.try_to_write(&key).await),
                Effect::List(slots) => Input::Listed(slots, store.items(&key, slots).await),
                Effect::Heartbeat(member) => Input::HeartbeatAnswered(membership.heartbeat(&member).await),
                Effect::Leave => Input::Left(membership.leave(&key).await),
                Effect::Emit(_) => Input::Woken,
            }
        }));
    }
}
