//! Invariants after every step, under every fault: one file each.

mod claims_wait;
mod epochs_rise;
mod no_more_than_time;
mod once_a_tick;
mod owners_write;
mod terms_rise;
mod values_follow_ticks;

use std::fmt::Debug;

use crate::record::Step;

/// A promise about every step.
pub(crate) trait Invariant: Debug + Send {
    /// Returns the violation of this step, if there is one.
    fn check(&mut self, step: &Step<'_>) -> Result<(), String>;
}

pub(crate) fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(once_a_tick::OnceATick::default()),
        Box::new(values_follow_ticks::ValuesFollowTicks),
        Box::new(no_more_than_time::NoMoreThanTime::default()),
        Box::new(epochs_rise::EpochsRise),
        Box::new(terms_rise::TermsRise::default()),
        Box::new(owners_write::OwnersWrite),
        Box::new(claims_wait::ClaimsWait::default()),
    ]
}
