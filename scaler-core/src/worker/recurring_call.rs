//! Recurring call: due at a set time, with at most one in flight.

use std::time::Duration;

/// Schedule of a call of which at most one is in flight.
#[derive(Debug, Default)]
pub(super) struct RecurringCall {
    pub(super) due_at: Duration,
    pub(super) sent_at: Option<Duration>,
    /// True if the call was requested again while in flight: it is due again once answered.
    pub(super) again: bool,
}

impl RecurringCall {
    /// Returns true if the call is due, and records it as sent.
    pub(super) fn send(&mut self, now: Duration) -> bool {
        let due = self.sent_at.is_none() && self.due_at <= now;
        if due {
            self.sent_at = Some(now);
        }
        due
    }

    /// Makes the call due now, or once the one in flight is answered.
    pub(super) fn hurry(&mut self, now: Duration) {
        self.again = self.sent_at.is_some();
        self.due_at = self.due_at.min(now);
    }

    /// Records the answer to the call in flight and returns when that was sent.
    pub(super) fn answered(&mut self, now: Duration) -> Duration {
        self.sent_at.take().unwrap_or(now)
    }

    /// Sets the next due time, unless the call was requested again.
    pub(super) fn next(&mut self, now: Duration, at: Duration) {
        self.due_at = if std::mem::take(&mut self.again) { now } else { at };
    }
}
