//! Cases for registration: the incarnation that owns a worker name.

use std::time::Duration;

use super::{MembershipFixture, active, joiner, said};
use crate::testing::{CaseResult, equal};
use crate::{Member, MemberState, Registration};

const SOON: Duration = Duration::from_millis(50);
const SOONER: Duration = Duration::from_millis(10);

/// A heartbeat makes its sender a member that all clients see.
pub async fn a_member_that_joins_is_listed(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    equal(said(&*here).await?, vec![], "an empty membership has no members")?;
    let member = joiner("worker-1", 1)?;
    equal(here.heartbeat(&member).await?, Registration::Current, "a joiner is current")?;
    equal(said(&*here).await?, vec![member.clone()], "who joined is seen")?;
    equal(said(&*there).await?, vec![member], "and by others too")
}

/// A repeated heartbeat changes nothing.
pub async fn repeating_a_heartbeat_is_safe(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    for member in [joiner("worker-1", 1)?, active("worker-1", 1)?] {
        for client in [&here, &there, &here] {
            equal(client.heartbeat(&member).await?, Registration::Current, "a repeated heartbeat is current")?;
            equal(said(&**client).await?, vec![member.clone()], "and is one member")?;
        }
    }
    Ok(())
}

/// Of two incarnations with one name, the one that joins last owns it.
pub async fn a_later_joiner_takes_the_name(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    here.heartbeat(&active("worker-1", 1)?).await?;
    let later = joiner("worker-1", 2)?;
    equal(there.heartbeat(&later).await?, Registration::Current, "the later joiner is current")?;
    equal(said(&*here).await?, vec![later], "it alone bears the name")?;
    let earlier = here.heartbeat(&active("worker-1", 1)?).await?;
    equal(earlier, Registration::Superseded, "the earlier is superseded")
}

/// A superseded incarnation does not get its name back: neither when the name is free again, nor by joining again.
pub async fn a_superseded_incarnation_stays_superseded(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let later = joiner("worker-1", 2)?;
    here.heartbeat(&joiner("worker-1", 1)?).await?;
    there.heartbeat(&later).await?;
    let joins_again = here.heartbeat(&joiner("worker-1", 1)?).await?;
    equal(joins_again, Registration::Superseded, "who was superseded cannot join again")?;
    there.leave(&later.key).await?;
    for earlier in [active("worker-1", 1)?, joiner("worker-1", 1)?] {
        let registration = here.heartbeat(&earlier).await?;
        equal(registration, Registration::Superseded, "who was superseded stays so when the name is free")?;
    }
    equal(said(&*here).await?, vec![], "and is not seen")
}

/// A heartbeat of a superseded incarnation neither renews nor changes the member that owns the name.
pub async fn a_superseded_heartbeat_changes_nothing(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let later = joiner("worker-1", 2)?;
    here.heartbeat(&joiner("worker-1", 1)?).await?;
    there.heartbeat(&later).await?;
    fixture.pass(SOON).await;
    here.heartbeat(&active("worker-1", 1)?).await?;
    equal(said(&*here).await?, vec![later.clone()], "the holder of the name is as it was")?;
    let swept = here.sweep(SOON - SOONER).await?;
    equal(swept, vec![later.key.worker], "a superseded heartbeat renews nobody")
}

/// After a sweep of all members, a worker that sends a heartbeat is a member again.
pub async fn an_active_heartbeat_takes_a_free_name(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let draining = Member { state: MemberState::Draining, ..active("worker-2", 2)? };
    for member in [active("worker-1", 1)?, draining] {
        equal(here.heartbeat(&member).await?, Registration::Current, "a free name is taken")?;
        fixture.pass(SOON).await;
        there.sweep(SOONER).await?;
        equal(said(&*here).await?, vec![], "all is forgotten")?;
        equal(here.heartbeat(&member).await?, Registration::Current, "a free name is taken again")?;
        equal(said(&*there).await?, vec![member.clone()], "who took it is seen")?;
        here.leave(&member.key).await?;
    }
    Ok(())
}

/// Only a joining worker takes a name from another incarnation.
pub async fn an_active_heartbeat_takes_no_name_from_another(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let holder = active("worker-1", 1)?;
    here.heartbeat(&holder).await?;
    for state in [MemberState::Active, MemberState::Draining] {
        let stranger = Member { state, ..active("worker-1", 2)? };
        equal(there.heartbeat(&stranger).await?, Registration::Superseded, "a stranger is superseded")?;
        equal(said(&*there).await?, vec![holder.clone()], "the holder stays")?;
    }
    equal(here.heartbeat(&holder).await?, Registration::Current, "the holder is current")
}

/// A leave removes only its own incarnation; another one with the same name stays.
pub async fn leaving_removes_only_this_incarnation(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let (earlier, later, other) = (joiner("worker-1", 1)?, joiner("worker-1", 2)?, joiner("worker-2", 3)?);
    for member in [&earlier, &later, &other] {
        here.heartbeat(member).await?;
    }
    there.leave(&earlier.key).await?;
    equal(said(&*here).await?, vec![later.clone(), other.clone()], "another incarnation stays")?;
    there.leave(&later.key).await?;
    equal(said(&*here).await?, vec![other], "who leaves is forgotten at once")
}

/// A repeated leave, or a leave of a worker that is no member, changes nothing.
pub async fn leaving_twice_is_safe(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let (member, stranger) = (active("worker-1", 1)?, active("worker-2", 2)?);
    here.heartbeat(&member).await?;
    for _ in 0..2 {
        there.leave(&member.key).await?;
        there.leave(&stranger.key).await?;
        equal(said(&*here).await?, vec![], "nobody is left")?;
    }
    Ok(())
}

/// A member that left may join again: it is not superseded.
pub async fn a_member_that_left_may_return(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let member = active("worker-1", 1)?;
    here.heartbeat(&member).await?;
    here.leave(&member.key).await?;
    equal(there.heartbeat(&member).await?, Registration::Current, "its name is free")?;
    equal(said(&*here).await?, vec![member], "and it is seen")
}
