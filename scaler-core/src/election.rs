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

/// One leader at a time, with a term that the store checks in every commit.
///
/// Time is the store's. A lease that ran out keeps nobody from committing: only the next term does.
#[async_trait]
pub trait Election: Debug + Send + Sync {
    /// Asks for leadership for the time of `lease`. It is given, with a number one higher than any before, when nobody
    /// holds it or the holder's lease has run out; otherwise `None`. A lease that lasts for more than twice as long yet is taken for one by
    /// a clock that has fallen since, and for run out.
    ///
    /// # Errors
    /// When the store is away, refuses, or does not answer.
    async fn campaign(&self, candidate: Uuid, lease: Duration) -> Result<Option<Term>, StoreError>;

    /// Prolongs the term by `lease` from now; `false` when a later term has begun.
    ///
    /// # Errors
    /// As for [`campaign`](Self::campaign).
    async fn renew(&self, term: &Term, lease: Duration) -> Result<bool, StoreError>;

    /// Gives the term up, so that the next candidate need not wait. Without effect when a later term has begun.
    ///
    /// # Errors
    /// As for [`campaign`](Self::campaign).
    async fn resign(&self, term: &Term) -> Result<(), StoreError>;
}
