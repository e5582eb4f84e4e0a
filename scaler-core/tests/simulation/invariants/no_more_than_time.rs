//! I3: an item has at most as many increments as there were ticks since it came.

use std::collections::BTreeMap;

use scaler_core::{ItemId, Tick};

use super::Invariant;
use crate::record::Step;

#[derive(Debug, Default)]
pub(crate) struct NoMoreThanTime {
    came: BTreeMap<ItemId, Tick>,
    /// The greatest tick so far: the store's clock may have fallen since.
    greatest: Tick,
}

impl Invariant for NoMoreThanTime {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        let before = self.greatest.max(step.before.tick);
        self.greatest = before.max(step.after.tick);
        for (item, row) in &step.after.rows {
            let came = *self.came.entry(*item).or_insert(before);
            let lived = self.greatest.since(came) + 1;
            if row.value > lived {
                return Err(format!("I3: {item} has {} increments after {lived} ticks", row.value));
            }
        }
        Ok(())
    }
}
