//! I2: an item that lives through a step gains as much as its slot was ticked, and nothing if it is refused.

use super::Invariant;
use crate::record::Step;

#[derive(Debug)]
pub(crate) struct ValuesFollowTicks;

impl Invariant for ValuesFollowTicks {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        for (before, after) in step.items() {
            let (gained, ticked) = (after.value - before.value, step.after.ticks[&after.id] - step.before.ticks[&after.id]);
            let due = if step.before.refused.contains(&after.id) { 0 } else { ticked };
            if gained != due {
                return Err(format!("I2: {} gained {gained} while its slot was ticked {ticked} times", after.id));
            }
        }
        Ok(())
    }
}
