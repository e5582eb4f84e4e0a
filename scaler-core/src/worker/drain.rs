//! A worker's last seconds: it works on until it owns nothing.

use std::time::Duration;

/// When it was asked to leave, and who knows.
#[derive(Debug)]
pub(super) struct Drain {
    begun_at: Duration,
    deadline: Duration,
    /// When a heartbeat that said so was first answered.
    heard_at: Option<Duration>,
    /// Whether one that said so was not answered, and none since.
    is_unheard: bool,
}

impl Drain {
    pub(super) fn new(now: Duration, timeout: Duration) -> Self {
        Self { begun_at: now, deadline: now + timeout, heard_at: None, is_unheard: false }
    }

    /// When it leaves with what it still owns.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// A heartbeat that was sent at that time is answered `now`.
    pub(super) fn heard(&mut self, sent: Duration, now: Duration) {
        if sent >= self.begun_at {
            self.heard_at.get_or_insert(now);
            self.is_unheard = false;
        }
    }

    /// A heartbeat that was sent at that time has failed.
    pub(super) const fn unheard(&mut self, sent: Duration) {
        if sent.as_nanos() >= self.begun_at.as_nanos() {
            self.is_unheard = true;
        }
    }

    /// Whether nobody can learn of it: there is no use in waiting for those who give slots.
    pub(super) const fn is_unheard(&self) -> bool {
        self.is_unheard
    }

    /// Whether whoever gives slots has had a heartbeat's time to learn that no more are wanted.
    pub(super) fn is_known(&self, now: Duration, heartbeat_interval: Duration) -> bool {
        self.heard_at.is_some_and(|heard| now >= heard + heartbeat_interval)
    }
}
