//! Observer of a control plane: log lines and metrics.

use std::collections::BTreeSet;

use scaler_core::WishKind;
use scaler_core::control::{Commit, ControlEvent, MemberPhase};

use super::{Gravity, Ledger, Note, note};
use crate::metrics::{ControlMetrics, FailureLabels, PhaseLabel, ReasonLabel, WishLabel};
use crate::readiness::Readiness;

/// Observer that turns the events of a control plane into log lines and metrics.
#[derive(Debug)]
pub struct ControlObserver {
    ledger: Ledger,
    metrics: ControlMetrics,
    readiness: Readiness,
    /// Phases that the metrics show.
    shown: BTreeSet<MemberPhase>,
}

impl ControlObserver {
    /// Returns an observer that has seen no event yet.
    #[must_use]
    pub fn new(metrics: ControlMetrics, readiness: Readiness) -> Self {
        Self { ledger: Ledger::default(), metrics, readiness, shown: BTreeSet::new() }
    }

    /// Logs and counts an event.
    pub fn observe(&mut self, event: &ControlEvent<'_>) {
        match note(event, &mut self.ledger) {
            None => {}
            Some(Note::Said(Gravity::Plain, text)) => tracing::info!("{text}"),
            Some(Note::Said(Gravity::Grave, text)) => tracing::warn!("{text}"),
            Some(Note::Redistributes(plan)) => tracing::info!(
                why = plan.why,
                slots = plan.cost.slots,
                slots_minimum = plan.lower_bound.slots,
                items = plan.cost.items,
                items_minimum = plan.lower_bound.items,
                loads_after = plan.loads_text(),
                "rebalance planned"
            ),
        }
        self.count(event);
    }

    fn count(&mut self, event: &ControlEvent<'_>) {
        match event {
            ControlEvent::Turned => {
                self.readiness.worked();
                self.count_workers();
            }
            ControlEvent::Elected { term, .. } => {
                self.metrics.leader.set(1);
                self.metrics.term.set(i64::try_from(term.number).unwrap_or(i64::MAX));
            }
            ControlEvent::Deposed(_) | ControlEvent::Following => {
                self.metrics.leader.set(0);
                self.metrics.held.set(0);
                // A standby does not look at the items: its last numbers would outlive those of the leader.
                self.metrics.items.set(0);
                self.metrics.most_over_mean.set(0.0);
                self.metrics.workers.clear();
                self.metrics.wishes.clear();
                self.shown.clear();
            }
            ControlEvent::Scanned { .. } => {
                self.metrics.items.set(i64::try_from(self.ledger.items()).unwrap_or(i64::MAX));
                self.metrics.most_over_mean.set(self.ledger.most_over_mean());
            }
            ControlEvent::TurnFailed => _ = self.metrics.turns_failed.inc(),
            ControlEvent::GaveUp { .. } => _ = self.metrics.gave_up.inc(),
            ControlEvent::Strangers(strangers) => {
                self.metrics.strangers.set(i64::try_from(strangers.len()).unwrap_or(i64::MAX));
            }
            ControlEvent::WishesChanged(wishes) => {
                for kind in WishKind::ALL {
                    let count = wishes.iter().filter(|recorded| recorded.wish.kind() == kind).count();
                    self.metrics.wishes.get_or_create(&WishLabel::of(kind)).set(i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
            ControlEvent::RebalancePaused { .. } => _ = self.metrics.held.set(1),
            ControlEvent::RebalanceResumed => _ = self.metrics.held.set(0),
            ControlEvent::Committed(Commit { moved, refused, .. }) => {
                for (reason, count) in self.ledger.committed(moved, refused) {
                    self.metrics.slots_moved.get_or_create(&ReasonLabel { reason }).inc_by(count);
                }
                for refusal in *refused {
                    self.metrics.moves_refused.get_or_create(&ReasonLabel::of_refusal(refusal.why)).inc();
                }
            }
            ControlEvent::ClockFell { by } => _ = self.metrics.clock_fell_s.inc_by(by.as_secs_f64()),
            ControlEvent::StoreFailed { error, .. } => {
                self.readiness.waits(error);
                self.metrics.failures.get_or_create(&FailureLabels::store(error.class())).inc();
            }
            ControlEvent::MembershipFailed { error, .. } => {
                self.metrics.failures.get_or_create(&FailureLabels::membership(error.class())).inc();
            }
            _ => {}
        }
    }

    fn count_workers(&mut self) {
        if self.metrics.leader.get() == 0 {
            return;
        }
        let standing = self.ledger.workers_by_phase();
        self.shown.extend(standing.keys());
        for phase in &self.shown {
            let label = PhaseLabel { phase: phase.as_str() };
            self.metrics.workers.get_or_create(&label).set(standing.get(phase).copied().unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use scaler_core::{
        Assignment, InstallationId, Move, Plan, Reason, RecordedWish, Refusal, RefusalReason, Roster, Slot, SlotCount, SlotLoad,
        SlotRange, SlotState, StoreError, Term, Tick, TokioClock, Wish, WorkerId,
    };
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn each_event_updates_its_metric() {
        let mut registry = Registry::default();
        let readiness = Readiness::new(Arc::new(TokioClock::start()), "turn");
        let mut observer = ControlObserver::new(ControlMetrics::register(&mut registry), readiness.clone());
        let worker = WorkerId::new("worker-1").unwrap();
        let term = Term { number: 7, holder: Uuid::nil() };
        let load = SlotLoad::of_items(SlotCount::new(2).unwrap(), [(Slot::new(0), 3)]);
        let installation = InstallationId::new(Uuid::nil());
        let assignment = Assignment {
            installation,
            tick: Tick(1),
            tick_length: Duration::from_secs(1),
            range: SlotRange::ALL,
            slots: vec![SlotState::default(); 2],
            sessions: None,
        };
        let slot_move = |slot| Move { slot: Slot::new(slot), from: None, to: worker.clone(), why: Reason::Unowned };
        let plan = Plan::new(Roster::of([worker.clone()]), vec![slot_move(0), slot_move(1)], &load);
        let refused = [Refusal { slot: Slot::new(1), why: RefusalReason::EpochPassed }];
        let away = StoreError::Unavailable { during: "assignment", source: "connection refused".into() };
        let pause = RecordedWish { wish: Wish::Pause, by: "ann".to_owned(), note: String::new(), since: Duration::ZERO };
        for event in [
            ControlEvent::Elected { term, installation },
            ControlEvent::Scanned { assignment: &assignment, load: &load },
            ControlEvent::PhaseChanged { worker: &worker, before: None, now: Some(MemberPhase::Healthy) },
            ControlEvent::Planned(&plan),
            ControlEvent::Committed(Commit {
                transfers: &[],
                moved: &[Slot::new(0)],
                refused: &refused,
                seen: &assignment,
                load: &load,
            }),
            ControlEvent::WishesChanged(&[pause]),
            ControlEvent::ClockFell { by: Duration::from_millis(31_500) },
            ControlEvent::TurnFailed,
            ControlEvent::GaveUp { failing_for: Duration::from_secs(6), campaigns_in: Duration::from_secs(5) },
            ControlEvent::StoreFailed { error: away, retry_in: Duration::from_millis(500) },
        ] {
            observer.observe(&event);
        }
        assert!(readiness.check().is_err());
        observer.observe(&ControlEvent::Turned);
        assert_eq!(readiness.check(), Ok(()));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "leader 1",
            "term 7",
            "items 3",
            "workers{phase=\"healthy\"} 1",
            "slots_moved_total{reason=\"unowned\"} 1",
            "moves_refused_total{reason=\"epoch passed\"} 1",
            "clock_fell_seconds_total 31.5",
            "turns_failed_total 1",
            "gave_up_total 1",
            "strangers 0",
            "wishes{wish=\"pause\"} 1",
            "wishes{wish=\"pin\"} 0",
            "failures_total{server=\"store\",class=\"transient\"} 1",
        ] {
            assert!(text.contains(&format!("\nnotifi_scaler_control_{line}\n")), "{line}: {text}");
        }
        observer.observe(&ControlEvent::Deposed(term));
        observer.observe(&ControlEvent::Turned);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("control_leader 0\n") && text.contains("control_items 0\n"), "{text}");
        assert!(!text.contains("healthy") && !text.contains("wish="), "{text}");
    }
}
