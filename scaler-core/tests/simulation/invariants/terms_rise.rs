//! I5: no term comes twice, and one that is past moves nothing.

use super::Invariant;
use crate::record::{Call, Step};

#[derive(Debug, Default)]
pub(crate) struct TermsRise {
    latest: u64,
}

impl Invariant for TermsRise {
    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        match step.call {
            Call::Elected(term) if term.number <= self.latest => return Err(format!("I5: {term} after term {}", self.latest)),
            Call::Elected(term) => self.latest = term.number,
            Call::CatchUp(term, ticks) if term.number < self.latest && ticks > 0 => {
                return Err(format!("I5: {term} moved ticks on by {ticks} after term {}", self.latest));
            }
            Call::Commit(term) if term.number < self.latest && step.before.slots != step.after.slots => {
                return Err(format!("I5: {term} moved slots after term {}", self.latest));
            }
            _ => {}
        }
        Ok(())
    }
}
