//! Recorded events as they are shown.

use scaler_core::{RecordedEvent, WorkerId};

use super::{EventView, RebalanceView, Timestamp};
use crate::text::millis;

/// Maximum length of a text of an event in a view, in characters.
const MOST_TEXT: usize = 200;

impl EventView {
    /// Returns the event as it is shown, whole.
    #[must_use]
    pub fn of(RecordedEvent { id, at, event }: &RecordedEvent) -> Self {
        Self {
            id: *id,
            at: Timestamp::of(*at),
            kind: event.kind.to_string(),
            worker: event.worker.as_ref().map(WorkerId::to_string),
            cause: event.cause.clone(),
            by: event.by.clone(),
            text: event.text.clone(),
            slots: event.slots.len() as u64,
        }
    }

    /// Returns the event with its texts cut to the length that a view allows.
    #[must_use]
    pub(super) fn cut(mut self) -> Self {
        self.text = cut(&self.text);
        self.cause = self.cause.as_deref().map(cut);
        self
    }
}

impl RebalanceView {
    /// Returns the rebalance that an event records; `None` if it records none.
    #[must_use]
    pub fn of(RecordedEvent { id, at, event }: &RecordedEvent) -> Option<Self> {
        let rebalance = event.rebalance?;
        Some(Self {
            id: *id,
            at: Timestamp::of(*at),
            cause: cut(event.cause.as_deref().unwrap_or_default()),
            slots: rebalance.moved,
            slots_minimum: rebalance.minimum.slots,
            items: rebalance.planned.items,
            items_minimum: rebalance.minimum.items,
            duration_ms: Some(millis(rebalance.took)),
        })
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
