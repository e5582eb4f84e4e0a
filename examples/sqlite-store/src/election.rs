//! Leader election: one row for the latest leadership.

use std::time::Duration;

use async_trait::async_trait;
use scaler_core::{DEAF_AFTER, DEAF_CANDIDATE_WAITS, Election, Hearing, StoreError, Term};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::failed;
use crate::open::millis;

/// The latest leadership. Times are those of the file's clock, in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Leadership {
    term: i64,
    holder: String,
    lease_ms: i64,
    pub(crate) lease_ends_ms: i64,
    pub(crate) elected_in: i64,
    deaf_since_ms: Option<i64>,
}

impl Leadership {
    /// Reads the latest leadership; `None` if there never was one.
    pub(crate) async fn read(connection: &mut SqliteConnection) -> sqlx::Result<Option<Self>> {
        let query = "select term, holder, lease_ms, lease_ends_ms, elected_in, deaf_since_ms from leader";
        let row: Option<(i64, String, i64, i64, i64, Option<i64>)> = sqlx::query_as(query).fetch_optional(connection).await?;
        Ok(row.map(|(term, holder, lease_ms, lease_ends_ms, elected_in, deaf_since_ms)| Self {
            term,
            holder,
            lease_ms,
            lease_ends_ms,
            elected_in,
            deaf_since_ms,
        }))
    }

    /// True if this is the latest term.
    pub(crate) fn is(&self, term: &Term) -> bool {
        self.term.unsigned_abs() == term.number && self.holder == term.holder.to_string()
    }

    /// True if a candidate must wait, given what it hears.
    fn holds(&self, now_ms: i64, hearing: Hearing) -> bool {
        let is_by_a_fallen_clock = self.lease_ends_ms > now_ms + 2 * self.lease_ms;
        let is_deaf = self.deaf_since_ms.is_some_and(|since| now_ms - since >= millis(DEAF_AFTER));
        match hearing {
            Hearing::Members => now_ms < self.lease_ends_ms && !is_by_a_fallen_clock && !is_deaf,
            Hearing::NoMembers => now_ms < self.lease_ends_ms + millis(DEAF_CANDIDATE_WAITS) && !is_by_a_fallen_clock,
        }
    }
}

#[async_trait]
impl Election for SqliteStore {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        let failed = failed("campaign");
        let mut transaction = self.begin("campaign").await?;
        let (elected_in, _) = self.now(&mut transaction).await.map_err(&failed)?;
        let (latest, now_ms) = (Leadership::read(&mut transaction).await.map_err(&failed)?, millis(self.clock.now()));
        if latest.as_ref().is_some_and(|latest| latest.holds(now_ms, hearing)) {
            return Ok(None);
        }
        let term = latest.map_or(0, |latest| latest.term) + 1;
        sqlx::query(
            "insert or replace into leader (one, term, holder, lease_ms, lease_ends_ms, elected_in) values (1, ?, ?, ?, ?, ?)",
        )
        .bind(term)
        .bind(candidate.to_string())
        .bind(millis(lease))
        .bind(now_ms + millis(lease))
        .bind(elected_in.0.cast_signed())
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(Some(Term { number: term.unsigned_abs(), holder: candidate }))
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        let now_ms = millis(self.clock.now());
        let deaf =
            "update leader set lease_ms = ?1, lease_ends_ms = ?2 + ?1, deaf_since_ms = iif(?3, coalesce(deaf_since_ms, ?2), null)
                    where term = ?4 and holder = ?5";
        let renewed = sqlx::query(deaf)
            .bind(millis(lease))
            .bind(now_ms)
            .bind(hearing == Hearing::NoMembers)
            .bind(term.number.cast_signed())
            .bind(term.holder.to_string())
            .execute(&self.pool)
            .await
            .map_err(failed("renew"))?;
        Ok(renewed.rows_affected() > 0)
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        sqlx::query("update leader set lease_ends_ms = ? where term = ? and holder = ?")
            .bind(millis(self.clock.now()))
            .bind(term.number.cast_signed())
            .bind(term.holder.to_string())
            .execute(&self.pool)
            .await
            .map_err(failed("resign"))?;
        Ok(())
    }
}
