//! Leader election by one row in the same database as the moves that it fences.

use std::time::Duration;

use async_trait::async_trait;
use scaler_core::{Election, Hearing, StoreError, Term};
use uuid::Uuid;

use crate::PgStore;
use crate::store::unsigned;

/// Current or last leader.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Leader {
    /// Term of the leader.
    pub term: Term,
    /// Time until its lease expires; zero if it has expired.
    pub expires_in: Duration,
    /// Time for which it has received no heartbeat of a member; `None` if it receives some.
    pub deaf_for: Option<Duration>,
}

impl PgStore {
    /// Returns the current or last leader; `None` if there was none yet.
    ///
    /// # Errors
    /// If the store is unavailable, refuses, or does not answer.
    pub async fn leader(&self) -> Result<Option<Leader>, StoreError> {
        let rows: Vec<(i64, Uuid, f64, Option<f64>)> = self.link.rows("leader", sqlx::query_as(&self.sql.leader)).await?;
        Ok(rows.first().map(|(number, holder, expires_in_s, deaf_for_s)| Leader {
            term: Term { number: unsigned(*number), holder: *holder },
            expires_in: Duration::try_from_secs_f64(*expires_in_s).unwrap_or_default(),
            deaf_for: deaf_for_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        }))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Election for PgStore {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        let query = sqlx::query_as(&self.sql.campaign).bind(candidate);
        let query = query.bind(lease.as_secs_f64()).bind(hearing == Hearing::Members);
        let rows: Vec<(i64,)> = self.link.rows("campaign", query).await?;
        Ok(rows.first().map(|(number,)| Term { number: unsigned(*number), holder: candidate }))
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        let query = sqlx::query(&self.sql.renew).bind(term.number.cast_signed()).bind(term.holder);
        Ok(self.link.change("renew", query.bind(lease.as_secs_f64()).bind(hearing == Hearing::Members)).await? > 0)
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        let query = sqlx::query(&self.sql.resign).bind(term.number.cast_signed()).bind(term.holder);
        self.link.change("resign", query).await.map(drop)
    }
}
