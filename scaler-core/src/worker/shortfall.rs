//! Shortfall: failure episodes of slots and items that are not ticked while the others are.

use std::sync::Arc;
use std::time::Duration;

use super::WorkerEvent;
use crate::episode::Episode;
use crate::{SlotRange, StoreError, TickReport};

/// Failure episodes of slots and of items of a worker.
#[derive(Debug, Default)]
pub(super) struct Shortfall {
    slots: Episode,
    items: Episode,
}

impl Shortfall {
    /// Records that a call for these slots failed while calls for others succeeded; returns an event to report, if any.
    pub(super) fn slots_failed(&mut self, now: Duration, slots: SlotRange, error: StoreError) -> Option<WorkerEvent> {
        self.slots.failed(now, &error).then_some(WorkerEvent::SlotsFailed { slots, error })
    }

    /// Records that no slots fail any more; returns an event if some did before.
    pub(super) fn slots_are_sound(&mut self) -> Option<WorkerEvent> {
        self.slots.recovered().then_some(WorkerEvent::SlotsBack)
    }

    /// Records a report that covers all items of the worker; returns an event if refusals begin, change, repeat or end.
    pub(super) fn reported(&mut self, now: Duration, report: &TickReport) -> Option<WorkerEvent> {
        match &report.refusal {
            Some(refusal) if self.items.failed(now, refusal.as_ref()) => {
                Some(WorkerEvent::ItemsRefused { items: report.refused, refusal: Arc::clone(refusal) })
            }
            None if report.refused == 0 && self.items.recovered() => Some(WorkerEvent::ItemsAccepted),
            _ => None,
        }
    }
}
