//! Appends the history of a leader to the event log, between its turns, so that a slow log delays neither the lease nor a decision.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::ControlEvent;
use super::history::History;
use crate::{Clock, Episode, Event, StoreError, WorkStore};

/// Time to the next attempt after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Events that were observed and wait to be appended.
#[derive(Debug)]
pub(super) struct Observed {
    history: Mutex<History>,
    clock: Arc<dyn Clock>,
}

/// Events, and the result of appending them.
type Appended = (Vec<Event>, Result<(), StoreError>);

/// Appends what was observed.
pub(super) struct Recorder<S: ?Sized> {
    store: Arc<S>,
    observed: Arc<Observed>,
    /// Call in progress.
    appending: Option<BoxFuture<'static, Appended>>,
    due_at: Duration,
    episode: Episode,
}

impl Observed {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { history: Mutex::default(), clock }
    }

    pub(super) fn observe(&self, event: &ControlEvent<'_>) {
        self.lock().observe(self.clock.now(), event);
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        // No code panics while it holds the lock, so a poisoned state is consistent.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: WorkStore + ?Sized + 'static> Recorder<S> {
    pub(super) fn new(store: Arc<S>, observed: Arc<Observed>) -> Self {
        Self { store, observed, appending: None, due_at: Duration::ZERO, episode: Episode::default() }
    }

    /// Appends what waits. Returns true if that is done, and false if there was nothing to do or it has to be tried later.
    ///
    /// Cancel safe: the next call continues.
    ///
    /// # Errors
    /// If it failed and that should be reported.
    pub(super) async fn advance(&mut self) -> Result<bool, StoreError> {
        let now = self.observed.clock.now();
        if self.appending.is_none() && now >= self.due_at {
            self.begin();
        }
        let Some(appending) = &mut self.appending else { return Ok(false) };
        let (events, result) = appending.await;
        self.appending = None;
        match result {
            Ok(()) => {
                self.episode.recovered();
                Ok(true)
            }
            Err(error) => {
                self.observed.lock().put_back(events);
                let now = self.observed.clock.now();
                self.due_at = now + RETRY_AFTER;
                if self.episode.failed(now, &error) { Err(error) } else { Ok(false) }
            }
        }
    }

    fn begin(&mut self) {
        let events = self.observed.lock().take();
        if events.is_empty() || self.store.event_log().is_none() {
            return;
        }
        let store = Arc::clone(&self.store);
        self.appending = Some(Box::pin(async move {
            let result = match store.event_log() {
                Some(log) => log.append(&events).await,
                None => Ok(()),
            };
            (events, result)
        }));
    }
}
