//! A call that is repeated at a time, with at most one in flight.

use std::time::Duration;

/// A call that is due at a time, one at once.
#[derive(Debug, Default)]
pub(super) struct RecurringCall {
    pub(super) due_at: Duration,
    pub(super) sent_at: Option<Duration>,
    /// Something changed while it was under way: it is due again as soon as it is answered.
    pub(super) again: bool,
}

impl RecurringCall {
    /// Whether it is to be made now; it counts as made then.
    pub(super) fn send(&mut self, now: Duration) -> bool {
        let due = self.sent_at.is_none() && self.due_at <= now;
        if due {
            self.sent_at = Some(now);
        }
        due
    }

    /// Makes it due now, or as soon as the one under way is answered.
    pub(super) fn hurry(&mut self, now: Duration) {
        self.again = self.sent_at.is_some();
        self.due_at = self.due_at.min(now);
    }

    /// When the call was made that is now answered.
    pub(super) fn answered(&mut self, now: Duration) -> Duration {
        self.sent_at.take().unwrap_or(now)
    }

    /// Sets when it is due next, unless it is due again already.
    pub(super) fn next(&mut self, now: Duration, at: Duration) {
        self.due_at = if std::mem::take(&mut self.again) { now } else { at };
    }
}
