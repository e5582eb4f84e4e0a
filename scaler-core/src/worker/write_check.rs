//! Write check: tells if the store accepts any write of this worker, when all its writes have been refused.
//!
//! If only its items are to blame, other workers would be refused, too, so the worker keeps its slots. If its name or rights are to blame,
//! the worker is barred: others take over its slots, and it is given none until a write in its name is accepted.

use std::time::Duration;

use super::WorkerEvent;
use super::recurring_call::RecurringCall;
use crate::backoff::Backoff;
use crate::{MemberState, RefusedItem, StoreError};

/// Interval between checks of a worker whose writes are refused, so that it resumes soon after they are accepted.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Number of consecutive refusals after which a worker is barred. A cause that affects all workers has stopped the others as well by
/// then, so that no slots are moved because of it.
const NOES: u32 = 3;

/// Schedule and result of the write checks of a worker.
#[derive(Debug)]
pub(super) struct WriteCheck {
    call: RecurringCall,
    is_wanted: bool,
    noes: u32,
    backoff: Backoff,
}

impl WriteCheck {
    /// Creates a check; `seed` makes the jitter differ between workers.
    pub(super) fn new(seed: u64) -> Self {
        Self { call: RecurringCall::default(), is_wanted: false, noes: 0, backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, seed) }
    }

    /// True if the worker is barred: the store refuses all writes in its name.
    pub(super) const fn is_barred(&self) -> bool {
        self.noes >= NOES
    }

    /// True if the store refused the last trial write.
    pub(super) const fn is_refused(&self) -> bool {
        self.noes > 0
    }

    /// State of a worker that neither joins nor drains.
    pub(super) const fn state(&self) -> MemberState {
        if self.is_barred() {
            MemberState::Barred
        } else if self.is_refused() {
            MemberState::Suspect
        } else {
            MemberState::Active
        }
    }

    /// Requests a check, as all writes of this worker were refused.
    pub(super) const fn suspect(&mut self) {
        self.is_wanted = true;
    }

    /// Records that a write was accepted; returns an event if the worker was barred. If the last trial write was refused, one more is
    /// made: by it the store learns that the worker may write again, and tries all its items.
    pub(super) fn wrote(&mut self) -> Option<WorkerEvent> {
        self.is_wanted = self.is_refused();
        self.backoff.succeeded();
        self.accepted()
    }

    /// Returns true if a check is due, and records it as sent.
    pub(super) fn send(&mut self, now: Duration) -> bool {
        self.is_wanted && self.call.send(now)
    }

    /// Returns the time of the next check; `None` while none is requested or one is in flight.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        (self.is_wanted && self.call.sent_at.is_none()).then_some(self.call.due_at)
    }

    /// Records the answer to a check; returns an event if the worker is barred, or no longer.
    pub(super) fn answered(&mut self, now: Duration, answer: Result<Option<RefusedItem>, StoreError>) -> Option<WorkerEvent> {
        self.call.answered(now);
        let why = match answer {
            Ok(Some(refused)) => refused.to_string(),
            Err(error @ (StoreError::Denied { .. } | StoreError::Refused { .. } | StoreError::Misshapen { .. })) => {
                error.to_string()
            }
            Ok(None) => {
                // Check again only if all writes are refused again, and not before the wait has passed.
                self.call.next(now, now + self.backoff.failed());
                self.is_wanted = false;
                return self.accepted();
            }
            Err(_) => {
                // A store that is unavailable or busy says nothing about this worker.
                self.call.next(now, now + self.backoff.failed());
                return None;
            }
        };
        self.call.next(now, now + ASK_AGAIN);
        self.backoff.succeeded();
        self.noes = self.noes.saturating_add(1);
        (self.noes == NOES).then_some(WorkerEvent::WritesRefused { why })
    }

    fn accepted(&mut self) -> Option<WorkerEvent> {
        (std::mem::take(&mut self.noes) >= NOES).then_some(WorkerEvent::WritesAccepted)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ItemId;

    const SECOND: Duration = Duration::from_secs(1);

    fn refused() -> Option<RefusedItem> {
        Some(RefusedItem { item: ItemId::Uuid(Uuid::nil()), why: "no".to_owned() })
    }

    #[test]
    fn a_worker_is_barred_until_a_write_is_let_through() {
        let mut check = WriteCheck::new(7);
        assert!(!check.send(SECOND), "nothing was refused");
        check.suspect();
        assert!(check.send(SECOND) && !check.send(SECOND), "one question at a time");
        assert!(check.answered(SECOND, Ok(refused())).is_none() && !check.is_barred(), "once may be a moment");
        assert!(!check.send(SECOND), "it waits before it asks again");
        let mut next = check.wake_at().unwrap();
        assert!(next >= 2 * SECOND && check.send(next));
        assert!(check.answered(next, Ok(refused())).is_none() && !check.is_barred());
        next = check.wake_at().unwrap();
        assert!(check.send(next));
        assert!(matches!(check.answered(next, Ok(refused())), Some(WorkerEvent::WritesRefused { .. })));
        assert!(check.is_barred());
        next = check.wake_at().unwrap();
        assert!(check.send(next));
        assert!(check.answered(next, Ok(refused())).is_none(), "it is told once");
        let next = check.wake_at().unwrap();
        assert!(check.send(next));
        assert!(matches!(check.answered(next, Ok(None)), Some(WorkerEvent::WritesAccepted)));
        assert!(!check.is_barred() && check.wake_at().is_none());
    }

    #[test]
    fn where_only_its_items_are_refused_it_is_not_barred_and_does_not_ask_all_the_time() {
        let mut check = WriteCheck::new(7);
        let mut asked = 0;
        for second in 0..600 {
            check.suspect();
            if check.send(SECOND * second) {
                asked += 1;
                assert!(check.answered(SECOND * second, Ok(None)).is_none() && !check.is_barred());
            }
        }
        assert!((15..60).contains(&asked), "{asked}");
    }

    #[test]
    fn a_store_that_is_away_says_nothing_about_the_worker() {
        let mut check = WriteCheck::new(7);
        check.suspect();
        assert!(check.send(SECOND));
        let away = StoreError::Unavailable { during: "try to write", source: "gone".into() };
        assert!(check.answered(SECOND, Err(away)).is_none() && !check.is_barred());
        assert!(check.wake_at().is_some(), "it asks again");
        assert!(check.wrote().is_none() && check.wake_at().is_none(), "until something is let through");
    }

    #[test]
    fn after_a_refusal_a_write_that_is_accepted_is_followed_by_one_more_check() {
        let mut check = WriteCheck::new(7);
        check.suspect();
        assert!(check.send(SECOND) && check.answered(SECOND, Ok(refused())).is_none());
        assert_eq!(check.state(), MemberState::Suspect);
        assert!(check.wrote().is_none());
        assert_eq!(check.state(), MemberState::Active);
        let next = check.wake_at().expect("the store is to learn of it");
        assert!(check.send(next) && check.answered(next, Ok(None)).is_none() && check.wake_at().is_none());
    }
}
