//! Census: counts the items per slot concurrently with the turns, so that a long count delays neither the lease nor a decision.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{Clock, SlotLoad, StoreError, WorkStore};

/// Minimum rest after a count, as a multiple of the time it took.
const REST: u32 = 20;
/// Maximum time a turn waits for a count: enough for a small table.
const PATIENCE: Duration = Duration::from_millis(50);

/// The last count, and the one in progress.
pub(super) struct Census {
    interval: Duration,
    /// Maximum time a turn waits for the very first count.
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
    /// Returns a census without a count yet. Counts are `interval` apart; a turn waits at most `first_patience` for the first
    /// one.
    pub(super) fn new(interval: Duration, first_patience: Duration) -> Self {
        Self { interval, first_patience, counted: None, running: None, due_at: Duration::ZERO, failure: None, is_failing: false }
    }

    /// Returns the last count; `None` before the first one has ended.
    pub(super) const fn counted(&self) -> Option<&SlotLoad> {
        self.counted.as_ref()
    }

    /// True if the last count that ended failed.
    pub(super) const fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Starts a count if one is due, and waits briefly for the one in progress.
    ///
    /// # Errors
    /// If a count has failed since the last call. The next one is due at once.
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
        // A count that does not end in time continues in the next turn, and between the turns.
        let _ = tokio::time::timeout(patience, self.count(clock)).await;
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Continues the count in progress, and never returns. Cancel safe.
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
