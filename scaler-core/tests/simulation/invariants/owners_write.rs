//! I6: who stands in an item owned its slot when it was incremented.

use scaler_core::{SlotCount, slot_of};

use super::Invariant;
use crate::record::Step;

#[derive(Debug)]
pub(crate) struct OwnersWrite;

impl Invariant for OwnersWrite {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        let slots = SlotCount::new(u32::try_from(step.after.slots.len()).unwrap()).unwrap();
        for (_, after) in step.items().filter(|(before, after)| before.value != after.value) {
            let owner = step.before.slots[slot_of(after.id, slots).index()].owner.as_ref().map(|owner| &owner.worker);
            if after.worker.as_ref() != owner {
                return Err(format!("I6: {} was incremented by {:?} while {owner:?} owned its slot", after.id, after.worker));
            }
        }
        Ok(())
    }
}
