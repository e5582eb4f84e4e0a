//! I3: an item has at most as many increments as there were ticks since it came.

use std::collections::{BTreeMap, BTreeSet};

use scaler_core::{ItemId, Tick};

use super::Invariant;
use crate::record::Step;

#[derive(Debug, Default)]
pub(crate) struct NoMoreThanTime {
    /// The ticks that were the present one since the item came. They need not rise: the store's clock may jump ahead, and fall again
    /// before the first tick.
    lived: BTreeMap<ItemId, BTreeSet<Tick>>,
}

impl Invariant for NoMoreThanTime {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (item, row) in &step.after.rows {
            let lived = self.lived.entry(item.clone()).or_default();
            lived.extend([step.before.tick, step.after.tick]);
            if row.value > lived.len() as u64 {
                return Err(format!("I3: {item} has {} increments after {} ticks", row.value, lived.len()));
            }
        }
        Ok(())
    }
}
