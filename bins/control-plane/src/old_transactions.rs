//! Transactions that stay open: the control plane that leads tells the age of the oldest, and vacuums once it is over.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use scaler_pg::PgStore;
use tokio::sync::watch;

use crate::metrics::NoLabels;

/// How often the age is read.
const EVERY: Duration = Duration::from_secs(1);
/// An older transaction has kept Postgres from pruning enough row versions for ticks to become slow.
const OLD: Duration = Duration::from_secs(10);

/// Watches for old transactions of the database.
pub(crate) struct OldTransactions<'a> {
    pub(crate) store: &'a PgStore,
    /// Seconds since the oldest one began. Absent while that is not known: the last age would be taken for the present one.
    pub(crate) age_s: &'a Family<NoLabels, Gauge<f64, AtomicU64>>,
}

impl OldTransactions<'_> {
    /// Watches while this control plane leads, without end.
    pub(crate) async fn watch(&self, mut leads: watch::Receiver<bool>) {
        let mut oldest = None;
        while leads.wait_for(|leads| *leads).await.is_ok() {
            let age = self.store.oldest_transaction().await.ok().flatten();
            if let Some(age) = age {
                self.age_s.get_or_create(&[]).set(age.as_secs_f64());
                oldest = self.vacuum_after(oldest, age).await;
            } else {
                self.age_s.clear();
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = leads.wait_for(|leads| !leads) => self.age_s.clear(),
            }
        }
    }

    /// Vacuums if the oldest transaction was old and is over; what is the oldest from now on.
    async fn vacuum_after(&self, oldest: Option<Duration>, age: Duration) -> Option<Duration> {
        let Some(was) = oldest.filter(|_| age < OLD) else { return (age >= OLD).then_some(age) };
        tracing::info!("a transaction of {} s is over: vacuuming slots and items, as far as this role may", was.as_secs());
        if let Err(error) = self.store.vacuum().await {
            tracing::warn!("cannot vacuum: {error}; leaving it to autovacuum");
        }
        None
    }
}
