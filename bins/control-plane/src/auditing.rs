//! The audit that goes on: the control plane that leads proves a few slots after the other, and looks whether the table of work was replaced
//! or changed.

use std::future::Future;
use std::time::Duration;

use notifi_scaler_common::Failure;
use notifi_scaler_common::servers::Store;
use notifi_scaler_common::text::told;
use prometheus_client::registry::Registry;
use scaler_core::audit::Report;
use scaler_core::control::ControlEvent;
use scaler_core::{Clock, Episode, StoreError, TokioClock};
use scaler_pg::PgStore;
use tokio::sync::watch;

use crate::metrics::AuditMetrics;
use crate::old_transactions::OldTransactions;

/// The name of its session with Postgres.
const SESSION: &str = "scaler-audit";
/// The most sessions: for an audit, for a vacuum, and for a look whether the latter is at work.
const SESSIONS: u32 = 3;
/// How many slots are looked at in one audit; their items are limited too.
const SAMPLE_SLOTS: u16 = 8;
/// So many items are named when many are amiss.
const MOST_TOLD: usize = 3;

/// The audit before anything runs.
#[derive(Debug)]
pub(crate) struct Auditing {
    store: PgStore,
    /// 0 for never.
    every: Duration,
    metrics: AuditMetrics,
}

impl Auditing {
    /// An audit over connections of its own, which are opened only when they are needed.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub(crate) fn prepare(store: &Store<'_>, every: Duration, registry: &mut Registry) -> Result<Self, Failure> {
        Ok(Self { store: store.for_sessions(SESSION, SESSIONS)?, every, metrics: AuditMetrics::register(registry) })
    }

    /// Splits into who must be told everything that the control plane tells, and what must run beside it.
    pub(crate) fn start(
        self,
        stop: impl Future<Output = ()> + Send,
    ) -> (impl FnMut(&ControlEvent<'_>) + Send, impl Future<Output = ()> + Send) {
        let (tell, leads) = watch::channel(false);
        let tell = move |event: &ControlEvent<'_>| match event {
            ControlEvent::Elected { .. } => _ = tell.send_replace(true),
            ControlEvent::Deposed(_) | ControlEvent::Following => _ = tell.send_replace(false),
            _ => {}
        };
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
            match self.once().await {
                Ok(report) => {
                    fails = false;
                    self.count(&report);
                }
                Err(error) => {
                    self.metrics.failed.inc();
                    // The control plane tells of a store that is away.
                    if !std::mem::replace(&mut fails, true) {
                        tracing::warn!("cannot audit: {error}; trying again every {} s", self.every.as_secs());
                    }
                    tokio::time::sleep(self.every).await;
                }
            }
        }
    }

    /// Its user may have put another one in its place, without an index, or have changed it.
    async fn watch_table(&self, episode: &mut Episode, now: Duration) {
        match self.store.ensure_table().await {
            Ok(()) => {
                if episode.recovered() {
                    tracing::info!("the table of work is as it should be again");
                }
            }
            Err(error @ (StoreError::Misshapen { .. } | StoreError::NotInstalled { .. })) if episode.failed(now, &error) => {
                tracing::warn!("{error}");
            }
            // The control plane tells of a store that is away.
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
        self.metrics.audits.inc();
        self.metrics.items.inc_by(report.items);
        self.metrics.doubles.inc_by(report.doubles);
        self.metrics.gaps.inc_by(report.gaps);
        if report.doubled > 0 {
            tracing::error!(
                "an audit found {} items that gained more than their slots were ticked: {}",
                report.doubled,
                some(report)
            );
        } else if report.short > 0 {
            tracing::warn!(
                "an audit found {} items that gained less than their slots were ticked: {}",
                report.short,
                some(report)
            );
        }
    }
}

fn some(report: &Report) -> String {
    report.named.iter().take(MOST_TOLD).map(told).collect::<Vec<_>>().join("; ")
}
