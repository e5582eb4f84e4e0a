//! Idle sessions of all pools of a store, and what the pools learn from each other about the hosts.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scaler_core::{Clock, TokioClock};
use sqlx::PgConnection;

/// A session that nobody has needed for so long is closed: others may want its place.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// What the sessions of a pool are for. Their settings differ, so that no pool may use those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Ticks,
    Others,
}

/// Sessions that wait for the next call.
pub(crate) struct IdleSessions {
    state: Mutex<State>,
    clock: TokioClock,
    /// The place of the host that took writes last.
    best_host: AtomicUsize,
}

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    /// How many times all sessions were closed.
    losses: u64,
}

struct Idle {
    purpose: Purpose,
    since: Duration,
    connection: PgConnection,
}

impl IdleSessions {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), clock: TokioClock::start(), best_host: AtomicUsize::new(0) }
    }

    /// The session that was used last.
    pub(crate) fn take(&self, purpose: Purpose) -> Option<PgConnection> {
        let mut state = self.state();
        let place = state.idle.iter().rposition(|idle| idle.purpose == purpose)?;
        Some(state.idle.remove(place).connection)
    }

    pub(crate) fn put(&self, purpose: Purpose, connection: PgConnection) {
        let since = self.clock.now();
        let mut state = self.state();
        state.idle.retain(|idle| since.saturating_sub(idle.since) < IDLE_FOR);
        state.idle.push(Idle { purpose, since, connection });
    }

    /// Closes all of them: what befell one session has befallen all, since they lead to the same server.
    pub(crate) fn forget_all(&self) {
        let mut state = self.state();
        state.losses += 1;
        state.idle.clear();
    }

    /// How many times all sessions were closed.
    pub(crate) fn losses(&self) -> u64 {
        self.state().losses
    }

    pub(crate) fn best_host(&self) -> usize {
        self.best_host.load(Ordering::Relaxed)
    }

    pub(crate) fn set_best_host(&self, place: usize) {
        self.best_host.store(place, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for IdleSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleSessions").finish_non_exhaustive()
    }
}
