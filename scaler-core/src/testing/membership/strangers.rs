//! Cases for several installations that share a membership by mistake: none disturbs another.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::{MembershipFixture, OURS, active, joiner, said};
use crate::testing::{CaseResult, ensure, equal};
use crate::{InstallationId, Member, Registration};

const THEIRS: InstallationId = InstallationId::new(Uuid::from_u128(0x7e1e));

/// Members of two installations with the same name are two members, through every join, heartbeat and leave.
pub async fn installations_have_names_of_their_own(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let theirs = |member: Member| Member { installation: THEIRS, ..member };
    let (our, their) = (active("worker-1", 1)?, theirs(active("worker-1", 2)?));
    for _ in 0..2 {
        equal(here.heartbeat(&our).await?, Registration::Current, "our member")?;
        equal(
            there.heartbeat(&theirs(joiner("worker-1", 2)?)).await?,
            Registration::Current,
            "a joiner of theirs with the same name",
        )?;
        equal(here.heartbeat(&our).await?, Registration::Current, "our member, after theirs has joined")?;
        equal(there.heartbeat(&their).await?, Registration::Current, "their member")?;
    }
    let found = said(&*here).await?;
    equal(found.len(), 2, "members")?;
    ensure(found.contains(&our) && found.contains(&their), format!("both are listed as they are, not {found:?}"))?;
    there.leave(&their.key).await?;
    equal(said(&*here).await?, vec![our], "who is left when theirs has left")
}

/// A retirement applies to one installation only.
pub async fn retirements_belong_to_their_installation(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let our = active("worker-1", 1)?;
    let their = Member { installation: THEIRS, ..active("worker-1", 2)? };
    let retired = BTreeSet::from([our.key.worker.clone()]);
    here.retire(OURS, &retired).await?;
    there.retire(THEIRS, &BTreeSet::new()).await?;
    equal(here.retired(OURS).await?, retired, "those retired here, after others were retired there")?;
    equal(there.retired(THEIRS).await?, BTreeSet::new(), "those retired there")?;
    equal(here.heartbeat(&our).await?, Registration::Retiring, "our member")?;
    equal(there.heartbeat(&their).await?, Registration::Current, "their member with the same name")
}

/// After a stranger with the same name has left, a member that sends a heartbeat is listed once.
pub async fn a_member_is_listed_once_after_a_namesake_of_another_installation_left(
    fixture: &dyn MembershipFixture,
) -> CaseResult {
    const SOON: Duration = Duration::from_millis(50);
    let [here, there] = fixture.clients();
    let our = active("worker-1", 1)?;
    let their = Member { installation: THEIRS, ..active("worker-1", 2)? };
    there.heartbeat(&their).await?;
    here.heartbeat(&our).await?;
    there.leave(&their.key).await?;
    for _ in 0..2 {
        fixture.pass(SOON).await;
        here.heartbeat(&our).await?;
        equal(said(&*here).await?, vec![our.clone()], "members after the stranger has left")?;
    }
    here.leave(&our.key).await?;
    equal(said(&*here).await?, vec![], "members after all have left")
}
