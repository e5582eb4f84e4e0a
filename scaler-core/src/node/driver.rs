//! Driver of the leases: runs handlers, reads which slots are held, and writes acknowledgements. It runs beside the worker, so that no
//! handler delays a tick or a heartbeat.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::batches::Batches;
use super::lease::LeaseHolder;
use super::leases::{Action, Leases};
use super::owned::Owned;
use super::{Handler, Handlers, Lease, NodeEvent, NodeStore, Observer};
use crate::hand_over::{Acknowledgement, HandOver, Token};
use crate::{BoxError, Cause, Clock, Episode, Holding, ItemId, MemberKey, Slot, SlotCount, SlotRange, StoreError, Tick};

/// Interval at which the acknowledgements of former owners are looked for.
const POLL: Duration = Duration::from_millis(200);
/// Wait after a failed call.
const RETRY: Duration = Duration::from_millis(500);

/// Message from the worker of the node to the driver.
#[derive(Debug)]
pub(super) enum Report {
    /// A tick round, begun at `asked_at`, was answered. The fence is `None` if the answer does not cover all slots.
    Ticked { asked_at: Duration, fence: Option<u64>, slots: SlotCount },
    /// Items of all slots in a tick, in order; once in each tick.
    Listed(Tick, Arc<[ItemId]>),
    /// The node drains, or no longer does.
    Draining(bool),
}

/// Call of the user's code.
enum Task {
    Item(ItemId),
    Batch { items: usize },
}

/// Result of a call; `None` if it was not begun, because it was too late.
type Ended = Option<Result<(), BoxError>>;

enum Answer {
    Held { asked_at: Duration, fence: Option<u64>, holdings: Result<Vec<Holding>, StoreError> },
    Acknowledged { ended: Vec<Acknowledgement>, result: Result<(), StoreError> },
}

pub(super) struct Driver {
    key: MemberKey,
    store: Arc<dyn NodeStore>,
    clock: Arc<dyn Clock>,
    observe: Observer,
    handler: Option<Arc<dyn Handler>>,
    batches: Option<Batches>,
    /// Work of the batch that is under way.
    batch: Vec<Token>,
    leases: Leases,
    tasks: JoinSet<(Task, Ended)>,
    holders: HashMap<ItemId, LeaseHolder>,
    owned: watch::Sender<Arc<Owned>>,
    slot_leases: BTreeMap<Slot, (Token, LeaseHolder)>,
    /// Version of the leases that look-ups see.
    published: u64,
    slots: SlotCount,
    items: Arc<[ItemId]>,
    loss: Cause,
    /// Digest of the epochs in the last tick round, and in the round before the holdings were last read; `None` if unknown.
    fence: Option<u64>,
    read_fence: Option<u64>,
    /// True if the slots that are held may no longer be those that were last read.
    must_read: bool,
    read_at: Duration,
    is_reading: bool,
    is_acknowledging: bool,
    unsent: Vec<Acknowledgement>,
    retry_at: Duration,
    episode: Episode,
    calls: FuturesUnordered<BoxFuture<'static, Answer>>,
}

impl Driver {
    pub(super) fn new(
        key: MemberKey,
        store: Arc<dyn NodeStore>,
        clock: Arc<dyn Clock>,
        hand_over: HandOver,
        handlers: Handlers,
        owned: watch::Sender<Arc<Owned>>,
        observe: Observer,
    ) -> Self {
        Self {
            key,
            store,
            clock,
            observe,
            handler: handlers.of_item,
            batches: handlers.of_tick.map(Batches::new),
            batch: Vec::new(),
            leases: Leases::new(hand_over),
            tasks: JoinSet::new(),
            holders: HashMap::new(),
            owned,
            slot_leases: BTreeMap::new(),
            published: 0,
            slots: SlotCount::DEFAULT,
            items: Arc::default(),
            loss: Cause::Rebalance,
            fence: None,
            read_fence: None,
            must_read: false,
            read_at: Duration::ZERO,
            is_reading: false,
            is_acknowledging: false,
            unsent: Vec::new(),
            retry_at: Duration::ZERO,
            episode: Episode::default(),
            calls: FuturesUnordered::new(),
        }
    }

    /// Runs until `stop` names a cause; then withdraws all leases, and ends once all handlers have ended and that is acknowledged.
    pub(super) async fn run(mut self, mut reports: mpsc::UnboundedReceiver<Report>, stop: oneshot::Receiver<Cause>) {
        let mut stop = stop.fuse();
        let mut stopping = false;
        let mut is_released = false;
        loop {
            let now = self.clock.now();
            self.act(now);
            if stopping && self.leases.running() == 0 {
                if !std::mem::replace(&mut is_released, true) {
                    self.unsent.extend(self.leases.release(now));
                }
                if self.unsent.is_empty() && !self.is_acknowledging {
                    return;
                }
            }
            self.call(now, stopping);
            let wake = tokio::time::sleep(self.wake_at(stopping).map_or(Duration::MAX / 4, |at| at.saturating_sub(now)));
            tokio::select! {
                biased; // A fixed order keeps simulations reproducible.
                cause = &mut stop, if !stopping => {
                    stopping = true;
                    let cause = cause.unwrap_or(Cause::Stopped);
                    self.loss = cause;
                    self.leases.stop(cause);
                }
                Some(report) = reports.recv(), if !stopping => self.heed(report),
                Some(answer) = self.calls.next() => self.answered(answer),
                Some(ended) = self.tasks.join_next() => self.ended(ended.ok()),
                () = wake => {}
            }
        }
    }

    fn heed(&mut self, report: Report) {
        let now = self.clock.now();
        match report {
            Report::Ticked { asked_at, fence, slots } => {
                self.slots = slots;
                self.fence = fence;
                if fence.is_some() && fence == self.read_fence {
                    self.leases.confirmed(now, asked_at);
                } else {
                    self.must_read = true;
                }
            }
            Report::Listed(tick, items) => {
                if let Some(batches) = self.batches.as_mut().filter(|_| self.batch.is_empty()) {
                    batches.begin(tick, Arc::clone(&items));
                }
                if !Arc::ptr_eq(&items, &self.items) {
                    self.items = Arc::clone(&items);
                    if self.handler.is_some() {
                        self.leases.listed(items, self.slots);
                    }
                    self.publish(now);
                }
                self.next_batch(now);
            }
            Report::Draining(draining) => {
                self.loss = if draining { Cause::Drained } else { Cause::Rebalance };
                self.leases.draining(draining);
            }
        }
    }

    fn act(&mut self, now: Duration) {
        for action in self.leases.advance(now) {
            match action {
                Action::Start(item, token) => self.start(item, token),
                Action::Withdraw(item, cause) => {
                    if let Some(holder) = self.holders.get(&item) {
                        holder.withdraw(cause);
                    }
                }
                Action::Acknowledge(ended) => self.unsent.extend(ended),
                Action::Overdue(item, cause, late) => self.observe.tell(NodeEvent::HandlerOverdue { item, cause, late }),
            }
        }
        if self.published != self.leases.version() {
            self.publish(now);
        }
    }

    fn start(&mut self, item: ItemId, token: Token) {
        let Some(handler) = self.handler.clone() else { return };
        let (lease, holder) = Lease::new(token);
        self.holders.insert(item.clone(), holder);
        let in_time = self.in_time();
        self.tasks.spawn(async move {
            let is_late = lease.withdrawal().is_some() || !in_time();
            let ended = if is_late { None } else { Some(caught(handler.run(item.clone(), lease)).await) };
            (Task::Item(item), ended)
        });
    }

    /// Starts the next call of the tick handler, if none is under way.
    fn next_batch(&mut self, now: Duration) {
        let Some(batches) = self.batches.as_mut().filter(|_| self.batch.is_empty()) else { return };
        let (owned, leases) = (Arc::clone(&self.owned.borrow()), &mut self.leases);
        let mut tokens = Vec::new();
        let mut begin = |slot| leases.begin(now, slot).inspect(|token| tokens.push(*token)).is_some();
        let Some(batch) = batches.next(&owned, &mut begin) else { return };
        let (handler, items) = (Arc::clone(&batches.handler), batch.items.len());
        self.batch = tokens;
        let in_time = self.in_time();
        self.tasks.spawn(async move {
            let ended = if in_time() { Some(caught(handler.tick(batch)).await) } else { None };
            (Task::Batch { items }, ended)
        });
    }

    /// Returns what tells a task whether it may still begin: a process may stand still before its task is polled for the first time, and
    /// the driver be polled only after it.
    fn in_time(&self) -> impl FnOnce() -> bool + Send + 'static {
        let (clock, until) = (Arc::clone(&self.clock), self.leases.known_until());
        move || until.is_none_or(|until| clock.now() <= until)
    }

    fn ended(&mut self, ended: Option<(Task, Ended)>) {
        let now = self.clock.now();
        // A task is never aborted, and its panic is caught within.
        match ended {
            None => {}
            Some((Task::Item(item), None)) => {
                self.holders.remove(&item);
                self.leases.skipped(now, &item, self.slots);
            }
            Some((Task::Item(item), Some(result))) => {
                self.holders.remove(&item);
                let retry_in = self.leases.finished(now, &item, self.slots, result.is_err());
                if let Err(error) = result {
                    self.observe.tell(NodeEvent::HandlerFailed { item, error, retry_in });
                }
            }
            Some((Task::Batch { items }, result)) => {
                for token in std::mem::take(&mut self.batch) {
                    self.leases.end(now, token);
                }
                if let Some(Err(error)) = result {
                    self.observe.tell(NodeEvent::TickFailed { items, error });
                }
                self.next_batch(now);
            }
        }
    }

    /// Starts the calls that are due, at most one of each kind.
    fn call(&mut self, now: Duration, stopping: bool) {
        if now < self.retry_at {
            return;
        }
        let is_due = self.must_read || (self.leases.is_waiting() && now >= self.read_at + POLL);
        if is_due && !self.is_reading && !stopping {
            self.is_reading = true;
            self.must_read = false;
            let (store, key, asked_at, fence) = (Arc::clone(&self.store), self.key.clone(), now, self.fence);
            self.calls.push(Box::pin(async move {
                Answer::Held { asked_at, fence, holdings: store.holdings(&key, SlotRange::ALL).await }
            }));
        }
        if !self.unsent.is_empty() && !self.is_acknowledging {
            self.is_acknowledging = true;
            let (store, key, ended) = (Arc::clone(&self.store), self.key.clone(), std::mem::take(&mut self.unsent));
            self.calls.push(Box::pin(async move {
                let result = store.acknowledge(&key, &ended).await;
                Answer::Acknowledged { ended, result }
            }));
        }
    }

    fn wake_at(&self, stopping: bool) -> Option<Duration> {
        let poll = (self.leases.is_waiting() && !self.is_reading && !stopping).then(|| (self.read_at + POLL).max(self.retry_at));
        let has_calls = self.must_read || !self.unsent.is_empty();
        let retry = (has_calls && self.retry_at > self.clock.now()).then_some(self.retry_at);
        [self.leases.wake_at(), poll, retry].into_iter().flatten().min()
    }

    fn answered(&mut self, answer: Answer) {
        let now = self.clock.now();
        let error = match answer {
            Answer::Held { asked_at, fence, holdings } => {
                self.is_reading = false;
                match holdings {
                    Ok(holdings) => {
                        (self.read_fence, self.read_at) = (fence, now);
                        self.leases.held(now, asked_at, &holdings);
                        None
                    }
                    Err(error) => {
                        self.must_read = true;
                        Some(error)
                    }
                }
            }
            Answer::Acknowledged { ended, result } => {
                self.is_acknowledging = false;
                result.err().inspect(|_| self.unsent.extend(ended))
            }
        };
        match error {
            None => _ = self.episode.recovered(),
            Some(error) => {
                self.retry_at = now + RETRY;
                if self.episode.failed(now, &error) {
                    self.observe.tell(NodeEvent::HandOverFailed { error });
                }
            }
        }
    }

    /// Renews the leases of slots, and shows the present state to look-ups and readers of changes.
    fn publish(&mut self, now: Duration) {
        self.published = self.leases.version();
        let workable = self.leases.workable(now);
        let loss = if self.leases.is_expired() { Cause::LeaseLost } else { self.loss };
        self.slot_leases.retain(|slot, (token, holder)| {
            let is_held = workable.get(slot).is_some_and(|(present, _)| present == token);
            if !is_held {
                holder.withdraw(loss);
            }
            is_held
        });
        let before = Arc::clone(&self.owned.borrow());
        let mut leases = BTreeMap::new();
        for (slot, (token, gained_by)) in workable {
            let known = before.leases.get(&slot).filter(|_| self.slot_leases.contains_key(&slot)).cloned();
            let lease = known.unwrap_or_else(|| {
                let (lease, holder) = Lease::new(token);
                self.slot_leases.insert(slot, (token, holder));
                (lease, gained_by)
            });
            leases.insert(slot, lease);
        }
        self.owned.send_replace(Arc::new(Owned { items: Arc::clone(&self.items), slots: self.slots, leases, loss }));
    }
}

/// Returns the result of a handler, with a panic as an error.
async fn caught(handler: impl Future<Output = Result<(), BoxError>>) -> Result<(), BoxError> {
    AssertUnwindSafe(handler).catch_unwind().await.unwrap_or_else(|panic| Err(panic_message(&*panic).into()))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the handler panicked: {}", text.unwrap_or_else(|| "no message".to_owned()))
}
