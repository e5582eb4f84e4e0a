//! Continuous audit: the leader verifies one sample of slots after the other, and checks if the table of work was replaced or
//! changed.

use std::future::Future;
use std::time::Duration;

use notifi_scaler_common::Failure;
use notifi_scaler_common::api::ViewFeed;
use notifi_scaler_common::servers::Store;
use notifi_scaler_common::text::told;
use prometheus_client::registry::Registry;
use scaler_core::audit::Report;
use scaler_core::control::ControlEvent;
use scaler_core::{Clock, Episode, StoreError, TokioClock};
use scaler_pg::PgStore;
use tokio::sync::watch;

use crate::leading::leading;
use crate::metrics::AuditMetrics;
use crate::old_transactions::OldTransactions;

/// Application name of its Postgres sessions.
const SESSION: &str = "scaler-audit";
/// Maximum number of sessions: for an audit, for a vacuum, and for a check if the vacuum runs.
const SESSIONS: u32 = 3;
/// Number of slots in the sample of one audit; their items are limited, too.
const SAMPLE_SLOTS: u16 = 8;
/// Maximum number of items named in a log line.
const MOST_TOLD: usize = 3;

/// Continuous audit, before it runs.
#[derive(Debug)]
pub(crate) struct Auditing {
    store: PgStore,
    /// Interval between audits; 0 for never.
    every: Duration,
    feed: ViewFeed,
    metrics: AuditMetrics,
}

impl Auditing {
    /// Prepares the audit, whose results go to `feed`, with its own connections, which are opened only when they are needed.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub(crate) fn prepare(store: &Store<'_>, every: Duration, feed: ViewFeed, registry: &mut Registry) -> Result<Self, Failure> {
        Ok(Self { store: store.for_sessions(SESSION, SESSIONS)?, every, feed, metrics: AuditMetrics::register(registry) })
    }

    /// Splits into an observer for all events of the control plane, and a task to run beside the control plane.
    pub(crate) fn start(
        self,
        stop: impl Future<Output = ()> + Send,
    ) -> (impl FnMut(&ControlEvent<'_>) + Send, impl Future<Output = ()> + Send) {
        let (tell, leads) = leading();
        let run = async move {
            let transactions = OldTransactions { store: &self.store, age_s: &self.metrics.oldest_transaction };
            let watch = async { tokio::join!(self.run(leads.clone()), transactions.watch(leads)) };
            tokio::select! {
                _ = watch => {}
                () = stop => {}
            }
        };
        (tell, run)
    }

    async fn run(&self, mut leads: watch::Receiver<bool>) {
        if self.every.is_zero() {
            return;
        }
        let (mut fails, mut table, clock) = (false, Episode::default(), TokioClock::start());
        while leads.wait_for(|leads| *leads).await.is_ok() {
            self.watch_table(&mut table, clock.now()).await;
            if !self.store.is_auditable() {
                tokio::time::sleep(self.every).await;
                continue;
            }
            match self.once().await {
                Ok(report) => {
                    fails = false;
                    self.count(&report);
                }
                Err(error) => {
                    self.metrics.failed.inc();
                    // The control plane logs an unavailable store.
                    if !std::mem::replace(&mut fails, true) {
                        tracing::warn!(%error, retry_in_s = self.every.as_secs(), "cannot audit a sample of the items; retrying");
                    }
                    tokio::time::sleep(self.every).await;
                }
            }
        }
    }

    /// Checks the table of work: its user may have replaced it by one without an index, or changed it.
    async fn watch_table(&self, episode: &mut Episode, now: Duration) {
        match self.store.ensure_table().await {
            Ok(()) => {
                if episode.recovered() {
                    tracing::info!("public.work_items passes its checks again");
                }
            }
            Err(error @ (StoreError::Misshapen { .. } | StoreError::NotInstalled { .. })) if episode.failed(now, &error) => {
                tracing::warn!(%error, "public.work_items fails its checks; it is checked again with each audit");
            }
            // The control plane logs an unavailable store.
            Err(_) => {}
        }
    }

    async fn once(&self) -> Result<Report, StoreError> {
        let scope = self.store.sample(SAMPLE_SLOTS).await?;
        let first = self.store.snapshot(&scope).await?;
        tokio::time::sleep(self.every).await;
        self.store.audit(&scope, first).await
    }

    fn count(&self, report: &Report) {
        self.feed.tell(|now, builder| builder.audited(now, report));
        self.metrics.audits.inc();
        self.metrics.items.inc_by(report.items);
        self.metrics.doubles.inc_by(report.doubles);
        self.metrics.gaps.inc_by(report.gaps);
        if report.doubled > 0 {
            tracing::error!(
                items = report.doubled,
                examples = some(report),
                "an audit found items that gained more than one per tick; run `notifi-scaler verify`, and look for other writers of \
                 work_items.value"
            );
        } else if report.short > 0 {
            tracing::warn!(
                items = report.short,
                examples = some(report),
                "an audit found items that gained less than one per tick; look for row locks, refused items and other writers of \
                 work_items.value"
            );
        }
    }
}

fn some(report: &Report) -> String {
    report.named.iter().take(MOST_TOLD).map(told).collect::<Vec<_>>().join("; ")
}
