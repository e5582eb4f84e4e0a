//! I1: an item is incremented at most once a tick.

use std::collections::BTreeMap;

use scaler_core::{ItemId, Tick};

use super::Invariant;
use crate::record::Step;

#[derive(Debug, Default)]
pub(crate) struct OnceATick {
    last: BTreeMap<ItemId, Tick>,
}

impl Invariant for OnceATick {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        let tick = step.after.tick;
        for (before, after) in step.items().filter(|(before, after)| before.value != after.value) {
            let again = self.last.insert(after.id.clone(), tick) == Some(tick);
            if again || after.value != before.value + 1 {
                return Err(format!("I1: {} went from {} to {} at tick {tick}", after.id, before.value, after.value));
            }
        }
        Ok(())
    }
}
