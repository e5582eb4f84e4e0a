//! Old transactions: the leader exports the age of the oldest open one as a metric, and vacuums after it has ended.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use scaler_pg::PgStore;
use tokio::sync::watch;

use crate::metrics::NoLabels;

/// Interval between reads of the age.
const EVERY: Duration = Duration::from_secs(1);
/// Minimum age of an old transaction: Postgres has kept so many row versions for it that ticks are slow.
const OLD: Duration = Duration::from_secs(10);

/// Watcher of the database's oldest transaction.
pub(crate) struct OldTransactions<'a> {
    pub(crate) store: &'a PgStore,
    /// Seconds since the oldest one began. Absent while that is not known, because the last age would be taken for the current one.
    pub(crate) age_s: &'a Family<NoLabels, Gauge<f64, AtomicU64>>,
}

impl OldTransactions<'_> {
    /// Watches while this control plane leads. Ends when the sender of `leads` is gone.
    pub(crate) async fn watch(&self, mut leads: watch::Receiver<bool>) {
        let mut old = None;
        while leads.wait_for(|leads| *leads).await.is_ok() {
            let age = self.store.oldest_transaction().await.ok().flatten();
            if let Some(age) = age {
                self.age_s.get_or_create(&[]).set(age.as_secs_f64());
                if age >= OLD {
                    old = Some(age);
                } else if let Some(old) = old.take() {
                    self.vacuum_after(old).await;
                }
            } else {
                self.age_s.clear();
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = leads.wait_for(|leads| !leads) => self.age_s.clear(),
            }
        }
    }

    /// Vacuums after a transaction of this age has ended.
    async fn vacuum_after(&self, old: Duration) {
        let age_s = old.as_secs();
        tracing::info!(age_s, "an old transaction has ended; vacuuming scaler.slot and public.work_items where this role may");
        if let Err(error) = self.store.vacuum().await {
            tracing::warn!(%error, "cannot vacuum scaler.slot and public.work_items; autovacuum does it later");
        }
    }
}
