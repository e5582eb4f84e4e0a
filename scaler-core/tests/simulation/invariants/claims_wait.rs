//! I5: workers claim slots only when nobody has led for long.

use scaler_core::Tick;

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
            Call::Claim if tick.since(self.led) < LONG_TICKS && step.before.slots != step.after.slots => {
                return Err(format!("I5: a worker claimed slots at tick {tick}, and somebody led at {}", self.led));
            }
            _ => {}
        }
        Ok(())
    }
}
