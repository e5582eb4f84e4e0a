//! Cases for retirement: members that are to hand over their slots.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{MembershipFixture, OURS, active, joiner, said};
use crate::testing::{CaseResult, Violation, equal};
use crate::{Member, MemberState, Registration, WorkerId};

const SOON: Duration = Duration::from_millis(50);
const SOONER: Duration = Duration::from_millis(10);

/// A retired member is told so with every heartbeat, by any client; others are not, and the list of members is unchanged.
pub async fn only_a_retired_worker_is_told_to_retire(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let members = [active("worker-1", 1)?, active("worker-2", 2)?];
    for member in &members {
        equal(here.heartbeat(member).await?, Registration::Current, "nobody is retired at first")?;
    }
    equal(here.retired(OURS).await?, BTreeSet::new(), "nobody is retired at first")?;
    there.retire(OURS, &names(["worker-2"])?).await?;
    equal(said(&*here).await?, members.to_vec(), "the members are as before")?;
    let draining = Member { state: MemberState::Draining, ..members[1].clone() };
    for client in [&here, &there] {
        equal(client.retired(OURS).await?, names(["worker-2"])?, "the retired are told")?;
        equal(client.heartbeat(&members[0]).await?, Registration::Current, "another is current")?;
        equal(client.heartbeat(&draining).await?, Registration::Retiring, "who is retired hears so")?;
    }
    equal(said(&*there).await?, vec![members[0].clone(), draining], "a retiring heartbeat counts like any other")
}

/// A later retirement replaces the retired names.
pub async fn a_later_retirement_replaces_the_earlier(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let members = [active("worker-1", 1)?, active("worker-2", 2)?, active("worker-3", 3)?];
    for retired in [&["worker-1", "worker-2"][..], &["worker-2", "worker-3"], &["worker-2", "worker-3"], &[]] {
        here.retire(OURS, &names(retired.iter().copied())?).await?;
        equal(there.retired(OURS).await?, names(retired.iter().copied())?, "only those retired last are told")?;
        for member in &members {
            let expected =
                if retired.contains(&member.key.worker.as_str()) { Registration::Retiring } else { Registration::Current };
            equal(there.heartbeat(member).await?, expected, "only those retired last are retiring")?;
        }
    }
    Ok(())
}

/// A name can be retired before a worker joins with it.
pub async fn a_name_may_be_retired_before_it_joins(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let longest = "w".repeat(WorkerId::MAX_LEN);
    let strange = r#""\"{}[]%s%d:*?"#;
    here.retire(OURS, &names(["worker-1", strange, &longest])?).await?;
    for name in ["worker-1", strange, &longest] {
        let registration = there.heartbeat(&joiner(name, 1)?).await?;
        equal(registration, Registration::Retiring, "it is retired from its first heartbeat")?;
    }
    Ok(())
}

/// Only a later retirement reinstates a worker; a leave or a sweep does not.
pub async fn neither_leaving_nor_a_sweep_reinstates(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let member = active("worker-1", 1)?;
    here.retire(OURS, &names(["worker-1"])?).await?;
    here.heartbeat(&member).await?;
    here.leave(&member.key).await?;
    equal(there.heartbeat(&member).await?, Registration::Retiring, "who left and came back is retired")?;
    fixture.pass(SOON).await;
    there.sweep(SOONER).await?;
    equal(here.heartbeat(&joiner("worker-1", 2)?).await?, Registration::Retiring, "who was swept is retired")
}

/// A retired member can be superseded.
pub async fn a_retired_member_can_be_superseded(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    here.heartbeat(&active("worker-1", 1)?).await?;
    here.retire(OURS, &names(["worker-1"])?).await?;
    equal(there.heartbeat(&joiner("worker-1", 2)?).await?, Registration::Retiring, "a later joiner takes the name over")?;
    let earlier = here.heartbeat(&active("worker-1", 1)?).await?;
    equal(earlier, Registration::Superseded, "the earlier is superseded")
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<WorkerId>, Violation> {
    names.into_iter().map(|name| WorkerId::new(name).map_err(Violation::from)).collect()
}
