//! Cases for orphan claims: slots that workers may claim, and conditions for a claim.

use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use super::StoreFixture;
use super::cases::{LEASE, elect, give, member, owned, values};
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{
    ABANDONED_AFTER_TICKS, Claim, Hearing, LEADERLESS_AFTER, MemberKey, ORPHANED_AFTER_TICKS, Slot, SlotRange, SlotState, Term,
    Tick,
};

/// No slot is claimed while a leader holds the lease, nor for some time afterwards, nor under the next leader.
pub async fn nothing_is_claimed_while_there_is_a_leader(fixture: &dyn StoreFixture) -> CaseResult {
    let (owner, _, term) = owned(fixture).await?;
    fixture.store().tick(&owner, SlotRange::ALL).await?;
    silence(fixture, &[], ORPHANED_AFTER_TICKS).await?;
    let before = fixture.store().assignment().await?.slots;
    refused(fixture, "while somebody leads").await?;
    fixture.election().resign(&term).await?;
    let wait = refused(fixture, "just after somebody led").await?;
    ensure(wait <= LEADERLESS_AFTER, format!("{wait:?} to wait after a resignation"))?;
    fixture.outlast_the_leader().await?;
    let next = fixture.election().campaign(Uuid::from_u128(2), LEASE, Hearing::Members).await?;
    ensure(next.is_some(), "nobody leads, and yet leadership is refused")?;
    refused(fixture, "when somebody leads again").await?;
    equal(fixture.store().assignment().await?.slots, before, "the slots after claims that were refused")
}

/// No slot is claimed before the first leader was elected.
pub async fn nothing_is_claimed_before_the_first_leader(fixture: &dyn StoreFixture) -> CaseResult {
    refused(fixture, "where nobody ever led").await.map(drop)
}

/// Without a leader, the slots of a silent owner are claimed, and each epoch rises by one. Later ticks of the former owner have
/// no effect.
pub async fn orphans_are_claimed_without_a_leader(fixture: &dyn StoreFixture) -> CaseResult {
    let (silent, items, term) = owned(fixture).await?;
    let count = fixture.store().slot_count().await?.len();
    leaderless(fixture, &term, &[]).await?;
    let before = fixture.store().assignment().await?.slots;
    let heir = member("b", 2)?;
    equal(
        fixture.store().claim_orphans(&heir, 2 * count, Tick::default()).await?,
        Claim::Claimed { slots: count },
        "a claim of all",
    )?;
    for (number, (before, after)) in before.into_iter().zip(fixture.store().assignment().await?.slots).enumerate() {
        let expected = SlotState { owner: Some(heir.clone()), epoch: before.epoch.next(), ..before };
        equal(after, expected, &format!("slot {number} after a claim"))?;
    }
    equal(fixture.store().tick(&silent, SlotRange::ALL).await?.ticked, 0, "what the former owner ticked")?;
    equal(values(fixture, &items).await?, vec![0; 10], "values after the former owner's tick")?;
    fixture.store().tick(&heir, SlotRange::ALL).await?;
    equal(values(fixture, &items).await?, vec![1; 10], "values after the new owner's tick")
}

/// Even under a leader, abandoned slots are claimed: those of an owner that has been silent for long, and those without an
/// owner.
///
/// The claiming worker must have been healthy for as long. Owners that tick keep their slots.
pub async fn abandoned_slots_are_claimed_in_spite_of_a_leader(fixture: &dyn StoreFixture) -> CaseResult {
    let term = elect(fixture).await?;
    let (silent, lively) = (member("a", 1)?, member("c", 3)?);
    give(fixture, &term, &silent, (0..100).map(Slot::new)).await?;
    give(fixture, &term, &lively, (100..150).map(Slot::new)).await?;
    let begun = fixture.store().assignment().await?.tick;
    silence(fixture, std::slice::from_ref(&lively), ABANDONED_AFTER_TICKS).await?;
    equal(fixture.election().renew(&term, LEASE, Hearing::NoMembers).await?, true, "renewal by the leader")?;
    fixture.store().tick(&lively, SlotRange::ALL).await?;
    let heir = member("b", 2)?;
    let claim = fixture.store().claim_orphans(&heir, 1000, begun).await?;
    equal(claim, Claim::Claimed { slots: 206 }, "a claim of 100 silent slots and 106 without owner, beside a leader")?;
    let slots = fixture.store().assignment().await?.slots;
    ensure(slots[100..150].iter().all(|slot| slot.owner.as_ref() == Some(&lively)), "slots were taken from an owner that ticks")?;
    equal(fixture.store().tick(&silent, SlotRange::ALL).await?.ticked, 0, "what the former owner ticked")
}

/// Under a leader, a worker claims nothing before it has been healthy for long itself: after an outage all owners were silent.
pub async fn a_worker_with_a_gap_claims_nothing_beside_a_leader(fixture: &dyn StoreFixture) -> CaseResult {
    owned(fixture).await?;
    silence(fixture, &[], ABANDONED_AFTER_TICKS).await?;
    let now = fixture.store().assignment().await?.tick;
    match fixture.store().claim_orphans(&member("b", 2)?, 1000, now).await? {
        Claim::NotYet { wait, .. } => ensure(wait > Duration::ZERO, "there is nothing to wait for"),
        Claim::Claimed { slots } => ensure(false, format!("a claim of {slots} slots by one that was not well for long")),
    }
}

/// A refused claim returns the number of slots that no worker ticks.
pub async fn an_empty_claim_reports_unticked_slots(fixture: &dyn StoreFixture) -> CaseResult {
    let term = elect(fixture).await?;
    give(fixture, &term, &member("a", 1)?, (0..100).map(Slot::new)).await?;
    match fixture.store().claim_orphans(&member("b", 2)?, 1000, fixture.store().assignment().await?.tick).await? {
        Claim::NotYet { unticked, .. } => equal(unticked, 156, "slots without owner"),
        Claim::Claimed { slots } => ensure(false, format!("a claim of {slots} slots beside a leader")),
    }
}

/// A claim takes no more slots than its limit, including slots without an owner.
pub async fn claims_keep_within_their_limit(fixture: &dyn StoreFixture) -> CaseResult {
    let term = elect(fixture).await?;
    leaderless(fixture, &term, &[]).await?;
    let heir = member("b", 2)?;
    for round in 1..=3 {
        equal(fixture.store().claim_orphans(&heir, 10, Tick::default()).await?, Claim::Claimed { slots: 10 }, "a claim of ten")?;
        let owned = fixture.store().assignment().await?.slots.into_iter().filter(|slot| slot.owner.as_ref() == Some(&heir));
        equal(owned.count(), 10 * round, "slots owned after claims of ten")?;
    }
    Ok(())
}

/// An owner that ticks any of its slots, or has just received one, keeps all of them.
pub async fn a_live_owner_keeps_its_slots(fixture: &dyn StoreFixture) -> CaseResult {
    let (_, _, term) = owned(fixture).await?;
    let (lively, young) = (member("c", 3)?, member("d", 4)?);
    give(fixture, &term, &lively, (0..50).map(Slot::new)).await?;
    leaderless(fixture, &term, std::slice::from_ref(&lively)).await?;
    // A term can still move slots until the next term begins.
    give(fixture, &term, &young, (50..60).map(Slot::new)).await?;
    fixture.store().tick(&lively, SlotRange::ALL).await?;
    let claim = fixture.store().claim_orphans(&member("b", 2)?, 1000, Tick::default()).await?;
    equal(claim, Claim::Claimed { slots: 196 }, "a claim where one ticks 50 slots and another was just given ten")?;
    let slots = fixture.store().assignment().await?.slots;
    let keeps =
        |owner: &MemberKey, range: std::ops::Range<usize>| slots[range].iter().all(|slot| slot.owner.as_ref() == Some(owner));
    ensure(keeps(&lively, 0..50), "slots were taken from an owner that ticks")?;
    ensure(keeps(&young, 50..60), "slots were taken from an owner that was just given them")
}

/// Simultaneous claims take different slots, and each slot moves once.
pub async fn concurrent_claims_take_different_slots(fixture: &dyn StoreFixture) -> CaseResult {
    let (_, _, term) = owned(fixture).await?;
    leaderless(fixture, &term, &[]).await?;
    let before = fixture.store().assignment().await?.slots;
    let store = fixture.store();
    let heirs = (0..8).map(|number| member(&format!("heir-{number}"), number + 10)).collect::<Result<Vec<_>, _>>()?;
    let mut claimed = 0;
    for answer in join_all(heirs.iter().map(|heir| store.claim_orphans(heir, 20, Tick::default()))).await {
        let Claim::Claimed { slots } = answer? else { return ensure(false, "a claim was refused") };
        claimed += slots;
    }
    ensure(claimed > 0, "eight claims at once claimed nothing")?;
    let after = store.assignment().await?.slots;
    let rose: Vec<u64> = before.iter().zip(&after).map(|(before, after)| after.epoch.since(before.epoch)).collect();
    equal(rose.iter().sum::<u64>(), claimed as u64, "epochs risen, beside slots claimed")?;
    ensure(rose.iter().all(|rose| *rose <= 1), "a slot was claimed twice")
}

/// Makes a claim that must be refused, and returns the time to wait.
async fn refused(fixture: &dyn StoreFixture, when: &str) -> Result<Duration, Violation> {
    match fixture.store().claim_orphans(&member("b", 2)?, 1000, Tick::default()).await? {
        Claim::NotYet { wait, .. } => Ok(wait),
        Claim::Claimed { slots } => Err(Violation::new(format!("a claim of {slots} slots {when}"))),
    }
}

/// Lets all owners except `lively` fall silent, and ends the leader's term.
pub(super) async fn leaderless(fixture: &dyn StoreFixture, term: &Term, lively: &[MemberKey]) -> CaseResult {
    silence(fixture, lively, ORPHANED_AFTER_TICKS).await?;
    fixture.election().resign(term).await?;
    fixture.outlast_the_leader().await
}

/// Waits for more than `ticks` ticks, in which only the `lively` owners tick.
async fn silence(fixture: &dyn StoreFixture, lively: &[MemberKey], ticks: u64) -> CaseResult {
    let begun = fixture.store().assignment().await?.tick;
    while fixture.store().assignment().await?.tick.since(begun) <= ticks {
        for member in lively {
            fixture.store().tick(member, SlotRange::ALL).await?;
        }
        fixture.pass_a_moment().await;
    }
    Ok(())
}
