//! Contract tests for every [`WorkStore`] with its [`Election`].
//!
//! An adapter needs one line, `scaler_core::store_suite!(fixture)`, where `fixture` is an async function that returns a
//! [`StoreFixture`] over an empty store of its own. The line expands to one test per case.

mod cases;
mod claims;
mod fallen;
mod fencing;
mod hand_over;
mod leadership;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use cases::*;
pub use claims::*;
pub use fallen::*;
pub use fencing::*;
pub use hand_over::*;
pub use leadership::*;
pub use refused::*;

use super::Violation;
use crate::{Election, ItemId, WorkStore, WorkerId};

/// Store under test, and the changes that a user makes to its items.
#[async_trait]
pub trait StoreFixture: Send + Sync {
    /// Returns the store: at the start 256 slots without owners, and no items.
    fn store(&self) -> Arc<dyn WorkStore>;

    /// Returns the election that fences commits to the store.
    fn election(&self) -> Arc<dyn Election>;

    /// Inserts items with value 0.
    async fn insert(&self, items: &[ItemId]) -> Result<(), Violation>;

    /// Deletes items.
    async fn remove(&self, items: &[ItemId]) -> Result<(), Violation>;

    /// Makes the store refuse every change of these items from now on, and of no others.
    async fn refuse(&self, items: &[ItemId]) -> Result<(), Violation>;

    /// Makes the store refuse, from now on, every change of an item by this worker.
    async fn refuse_worker(&self, worker: &WorkerId) -> Result<(), Violation>;

    /// Makes the store accept all changes that it [refused](Self::refuse).
    async fn accept_all(&self) -> Result<(), Violation>;

    /// Returns an item's value and the worker that incremented it last; `None` if the item does not exist.
    async fn value(&self, item: &ItemId) -> Result<Option<(u64, Option<String>)>, Violation>;

    /// Makes the last lease end so long ago that workers may claim orphans if there is no leader.
    async fn outlast_the_leader(&self) -> Result<(), Violation>;

    /// Makes the present lease end later by this time, as if the clock had been set back.
    async fn let_the_lease_end_later(&self, by: Duration) -> Result<(), Violation>;

    /// Makes the leader deaf for long enough to be replaced, if it reported [`NoMembers`](crate::Hearing::NoMembers) in its last
    /// renewal.
    async fn outlast_deafness(&self) -> Result<(), Violation>;

    /// Sets the clock back by this many ticks.
    async fn let_the_clock_fall(&self, ticks: u64) -> Result<(), Violation>;

    /// Lets a short time pass, much less than a tick: virtual time is advanced, real time is waited for.
    async fn pass_a_moment(&self);
}

/// Expands to one test for each case of the store contract.
#[macro_export]
macro_rules! store_suite {
    ($fixture:path) => {
        $crate::store_suite!(@cases $fixture;
            a_tick_increments_each_owned_item_once, a_repeated_tick_changes_nothing, simultaneous_ticks_count_once,
            new_items_are_ticked_and_removed_ones_are_gone, only_the_slots_in_range_are_ticked, concurrent_ranges_are_one_tick,
            an_owner_of_empty_slots_ticks_one, items_are_listed_in_order, the_fence_shows_every_change_of_slots,
            the_census_counts_items_per_slot, the_report_has_the_time_of_the_tick,
            a_refused_item_keeps_no_other_from_being_ticked, an_item_that_is_accepted_again_is_ticked_again,
            slots_are_ticked_if_all_items_are_refused, a_worker_refused_everywhere_is_told,
            a_stranger_ticks_nothing, another_incarnation_ticks_nothing, a_moved_slot_is_not_ticked_twice,
            a_former_owner_is_fenced, a_move_raises_the_epoch_by_one, an_old_epoch_is_refused,
            a_hand_over_waits_for_the_tick, holdings_are_the_slots_of_the_owner,
            a_holding_has_the_cause_of_its_change_of_owner, an_acknowledgement_reaches_the_next_owner,
            only_the_owner_ends_its_own_epoch, adoption_takes_the_slots_of_its_name,
            nothing_is_claimed_while_there_is_a_leader, nothing_is_claimed_before_the_first_leader, orphans_are_claimed_without_a_leader,
            abandoned_slots_are_claimed_in_spite_of_a_leader, a_worker_with_a_gap_claims_nothing_beside_a_leader,
            an_empty_claim_reports_unticked_slots, claims_keep_within_their_limit, a_live_owner_keeps_its_slots, concurrent_claims_take_different_slots,
            ticks_continue_after_the_clock_fell, concurrent_catch_ups_advance_once, a_correct_clock_is_not_advanced,
            an_old_term_advances_no_ticks, one_leader_at_a_time, terms_only_rise, an_old_term_moves_nothing, a_forged_holder_moves_nothing,
            a_deaf_leader_gives_way_to_a_candidate_that_hears, a_candidate_that_hears_no_members_waits_longer,
            a_store_has_one_installation_id, an_expired_lease_can_be_taken, a_lease_of_a_fallen_clock_can_be_taken, a_resigned_term_is_free_at_once);
    };
    (@cases $fixture:path; $($case:ident),+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let fixture = $fixture().await;
                if let Err(violation) = $crate::testing::store::$case(&fixture).await {
                    panic!("{violation}");
                }
            }
        )+
    };
}
