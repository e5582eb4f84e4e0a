//! I2: an item that lives through a step gains as much as its slot was ticked.

use super::Invariant;
use crate::record::Step;

#[derive(Debug)]
pub(crate) struct ValuesFollowTicks;

impl Invariant for ValuesFollowTicks {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (before, after) in step.items() {
            let (gained, ticked) = (after.value - before.value, step.after.ticks[&after.id] - step.before.ticks[&after.id]);
            if gained != ticked {
                return Err(format!("I2: {} gained {gained} while its slot was ticked {ticked} times", after.id));
            }
        }
        Ok(())
    }
}
