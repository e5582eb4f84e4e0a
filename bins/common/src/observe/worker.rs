//! Observer of a worker: log lines, metrics, and the printed item list.

use scaler_core::node::NodeEvent;
use scaler_core::worker::WorkerEvent;
use scaler_core::{Tick, TickReport, WorkerId};

use crate::item_list_printer::{PrintIds, WatchLines};
use crate::metrics::{FailureLabels, WorkerMetrics};
use crate::readiness::Readiness;
use crate::stdout_writer::StdoutWriter;
use crate::text::millis;

use super::narrate::installation_changed;

/// Observer that turns the events of a worker into log lines, metrics, and the printed item list.
#[derive(Debug)]
pub struct WorkerObserver {
    worker: WorkerId,
    watch: WatchLines,
    lines: StdoutWriter,
    metrics: WorkerMetrics,
    readiness: Readiness,
    tick: Option<Tick>,
}

impl WorkerObserver {
    /// Returns an observer that has seen no event yet.
    #[must_use]
    pub fn new(worker: WorkerId, print: PrintIds, lines: StdoutWriter, metrics: WorkerMetrics, readiness: Readiness) -> Self {
        Self { watch: WatchLines::new(worker.clone(), print), worker, lines, metrics, readiness, tick: None }
    }

    /// Logs, counts and prints an event of the worker's node.
    pub fn observe(&mut self, event: &NodeEvent) {
        let worker = &self.worker;
        match event {
            NodeEvent::Worker(event) => self.worker_event(event),
            NodeEvent::Drained => tracing::info!(%worker, "drained: the worker owns no slots and exits"),
            NodeEvent::DrainTimedOut { slots } => {
                tracing::warn!(%worker, slots, "drain timeout: the worker exits with slots, which other workers take over");
            }
            // The other events are of handlers and of a control plane of the node's own, which this worker has not.
            _ => {}
        }
    }

    fn worker_event(&mut self, event: &WorkerEvent) {
        self.log(event);
        match event {
            WorkerEvent::Ticked { report, took, .. } => self.ticked(report, took.as_secs_f64()),
            WorkerEvent::Watching { items, .. } => {
                self.metrics.watched_items.set(i64::try_from(items.len()).unwrap_or(i64::MAX));
                if let Some(line) = self.watch.next(items)
                    && !self.lines.print(line)
                {
                    self.metrics.lost_lines.inc();
                }
            }
            WorkerEvent::Missed { ticks } => _ = self.metrics.missed_ticks.inc_by(*ticks),
            WorkerEvent::Claimed { slots } => _ = self.metrics.claimed_slots.inc_by(u64::try_from(*slots).unwrap_or(u64::MAX)),
            WorkerEvent::StoreFailed { error, .. } | WorkerEvent::ClaimFailed { error } => {
                self.readiness.waits(error);
                self.metrics.failures.get_or_create(&FailureLabels::store(error.class())).inc();
            }
            WorkerEvent::MembershipFailed { error, .. } => {
                self.metrics.failures.get_or_create(&FailureLabels::membership(error.class())).inc();
            }
            WorkerEvent::Idle { why } => {
                self.metrics.idle.set(1);
                self.readiness.idle(Some(format!("the worker owns no slots: {why}")));
            }
            WorkerEvent::IdleOver => {
                self.metrics.idle.set(0);
                self.readiness.idle(None);
            }
            WorkerEvent::SlotsFailed { slots, error } => {
                self.metrics.failures.get_or_create(&FailureLabels::store(error.class())).inc();
                self.readiness.falls_short(Some(format!(
                    "ticks of slots {} to {} fail: {error}",
                    slots.first(),
                    slots.end() - 1
                )));
            }
            WorkerEvent::SlotsBack => self.readiness.falls_short(None),
            WorkerEvent::ItemsRefused { items, refusal } => {
                self.readiness.falls_short(Some(format!("Postgres refuses to change {items} items; {refusal}")));
            }
            WorkerEvent::ItemsAccepted => self.readiness.falls_short(None),
            WorkerEvent::WritesRefused { why } => {
                self.metrics.barred.set(1);
                self.readiness.barred(Some(format!("Postgres refuses all writes of this worker: {why}")));
            }
            WorkerEvent::WritesAccepted => {
                self.metrics.barred.set(0);
                self.readiness.barred(None);
            }
            WorkerEvent::Retiring => self.readiness.retiring(),
            WorkerEvent::Reinstated => self.readiness.reinstated(),
            WorkerEvent::Draining => self.readiness.leaving(),
            _ => {}
        }
    }

    fn ticked(&mut self, report: &TickReport, took_s: f64) {
        self.readiness.worked();
        self.metrics.owned_slots.set(i64::from(report.owned));
        self.metrics.items.inc_by(report.items);
        self.metrics.locked_items.inc_by(report.locked);
        self.metrics.refused_items.inc_by(report.refused);
        if self.tick < Some(report.tick) {
            self.tick = Some(report.tick);
            self.metrics.ticks.inc();
            self.metrics.tick_duration.observe(took_s);
        }
    }

    /// Logs what happens to slots and items.
    fn log(&self, event: &WorkerEvent) {
        let worker = &self.worker;
        match event {
            WorkerEvent::Adopted { slots } => {
                tracing::info!(%worker, slots, "adopted the slots of the previous incarnation of this worker");
            }
            WorkerEvent::Ticked { report, .. } if report.locked > 0 => {
                tracing::warn!(
                    %worker,
                    tick = report.tick.0,
                    items = report.locked,
                    "items missed a tick because other sessions hold locks on their rows"
                );
            }
            WorkerEvent::Missed { ticks } => {
                tracing::warn!(%worker, ticks, "all or some slots of this worker missed ticks, which are not repeated");
            }
            WorkerEvent::Claimed { slots } => {
                tracing::warn!(%worker, slots, "claimed orphaned slots: they missed ticks and no control plane moved them");
            }
            WorkerEvent::ClaimFailed { error } => {
                tracing::warn!(%worker, %error, "cannot claim orphaned slots; the worker goes on with its own slots and retries the claim");
            }
            WorkerEvent::SlotsFailed { slots, error } => {
                let (first, last) = (slots.first(), slots.end() - 1);
                tracing::warn!(
                    %worker,
                    first_slot = first,
                    last_slot = last,
                    %error,
                    "cannot tick some slots of this range; ticks all other slots and retries these within 30 s"
                );
            }
            WorkerEvent::SlotsBack => tracing::info!(%worker, "all slots are ticked again"),
            WorkerEvent::ItemsRefused { items, refusal } => {
                tracing::warn!(
                    %worker,
                    items,
                    example = %refusal,
                    "Postgres refuses to change some items; all others are ticked and each of these is retried within 30 s; \
                     change the row, or the constraint, trigger or policy that refuses it"
                );
            }
            WorkerEvent::ItemsAccepted => tracing::info!(%worker, "Postgres accepts changes of all items again"),
            WorkerEvent::WritesRefused { why } => {
                tracing::error!(
                    %worker,
                    reason = %why,
                    "Postgres refuses all writes of this worker; other workers take over its slots and a write is retried within \
                     30 s; check the grants of its role, and constraints, triggers and policies of the table"
                );
            }
            WorkerEvent::WritesAccepted => tracing::info!(%worker, "Postgres accepts writes of this worker again"),
            _ => self.log_state(event),
        }
    }

    /// Logs the state of the servers and of the worker itself.
    fn log_state(&self, event: &WorkerEvent) {
        let worker = &self.worker;
        match event {
            WorkerEvent::WaitingForSchema { error } => {
                tracing::info!(%worker, %error, "waiting until a control plane or `notifi-scaler migrate` installs the schema");
            }
            WorkerEvent::StoreFailed { error, retry_in } => {
                tracing::warn!(%worker, %error, retry_in_ms = millis(*retry_in), "a call to Postgres failed; retrying");
            }
            WorkerEvent::StoreBack => tracing::info!(%worker, "calls to Postgres succeed again"),
            WorkerEvent::MembershipFailed { error, retry_in } => {
                tracing::warn!(
                    %worker,
                    %error,
                    retry_in_ms = millis(*retry_in),
                    "a heartbeat failed; the worker goes on with its slots; retrying"
                );
            }
            WorkerEvent::MembershipBack => tracing::info!(%worker, "heartbeats succeed again"),
            WorkerEvent::Idle { why } => {
                tracing::warn!(%worker, reason = %why, "the worker owns no slots and gets none; /ready fails until this ends");
            }
            WorkerEvent::IdleOver => tracing::info!(%worker, "the worker owns slots, or can be given slots, again"),
            WorkerEvent::InstallationChanged { before, now } => {
                tracing::warn!(%worker, "{}", installation_changed(*before, *now));
            }
            WorkerEvent::Retiring => {
                tracing::info!(%worker, "the worker is retired: it hands over its slots, takes no new ones and does not exit");
            }
            WorkerEvent::Reinstated => tracing::info!(%worker, "the worker is reinstated and can be given slots"),
            WorkerEvent::Draining => {
                tracing::info!(%worker, "draining: the worker goes on with its slots until other workers own them, then exits");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use prometheus_client::registry::Registry;
    use scaler_core::worker::IdleReason;
    use scaler_core::{ItemId, RefusedItem, SlotCount, TokioClock};
    use uuid::Uuid;

    use super::*;
    use crate::testing::Kept;

    #[tokio::test]
    async fn each_event_updates_the_metrics_readiness_and_printed_list() {
        let kept = Kept::default();
        let lines = StdoutWriter::to(kept.clone()).unwrap();
        let metrics = WorkerMetrics::register(&mut Registry::default());
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "tick");
        let worker = WorkerId::new("worker-1").unwrap();
        let mut observer = WorkerObserver::new(worker, PrintIds::All, lines.clone(), metrics.clone(), readiness.clone());
        let report = |tick, items| TickReport {
            installation: scaler_core::InstallationId::new(Uuid::nil()),
            tick: Tick(tick),
            into_tick: Duration::ZERO,
            tick_length: Duration::from_secs(1),
            slots: SlotCount::DEFAULT,
            owned: 5,
            fence: 0,
            ticked: 1,
            left: 0,
            items,
            digest: 0,
            locked: 1,
            refused: 0,
            refusal: None,
            took: Duration::ZERO,
        };
        let items: Arc<[ItemId]> = [ItemId::Uuid(Uuid::nil())].into();
        for (tick, count) in [(1, 3), (1, 1), (3, 4)] {
            observer.worker_event(&WorkerEvent::Ticked {
                is_complete: true,
                report: report(tick, count),
                took: Duration::from_millis(3),
            });
        }
        observer.worker_event(&WorkerEvent::Missed { ticks: 1 });
        observer.worker_event(&WorkerEvent::Claimed { slots: 7 });
        observer.worker_event(&WorkerEvent::Watching { tick: Tick(3), items });
        assert_eq!((metrics.ticks.get(), metrics.items.get(), metrics.missed_ticks.get()), (2, 8, 1));
        assert_eq!((metrics.owned_slots.get(), metrics.watched_items.get(), metrics.locked_items.get()), (5, 1, 3));
        assert_eq!(metrics.claimed_slots.get(), 7);
        assert_eq!(kept.text(&lines), "worker-1 watching 1 items: 00000000-0000-0000-0000-000000000000\n");
        assert_eq!(readiness.check(), Ok(()));
        observer.worker_event(&WorkerEvent::Idle { why: IdleReason::Unheard });
        assert!(readiness.check().unwrap_err().starts_with("the worker owns no slots: heartbeats are not answered"));
        observer.worker_event(&WorkerEvent::IdleOver);
        let refusal =
            Arc::new(RefusedItem { item: ItemId::Uuid(Uuid::nil()), why: "violates a check (SQLSTATE 23514)".to_owned() });
        observer.worker_event(&WorkerEvent::ItemsRefused { items: 2, refusal });
        assert_eq!(readiness.check(), Ok(()), "all other items are ticked");
        assert!(readiness.shortfall().unwrap().contains("refuses to change 2 items; 00000000"));
        observer.worker_event(&WorkerEvent::ItemsAccepted);
        assert_eq!(readiness.shortfall(), None);
        observer.worker_event(&WorkerEvent::WritesRefused { why: "permission denied".to_owned() });
        assert!(readiness.check().unwrap_err().ends_with("of this worker: permission denied"));
        observer.worker_event(&WorkerEvent::WritesAccepted);
        observer.worker_event(&WorkerEvent::Retiring);
        assert_eq!(readiness.check(), Err("retiring".to_owned()));
        observer.worker_event(&WorkerEvent::Reinstated);
        assert_eq!(readiness.check(), Ok(()));
        observer.worker_event(&WorkerEvent::Draining);
        assert_eq!(readiness.check(), Err("draining".to_owned()));
    }
}
