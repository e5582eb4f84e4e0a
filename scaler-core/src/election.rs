//! One leader at a time.

use std::fmt::{self, Debug};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::StoreError;

/// One leadership: its number, which only rises, and who holds it. The store checks it in every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The version of the leadership.
    pub number: u64,
    /// The candidate that holds it.
    pub holder: Uuid,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {}", self.number)
    }
}

/// What a control plane hears of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hearing {
    /// A fresh heartbeat of at least one member of its installation.
    Members,
    /// None: the membership cannot be read, or nobody speaks there.
    Nobody,
}

/// How long a leader may hear nobody before a candidate that hears members takes its place.
pub const DEAF_AFTER: Duration = Duration::from_secs(10);

/// How much later than others a candidate that hears nobody takes a lease that ran out, so that one that hears members comes first.
pub const DEAF_CANDIDATE_WAITS: Duration = Duration::from_secs(2);

/// One leader at a time, with a term that the store checks in every commit.
///
/// Time is the store's. A lease that ran out keeps nobody from committing: only the next term does.
#[async_trait]
pub trait Election: Debug + Send + Sync {
    /// Asks for leadership for the time of `lease`. It is given, with a number one higher than any before, when nobody
    /// holds it or the holder's lease has run out; otherwise `None`. A lease that lasts for more than twice as long yet is taken for one by
    /// a clock that has fallen since, and for run out.
    ///
    /// - A candidate that hears [`Members`](Hearing::Members) is also given the place of a leader that has told in all of its
    ///   [renewals](Self::renew) for [`DEAF_AFTER`] that it hears [`Nobody`](Hearing::Nobody).
    /// - One that hears nobody gets a lease that ran out only [`DEAF_CANDIDATE_WAITS`] later.
    ///
    /// # Errors
    /// When the store is away, refuses, or does not answer.
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError>;

    /// Prolongs the term by `lease` from now, and notes what the leader hears; `false` when a later term has begun.
    ///
    /// # Errors
    /// As for [`campaign`](Self::campaign).
    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError>;

    /// Gives the term up, so that the next candidate need not wait. Without effect when a later term has begun.
    ///
    /// # Errors
    /// As for [`campaign`](Self::campaign).
    async fn resign(&self, term: &Term) -> Result<(), StoreError>;
}
