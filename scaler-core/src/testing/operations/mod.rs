//! Contract tests for every [`Wishes`](crate::Wishes) and [`EventLog`](crate::EventLog) of a store.
//!
//! An adapter needs one line, `scaler_core::operations_suite!(fixture)`, where `fixture` is an async function that returns a
//! [`StoreFixture`](super::store::StoreFixture) over an empty store of its own. The line expands to one test per case.

mod events;
mod wishes;

pub use events::*;
pub use wishes::*;

/// Expands to one test for each case of the contracts of wishes and of the event log.
#[macro_export]
macro_rules! operations_suite {
    ($fixture:path) => {
        $crate::operations_suite!(@cases $fixture;
            a_wish_is_kept_with_its_operator_and_its_note, wishes_of_each_kind_are_kept_side_by_side,
            a_wish_replaces_the_one_with_its_subject, a_repeated_wish_changes_nothing, a_withdrawn_wish_is_gone,
            a_wish_that_cannot_be_is_refused, any_text_is_kept_or_cut, wishes_and_withdrawals_are_events,
            events_come_newest_first, events_are_kept_whole, long_texts_are_cut, events_are_selected_by_a_filter, the_log_is_bounded);
    };
    (@cases $fixture:path; $($case:ident),+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let fixture = $fixture().await;
                if let Err(violation) = $crate::testing::operations::$case(&fixture).await {
                    panic!("{violation}");
                }
            }
        )+
    };
}
