//! I3: an item has at most as many increments as there were ticks since it came.

use std::collections::BTreeMap;

use scaler_core::{ItemId, Tick};

use super::Invariant;
use crate::record::Step;

#[derive(Debug, Default)]
pub(crate) struct NoMoreThanTime {
    /// The least and the greatest tick that was the present one since the item came: the store's clock may jump ahead and fall.
    present: BTreeMap<ItemId, (Tick, Tick)>,
}

impl Invariant for NoMoreThanTime {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        let (least, greatest) = (step.before.tick.min(step.after.tick), step.before.tick.max(step.after.tick));
        for (item, row) in &step.after.rows {
            let present = self.present.entry(*item).or_insert((least, greatest));
            *present = (present.0.min(least), present.1.max(greatest));
            let lived = present.1.since(present.0) + 1;
            if row.value > lived {
                return Err(format!("I3: {item} has {} increments after {lived} ticks", row.value));
            }
        }
        Ok(())
    }
}
