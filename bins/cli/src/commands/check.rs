//! `notifi-scaler status --check`: checks that every item is ticked once a second and that loads are even.

use std::collections::BTreeMap;
use std::time::Duration;

use notifi_scaler_common::Failure;
use scaler_core::{ItemId, Tick, WorkStore};
use scaler_pg::PgStore;

/// Time between the two looks: long enough to tell a missed or double tick from one in progress.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);
/// Maximum number of items to watch.
const MOST_WATCHED: u32 = 10_000;
/// Maximum value of an item, at which it stays.
const GREATEST: i64 = i32::MAX as i64;
/// Maximum number of items named in one problem.
const MOST_NAMED: usize = 3;

/// Returns the problems of the items' values, found by two looks some seconds apart.
///
/// # Errors
/// [`Failure::Store`] if the store is unavailable, refuses, or does not answer.
pub(super) async fn watch(store: &PgStore) -> Result<Vec<String>, Failure> {
    let first = Look::take(store).await?;
    tokio::time::sleep(BETWEEN_LOOKS).await;
    Ok(first.compare(&Look::take(store).await?))
}

/// Returns the problem if the loads of the workers, in items, are uneven; `None` if they are even.
///
/// Loads may differ by the items of the heaviest slot, since slots are not divided.
#[expect(clippy::cast_precision_loss, reason = "loads are far below 2^52")]
pub(super) fn unevenness(loads: &[u64], heaviest_slot: u64, tolerance: f64) -> Option<String> {
    let (most, least) = (loads.iter().max().copied()?, loads.iter().min().copied()?);
    let mean = loads.iter().sum::<u64>() as f64 / loads.len() as f64;
    let uneven = most - least > heaviest_slot && most as f64 > mean * (1.0 + tolerance);
    uneven.then(|| format!("loads are uneven: workers have from {least} to {most} items"))
}

/// Values of the items at one moment, which lies between two known ticks.
#[derive(Debug)]
struct Look {
    not_before: Tick,
    values: BTreeMap<ItemId, i64>,
    not_after: Tick,
}

impl Look {
    async fn take(store: &PgStore) -> Result<Self, Failure> {
        let not_before = store.assignment().await?.tick;
        let rows = store.list_values(MOST_WATCHED).await?;
        let not_after = store.assignment().await?.tick;
        let values = rows.into_iter().map(|(id, value)| (id, value.into())).collect();
        Ok(Self { not_before, values, not_after })
    }

    /// Returns the problems found by comparing with a later look. Items that were added or removed in between are skipped.
    fn compare(&self, later: &Self) -> Vec<String> {
        let ended = |id: &ItemId| later.values.get(id) == Some(&GREATEST);
        let at_end: Vec<_> = self.values.keys().filter(|id| ended(id)).collect();
        if !at_end.is_empty() {
            let (items, examples) = (at_end.len(), named(&at_end));
            tracing::warn!(items, examples, "items have reached the maximum value, {GREATEST}, and are not incremented any more");
        }
        let all = self.values.iter().filter(|(id, _)| !ended(id));
        let gains = || all.clone().filter_map(|(id, value)| Some((id, later.values.get(id)? - value)));
        // The tick of each look may be done already, or not yet.
        let most = i64::try_from(later.not_after.since(self.not_before)).unwrap_or(i64::MAX).saturating_add(1);
        let least = i64::try_from(later.not_before.since(self.not_after)).unwrap_or(i64::MAX) - 1;
        let doubled: Vec<_> = gains().filter(|(_, gain)| *gain > most).map(|(id, _)| id).collect();
        let missed: Vec<_> = gains().filter(|(_, gain)| *gain < least).map(|(id, _)| id).collect();
        let told =
            |items: &[&ItemId], what: &str| (!items.is_empty()).then(|| format!("{} {what}: {}", items.len(), named(items)));
        [
            told(&doubled, "items were incremented more than once per tick"),
            told(&missed, "items were not incremented in every tick"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn named(items: &[&ItemId]) -> String {
    let names: Vec<_> = items.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let more = if items.len() > MOST_NAMED { " ..." } else { "" };
    format!("{}{more}", names.join(" "))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn look(ticks: [u64; 2], values: &[i64]) -> Look {
        let values = (1..).map(|n| ItemId::Uuid(Uuid::from_u128(n))).zip(values.iter().copied()).collect();
        Look { not_before: Tick(ticks[0]), values, not_after: Tick(ticks[1]) }
    }

    #[test]
    fn values_that_follow_the_ticks_are_no_problem() {
        let first = look([100, 100], &[7, 0, 3]);
        for fine in [4, 5, 6] {
            assert_eq!(first.compare(&look([105, 105], &[7 + fine, fine, 3 + fine])), Vec::<String>::new());
        }
        assert_eq!(first.compare(&look([105, 105], &[12])), Vec::<String>::new(), "removed items are skipped");
    }

    #[test]
    fn doubles_and_misses_are_named() {
        let found = look([100, 100], &[0, 0, 0]).compare(&look([105, 105], &[7, 5, 3]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("1 items were incremented more than once per tick: 00000000-"), "{found:?}");
        assert!(found[0].ends_with("1") && found[1].ends_with("3"), "{found:?}");
    }

    #[test]
    fn a_slow_look_widens_the_allowed_range() {
        assert!(look([100, 102], &[0]).compare(&look([105, 107], &[8])).is_empty());
        assert!(look([100, 102], &[0]).compare(&look([105, 107], &[2])).is_empty());
    }

    #[test]
    fn many_are_counted_and_few_named() {
        let found = look([1, 1], &[0; 9]).compare(&look([6, 6], &[0; 9]));
        assert!(found[0].starts_with("9 items") && found[0].ends_with("..."), "{found:?}");
        assert_eq!(found[0].matches("00000000-").count(), 3);
    }

    #[test]
    fn even_is_within_the_tolerance_or_a_slot() {
        for even in [&[4, 3, 3][..], &[5], &[], &[100, 92, 100], &[0, 0]] {
            assert_eq!(unevenness(even, 1, 0.1), None, "{even:?}");
        }
        assert_eq!(unevenness(&[6, 2, 2], 1, 0.1).unwrap(), "loads are uneven: workers have from 2 to 6 items");
        assert_eq!(unevenness(&[6, 2, 2], 4, 0.1), None, "a slot of four items cannot be split");
        assert_eq!(unevenness(&[6, 2, 2], 1, 1.0), None);
    }
}
