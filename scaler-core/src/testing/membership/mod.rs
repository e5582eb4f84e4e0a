//! Contract tests for every [`Membership`], one named case per rule.
//!
//! An adapter needs a function that builds a [`MembershipFixture`] on an empty store, and one line:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use scaler_core::memory::MemoryMembership;
//! use scaler_core::testing::membership::{Clients, MembershipFixture};
//! use scaler_core::{Membership, TokioClock};
//!
//! struct Memory(Arc<MemoryMembership>);
//!
//! #[async_trait::async_trait]
//! impl MembershipFixture for Memory {
//!     fn clients(&self) -> Clients {
//!         [self.0.clone(), self.0.clone()]
//!     }
//!
//!     async fn pass(&self, time: Duration) {
//!         tokio::time::sleep(time).await;
//!     }
//! }
//!
//! async fn memory() -> Memory {
//!     Memory(Arc::new(MemoryMembership::new(Arc::new(TokioClock::start()))))
//! }
//!
//! scaler_core::membership_suite!(memory);
//! ```

mod records;
mod registration;
mod retirement;
mod strangers;
mod wake_ups;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{Incarnation, InstallationId, Member, MemberKey, MemberState, Membership, Tick, WorkerId};

use super::Violation;

pub use records::*;
pub use registration::*;
pub use retirement::*;
pub use strangers::*;
pub use wake_ups::*;

/// Two clients of one store, like those of two processes.
pub type Clients = [Arc<dyn Membership>; 2];

/// Membership under test.
#[async_trait]
pub trait MembershipFixture: Send + Sync {
    /// Returns two clients of one store, which was empty at the start.
    fn clients(&self) -> Clients;

    /// Lets this much time pass by the membership's clock.
    async fn pass(&self, time: Duration);
}

/// Expands to one test for every case of the membership contract. The argument is the path of an async function without
/// arguments that returns a [`MembershipFixture`](crate::testing::membership::MembershipFixture) on an empty store.
#[macro_export]
macro_rules! membership_suite {
    ($fixture:path) => {
        $crate::membership_suite!(@cases $fixture;
            a_member_that_joins_is_listed,
            repeating_a_heartbeat_is_safe,
            a_later_joiner_takes_the_name,
            a_superseded_incarnation_stays_superseded,
            a_superseded_heartbeat_changes_nothing,
            an_active_heartbeat_takes_a_free_name,
            an_active_heartbeat_takes_no_name_from_another,
            leaving_removes_only_this_incarnation,
            leaving_twice_is_safe,
            a_member_that_left_may_return,
            members_are_listed_in_the_order_of_their_names,
            a_member_is_listed_as_it_described_itself,
            every_valid_name_can_be_used,
            the_age_grows_until_the_next_heartbeat,
            a_sweep_removes_silent_members_and_names_them,
            only_a_retired_worker_is_told_to_retire,
            a_later_retirement_replaces_the_earlier,
            a_name_may_be_retired_before_it_joins,
            neither_leaving_nor_a_sweep_reinstates,
            a_retired_member_can_be_superseded,
            installations_have_names_of_their_own,
            retirements_belong_to_their_installation,
            a_member_is_listed_once_after_a_namesake_of_another_installation_left,
            a_new_member_is_followed_by_a_wake_up,
            a_new_state_is_followed_by_a_wake_up,
            a_take_over_is_followed_by_a_wake_up,
            a_leave_is_followed_by_a_wake_up,
            a_wake_up_reaches_all_listeners);
    };
    (@cases $fixture:path; $($case:ident),+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let fixture = $fixture().await;
                if let Err(violation) = $crate::testing::membership::$case(&fixture).await {
                    panic!("{violation}");
                }
            }
        )+
    };
}

/// Installation of all members except strangers.
pub(super) const OURS: InstallationId = InstallationId::new(Uuid::from_u128(0x0115));

/// Returns a member that has just started; `life` distinguishes incarnations.
fn joiner(name: &str, life: u128) -> Result<Member, Violation> {
    let key = MemberKey { worker: WorkerId::new(name)?, incarnation: Incarnation::new(Uuid::from_u128(life)) };
    Ok(Member::joining(key, OURS))
}

/// Returns an active member.
fn active(name: &str, life: u128) -> Result<Member, Violation> {
    let first_items = vec![Uuid::from_u128(life + 1).to_string()];
    Ok(Member { state: MemberState::Active, last_tick: Some(Tick(7)), slots: 2, items: 1, first_items, ..joiner(name, life)? })
}

/// Returns the members, without their ages.
async fn said(membership: &dyn Membership) -> Result<Vec<Member>, Violation> {
    Ok(membership.members().await?.into_iter().map(|record| record.member).collect())
}
