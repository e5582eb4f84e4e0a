//! Leadership of one control plane: it renews only while its turns succeed, and resigns so that others can try when they do not.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::{StoreError, Term};

/// Number of renewals within one lease.
const RENEWALS_A_LEASE: u32 = 3;
/// Maximum time for which a control plane that gave up lets others try, in leases.
const LONGEST_WAIT_LEASES: u32 = 3;

/// Action on leadership before the next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// It leads, and nothing is due.
    Lead(Term),
    /// It leads, and renews its lease first.
    Renew(Term),
    /// It has led for a whole lease without a successful turn: it resigns.
    GiveUp(Term),
    /// It does not lead: it campaigns.
    Campaign,
    /// It gave up recently: it lets others try.
    Wait,
}

/// Leadership as seen by one control plane. Times are from its own clock.
#[derive(Debug)]
pub(super) struct Leadership {
    lease: Duration,
    held: Option<Held>,
    /// Time before which it does not campaign.
    campaigns_at: Duration,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    term: Term,
    renew_at: Duration,
    /// End of the last successful turn; before the first one, time of the election.
    succeeded_at: Duration,
    /// True if a turn failed although the store was available: another control plane may then succeed.
    is_our_fault: bool,
}

impl Leadership {
    /// Returns the leadership of a control plane that has not campaigned yet. The seed makes its jitter different from that of
    /// others.
    pub(super) fn new(lease: Duration, seed: u64) -> Self {
        Self { lease, held: None, campaigns_at: Duration::ZERO, backoff: Backoff::new(lease, lease * LONGEST_WAIT_LEASES, seed) }
    }

    /// Returns the action that is due at `now`.
    pub(super) fn duty(&self, now: Duration) -> Duty {
        match self.held {
            Some(held) if now < held.renew_at => Duty::Lead(held.term),
            Some(held) if self.failing_for(now) <= self.lease => Duty::Renew(held.term),
            Some(held) => Duty::GiveUp(held.term),
            None if now < self.campaigns_at => Duty::Wait,
            None => Duty::Campaign,
        }
    }

    /// Returns the term, if it leads.
    pub(super) fn term(&self) -> Option<Term> {
        self.held.map(|held| held.term)
    }

    /// Returns the time since its last successful turn ended, if it leads; zero otherwise.
    pub(super) fn failing_for(&self, now: Duration) -> Duration {
        self.held.map_or(Duration::ZERO, |held| now.saturating_sub(held.succeeded_at))
    }

    pub(super) fn elected(&mut self, now: Duration, term: Term) {
        let renew_at = now + self.lease / RENEWALS_A_LEASE;
        self.held = Some(Held { term, renew_at, succeeded_at: now, is_our_fault: false });
    }

    pub(super) fn renewed(&mut self, now: Duration) {
        if let Some(held) = &mut self.held {
            held.renew_at = now + self.lease / RENEWALS_A_LEASE;
        }
    }

    /// Makes the renewal due in the next turn.
    pub(super) fn renew_soon(&mut self) {
        if let Some(held) = &mut self.held {
            held.renew_at = Duration::ZERO;
        }
    }

    pub(super) fn turn_succeeded(&mut self, now: Duration) {
        if let Some(held) = &mut self.held {
            held.succeeded_at = now;
            self.backoff.succeeded();
        }
    }

    pub(super) fn turn_failed(&mut self, error: &StoreError) {
        if let Some(held) = &mut self.held {
            held.is_our_fault = !matches!(error, StoreError::Unavailable { .. });
        }
    }

    /// Ends the leadership, and returns the term that was held.
    pub(super) fn lost(&mut self) -> Option<Term> {
        self.held.take().map(|held| held.term)
    }

    /// Ends the leadership, and returns the time until it may campaign again: zero if the store was unavailable, and otherwise
    /// longer with each leadership in which no turn succeeded.
    pub(super) fn gave_up(&mut self, now: Duration) -> Duration {
        let is_our_fault = self.held.take().is_some_and(|held| held.is_our_fault);
        let wait = if is_our_fault { self.backoff.failed() } else { Duration::ZERO };
        self.campaigns_at = now + wait;
        wait
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const LEASE: Duration = Duration::from_secs(5);
    const TERM: Term = Term { number: 1, holder: Uuid::nil() };

    fn refused() -> StoreError {
        StoreError::Refused { during: "look", source: "a trigger".into() }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn turns_that_succeed_renew_the_lease() {
        let mut leadership = Leadership::new(LEASE, 1);
        assert_eq!(leadership.duty(at(0)), Duty::Campaign);
        leadership.elected(at(0), TERM);
        for second in 1..100 {
            match leadership.duty(at(second)) {
                Duty::Renew(_) => leadership.renewed(at(second)),
                duty => assert_eq!(duty, Duty::Lead(TERM)),
            }
            leadership.turn_succeeded(at(second));
        }
    }

    #[test]
    fn a_lease_without_a_turn_that_succeeds_is_the_last() {
        let mut leadership = Leadership::new(LEASE, 1);
        leadership.elected(at(0), TERM);
        leadership.turn_failed(&refused());
        assert_eq!(leadership.duty(at(4)), Duty::Renew(TERM));
        leadership.renewed(at(4));
        assert_eq!(leadership.duty(at(6)), Duty::GiveUp(TERM));
        let wait = leadership.gave_up(at(6));
        assert!(wait >= LEASE && wait <= LEASE * LONGEST_WAIT_LEASES, "{wait:?}");
        assert_eq!(leadership.duty(at(6) + wait / 2), Duty::Wait);
        assert_eq!(leadership.duty(at(6) + wait), Duty::Campaign);
    }

    #[test]
    fn after_an_outage_of_the_store_a_leader_campaigns_at_once() {
        let mut leadership = Leadership::new(LEASE, 1);
        leadership.elected(at(0), TERM);
        leadership.turn_failed(&StoreError::Unavailable { during: "look", source: "refused".into() });
        assert_eq!(leadership.duty(at(60)), Duty::GiveUp(TERM));
        assert_eq!(leadership.gave_up(at(60)), Duration::ZERO);
        assert_eq!(leadership.duty(at(60)), Duty::Campaign);
    }
}
