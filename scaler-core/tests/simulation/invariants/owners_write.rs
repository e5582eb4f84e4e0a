//! I6: who stands in an item owned its slot when it was incremented.

use super::Invariant;
use crate::record::Step;

#[derive(Debug)]
pub(crate) struct OwnersWrite;

impl Invariant for OwnersWrite {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (_, after) in step.items().filter(|(before, after)| before.value != after.value) {
            let owner = step.before.owner(&after.id);
            if after.worker.as_ref() != owner {
                return Err(format!("I6: {} was incremented by {:?} while {owner:?} owned its slot", after.id, after.worker));
            }
        }
        Ok(())
    }
}
