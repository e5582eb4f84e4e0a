//! Leader election with terms.

use std::fmt::{self, Debug};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::StoreError;

/// Term of a leadership: a number that only rises, and its holder. The store checks it in every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// Number of the term; each new leadership has a higher one.
    pub number: u64,
    /// Candidate that holds it.
    pub holder: Uuid,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {}", self.number)
    }
}

/// Heartbeats of members that a control plane receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hearing {
    /// At least one fresh heartbeat of a member of its installation.
    Members,
    /// None: the membership cannot be read, or it has no fresh heartbeat.
    NoMembers,
}

/// Maximum time for which a leader may hear no member before a candidate that hears members replaces it.
pub const DEAF_AFTER: Duration = Duration::from_secs(10);

/// Additional time that a candidate that hears no member waits for an expired lease, so that a candidate that hears members is
/// elected first.
pub const DEAF_CANDIDATE_WAITS: Duration = Duration::from_secs(2);

/// Lease of a leader, by the store's clock: the rule by which a store answers a [campaign](Election::campaign).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderLease {
    /// Length for which it was taken or last renewed.
    pub length: Duration,
    /// Time at which it expires.
    pub ends: Duration,
    /// Time since which every renewal reported that the leader hears no members; `None` if the last one did not.
    pub deaf_since: Option<Duration>,
}

impl LeaderLease {
    /// Returns a lease that is taken or renewed now.
    #[must_use]
    pub fn new(now: Duration, length: Duration) -> Self {
        Self { length, ends: now + length, deaf_since: None }
    }

    /// Returns the lease after a renewal by a leader that hears this.
    #[must_use]
    pub fn renewed(self, now: Duration, length: Duration, hearing: Hearing) -> Self {
        let deaf_since = match hearing {
            Hearing::Members => None,
            Hearing::NoMembers => Some(self.deaf_since.unwrap_or(now)),
        };
        Self { deaf_since, ..Self::new(now, length) }
    }

    /// True if a candidate that hears this must wait.
    #[must_use]
    pub fn holds(self, now: Duration, hearing: Hearing) -> bool {
        let is_by_a_fallen_clock = self.ends > now + 2 * self.length;
        let is_deaf = self.deaf_since.is_some_and(|since| now.saturating_sub(since) >= DEAF_AFTER);
        match hearing {
            Hearing::Members => now < self.ends && !is_by_a_fallen_clock && !is_deaf,
            Hearing::NoMembers => now < self.ends + DEAF_CANDIDATE_WAITS && !is_by_a_fallen_clock,
        }
    }
}

/// Leader election: at most one leader per term, and the store checks the term in every commit.
///
/// Times are measured by the store's clock. An expired lease alone does not keep its holder from committing; only a later term
/// does.
#[async_trait]
pub trait Election: Debug + Send + Sync {
    /// Campaigns for leadership for the time `lease`. Returns a term whose number is one higher than any before if there is no
    /// leader or the leader's lease has expired; `None` otherwise. A lease that has more than twice `lease` left also counts as
    /// expired: the store's clock must have gone back since.
    ///
    /// - A candidate that hears [`Members`](Hearing::Members) also replaces a leader that has reported
    ///   [`NoMembers`](Hearing::NoMembers) in all of its [renewals](Self::renew) for [`DEAF_AFTER`].
    /// - A candidate that hears no member gets an expired lease only [`DEAF_CANDIDATE_WAITS`] later.
    ///
    /// # Errors
    /// If the store is unavailable, refuses the call, or does not answer.
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError>;

    /// Extends the term to `lease` from now and records what the leader hears. Returns false if a later term has begun.
    ///
    /// # Errors
    /// As for [`campaign`](Self::campaign).
    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError>;

    /// Ends the term, so that the next candidate need not wait. It has no effect if a later term has begun.
    ///
    /// # Errors
    /// As for [`campaign`](Self::campaign).
    async fn resign(&self, term: &Term) -> Result<(), StoreError>;
}
