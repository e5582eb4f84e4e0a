//! Cases for a clock that is set back behind the recorded ticks: ticks continue, and none is repeated.

use uuid::Uuid;

use super::StoreFixture;
use super::cases::{LEASE, owned, values};
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{Hearing, SlotRange, Tick};

/// Number of ticks to set the clock back: more than pass during a test.
const FALL_TICKS: u64 = 10_000;
/// Upper limit of the ticks that pass during a few calls.
const SOON_TICKS: u64 = 1000;

/// Nothing is ticked until the leader lets the store catch up; then each item is ticked once, from the tick after the last one
/// on.
pub async fn ticks_continue_after_the_clock_fell(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, term) = owned(fixture).await?;
    fixture.store().tick(&owner, SlotRange::ALL).await?;
    fixture.let_the_clock_fall(FALL_TICKS).await?;
    let (last, _) = last_and_now(fixture).await?;
    equal(fixture.store().assignment().await?.is_behind(), true, "whether the clock shows as fallen")?;
    equal(fixture.store().tick(&owner, SlotRange::ALL).await?.ticked, 0, "slots ticked by a clock that has fallen")?;
    let ticks = fixture.store().catch_up(&term).await?;
    ensure(ticks.abs_diff(FALL_TICKS) < SOON_TICKS, format!("moved on by {ticks} ticks where it fell by {FALL_TICKS}"))?;
    equal(fixture.store().catch_up(&term).await?, 0, "ticks to catch up with where that is done")?;
    let (_, now) = last_and_now(fixture).await?;
    ensure((1..SOON_TICKS).contains(&now.since(last)), format!("tick {now} after tick {last}"))?;
    equal(fixture.store().tick(&owner, SlotRange::ALL).await?.items, 10, "items incremented afterwards")?;
    equal(values(fixture, &items).await?, vec![2; 10], "values afterwards")
}

/// Simultaneous or repeated calls to catch up move ticks on once.
pub async fn concurrent_catch_ups_advance_once(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, _, term) = owned(fixture).await?;
    fixture.store().tick(&owner, SlotRange::ALL).await?;
    fixture.let_the_clock_fall(FALL_TICKS).await?;
    let (last, _) = last_and_now(fixture).await?;
    let store = fixture.store();
    futures_util::future::try_join_all((0..4).map(|_| store.catch_up(&term))).await?;
    let (_, now) = last_and_now(fixture).await?;
    ensure((1..SOON_TICKS).contains(&now.since(last)), format!("tick {now} after tick {last}"))
}

/// A correct clock, or one that is behind by at most one tick, is not corrected.
pub async fn a_correct_clock_is_not_advanced(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, _, term) = owned(fixture).await?;
    equal(fixture.store().catch_up(&term).await?, 0, "ticks to catch up with where nothing was ticked")?;
    fixture.store().tick(&owner, SlotRange::ALL).await?;
    equal(fixture.store().catch_up(&term).await?, 0, "ticks to catch up with")?;
    fixture.let_the_clock_fall(1).await?;
    equal(fixture.store().assignment().await?.is_behind(), false, "whether a tick shows as a fall")?;
    equal(fixture.store().catch_up(&term).await?, 0, "ticks to catch up with where it fell by one")
}

/// Only the latest term may let the store catch up.
pub async fn an_old_term_advances_no_ticks(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, _, past) = owned(fixture).await?;
    fixture.store().tick(&owner, SlotRange::ALL).await?;
    fixture.election().resign(&past).await?;
    let next = fixture.election().campaign(Uuid::from_u128(2), LEASE, Hearing::Members).await?;
    ensure(next.is_some(), "nobody leads after a resignation, and yet leadership is refused")?;
    fixture.let_the_clock_fall(FALL_TICKS).await?;
    equal(fixture.store().catch_up(&past).await?, 0, "ticks that a past term moved on")?;
    let (last, now) = last_and_now(fixture).await?;
    ensure(now < last, format!("tick {now} after a past term tried to catch up with {last}"))
}

/// Returns the last recorded tick, and the present one.
async fn last_and_now(fixture: &dyn StoreFixture) -> Result<(Tick, Tick), Violation> {
    let assignment = fixture.store().assignment().await?;
    Ok((assignment.slots.iter().map(|slot| slot.last_tick).max().unwrap_or_default(), assignment.tick))
}
