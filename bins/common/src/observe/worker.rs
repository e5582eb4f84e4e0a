//! Observer of a worker: log lines, metrics, and the printed item list.

use scaler_core::worker::WorkerEvent;
use scaler_core::{Tick, TickReport, WorkerId};

use crate::item_list_printer::{PrintIds, WatchLines};
use crate::metrics::{FailureLabels, WorkerMetrics};
use crate::readiness::Readiness;
use crate::stdout_writer::StdoutWriter;
use crate::text::soon;

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

    /// Logs, counts and prints an event.
    pub fn observe(&mut self, event: &WorkerEvent) {
        self.log(event);
        match event {
            WorkerEvent::Ticked { report, took } => self.ticked(report, took.as_secs_f64()),
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
                self.readiness.idle(Some(format!("owns nothing: {why}")));
            }
            WorkerEvent::IdleOver => {
                self.metrics.idle.set(0);
                self.readiness.idle(None);
            }
            WorkerEvent::SlotsFailed { slots, error } => {
                self.metrics.failures.get_or_create(&FailureLabels::store(error.class())).inc();
                self.readiness.falls_short(Some(format!("slots {} to {} fail: {error}", slots.first(), slots.end() - 1)));
            }
            WorkerEvent::SlotsBack => self.readiness.falls_short(None),
            WorkerEvent::ItemsRefused { items, refusal } => {
                self.readiness.falls_short(Some(format!("Postgres refuses to change {items} items; {refusal}")));
            }
            WorkerEvent::ItemsAccepted => self.readiness.falls_short(None),
            WorkerEvent::WritesRefused { why } => {
                self.metrics.barred.set(1);
                self.readiness.barred(Some(format!("Postgres lets no write in its name through: {why}")));
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

    fn log(&self, event: &WorkerEvent) {
        let worker = &self.worker;
        match event {
            WorkerEvent::Adopted { slots } => tracing::info!("{worker}: took over {slots} slots from its former life"),
            WorkerEvent::Ticked { report, .. } if report.locked > 0 => {
                tracing::warn!(
                    "{worker}: left out {} items in tick {}, which somebody else has locked",
                    report.locked,
                    report.tick
                );
            }
            WorkerEvent::Missed { ticks } => tracing::warn!("{worker}: missed {ticks} ticks; they are not caught up"),
            WorkerEvent::Claimed { slots } => {
                tracing::warn!("{worker}: claimed {slots} slots that nobody ticked and no control plane moved");
            }
            WorkerEvent::ClaimFailed { error } => tracing::warn!("{worker}: {error}; works on, and asks for orphans again"),
            WorkerEvent::SlotsFailed { slots, error } => {
                let (first, last) = (slots.first(), slots.end() - 1);
                tracing::warn!(
                    "{worker}: {error}; ticks all slots but some from {first} to {last}, which it tries again within 30 s"
                );
            }
            WorkerEvent::SlotsBack => tracing::info!("{worker}: all slots are ticked again"),
            WorkerEvent::ItemsRefused { items, refusal } => {
                tracing::warn!(
                    "{worker}: Postgres refuses to change {items} items and ticks all others; {refusal}; tries each again within 30 s"
                );
            }
            WorkerEvent::ItemsAccepted => tracing::info!("{worker}: no item is refused any more"),
            WorkerEvent::WritesRefused { why } => {
                tracing::error!(
                    "{worker}: Postgres lets no write in its name through: {why}; others take over, tries again within 30 s"
                );
            }
            WorkerEvent::WritesAccepted => tracing::info!("{worker}: Postgres lets it write again"),
            WorkerEvent::WaitingForSchema { error } => {
                tracing::info!("{worker}: {error}; waits until a control plane or `notifi-scaler migrate` installs it");
            }
            WorkerEvent::StoreFailed { error, retry_in } => tracing::warn!("{worker}: {error}; retrying {}", soon(*retry_in)),
            WorkerEvent::StoreBack => tracing::info!("{worker}: the store answers again"),
            WorkerEvent::MembershipFailed { error, retry_in } => {
                tracing::warn!("{worker}: {error}; works on without heartbeats, retrying {}", soon(*retry_in));
            }
            WorkerEvent::MembershipBack => tracing::info!("{worker}: heartbeats arrive again"),
            WorkerEvent::Idle { why } => tracing::warn!("{worker}: owns nothing: {why}; is not ready until that is over"),
            WorkerEvent::IdleOver => tracing::info!("{worker}: can be given slots again"),
            WorkerEvent::InstallationChanged { before, now } => {
                tracing::warn!("{worker}: {}", installation_changed(*before, *now));
            }
            WorkerEvent::Retiring => tracing::info!("{worker}: is retired: works on until others have taken over, and stays"),
            WorkerEvent::Reinstated => tracing::info!("{worker}: is reinstated"),
            WorkerEvent::Draining => tracing::info!("{worker}: drains: works on until it owns nothing, then leaves"),
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
    async fn what_happens_is_printed_and_counted() {
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
            observer.observe(&WorkerEvent::Ticked { report: report(tick, count), took: Duration::from_millis(3) });
        }
        observer.observe(&WorkerEvent::Missed { ticks: 1 });
        observer.observe(&WorkerEvent::Claimed { slots: 7 });
        observer.observe(&WorkerEvent::Watching { tick: Tick(3), items });
        assert_eq!((metrics.ticks.get(), metrics.items.get(), metrics.missed_ticks.get()), (2, 8, 1));
        assert_eq!((metrics.owned_slots.get(), metrics.watched_items.get(), metrics.locked_items.get()), (5, 1, 3));
        assert_eq!(metrics.claimed_slots.get(), 7);
        assert_eq!(kept.text(&lines), "worker-1 watching 1 items: 00000000-0000-0000-0000-000000000000\n");
        assert_eq!(readiness.check(), Ok(()));
        observer.observe(&WorkerEvent::Idle { why: IdleReason::Unheard });
        assert!(readiness.check().unwrap_err().starts_with("owns nothing: heartbeats are not answered"));
        observer.observe(&WorkerEvent::IdleOver);
        let refusal =
            Arc::new(RefusedItem { item: ItemId::Uuid(Uuid::nil()), why: "violates a check (SQLSTATE 23514)".to_owned() });
        observer.observe(&WorkerEvent::ItemsRefused { items: 2, refusal });
        assert_eq!(readiness.check(), Ok(()), "the others are ticked");
        assert!(readiness.shortfall().unwrap().contains("refuses to change 2 items; 00000000"));
        observer.observe(&WorkerEvent::ItemsAccepted);
        assert_eq!(readiness.shortfall(), None);
        observer.observe(&WorkerEvent::WritesRefused { why: "permission denied".to_owned() });
        assert!(readiness.check().unwrap_err().ends_with("through: permission denied"));
        observer.observe(&WorkerEvent::WritesAccepted);
        observer.observe(&WorkerEvent::Retiring);
        assert_eq!(readiness.check(), Err("retiring".to_owned()));
        observer.observe(&WorkerEvent::Reinstated);
        assert_eq!(readiness.check(), Ok(()));
        observer.observe(&WorkerEvent::Draining);
        assert_eq!(readiness.check(), Err("draining".to_owned()));
    }
}
