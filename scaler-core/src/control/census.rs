//! The count of items per slot, made beside the turns: a long one delays neither the lease nor a decision.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{Clock, SlotLoad, StoreError, WorkStore};

/// A count that took this long is not repeated before this many times as long has gone by.
const REST: u32 = 20;
/// How long a turn waits for a count: one of a small table is there by then.
const PATIENCE: Duration = Duration::from_millis(50);

/// The last count, and the one under way.
pub(super) struct Census {
    interval: Duration,
    /// How long a turn waits for the very first count.
    first_patience: Duration,
    counted: Option<SlotLoad>,
    running: Option<Running>,
    due_at: Duration,
    failure: Option<StoreError>,
    is_failing: bool,
}

struct Running {
    begun_at: Duration,
    count: BoxFuture<'static, Result<SlotLoad, StoreError>>,
}

impl Census {
    /// Nothing is counted yet. Counts are `interval` apart; a turn waits for the first one for `first_patience` at most.
    pub(super) fn new(interval: Duration, first_patience: Duration) -> Self {
        Self { interval, first_patience, counted: None, running: None, due_at: Duration::ZERO, failure: None, is_failing: false }
    }

    /// The last count; `None` before the first one has ended.
    pub(super) const fn counted(&self) -> Option<&SlotLoad> {
        self.counted.as_ref()
    }

    /// Whether the last count that ended has failed.
    pub(super) const fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Begins a count that is due, and waits a moment for the one under way.
    ///
    /// # Errors
    /// When a count has failed since the last call. The next one is due at once.
    pub(super) async fn advance<S: WorkStore + ?Sized + 'static>(
        &mut self,
        store: &Arc<S>,
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        let now = clock.now();
        if self.running.is_none() && now >= self.due_at {
            let store = Arc::clone(store);
            self.running = Some(Running { begun_at: now, count: Box::pin(async move { store.census().await }) });
        }
        let patience = if self.counted.is_none() { self.first_patience } else { PATIENCE };
        // One that does not end in time goes on in the next turn, and between the turns.
        let _ = tokio::time::timeout(patience, self.count(clock)).await;
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Goes on with the count under way, and never ends. Cancel safe.
    pub(super) async fn go_on(&mut self, clock: &dyn Clock) {
        self.count(clock).await;
        pending::<()>().await;
    }

    async fn count(&mut self, clock: &dyn Clock) {
        let Some(running) = &mut self.running else { return };
        let answer = (&mut running.count).await;
        let (begun_at, ended_at) = (running.begun_at, clock.now());
        self.running = None;
        self.is_failing = answer.is_err();
        match answer {
            Ok(counted) => {
                self.counted = Some(counted);
                self.failure = None;
                self.due_at = ended_at + self.interval.max(ended_at.saturating_sub(begun_at) * REST);
            }
            Err(error) => self.failure = Some(error),
        }
    }
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Census")
            .field("is_running", &self.running.is_some())
            .field("due_at", &self.due_at)
            .finish_non_exhaustive()
    }
}
