//! Idle sessions of all pools of a store, and what the pools share about the hosts.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scaler_core::{Clock, TokioClock};
use sqlx::PgConnection;

/// Time after which an idle session is closed, so that other clients can use its connection slot.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// Purpose of the sessions of a pool. Their settings differ, so a pool must not use the sessions of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Ticks,
    Others,
}

/// Idle sessions, which wait for the next call.
pub(crate) struct IdleSessions {
    state: Mutex<State>,
    clock: TokioClock,
    /// Index of the host that took writes last.
    best_host: AtomicUsize,
}

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    /// Number of times that all sessions were closed.
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

    /// Removes and returns the session of this purpose that was used last; `None` if there is none.
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

    /// Closes all idle sessions. They lead to the same server, so the failure of one session concerns all.
    pub(crate) fn forget_all(&self) {
        let mut state = self.state();
        state.losses += 1;
        state.idle.clear();
    }

    /// Number of times that all sessions were closed.
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
