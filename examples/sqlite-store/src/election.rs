//! Leader election: one row for the latest leadership.

use std::time::Duration;

use async_trait::async_trait;
use scaler_core::{Election, Hearing, LeaderLease, StoreError, Term, Tick};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::failed;
use crate::open::millis;

/// The latest leadership.
#[derive(Clone, Debug)]
pub(crate) struct Leadership {
    term: i64,
    holder: String,
    pub(crate) lease: LeaderLease,
    pub(crate) elected_in: Tick,
}

impl Leadership {
    /// Reads the latest leadership; `None` if there never was one.
    pub(crate) async fn read(connection: &mut SqliteConnection) -> sqlx::Result<Option<Self>> {
        let query = "select term, holder, lease_ms, lease_ends_ms, deaf_since_ms, elected_in from leader";
        let row: Option<(i64, String, i64, i64, Option<i64>, i64)> = sqlx::query_as(query).fetch_optional(connection).await?;
        let ms = |time: i64| Duration::from_millis(time.unsigned_abs());
        Ok(row.map(|(term, holder, length, ends, deaf_since, elected_in)| Self {
            term,
            holder,
            lease: LeaderLease { length: ms(length), ends: ms(ends), deaf_since: deaf_since.map(ms) },
            elected_in: Tick(elected_in.unsigned_abs()),
        }))
    }

    /// Writes the lease.
    async fn write_lease(connection: &mut SqliteConnection, lease: LeaderLease) -> sqlx::Result<()> {
        sqlx::query("update leader set lease_ms = ?, lease_ends_ms = ?, deaf_since_ms = ?")
            .bind(millis(lease.length))
            .bind(millis(lease.ends))
            .bind(lease.deaf_since.map(millis))
            .execute(connection)
            .await
            .map(drop)
    }

    /// True if this is the latest term.
    pub(crate) fn is(&self, term: &Term) -> bool {
        self.term.unsigned_abs() == term.number && self.holder == term.holder.to_string()
    }
}

impl SqliteStore {
    /// Changes the lease of this term. Returns false if a later term has begun.
    async fn change_lease(
        &self,
        during: &'static str,
        term: &Term,
        change: impl FnOnce(LeaderLease) -> LeaderLease + Send,
    ) -> Result<bool, StoreError> {
        let failed = failed(during);
        let mut transaction = self.begin(during).await?;
        let latest = Leadership::read(&mut transaction).await.map_err(&failed)?;
        let Some(latest) = latest.filter(|latest| latest.is(term)) else { return Ok(false) };
        Leadership::write_lease(&mut transaction, change(latest.lease)).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(true)
    }
}

#[async_trait]
impl Election for SqliteStore {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        let failed = failed("campaign");
        let mut transaction = self.begin("campaign").await?;
        let (elected_in, _) = self.now(&mut transaction).await.map_err(&failed)?;
        let (latest, now) = (Leadership::read(&mut transaction).await.map_err(&failed)?, self.clock.now());
        if latest.as_ref().is_some_and(|latest| latest.lease.holds(now, hearing)) {
            return Ok(None);
        }
        let term = latest.map_or(0, |latest| latest.term) + 1;
        let lease = LeaderLease::new(now, lease);
        sqlx::query(
            "insert or replace into leader (one, term, holder, lease_ms, lease_ends_ms, elected_in) values (1, ?, ?, ?, ?, ?)",
        )
        .bind(term)
        .bind(candidate.to_string())
        .bind(millis(lease.length))
        .bind(millis(lease.ends))
        .bind(elected_in.0.cast_signed())
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(Some(Term { number: term.unsigned_abs(), holder: candidate }))
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.change_lease("renew", term, |before| before.renewed(now, lease, hearing)).await
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.change_lease("resign", term, |before| LeaderLease { ends: now, ..before }).await.map(drop)
    }
}
