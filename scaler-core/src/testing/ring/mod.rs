//! Laws of placement, as tests for any [`Ring`].
//!
//! [`ring_laws!`](crate::ring_laws) expands to one named test per law. A law is tested on random histories: workers join,
//! leave, change their weight or are cordoned, and items are added and removed. A law that does not follow from the ring's
//! [`Guarantees`](crate::Guarantees) is not tested.
//!
//! A law is tested on 256 histories, or on the number in the environment variable `PROPTEST_CASES`. A failure names a seed;
//! with that seed in `PROPTEST_RNG_SEED` the same histories are generated again. 10,000 histories per law take the sticky ring
//! less than a minute on one core.

mod broken;
mod history;
mod law;
mod rules;
mod turn;

use std::cell::Cell;

pub use broken::{BrokenRing, Fault};
pub use law::Law;
use proptest::prelude::Rng;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use super::Violation;
pub use crate::ring_laws;
use crate::{Ring, SlotCount};

/// Outcome of a law that a ring does not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LawOutcome {
    /// The ring keeps the law.
    Kept {
        /// Number of roster changes to which the law applied.
        turns: usize,
    },
    /// The ring does not guarantee the law, so nothing was tested.
    NotPromised,
}

/// Failure of a ring to pass the test of a law.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The law does not hold.
    #[error("{law} is broken: {violation}\nrepeat with PROPTEST_RNG_SEED={seed}; the shortest history found: {history}")]
    Broken {
        /// The law.
        law: Law,
        /// Description of the violation.
        violation: Violation,
        /// History that led to it, in readable form.
        history: String,
        /// Seed of the random histories.
        seed: u64,
    },
    /// No history contained a change to which the law applies, so nothing was tested.
    #[error("{law} was never put to the test")]
    Untested {
        /// The law.
        law: Law,
    },
}

/// Tests a law on rings that `build` returns.
///
/// # Errors
/// If the ring breaks the law, or if the law applied to no history.
pub fn check<R: Ring>(law: Law, build: impl Fn(SlotCount) -> R) -> Result<LawOutcome, Failure> {
    if !law.is_promised_by(build(SlotCount::DEFAULT).guarantees()) {
        return Ok(LawOutcome::NotPromised);
    }
    let seed = seed();
    let config = Config { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, max_shrink_iters: 512, ..Config::default() };
    let turns = Cell::new(0);
    let outcome = TestRunner::new(config).run(&history::histories(law.setting()), |history| {
        let tried = turn::replay(&build, &history, |turn| law.judge(turn))
            .map_err(|violation| TestCaseError::fail(violation.to_string()))?;
        turns.set(turns.get() + tried);
        Ok(())
    });
    match outcome {
        Ok(()) if turns.get() == 0 => Err(Failure::Untested { law }),
        Ok(()) => Ok(LawOutcome::Kept { turns: turns.get() }),
        Err(TestError::Fail(why, history)) => {
            Err(Failure::Broken { law, violation: Violation::new(why.message()), history: format!("{history:?}"), seed })
        }
        Err(TestError::Abort(_)) => Err(Failure::Untested { law }),
    }
}

/// Fails the calling test if the ring breaks the law. A law that the ring does not guarantee is named on stderr.
///
/// # Panics
/// If [`check`] fails.
#[track_caller]
#[expect(clippy::panic, reason = "this is how a test fails")]
#[expect(clippy::print_stderr, reason = "what was not tried shall be seen")]
pub fn uphold<R: Ring>(law: Law, build: impl Fn(SlotCount) -> R) {
    match check(law, build) {
        Ok(LawOutcome::Kept { .. }) => {}
        Ok(LawOutcome::NotPromised) => eprintln!("{law} is not promised by this ring and was not tried"),
        Err(failure) => panic!("{failure}"),
    }
}

fn seed() -> u64 {
    match Config::default().rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => TestRunner::default().rng().next_u64(),
    }
}

/// Expands to a module with one test per [`Law`](crate::testing::ring::Law), for the rings that a constructor returns.
///
/// ```
/// scaler_core::ring_laws!(sticky, scaler_core::StickyRing::new);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! ring_laws {
    ($module:ident, $build:expr) => {
        $crate::ring_laws! { @tests $module, $build;
            total_and_deterministic: TotalAndDeterministic,
            join_moves_only_to_the_joiner: JoinMovesOnlyToTheJoiner,
            leave_moves_only_the_leavers: LeaveMovesOnlyTheLeavers,
            batch_is_minimal: BatchIsMinimal,
            survivors_exchange_nothing: SurvivorsExchangeNothing,
            equal_weights_within_one: EqualWeightsWithinOne,
            webster: Webster,
            weight_change_moves_only_its_worker: WeightChangeMovesOnlyItsWorker,
            item_weights_within_the_heaviest: ItemWeightsWithinTheHeaviest,
            within_the_bound: WithinTheBound,
            delta_is_the_difference: DeltaIsTheDifference,
            same_roster_moves_nothing: SameRosterMovesNothing,
            new_item_moves_no_other: NewItemMovesNoOther,
            settle_ends_even: SettleEndsEven,
            cordoned_receive_nothing: CordonedReceiveNothing,
            stale_plan_is_refused: StalePlanIsRefused,
            joiners_get_typical_slots: JoinersGetTypicalSlots,
            slots_take_turns: SlotsTakeTurns,
        }
    };
    (@tests $module:ident, $build:expr; $($name:ident: $law:ident,)+) => {
        mod $module {
            use super::*;

            const LISTED: &[$crate::testing::ring::Law] = &[$($crate::testing::ring::Law::$law),+];
            const _: () = assert!(LISTED.len() == $crate::testing::ring::Law::ALL.len(), "a law has no test");

            $(
                #[test]
                fn $name() {
                    $crate::testing::ring::uphold($crate::testing::ring::Law::$law, $build);
                }
            )+
        }
    };
}
