//! Cases for hand-over: which slots an owner holds at which epochs, and the acknowledgements kept with them.

use super::StoreFixture;
use super::cases::{give, member, owned};
use super::claims::leaderless;
use crate::hand_over::Acknowledgement;
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{Cause, Epoch, Holding, MemberKey, Slot, SlotRange, Tick, Timing, Transfer, WorkStore};

/// An owner holds its slots in the range, in order, each with its epoch.
pub async fn holdings_are_the_slots_of_the_owner(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, _, term) = owned(fixture).await?;
    let other = member("b", 2)?;
    give(fixture, &term, &other, [1, 2].map(Slot::new)).await?;
    let held = fixture.store().holdings(&other, SlotRange::ALL).await?;
    let expected =
        [1, 2].map(|slot| Holding { slot: Slot::new(slot), epoch: Epoch(2), ended: Epoch(0), cause: Cause::Rebalance });
    equal(held, expected.to_vec(), "slots of the new owner")?;
    equal(fixture.store().holdings(&other, SlotRange::new(2..4)).await?.len(), 1, "slots of the new owner in a range")?;
    let held = fixture.store().holdings(&owner, SlotRange::new(0..4)).await?;
    equal(held.iter().map(|held| held.slot).collect(), [0, 3].map(Slot::new).to_vec(), "slots of the former owner in a range")?;
    equal(fixture.store().holdings(&member("b", 3)?, SlotRange::ALL).await?, vec![], "slots of another incarnation")
}

/// Each change of owner leaves its cause with the slot: the one of the transfer, an adoption or a claim.
pub async fn a_holding_has_the_cause_of_its_change_of_owner(fixture: &dyn StoreFixture) -> CaseResult {
    let (_, _, term) = owned(fixture).await?;
    let (slot, first) = (Slot::new(3), member("b", 2)?);
    let transfer = Transfer { slot, epoch: Epoch(1), to: first.clone(), timing: Timing::Now, cause: Cause::Dead };
    fixture.store().commit(&term, &[transfer]).await?;
    let causes = async |owner: &MemberKey| {
        let held = fixture.store().holdings(owner, SlotRange::ALL).await?;
        Ok::<_, Violation>(held.into_iter().map(|held| held.cause).collect::<Vec<_>>())
    };
    equal(causes(&first).await?, vec![Cause::Dead], "cause of a transfer")?;
    let second = member("b", 3)?;
    fixture.store().adopt(&second).await?;
    equal(causes(&second).await?, vec![Cause::Adopted], "cause of an adoption")?;
    leaderless(fixture, &term, &[]).await?;
    let third = member("c", 4)?;
    fixture.store().claim_orphans(&third, 1000, Tick(0)).await?;
    let claims = causes(&third).await?;
    ensure(!claims.is_empty() && claims.iter().all(|cause| *cause == Cause::Claimed), format!("causes of claims: {claims:?}"))
}

/// An acknowledgement of a former owner is part of the present owner's holdings, and never decreases.
pub async fn an_acknowledgement_reaches_the_next_owner(fixture: &dyn StoreFixture) -> CaseResult {
    let (former, _, term) = owned(fixture).await?;
    let (slot, next) = (Slot::new(3), member("b", 2)?);
    give(fixture, &term, &next, [slot]).await?;
    equal(ended(&*fixture.store(), &next, slot).await?, Epoch(0), "ended before the acknowledgement")?;
    for epoch in [1, 1, 0] {
        fixture.store().acknowledge(&former, &[Acknowledgement { slot, epoch: Epoch(epoch) }]).await?;
        equal(ended(&*fixture.store(), &next, slot).await?, Epoch(1), "ended after the acknowledgement")?;
    }
    let others = fixture.store().holdings(&former, SlotRange::ALL).await?;
    ensure(others.iter().all(|held| held.ended == Epoch(0)), "only the slot named has ended")
}

/// Only the present owner can end the present epoch.
pub async fn only_the_owner_ends_its_own_epoch(fixture: &dyn StoreFixture) -> CaseResult {
    let (former, _, term) = owned(fixture).await?;
    let (slot, next) = (Slot::new(3), member("b", 2)?);
    give(fixture, &term, &next, [slot]).await?;
    let all = [Acknowledgement { slot, epoch: Epoch(9) }, Acknowledgement { slot: Slot::new(1 << 20), epoch: Epoch(1) }];
    for stranger in [former, member("b", 3)?] {
        fixture.store().acknowledge(&stranger, &all).await?;
        equal(ended(&*fixture.store(), &next, slot).await?, Epoch(1), "ended after the acknowledgement of another")?;
    }
    fixture.store().acknowledge(&next, &all).await?;
    equal(ended(&*fixture.store(), &next, slot).await?, Epoch(2), "ended after the acknowledgement of the owner")
}

async fn ended(store: &dyn WorkStore, owner: &MemberKey, slot: Slot) -> Result<Epoch, Violation> {
    let held = store.holdings(owner, SlotRange::ALL).await?;
    let held = held.into_iter().find(|held| held.slot == slot);
    held.map(|held| held.ended).ok_or_else(|| Violation::new(format!("{owner} does not hold slot {slot}")))
}
