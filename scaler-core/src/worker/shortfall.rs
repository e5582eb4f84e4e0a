//! Slots and items that are not ticked while the others are: an event when that begins, changes or ends.

use std::sync::Arc;
use std::time::Duration;

use super::WorkerEvent;
use crate::episode::Episode;
use crate::{SlotRange, StoreError, TickReport};

/// Failure episodes of slots and of items.
#[derive(Debug, Default)]
pub(super) struct Shortfall {
    slots: Episode,
    items: Episode,
}

impl Shortfall {
    /// A call for these slots has failed, and calls for others have not.
    pub(super) fn slots_failed(&mut self, now: Duration, slots: SlotRange, error: StoreError) -> Option<WorkerEvent> {
        self.slots.failed(now, &error).then_some(WorkerEvent::SlotsFailed { slots, error })
    }

    /// No slots fail any more.
    pub(super) fn slots_are_sound(&mut self) -> Option<WorkerEvent> {
        self.slots.recovered().then_some(WorkerEvent::SlotsBack)
    }

    /// A report on all items of the worker.
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
