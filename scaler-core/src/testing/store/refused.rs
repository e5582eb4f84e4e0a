//! Cases for items that the store refuses to change, and for workers whose every write it refuses.

use super::StoreFixture;
use super::cases::{elect, give, member, owned, some_items, tick_after, values};
use crate::testing::{CaseResult, ensure, equal};
use crate::{ItemId, SlotRange, TickReport, digest_of};

/// Maximum number of ticks in which a store detects refused items, or retries an item that is accepted again.
const SOON: usize = 10;

/// A refused item is counted and named, and all other items are ticked, also those in the same slot.
pub async fn a_refused_item_keeps_no_other_from_being_ticked(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    let before = fixture.store().tick(&owner, SlotRange::ALL).await?;
    let (refused, rest) = items.split_at(3);
    fixture.refuse(refused).await?;
    let mut report = before;
    for ticks in 2..6 {
        report = tick_after(fixture, &owner, &report).await?;
        equal((report.items, report.refused, report.left), (7, 3, 0), "items ticked, refused, and slots left")?;
        equal(report.digest, digest_of(&items), "a digest of all items in the slots")?;
        ensure(
            report.refusal.as_ref().is_some_and(|refusal| refused.contains(&refusal.item) && !refusal.why.is_empty()),
            format!("one of them is named with the reason: {:?}", report.refusal),
        )?;
        equal(values(fixture, refused).await?, vec![1; 3], "values of refused items")?;
        let found = values(fixture, rest).await?;
        ensure(found.iter().all(|value| *value == ticks), format!("values of the others after {ticks} ticks: {found:?}"))?;
    }
    Ok(())
}

/// An item that is accepted again is ticked again, once per tick, and no longer reported as refused.
pub async fn an_item_that_is_accepted_again_is_ticked_again(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    fixture.refuse(&items[..2]).await?;
    let mut report = fixture.store().tick(&owner, SlotRange::ALL).await?;
    equal((report.items, report.refused), (8, 2), "items ticked and refused")?;
    fixture.accept_all().await?;
    for _ in 0..SOON {
        let before = values(fixture, &items[..2]).await?;
        report = tick_after(fixture, &owner, &report).await?;
        if report.refused == 0 {
            equal(report.refusal.clone(), None, "a refusal, where nothing is refused")?;
            equal(values(fixture, &items[..2]).await?, before.iter().map(|value| value + 1).collect(), "values")?;
            let last = tick_after(fixture, &owner, &report).await?;
            return equal((last.items, last.refused), (10, 0), "items ticked and refused afterwards");
        }
    }
    ensure(false, format!("items are not ticked again within {SOON} ticks: {report:?}"))
}

/// An owner whose items are all refused still ticks its slots, so that it is not considered dead. Other workers may write.
pub async fn slots_are_ticked_if_all_items_are_refused(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, other) = (member("a", 1)?, member("b", 2)?);
    let items = some_items(12);
    fixture.insert(&items).await?;
    let (term, slots) = (elect(fixture).await?, fixture.store().slot_count().await?);
    let (low, high): (Vec<_>, Vec<_>) = slots.iter().partition(|slot| slot.number() < slots.get() / 2);
    give(fixture, &term, &owner, low.iter().copied()).await?;
    give(fixture, &term, &other, high).await?;
    let mine: Vec<ItemId> = fixture.store().items(&owner, SlotRange::ALL).await?;
    ensure(!mine.is_empty() && mine.len() < items.len(), "the items are shared".to_owned())?;
    fixture.refuse(&mine).await?;
    let report = fixture.store().tick(&owner, SlotRange::ALL).await?;
    equal((report.items, report.refused), (0, mine.len() as u64), "items ticked and refused")?;
    ensure(report.ticked > 0 && report.left == 0, format!("slots are ticked: {report:?}"))?;
    equal(fixture.store().try_to_write(&owner).await?, None, "what a write to items of others came to")?;
    let later: TickReport = tick_after(fixture, &owner, &report).await?;
    equal((later.items, later.refused), (0, mine.len() as u64), "items ticked and refused in the next tick")
}

/// A worker whose every write is refused is told so by a write that is rolled back.
pub async fn a_worker_refused_everywhere_is_told(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, _) = owned(fixture).await?;
    equal(fixture.store().try_to_write(&owner).await?, None, "what a write came to, where nothing is refused")?;
    fixture.refuse_worker(&owner.worker).await?;
    let report = fixture.store().tick(&owner, SlotRange::ALL).await?;
    equal((report.items, report.refused), (0, 10), "items ticked and refused")?;
    let refused = fixture.store().try_to_write(&owner).await?;
    ensure(refused.is_some_and(|refused| items.contains(&refused.item)), "a refused item is named".to_owned())?;
    let other = member("b", 2)?;
    equal(fixture.store().try_to_write(&other).await?, None, "what a write of another came to")?;
    equal(values(fixture, &items).await?, vec![0; 10], "values after writes that were only tried")?;
    fixture.accept_all().await?;
    equal(fixture.store().try_to_write(&owner).await?, None, "what a write came to afterwards")
}
