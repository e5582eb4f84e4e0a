//! A worker's last seconds: it works on until it owns nothing.

use std::time::Duration;

/// When it was asked to leave, and who knows.
#[derive(Debug)]
pub(super) struct Drain {
    begun_at: Duration,
    deadline: Duration,
    /// When a heartbeat that said so was first answered.
    heard_at: Option<Duration>,
}

impl Drain {
    pub(super) fn new(now: Duration, timeout: Duration) -> Self {
        Self { begun_at: now, deadline: now + timeout, heard_at: None }
    }

    /// When it leaves with what it still owns.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// A heartbeat that was sent at that time is answered `now`.
    pub(super) fn heard(&mut self, sent: Duration, now: Duration) {
        if sent >= self.begun_at {
            self.heard_at.get_or_insert(now);
        }
    }

    /// Whether whoever gives slots has had a heartbeat's time to learn that no more are wanted.
    pub(super) fn is_known(&self, now: Duration, heartbeat_interval: Duration) -> bool {
        self.heard_at.is_some_and(|heard| now >= heard + heartbeat_interval)
    }
}
