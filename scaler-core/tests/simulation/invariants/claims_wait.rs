//! I5: workers claim slots only if there has been no leader for long, or if the owner has not ticked for long.

use std::collections::BTreeMap;

use scaler_core::{ABANDONED_AFTER_TICKS, MemberKey, Tick};

use super::Invariant;
use crate::record::{Call, Step};

/// The lease of five seconds, and ten more; a tick is a second.
const LONG_TICKS: u64 = 15;

#[derive(Debug, Default)]
pub(crate) struct ClaimsWait {
    led: Tick,
}

impl Invariant for ClaimsWait {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        let tick = step.after.tick;
        match step.call {
            Call::Elected(_) | Call::Renewed => self.led = tick,
            Call::Claim if tick.since(self.led) < LONG_TICKS => {
                if let Some((owner, ticked)) =
                    last_ticks_of_claimed(step).find(|(_, ticked)| tick.since(*ticked) < ABANDONED_AFTER_TICKS)
                {
                    return Err(format!(
                        "I5: a worker claimed slots of {owner} at tick {tick}, which ticked at {ticked}, and somebody led at {}",
                        self.led
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The last tick of each owner from whom slots were claimed.
fn last_ticks_of_claimed<'a>(step: &'a Step<'_>) -> impl Iterator<Item = (&'a MemberKey, Tick)> {
    let mut ticked: BTreeMap<&MemberKey, Tick> = BTreeMap::new();
    for slot in &step.before.slots {
        if let Some(owner) = &slot.owner {
            let last = ticked.entry(owner).or_default();
            *last = slot.last_tick.max(*last);
        }
    }
    let changed = step.before.slots.iter().zip(&step.after.slots).filter(|(before, after)| before.epoch != after.epoch);
    changed.filter_map(move |(before, _)| {
        let owner = before.owner.as_ref()?;
        Some((owner, *ticked.get(owner)?))
    })
}
