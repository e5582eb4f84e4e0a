//! I4: an owner changes exactly with epoch + 1, and neither epochs nor last ticks fall.

use super::Invariant;
use crate::record::Step;

#[derive(Debug)]
pub(crate) struct EpochsRise;

impl Invariant for EpochsRise {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (slot, (before, after)) in step.before.slots.iter().zip(&step.after.slots).enumerate() {
            let rose = after.epoch.0.checked_sub(before.epoch.0);
            let is_lawful = if before.owner == after.owner { matches!(rose, Some(0 | 1)) } else { rose == Some(1) };
            if !is_lawful || after.last_tick < before.last_tick {
                return Err(format!("I4: slot {slot} went from {before:?} to {after:?}"));
            }
        }
        Ok(())
    }
}
