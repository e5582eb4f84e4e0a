//! Cases for fencing: only the owner of a slot ticks it, and ownership changes only by committed moves and adoption.

use super::StoreFixture;
use super::cases::{elect, give, member, owned, tick_after, values};
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{Cause, Epoch, Outcome, Refusal, RefusalReason, Slot, SlotRange, Timing, Transfer, slot_of};

/// A worker that owns no slots changes nothing.
pub async fn a_stranger_ticks_nothing(fixture: &dyn StoreFixture) -> CaseResult {
    let (_, items, _) = owned(fixture).await?;
    let report = fixture.store().tick(&member("b", 2)?, SlotRange::ALL).await?;
    equal((report.owned, report.ticked, report.items), (0, 0, 0), "what a stranger's tick did")?;
    equal(values(fixture, &items).await?, vec![0; 10], "values after a stranger's tick")
}

/// Another incarnation with the owner's name changes nothing.
pub async fn another_incarnation_ticks_nothing(fixture: &dyn StoreFixture) -> CaseResult {
    let (_, items, _) = owned(fixture).await?;
    let report = fixture.store().tick(&member("a", 2)?, SlotRange::ALL).await?;
    equal((report.owned, report.ticked, report.items), (0, 0, 0), "what another incarnation's tick did")?;
    equal(fixture.store().items(&member("a", 2)?, SlotRange::ALL).await?, vec![], "items of another incarnation")?;
    equal(values(fixture, &items).await?, vec![0; 10], "values after another incarnation's tick")
}

/// The new owner of a moved slot does not tick it again in the same tick.
pub async fn a_moved_slot_is_not_ticked_twice(fixture: &dyn StoreFixture) -> CaseResult {
    let (mut from, items, term) = owned(fixture).await?;
    let slots = fixture.store().slot_count().await?;
    let mut total = 0;
    let mut last = None;
    for life in 2..6 {
        let before = fixture.store().tick(&from, SlotRange::ALL).await?;
        let to = member("b", life)?;
        give(fixture, &term, &to, slots.iter()).await?;
        let after = fixture.store().tick(&to, SlotRange::ALL).await?;
        for report in [before, after] {
            total += u64::from(last.replace(report.tick) != Some(report.tick));
        }
        equal(values(fixture, &items).await?, vec![total; 10], "values after ticks by two owners")?;
        from = to;
    }
    Ok(())
}

/// After a move, ticks of the former owner have no effect, for ever.
pub async fn a_former_owner_is_fenced(fixture: &dyn StoreFixture) -> CaseResult {
    let (former, items, term) = owned(fixture).await?;
    let report = fixture.store().tick(&former, SlotRange::ALL).await?;
    let slots = fixture.store().slot_count().await?;
    give(fixture, &term, &member("b", 2)?, slots.iter()).await?;
    let before = values(fixture, &items).await?;
    let later = tick_after(fixture, &former, &report).await?;
    equal((later.owned, later.ticked, later.items), (0, 0, 0), "what a former owner's tick did")?;
    equal(values(fixture, &items).await?, before, "values after a former owner's tick")
}

/// A move changes only the owner and raises the epoch by one.
pub async fn a_move_raises_the_epoch_by_one(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, _, term) = owned(fixture).await?;
    fixture.store().tick(&owner, SlotRange::ALL).await?;
    let before = fixture.store().assignment().await?;
    let to = member("b", 2)?;
    let outcome = give(fixture, &term, &to, [Slot::new(3), Slot::new(5)]).await?;
    equal(outcome, Outcome::Committed { moved: vec![Slot::new(3), Slot::new(5)], refused: vec![] }, "the outcome")?;
    let after = fixture.store().assignment().await?;
    for (number, (before, after)) in before.slots.iter().zip(&after.slots).enumerate() {
        let mut expected = before.clone();
        if number == 3 || number == 5 {
            expected.owner = Some(to.clone());
            expected.epoch = before.epoch.next();
        }
        equal(after, &expected, &format!("slot {number}"))?;
    }
    Ok(())
}

/// A transfer from a past epoch is refused; the other transfers of its commit are made.
pub async fn an_old_epoch_is_refused(fixture: &dyn StoreFixture) -> CaseResult {
    let term = elect(fixture).await?;
    let to = member("a", 1)?;
    let transfer = |slot, epoch| Transfer {
        slot: Slot::new(slot),
        epoch: Epoch(epoch),
        to: to.clone(),
        timing: Timing::Now,
        cause: Cause::Rebalance,
    };
    let first = fixture.store().commit(&term, &[transfer(1, 0), transfer(2, 0)]).await?;
    equal(first, Outcome::Committed { moved: vec![Slot::new(1), Slot::new(2)], refused: vec![] }, "the first commit")?;
    let second = fixture.store().commit(&term, &[transfer(1, 0), transfer(2, 1), transfer(3, 7)]).await?;
    let refused = [1, 3].map(|slot| Refusal { slot: Slot::new(slot), why: RefusalReason::EpochPassed }).to_vec();
    equal(second, Outcome::Committed { moved: vec![Slot::new(2)], refused }, "a commit with two epochs that passed")
}

/// A hand-over is refused until the owner of the slot has done the present tick.
pub async fn a_hand_over_waits_for_the_tick(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, items, term) = owned(fixture).await?;
    let slot = slot_of(&items[0], fixture.store().slot_count().await?);
    let hand_over = async || {
        let epoch = fixture.store().assignment().await?.slots[slot.index()].epoch;
        let transfer = Transfer { slot, epoch, to: member("b", 2)?, timing: Timing::AfterTick, cause: Cause::Drained };
        Ok::<_, Violation>(fixture.store().commit(&term, &[transfer]).await?)
    };
    let refused = vec![Refusal { slot, why: RefusalReason::NotTickedYet }];
    equal(hand_over().await?, Outcome::Committed { moved: vec![], refused }, "a hand-over before the tick")?;
    loop {
        let ticked = fixture.store().tick(&owner, SlotRange::ALL).await?.tick;
        let outcome = hand_over().await?;
        if outcome == (Outcome::Committed { moved: vec![slot], refused: vec![] }) {
            return Ok(());
        }
        // The tick may have ended between the two calls; only then may the hand-over be refused.
        let now = fixture.store().assignment().await?.tick;
        ensure(now > ticked, format!("a hand-over after its tick was not made: {outcome:?}"))?;
    }
}

/// An adoption takes all slots owned under the worker's name, and no others: a restart in place.
pub async fn adoption_takes_the_slots_of_its_name(fixture: &dyn StoreFixture) -> CaseResult {
    let (_, items, term) = owned(fixture).await?;
    give(fixture, &term, &member("b", 2)?, (0..100).map(Slot::new)).await?;
    let before = fixture.store().assignment().await?;
    let again = member("a", 3)?;
    let slots = fixture.store().slot_count().await?.len();
    equal(fixture.store().adopt(&again).await?.slots, slots - 100, "slots adopted")?;
    equal(fixture.store().adopt(&again).await?.slots, 0, "slots adopted again")?;
    let after = fixture.store().assignment().await?;
    for (number, (before, after)) in before.slots.iter().zip(&after.slots).enumerate() {
        let adopted = number >= 100;
        equal(after.epoch, if adopted { before.epoch.next() } else { before.epoch }, &format!("epoch of slot {number}"))?;
        equal(after.owner == Some(again.clone()), adopted, &format!("whether slot {number} is adopted"))?;
    }
    fixture.store().tick(&again, SlotRange::ALL).await?;
    fixture.store().tick(&member("b", 2)?, SlotRange::ALL).await?;
    equal(values(fixture, &items).await?, vec![1; 10], "values after both ticked what they own")
}
