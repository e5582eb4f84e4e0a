//! Cases for leader election: one leader at a time, and no commit by a past term.

use std::time::Duration;

use uuid::Uuid;

use super::StoreFixture;
use super::cases::{LEASE, elect, give, member, owned};
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{Hearing, Outcome, Slot, SlotRange, Term};

const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);
/// Lease that has expired by the next call.
const NO_TIME: Duration = Duration::ZERO;

/// While a leader holds the lease, no candidate is elected, including the leader itself.
pub async fn one_leader_at_a_time(fixture: &dyn StoreFixture) -> CaseResult {
    let term = elect(fixture).await?;
    for candidate in [SECOND, FIRST] {
        equal(fixture.election().campaign(candidate, LEASE, Hearing::Members).await?, None, "a campaign while somebody leads")?;
    }
    equal(fixture.election().renew(&term, LEASE, Hearing::Members).await?, true, "renewal by the leader")
}

/// Each term's number is one higher than the last, for any holder.
pub async fn terms_only_rise(fixture: &dyn StoreFixture) -> CaseResult {
    let mut last = elect(fixture).await?;
    for candidate in [SECOND, SECOND, FIRST] {
        fixture.election().resign(&last).await?;
        let next = fixture.election().campaign(candidate, LEASE, Hearing::Members).await?;
        equal(next, Some(Term { number: last.number + 1, holder: candidate }), "the term after a resignation")?;
        last = next.unwrap_or(last);
    }
    Ok(())
}

/// Once a later term has begun, the earlier one can neither renew, nor resign the later one, nor move slots.
pub async fn an_old_term_moves_nothing(fixture: &dyn StoreFixture) -> CaseResult {
    let past = elect(fixture).await?;
    fixture.election().resign(&past).await?;
    let present = fixture.election().campaign(SECOND, LEASE, Hearing::Members).await?;
    ensure(present.is_some(), "nobody leads after a resignation, and yet leadership is refused")?;
    equal(fixture.election().renew(&past, LEASE, Hearing::Members).await?, false, "renewal of a past term")?;
    fixture.election().resign(&past).await?;
    equal(
        fixture.election().campaign(FIRST, LEASE, Hearing::Members).await?,
        None,
        "a campaign after a past term resigned once more",
    )?;
    equal(give(fixture, &past, &member("a", 1)?, [Slot::new(1)]).await?, Outcome::Deposed, "a commit by a past term")?;
    equal(fixture.store().assignment().await?.slots[1].owner.clone(), None, "the owner after a commit by a past term")
}

/// A term with the right number and a wrong holder can neither commit nor renew.
pub async fn a_forged_holder_moves_nothing(fixture: &dyn StoreFixture) -> CaseResult {
    let forged = Term { holder: SECOND, ..elect(fixture).await? };
    equal(give(fixture, &forged, &member("a", 1)?, [Slot::new(1)]).await?, Outcome::Deposed, "a commit by a forged holder")?;
    equal(fixture.election().renew(&forged, LEASE, Hearing::Members).await?, false, "renewal by a forged holder")
}

/// An expired lease can be taken by another candidate; its holder may commit until the next term begins.
pub async fn an_expired_lease_can_be_taken(fixture: &dyn StoreFixture) -> CaseResult {
    let Some(first) = fixture.election().campaign(FIRST, NO_TIME, Hearing::Members).await? else {
        return ensure(false, "nobody leads, and yet leadership is refused");
    };
    let moved = Outcome::Committed { moved: vec![Slot::new(1)], refused: vec![] };
    equal(
        give(fixture, &first, &member("a", 1)?, [Slot::new(1)]).await?,
        moved,
        "a commit after the lease, before the next term",
    )?;
    let second = fixture.election().campaign(SECOND, LEASE, Hearing::Members).await?;
    equal(second, Some(Term { number: first.number + 1, holder: SECOND }), "a campaign after the lease")?;
    equal(give(fixture, &first, &member("b", 1)?, [Slot::new(1)]).await?, Outcome::Deposed, "a commit after the next term")
}

/// A candidate waits for the present lease, however short its own, unless that ends later than in twice its length: then the
/// clock was set back.
pub async fn a_lease_of_a_fallen_clock_can_be_taken(fixture: &dyn StoreFixture) -> CaseResult {
    let first = elect(fixture).await?;
    equal(fixture.election().campaign(SECOND, LEASE / 100, Hearing::Members).await?, None, "a campaign for a short time")?;
    fixture.let_the_lease_end_later(LEASE * 3).await?;
    let second = fixture.election().campaign(SECOND, LEASE, Hearing::Members).await?;
    equal(second, Some(Term { number: first.number + 1, holder: SECOND }), "a campaign after the clock fell")
}

/// A leader that has received no heartbeats for long is replaced by a candidate that receives them, and by no other. A leader
/// that receives heartbeats again stays.
pub async fn a_deaf_leader_gives_way_to_a_candidate_that_hears(fixture: &dyn StoreFixture) -> CaseResult {
    let first = elect(fixture).await?;
    let election = fixture.election();
    for (hearing, says) in [(Hearing::Members, "a leader that hears"), (Hearing::NoMembers, "a leader that has just fallen deaf")]
    {
        equal(election.renew(&first, LEASE, hearing).await?, true, "renewal by the leader")?;
        equal(election.campaign(SECOND, LEASE, Hearing::Members).await?, None, &format!("a campaign against {says}"))?;
    }
    fixture.outlast_deafness().await?;
    equal(election.renew(&first, LEASE, Hearing::NoMembers).await?, true, "renewal by a deaf leader")?;
    equal(election.campaign(SECOND, LEASE, Hearing::NoMembers).await?, None, "a campaign by another that hears no members")?;
    let second = election.campaign(SECOND, LEASE, Hearing::Members).await?;
    let second = second.ok_or_else(|| Violation::new("a candidate that hears is refused although the leader is deaf"))?;
    equal(second, Term { number: first.number + 1, holder: SECOND }, "the term after a deaf leader's")?;
    equal(election.renew(&first, LEASE, Hearing::Members).await?, false, "renewal by the leader that was deaf")?;
    election.renew(&second, LEASE, Hearing::NoMembers).await?;
    fixture.outlast_deafness().await?;
    election.renew(&second, LEASE, Hearing::Members).await?;
    equal(election.campaign(FIRST, LEASE, Hearing::Members).await?, None, "a campaign against one that hears again")
}

/// After a resignation, a candidate that receives heartbeats is elected before one that does not.
pub async fn a_candidate_that_hears_no_members_waits_longer(fixture: &dyn StoreFixture) -> CaseResult {
    let term = elect(fixture).await?;
    fixture.election().resign(&term).await?;
    equal(fixture.election().campaign(FIRST, LEASE, Hearing::NoMembers).await?, None, "a campaign by one that hears no members")?;
    let next = fixture.election().campaign(SECOND, LEASE, Hearing::Members).await?;
    equal(next.map(|term| term.holder), Some(SECOND), "who leads after a resignation")?;
    if let Some(next) = next {
        fixture.election().resign(&next).await?;
    }
    fixture.outlast_the_leader().await?;
    let term = fixture.election().campaign(FIRST, LEASE, Hearing::NoMembers).await?;
    equal(term.map(|term| term.holder), Some(FIRST), "who leads where nobody that hears wants to")
}

/// Every call returns the same installation.
pub async fn a_store_has_one_installation_id(fixture: &dyn StoreFixture) -> CaseResult {
    let store = fixture.store();
    let installation = store.installation().await?;
    let (owner, ..) = owned(fixture).await?;
    equal(store.assignment().await?.installation, installation, "the installation of an assignment")?;
    equal(store.adopt(&owner).await?.installation, installation, "that of an adoption")?;
    equal(store.tick(&owner, SlotRange::ALL).await?.installation, installation, "that of a tick")?;
    equal(store.installation().await?, installation, "that of a later question")
}

/// After a resignation, the next candidate is elected at once.
pub async fn a_resigned_term_is_free_at_once(fixture: &dyn StoreFixture) -> CaseResult {
    let term = elect(fixture).await?;
    fixture.election().resign(&term).await?;
    let next = fixture.election().campaign(SECOND, LEASE, Hearing::Members).await?;
    equal(next.map(|term| term.holder), Some(SECOND), "who leads after a resignation")
}
