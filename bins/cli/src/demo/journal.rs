//! What a local control plane does: told as it happens, and kept for the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notifi_scaler_common::observe::{Ledger, Note, note};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_core::control::ControlEvent;
use scaler_core::{Clock, Cost};

/// A redistribution, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was planned, counted from the start.
    pub at: Duration,
    /// Reason of the redistribution.
    pub why: String,
    /// What moved.
    pub cost: Cost,
    /// The least that could have moved.
    pub lower_bound: Cost,
}

/// All redistributions so far. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    /// An observer that prints and keeps what it is told.
    pub fn observer(&self, clock: Arc<dyn Clock>, lines: StdoutWriter) -> impl FnMut(ControlEvent<'_>) + Send + use<> {
        let journal = self.clone();
        let mut ledger = Ledger::default();
        move |event| {
            if let ControlEvent::Committed { moved, refused } = &event {
                ledger.committed(moved, refused);
            }
            match note(&event, &mut ledger) {
                None => {}
                Some(Note::Said(_, text)) => _ = lines.print(format!("control-plane {text}")),
                Some(Note::Redistributes(plan)) => {
                    lines.print(format!("control-plane redistributes: {plan}"));
                    journal.keep(Entry { at: clock.now(), why: plan.why, cost: plan.cost, lower_bound: plan.lower_bound });
                }
            }
        }
    }

    /// What was kept so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}
