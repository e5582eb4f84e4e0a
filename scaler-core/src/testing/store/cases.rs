//! Cases for ticks: each item once per tick, and correct reports.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use super::StoreFixture;
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{
    Cause, Hearing, Incarnation, ItemId, MemberKey, Outcome, Slot, SlotCount, SlotLoad, SlotRange, Term, Tick, TickReport,
    Timing, Transfer, WorkerId, digest_of, slot_of,
};

/// Lease time that no test outlives.
pub(super) const LEASE: Duration = Duration::from_secs(600);

pub(super) fn member(name: &str, life: u128) -> Result<MemberKey, Violation> {
    Ok(MemberKey { worker: WorkerId::new(name)?, incarnation: Incarnation::new(Uuid::from_u128(life)) })
}

pub(super) fn some_items(count: u128) -> Vec<ItemId> {
    let mut items: Vec<_> =
        (1..=count).map(|n| ItemId::Uuid(Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)))).collect();
    items.sort_unstable();
    items
}

pub(super) async fn elect(fixture: &dyn StoreFixture) -> Result<Term, Violation> {
    let term = fixture.election().campaign(Uuid::from_u128(1), LEASE, Hearing::Members).await?;
    term.ok_or_else(|| Violation::new("nobody leads, and yet leadership is refused"))
}

/// Moves slots to a member, from their present epochs.
pub(super) async fn give(
    fixture: &dyn StoreFixture,
    term: &Term,
    to: &MemberKey,
    slots: impl IntoIterator<Item = Slot>,
) -> Result<Outcome, Violation> {
    let assignment = fixture.store().assignment().await?;
    let transfer = |slot: Slot| Transfer {
        slot,
        epoch: assignment.slots[slot.index()].epoch,
        to: to.clone(),
        timing: Timing::Now,
        cause: Cause::Rebalance,
    };
    let transfers: Vec<_> = slots.into_iter().map(transfer).collect();
    Ok(fixture.store().commit(term, &transfers).await?)
}

/// Sets up a store with ten items, all of whose slots one member owns.
pub(super) async fn owned(fixture: &dyn StoreFixture) -> Result<(MemberKey, Vec<ItemId>, Term), Violation> {
    let (owner, items) = (member("a", 1)?, some_items(10));
    fixture.insert(&items).await?;
    let term = elect(fixture).await?;
    let slots = fixture.store().slot_count().await?;
    give(fixture, &term, &owner, slots.iter()).await?;
    Ok((owner, items, term))
}

pub(super) async fn values(fixture: &dyn StoreFixture, items: &[ItemId]) -> Result<Vec<u64>, Violation> {
    let mut values = Vec::new();
    for item in items {
        let (value, _) = fixture.value(item).await?.ok_or_else(|| Violation::new(format!("{item} is gone")))?;
        values.push(value);
    }
    Ok(values)
}

/// Ticks until the store is in a later tick than `after`, and returns the report of that tick.
pub(super) async fn tick_after(
    fixture: &dyn StoreFixture,
    owner: &MemberKey,
    after: &TickReport,
) -> Result<TickReport, Violation> {
    loop {
        let report = fixture.store().tick(owner, SlotRange::ALL).await?;
        if report.tick > after.tick {
            return Ok(report);
        }
        fixture.pass_a_moment().await;
    }
}

/// A tick increments each item in the owner's slots exactly once, and stores the owner's name in it.
pub async fn a_tick_increments_each_owned_item_once(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    let report = fixture.store().tick(&owner, SlotRange::ALL).await?;
    for item in &items {
        equal(fixture.value(item).await?, Some((1, Some("a".to_owned()))), "value and worker after one tick")?;
    }
    equal(report.items, 10, "items reported")?;
    equal(report.digest, digest_of(&items), "digest reported")?;
    equal(report.locked, 0, "locked items reported")?;
    equal(report.owned, fixture.store().slot_count().await?.get(), "owned slots reported")?;
    let later = tick_after(fixture, &owner, &report).await?;
    equal((later.items, later.digest), (10, digest_of(&items)), "the next tick's report")?;
    equal(values(fixture, &items).await?, vec![2; 10], "values after two ticks")
}

/// A repeated tick changes nothing, so that a blind retry is safe.
pub async fn a_repeated_tick_changes_nothing(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    let mut last = fixture.store().tick(&owner, SlotRange::ALL).await?;
    let mut ticks = 1;
    for _ in 0..20 {
        let again = fixture.store().tick(&owner, SlotRange::ALL).await?;
        if again.tick == last.tick {
            equal((again.ticked, again.items, again.digest), (0, 0, 0), "what a repeated tick did")?;
        } else {
            ticks += 1;
        }
        last = again;
    }
    equal(values(fixture, &items).await?, vec![ticks; 10], "values after repeated ticks")
}

/// Simultaneous calls increment items once per tick.
pub async fn simultaneous_ticks_count_once(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    let store = fixture.store();
    let reports = join_all((0..8).map(|_| store.tick(&owner, SlotRange::ALL))).await;
    let mut ticks = BTreeSet::new();
    for report in reports {
        ticks.insert(report?.tick);
    }
    let most = ticks.len() as u64;
    let found = values(fixture, &items).await?;
    ensure(found.iter().all(|value| (1..=most).contains(value)), format!("eight calls within {most} ticks gave {found:?}"))
}

/// A new item is ticked by the owner of its slot from the next tick on; a removed item is no longer reported.
pub async fn new_items_are_ticked_and_removed_ones_are_gone(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    let first = fixture.store().tick(&owner, SlotRange::ALL).await?;
    let more = some_items(15).into_iter().filter(|item| !items.contains(item)).collect::<Vec<_>>();
    fixture.insert(&more).await?;
    let second = tick_after(fixture, &owner, &first).await?;
    equal(second.items, 15, "items after five came")?;
    // A slot without items may have been left out in the first of the two ticks.
    let found = values(fixture, &more).await?;
    ensure(found.iter().all(|value| (1..=2).contains(value)), format!("values of new items after one or two ticks: {found:?}"))?;
    fixture.remove(&items).await?;
    let third = tick_after(fixture, &owner, &second).await?;
    equal((third.items, third.digest), (5, digest_of(&more)), "items after ten went")?;
    equal(fixture.store().items(&owner, SlotRange::ALL).await?.len(), 5, "items listed after ten went")
}

/// A slot range limits the slots that are ticked, listed and reported.
pub async fn only_the_slots_in_range_are_ticked(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    let slots = fixture.store().slot_count().await?;
    let lower = SlotRange::new(0..slots.get() / 2);
    let report = fixture.store().tick(&owner, lower).await?;
    let inside: Vec<_> = items.iter().filter(|item| lower.contains(slot_of(item, slots))).cloned().collect();
    ensure(!inside.is_empty() && inside.len() < 10, "the items of this case must lie in both halves")?;
    equal((report.items, report.digest), (inside.len() as u64, digest_of(&inside)), "what a tick of the lower half did")?;
    equal(report.owned, slots.get() / 2, "slots owned in the lower half")?;
    equal(fixture.store().items(&owner, lower).await?, inside.clone(), "items listed of the lower half")?;
    let expected = items.iter().map(|item| u64::from(inside.contains(item))).collect::<Vec<_>>();
    equal(values(fixture, &items).await?, expected, "values after a tick of the lower half")
}

/// Simultaneous and repeated calls for ranges that cover all slots make one tick, and their reports add up to that of all
/// slots.
pub async fn concurrent_ranges_are_one_tick(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    let store = fixture.store();
    let whole = store.tick(&owner, SlotRange::ALL).await?;
    let quarter = whole.slots.get() / 4;
    equal(whole.slots, store.slot_count().await?, "how many slots there are")?;
    let ranges: Vec<_> = (0..4).map(|number| SlotRange::new(number * quarter..(number + 1) * quarter)).collect();
    // Waits for the start of a tick, so that all calls fall into it.
    let mut passed = tick_after(fixture, &owner, &whole).await?.tick;
    let mut before = values(fixture, &items).await?;
    loop {
        let reports = join_all(ranges.iter().chain(&ranges).map(|range| store.tick(&owner, *range))).await;
        let reports = reports.into_iter().collect::<Result<Vec<_>, _>>()?;
        let after = values(fixture, &items).await?;
        let of_one_tick = reports.iter().all(|report| report.tick == reports[0].tick) && reports[0].tick > passed;
        if of_one_tick && reports.iter().map(|report| report.items).sum::<u64>() > 0 {
            let sums = reports.iter().fold((0, 0), |(items, digest), report| (items + report.items, digest ^ report.digest));
            equal(sums, (10, digest_of(&items)), "what the calls for all ranges did together")?;
            let each = reports[..4].iter().fold((0, 0), |(owned, fence), report| (owned + report.owned, fence ^ report.fence));
            equal(each, (whole.owned, whole.fence), "the slots and the fence of all ranges together")?;
            return equal(after, before.iter().map(|value| value + 1).collect(), "values after one tick in ranges");
        }
        // Calls that fell into two ticks have done part of the second one.
        passed = reports.iter().map(|report| report.tick).fold(passed, Tick::max);
        before = after;
        fixture.pass_a_moment().await;
    }
}

/// A tick of an owner whose slots hold no items is still recorded.
pub async fn an_owner_of_empty_slots_ticks_one(fixture: &dyn StoreFixture) -> CaseResult {
    let owner = member("a", 1)?;
    let term = elect(fixture).await?;
    give(fixture, &term, &owner, (10..20).map(Slot::new)).await?;
    let report = fixture.store().tick(&owner, SlotRange::ALL).await?;
    ensure(report.ticked >= 1, "an owner of empty slots ticked none")?;
    equal((report.owned, report.items), (10, 0), "slots owned and items")?;
    let assignment = fixture.store().assignment().await?;
    let latest = assignment.slots.iter().filter(|slot| slot.owner.as_ref() == Some(&owner)).map(|slot| slot.last_tick).max();
    equal(latest, Some(report.tick), "the last tick that the store witnessed")
}

/// The item list is sorted, and holds the items of the owner's slots.
pub async fn items_are_listed_in_order(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    equal(fixture.store().items(&owner, SlotRange::ALL).await?, items, "items of the owner of all")?;
    equal(fixture.store().items(&member("b", 2)?, SlotRange::ALL).await?, vec![], "items of who owns nothing")
}

/// The digest of epochs (the fence) stays the same while nothing moves, and changes when a slot is gained or lost.
pub async fn the_fence_shows_every_change_of_slots(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, _, term) = owned(fixture).await?;
    let before = fixture.store().tick(&owner, SlotRange::ALL).await?.fence;
    equal(fixture.store().tick(&owner, SlotRange::ALL).await?.fence, before, "the fence while nothing moves")?;
    give(fixture, &term, &member("b", 2)?, [Slot::new(7)]).await?;
    let without = fixture.store().tick(&owner, SlotRange::ALL).await?.fence;
    give(fixture, &term, &owner, [Slot::new(7)]).await?;
    let again = fixture.store().tick(&owner, SlotRange::ALL).await?.fence;
    ensure(before != without && without != again && again != before, "a slot went and came, and the fence does not show it")
}

/// The census agrees with the frozen hash function.
pub async fn the_census_counts_items_per_slot(fixture: &dyn StoreFixture) -> CaseResult {
    let items = some_items(300);
    fixture.insert(&items).await?;
    let slots: SlotCount = fixture.store().slot_count().await?;
    let expected = SlotLoad::of_items(slots, items.iter().map(|item| (slot_of(item, slots), 1)));
    equal(fixture.store().census().await?, expected, "the census")
}

/// A report holds the time since the start of its tick, and the assignment uses the same clock.
pub async fn the_report_has_the_time_of_the_tick(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, _, _) = owned(fixture).await?;
    let report = fixture.store().tick(&owner, SlotRange::ALL).await?;
    ensure(report.into_tick < report.tick_length, format!("{:?} into a tick of {:?}", report.into_tick, report.tick_length))?;
    let now = fixture.store().assignment().await?.tick;
    ensure(
        now >= report.tick && now.since(report.tick) < 60,
        format!("the assignment is of tick {now}, a report just before of {}", report.tick),
    )
}
