//! Drain: a worker that leaves keeps ticking until it owns no slots.

use std::time::Duration;

/// Drain deadline and acknowledgement of the draining state by the membership.
#[derive(Debug)]
pub(super) struct Drain {
    begun_at: Duration,
    deadline: Duration,
    /// Time at which a heartbeat that announced the drain was first answered.
    heard_at: Option<Duration>,
    /// True if a heartbeat that announced the drain failed, and none has been answered since.
    is_unheard: bool,
}

impl Drain {
    pub(super) fn new(now: Duration, timeout: Duration) -> Self {
        Self { begun_at: now, deadline: now + timeout, heard_at: None, is_unheard: false }
    }

    /// Returns the time at which the worker leaves even if it still owns slots.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Records at `now` the answer to a heartbeat sent at `sent`.
    pub(super) fn heard(&mut self, sent: Duration, now: Duration) {
        if sent >= self.begun_at {
            self.heard_at.get_or_insert(now);
            self.is_unheard = false;
        }
    }

    /// Records the failure of a heartbeat sent at `sent`.
    pub(super) const fn unheard(&mut self, sent: Duration) {
        if sent.as_nanos() >= self.begun_at.as_nanos() {
            self.is_unheard = true;
        }
    }

    /// True if no control plane can learn of the drain, so that waiting for one is useless.
    pub(super) const fn is_unheard(&self) -> bool {
        self.is_unheard
    }

    /// True if control planes have had the time of one heartbeat interval to learn of the drain and give the worker no more slots.
    pub(super) fn is_known(&self, now: Duration, heartbeat_interval: Duration) -> bool {
        self.heard_at.is_some_and(|heard| now >= heard + heartbeat_interval)
    }
}
