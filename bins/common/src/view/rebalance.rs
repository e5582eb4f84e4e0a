//! Rebalance in progress.

use std::time::Duration;

use scaler_core::{Cost, Plan};

use super::{RebalanceView, Timestamp};

/// Maximum length of a cause in a view, in characters.
const MOST_CAUSE: usize = 200;

/// Rebalance whose moves are not all committed yet.
#[derive(Clone, Debug)]
pub(super) struct RunningRebalance {
    began_at: Duration,
    causes: Vec<String>,
    planned: Cost,
    minimum: Cost,
}

impl RunningRebalance {
    /// Returns a rebalance that begins now.
    pub(super) fn begun(now: Duration) -> Self {
        Self { began_at: now, causes: Vec::new(), planned: Cost::default(), minimum: Cost::default() }
    }

    /// Adds the moves of a plan.
    pub(super) fn add(&mut self, plan: &Plan) {
        let why = plan.why();
        if !self.causes.contains(&why) {
            self.causes.push(why);
        }
        let add = |sum: Cost, cost: Cost| Cost { slots: sum.slots + cost.slots, items: sum.items + cost.items };
        self.planned = add(self.planned, plan.cost());
        self.minimum = add(self.minimum, plan.lower_bound());
    }

    /// Returns the rebalance as it is shown.
    pub(super) fn shown(&self) -> RebalanceView {
        RebalanceView {
            id: 0,
            at: Timestamp::of(self.began_at),
            cause: self.causes.join("; ").chars().take(MOST_CAUSE).collect(),
            slots: self.planned.slots,
            slots_minimum: self.minimum.slots,
            items: self.planned.items,
            items_minimum: self.minimum.items,
            duration_ms: None,
        }
    }
}
