//! Reactions of a worker to refused items, and to a store that accepts no write of it.

use std::time::Duration;

use super::Worker;
use crate::worker::WorkerEvent;
use crate::worker::protocol::Effect;
use crate::{MemberState, RefusedItem, StoreError, TickReport};

impl Worker {
    /// Reports refused items. If all items are refused, starts a check of whether the store accepts any write of this worker.
    pub(super) fn tell_refused(&mut self, now: Duration, report: &TickReport, effects: &mut Vec<Effect>) {
        self.refused = report.refused;
        if !self.write_check.is_barred() {
            self.refusal = report.refusal.as_ref().map(ToString::to_string);
        }
        if report.items > 0 {
            let event = self.write_check.wrote();
            self.tell_writing(now, event, effects);
        } else if report.refused > 0 {
            self.write_check.suspect();
        }
        effects.extend(self.shortfall.reported(now, report).map(Effect::Emit));
    }

    /// Takes in the outcome of a trial write.
    pub(super) fn tried_to_write(
        &mut self,
        now: Duration,
        answer: Result<Option<RefusedItem>, StoreError>,
        effects: &mut Vec<Effect>,
    ) {
        let was_refused = self.write_check.is_refused();
        let event = self.write_check.answered(now, answer);
        if was_refused != self.write_check.is_refused() {
            // The control plane must know all workers that cannot write before the first of them is barred.
            self.beat.hurry(now);
        }
        if was_refused && !self.write_check.is_refused() {
            self.rounds.retry_failed_slots(now);
        }
        self.tell_writing(now, event, effects);
    }

    /// Reports that writes are refused or accepted again: as an event, and with the next heartbeat.
    fn tell_writing(&mut self, now: Duration, event: Option<WorkerEvent>, effects: &mut Vec<Effect>) {
        if let Some(event) = event {
            self.refusal = if let WorkerEvent::WritesRefused { why } = &event { Some(why.clone()) } else { None };
            if self.state != MemberState::Draining {
                self.state = if self.write_check.is_barred() { MemberState::Barred } else { MemberState::Active };
            }
            self.beat.hurry(now);
            effects.push(Effect::Emit(event));
        }
    }
}
