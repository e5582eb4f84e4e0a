//! [`PgMembership`], the membership on Postgres. Each method runs one statement.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use scaler_core::wire::{read_member, write_member, write_wake_up};
use scaler_core::{
    InstallationId, Member, MemberKey, MemberRecord, Membership, MembershipError, Registration, StoreError, WakeUp, WorkerId,
};
use sqlx::PgPool;

use crate::PgConfig;
use crate::connection::Link;
use crate::error::{Finding, of_membership};
use crate::group::Group;
use crate::sql::Sql;
use crate::store::unsigned;
use crate::wake_ups::WakeUps;

/// Longest silence that a sweep asks for, in seconds: a century. Postgres has no longer intervals than some millennia.
const LONGEST_SILENCE_S: f64 = 3.2e9;
/// Maximum length of the payload of a notification in bytes; Postgres refuses 8000.
const LONGEST_PAYLOAD: usize = 7999;

/// A [`Membership`] on Postgres, in the database of the work table.
///
/// Records are in the table `scaler.member`, which is unlogged: a crash of the server empties it, and the next heartbeat of each worker restores
/// its record. Retired names, and incarnations that lost their name, survive a crash.
///
/// Calls use up to two connections of their own. [`wake_ups`](Membership::wake_ups) uses one more, which is opened when the first stream is polled,
/// and listens for notifications. It is probed each second, and replaced if it gives no answer for the command timeout. After a reconnect, all
/// listeners are woken up, since a notification may have been lost. Behind a [pooler in transaction mode](crate::Pooler::Transaction), which
/// delivers no notifications, the streams look for new notifications once a second instead; a notification that names workers is then for
/// everyone.
#[derive(Debug)]
pub struct PgMembership {
    link: Arc<Link>,
    wake_ups: Arc<WakeUps>,
}

impl PgMembership {
    /// Returns a membership of the reference group; for another one, see [`PgStore::membership`](crate::PgStore::membership). It connects at first use, and again whenever needed.
    ///
    /// # Errors
    /// If the URL is invalid, or the timeouts do not fit together ([`Refused`](MembershipError::Refused)). No connection is tried yet.
    pub fn new(config: &PgConfig) -> Result<Self, MembershipError> {
        Self::of(config, None, &Arc::new(Sql::new(Group::default()))).map_err(of_membership)
    }

    /// Returns a membership of the installation with these statements.
    pub(crate) fn of(config: &PgConfig, pool: Option<&PgPool>, sql: &Arc<Sql>) -> Result<Self, StoreError> {
        let link = Arc::new(Link::for_members(config, pool, sql)?);
        let wake_ups = Arc::new(WakeUps::new(Arc::clone(&link)));
        Ok(Self { link, wake_ups })
    }

    async fn register(&self, during: &'static str, member: &Member, said: &str) -> Result<Registration, StoreError> {
        let Member { key, installation, state, .. } = member;
        let query = sqlx::query_as(&self.link.sql().heartbeat).bind(key.worker.as_str()).bind(key.incarnation.uuid());
        let query = query.bind(installation.uuid()).bind(state.as_str()).bind(said);
        let (answer,): (String,) = self.link.row(during, query).await?;
        match answer.as_str() {
            "current" => Ok(Registration::Current),
            "retiring" => Ok(Registration::Retiring),
            "superseded" => Ok(Registration::Superseded),
            _ => {
                let finding = Finding::Value { target: self.link.target().clone(), what: "scaler.heartbeat", value: answer };
                Err(StoreError::Misshapen { during, source: Box::new(finding) })
            }
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for PgMembership {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        let during = "sending a heartbeat";
        let said = write_member(member).map_err(|source| MembershipError::Refused { during, source })?;
        self.register(during, member, &said).await.map_err(of_membership)
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        let query = sqlx::query(&self.link.sql().leave).bind(member.worker.as_str()).bind(member.incarnation.uuid());
        self.link.change("leaving", query).await.map(drop).map_err(of_membership)
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        let rows: Result<Vec<(String, String, i64)>, _> =
            self.link.rows("listing the members", sqlx::query_as(&self.link.sql().members)).await;
        let record = |(worker, said, age_us): (String, String, i64)| {
            let age = Duration::from_micros(unsigned(age_us));
            Some(MemberRecord { member: read_member(&worker, &said)?, age })
        };
        Ok(rows.map_err(of_membership)?.into_iter().filter_map(record).collect())
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        let query = sqlx::query_as(&self.link.sql().sweep).bind(older_than.as_secs_f64().min(LONGEST_SILENCE_S));
        let (swept,): (Vec<String>,) = self.link.row("sweeping", query).await.map_err(of_membership)?;
        Ok(swept.into_iter().filter_map(|name| WorkerId::new(name).ok()).collect())
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        let names: Vec<&str> = workers.iter().map(WorkerId::as_str).collect();
        let query = sqlx::query(&self.link.sql().retire).bind(installation.uuid()).bind(names);
        self.link.change("retiring workers", query).await.map(drop).map_err(of_membership)
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        let query = sqlx::query_as(&self.link.sql().retired).bind(installation.uuid());
        let names: Vec<(String,)> = self.link.rows("listing the retired", query).await.map_err(of_membership)?;
        Ok(names.into_iter().filter_map(|(name,)| WorkerId::new(name).ok()).collect())
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        let query = sqlx::query(&self.link.sql().wake_up).bind(payload(wake_up));
        self.link.change("sending a wake-up notification", query).await.map(drop).map_err(of_membership)
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        self.wake_ups.stream()
    }
}

/// Returns the payload of a notification. One that would be too long is for everyone.
fn payload(wake_up: &WakeUp) -> String {
    let payload = write_wake_up(wake_up);
    if payload.len() > LONGEST_PAYLOAD { write_wake_up(&WakeUp::Everyone) } else { payload }
}
