//! Journal of a demo: prints its events, and keeps its rebalances for the summary.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notifi_scaler_common::observe::{Ledger, Note, note};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_core::control::{Commit, ControlEvent};
use scaler_core::{Clock, Cost};

/// Rebalance in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Time of the plan, counted from the start.
    pub at: Duration,
    /// Reason of the rebalance.
    pub why: String,
    /// Slots and items that moved.
    pub cost: Cost,
    /// Minimum that could have moved.
    pub lower_bound: Cost,
}

/// All rebalances so far. Cheap to clone; clones share the same entries.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    /// Returns an observer that prints the events and keeps the rebalances.
    pub fn observer(&self, clock: Arc<dyn Clock>, lines: StdoutWriter) -> impl FnMut(ControlEvent<'_>) + Send + use<> {
        let journal = self.clone();
        let mut ledger = Ledger::default();
        move |event| {
            if let ControlEvent::Committed(Commit { moved, refused, .. }) = &event {
                ledger.committed(moved, refused);
            }
            match note(&event, &mut ledger) {
                None => {}
                Some(Note::Said(_, text)) => _ = lines.print(format!("control-plane {text}")),
                Some(Note::Redistributes(plan)) => {
                    lines.print(format!("control-plane rebalance planned: {plan}"));
                    journal.keep(Entry { at: clock.now(), why: plan.why, cost: plan.cost, lower_bound: plan.lower_bound });
                }
            }
        }
    }

    /// Returns all rebalances so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}
