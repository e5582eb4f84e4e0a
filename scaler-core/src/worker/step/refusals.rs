//! Reactions of a worker to refused items, and to a store that accepts no write of it.

use std::time::Duration;

use super::Worker;
use crate::worker::WorkerEvent;
use crate::worker::protocol::Effect;
use crate::worker::write_check::WriteCheck;
use crate::{MemberState, RefusedItem, StoreError, TickReport};

impl Worker {
    /// Reports refused items. If all items are refused, starts a check of whether the store accepts any write of this worker.
    pub(super) fn tell_refused(&mut self, now: Duration, report: &TickReport, effects: &mut Vec<Effect>) {
        self.refused = report.refused;
        if !self.write_check.is_barred() {
            self.refusal = report.refusal.as_ref().map(ToString::to_string);
        }
        if report.items > 0 {
            self.learn_of_writes(now, WriteCheck::wrote, effects);
        } else if report.refused > 0 {
            self.write_check.suspect();
        }
        effects.extend(self.shortfall.reported(now, report).map(Effect::Emit));
    }

    /// Records the outcome of a trial write.
    pub(super) fn tried_to_write(
        &mut self,
        now: Duration,
        answer: Result<Option<RefusedItem>, StoreError>,
        effects: &mut Vec<Effect>,
    ) {
        self.learn_of_writes(now, |check| check.answered(now, answer), effects);
    }

    /// Records that a write was accepted or refused. Reports a change of the state with the next heartbeat at once: the control plane
    /// must know all workers that cannot write before the first of them is barred.
    fn learn_of_writes(
        &mut self,
        now: Duration,
        record: impl FnOnce(&mut WriteCheck) -> Option<WorkerEvent>,
        effects: &mut Vec<Effect>,
    ) {
        let was_refused = self.write_check.is_refused();
        let event = record(&mut self.write_check);
        if was_refused && !self.write_check.is_refused() {
            self.rounds.retry_failed_slots(now);
        }
        if !matches!(self.state, MemberState::Joining | MemberState::Draining) {
            let before = std::mem::replace(&mut self.state, self.write_check.state());
            if self.state != before {
                self.beat.hurry(now);
            }
        }
        if let Some(event) = event {
            self.refusal = if let WorkerEvent::WritesRefused { why } = &event { Some(why.clone()) } else { None };
            effects.push(Effect::Emit(event));
        }
    }
}
