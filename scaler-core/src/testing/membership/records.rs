//! Cases for member records: order, contents, age and sweep.

use std::time::Duration;

use uuid::Uuid;

use super::{MembershipFixture, active, joiner, said};
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{Member, MemberState, Membership, Tick, WorkerId};

/// Time without a heartbeat, longer than a call takes, so that ages tell a silent member from an active one.
const SILENCE: Duration = Duration::from_millis(500);
/// Tolerance for clocks with a resolution of a millisecond.
const GRAIN: Duration = Duration::from_millis(2);

/// Members are listed in the order of their names, in whatever order they joined.
pub async fn members_are_listed_in_the_order_of_their_names(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let mut names: Vec<String> = (0..40_u32).map(|n| format!("worker-{}", n.wrapping_mul(2_654_435_761))).collect();
    names.extend(["Worker", "a", "~"].map(str::to_owned));
    for (life, name) in (1..).zip(&names) {
        here.heartbeat(&joiner(name, life)?).await?;
    }
    names.sort_unstable();
    let seen: Vec<String> = said(&*there).await?.iter().map(|member| member.key.worker.to_string()).collect();
    equal(seen, names, "members are listed in the order of their names")
}

/// Every field of a heartbeat is returned unchanged, also at its limits.
pub async fn a_member_is_listed_as_it_described_itself(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let most = Member {
        last_tick: Some(Tick((1 << 53) + 1)),
        slots: u32::MAX,
        items: u64::MAX,
        refused: u64::MAX,
        refusal: Some("an item: \"no\"".to_owned()),
        first_items: [u128::MAX, 0, 1 << 127].map(|id| Uuid::from_u128(id).to_string()).to_vec(),
        revision: Some("6f9c7d5b8c \"'\\{é".to_owned()),
        uptime: Duration::from_secs(1 << 32),
        ..active("worker-1", u128::MAX - 1)?
    };
    let least = Member { last_tick: Some(Tick(0)), ..joiner("worker-1", u128::MAX - 1)? };
    for state in [MemberState::Joining, MemberState::Active, MemberState::Suspect, MemberState::Barred, MemberState::Draining] {
        for member in [&least, &most, &Member { last_tick: None, ..most.clone() }] {
            let member = Member { state, ..member.clone() };
            here.heartbeat(&member).await?;
            equal(said(&*there).await?, vec![member], "what a member says comes back unchanged")?;
        }
    }
    Ok(())
}

/// A name may hold any printable ASCII characters, and have the maximum length.
pub async fn every_valid_name_can_be_used(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    let all: String = ('!'..='~').collect();
    let longest = "w".repeat(WorkerId::MAX_LEN);
    for name in [all.as_str(), r#""\"{}[]%s%d\n':*?"#, "-1", "0", longest.as_str()] {
        let member = active(name, 1)?;
        here.heartbeat(&member).await?;
        equal(said(&*there).await?, vec![member.clone()], "a name comes back unchanged")?;
        fixture.pass(GRAIN * 2).await;
        equal(there.sweep(Duration::ZERO).await?, vec![member.key.worker.clone()], "a sweep names it")?;
        here.heartbeat(&member).await?;
        there.leave(&member.key).await?;
        equal(said(&*here).await?, vec![], "it can leave")?;
    }
    Ok(())
}

/// The age of a member grows without heartbeats, and a heartbeat resets it.
pub async fn the_age_grows_until_the_next_heartbeat(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    here.heartbeat(&active("silent", 1)?).await?;
    fixture.pass(SILENCE).await;
    here.heartbeat(&active("talking", 2)?).await?;
    let [silent, talking] = ages(&*there).await?;
    ensure(silent - talking >= SILENCE - GRAIN, format!("after {SILENCE:?} of silence the age is {silent:?}"))?;
    ensure(talking < SILENCE, format!("just after a heartbeat the age is {talking:?}"))?;
    here.heartbeat(&active("silent", 1)?).await?;
    let [renewed, _] = ages(&*there).await?;
    ensure(renewed < SILENCE, format!("just after its heartbeat the age is {renewed:?}"))
}

/// A sweep removes the members that were silent for too long, returns their names in order, and keeps the others.
pub async fn a_sweep_removes_silent_members_and_names_them(fixture: &dyn MembershipFixture) -> CaseResult {
    let [here, there] = fixture.clients();
    for (life, name) in (1..).zip(["silent-2", "talking", "silent-1"]) {
        here.heartbeat(&active(name, life)?).await?;
    }
    equal(there.sweep(SILENCE * 100).await?, vec![], "nobody is too old")?;
    fixture.pass(SILENCE).await;
    let talking = active("talking", 2)?;
    here.heartbeat(&talking).await?;
    let swept: Vec<String> = there.sweep(SILENCE - GRAIN).await?.iter().map(ToString::to_string).collect();
    equal(swept, ["silent-1", "silent-2"].map(str::to_owned).to_vec(), "the silent are named, in order")?;
    equal(said(&*here).await?, vec![talking], "only the others are members")?;
    equal(there.sweep(SILENCE - GRAIN).await?, vec![], "nobody is forgotten twice")
}

/// Returns the ages of the only two members.
async fn ages(membership: &dyn Membership) -> Result<[Duration; 2], Violation> {
    let ages: Vec<Duration> = membership.members().await?.iter().map(|record| record.age).collect();
    <[Duration; 2]>::try_from(ages).map_err(|ages| Violation::new(format!("two members should be seen: {ages:?}")))
}
