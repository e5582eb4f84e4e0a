//! The reference membership keeps every rule, and each broken one is caught by the case meant for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use scaler_core::memory::MemoryMembership;
use scaler_core::testing::CaseResult;
use scaler_core::testing::membership::{self, Clients, MembershipFixture};
use scaler_core::{
    InstallationId, Member, MemberKey, MemberRecord, Membership, MembershipError, Registration, TokioClock, WakeUp, WorkerId,
};
use uuid::Uuid;

scaler_core::membership_suite!(memory);

#[tokio::test]
async fn a_sweep_that_forgets_nothing_is_caught() {
    let fixture = broken(Fault::SweepsNothing);
    assert_caught(&membership::a_sweep_removes_silent_members_and_names_them(&fixture).await, "the silent are named, in order");
}

#[tokio::test]
async fn a_leave_of_any_incarnation_is_caught() {
    let fixture = broken(Fault::LeavesAnyIncarnation);
    assert_caught(&membership::leaving_removes_only_this_incarnation(&fixture).await, "another incarnation stays");
}

#[tokio::test]
async fn a_lenient_standing_is_caught() {
    let fixture = broken(Fault::SupersedesNobody);
    assert_caught(&membership::a_later_joiner_takes_the_name(&fixture).await, "the earlier is superseded");
}

#[tokio::test]
async fn a_frozen_age_is_caught() {
    let fixture = broken(Fault::NeverAges);
    let case = membership::the_age_grows_until_the_next_heartbeat(&fixture).await;
    assert_caught(&case, "of silence the age is 0ns");
}

#[tokio::test]
async fn an_unsorted_list_is_caught() {
    let fixture = broken(Fault::ListsBackwards);
    assert_caught(&membership::members_are_listed_in_the_order_of_their_names(&fixture).await, "in the order of their names");
}

#[tokio::test]
async fn a_lost_wake_up_is_caught() {
    let fixture = broken(Fault::NotifiesOnlyOnce);
    assert_caught(&membership::a_new_state_is_followed_by_a_wake_up(&fixture).await, "a new state is followed by a notification");
}

#[tokio::test]
async fn installations_that_are_mixed_are_caught() {
    let fixture = broken(Fault::MixesInstallations);
    assert_caught(&membership::installations_have_names_of_their_own(&fixture).await, "our member");
}

#[tokio::test]
async fn a_retirement_in_all_installations_is_caught() {
    let fixture = broken(Fault::RetiresInAllInstallations);
    assert_caught(&membership::retirements_belong_to_their_installation(&fixture).await, "those retired here");
}

#[tokio::test]
async fn a_retirement_that_only_adds_is_caught() {
    let fixture = broken(Fault::ReinstatesNobody);
    assert_caught(&membership::a_later_retirement_replaces_the_earlier(&fixture).await, "only those retired last");
}

#[tokio::test]
async fn a_retirement_of_members_only_is_caught() {
    let fixture = broken(Fault::RetiresMembersOnly);
    assert_caught(&membership::a_name_may_be_retired_before_it_joins(&fixture).await, "retired from its first heartbeat");
}

#[tokio::test]
async fn a_retirement_that_is_not_published_is_caught() {
    let fixture = broken(Fault::TellsNobodyToRetire);
    assert_caught(&membership::only_a_retired_worker_is_told_to_retire(&fixture).await, "who is retired hears so");
}

#[tokio::test]
async fn a_retirement_that_ends_with_a_leave_is_caught() {
    let fixture = broken(Fault::LeavingReinstates);
    assert_caught(&membership::neither_leaving_nor_a_sweep_reinstates(&fixture).await, "who left and came back is retired");
}

fn assert_caught(case: &CaseResult, rule: &str) {
    assert!(matches!(case, Err(violation) if violation.to_string().contains(rule)), "{case:?}");
}

/// A membership in virtual time.
struct Fixture(Arc<dyn Membership>);

#[async_trait]
impl MembershipFixture for Fixture {
    fn clients(&self) -> Clients {
        [self.0.clone(), self.0.clone()]
    }

    async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

async fn memory() -> Fixture {
    Fixture(Arc::new(reference()))
}

fn broken(fault: Fault) -> Fixture {
    Fixture(Arc::new(Broken { sound: reference(), fault }))
}

fn reference() -> MemoryMembership {
    tokio::time::pause();
    MemoryMembership::new(Arc::new(TokioClock::start()))
}

/// A membership with one fault.
#[derive(Debug)]
struct Broken {
    sound: MemoryMembership,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    SweepsNothing,
    LeavesAnyIncarnation,
    SupersedesNobody,
    NeverAges,
    ListsBackwards,
    NotifiesOnlyOnce,
    ReinstatesNobody,
    RetiresMembersOnly,
    TellsNobodyToRetire,
    LeavingReinstates,
    MixesInstallations,
    RetiresInAllInstallations,
}

/// The installation of the suite's members.
const OURS: InstallationId = InstallationId::new(Uuid::from_u128(0x0115));

impl Broken {
    /// Returns the key of the retired workers of this installation.
    fn retired_of(&self, installation: InstallationId) -> InstallationId {
        if self.fault == Fault::RetiresInAllInstallations { OURS } else { installation }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for Broken {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        let mut member = member.clone();
        if self.fault == Fault::MixesInstallations {
            member.installation = OURS;
        }
        let standing = self.sound.heartbeat(&member).await?;
        Ok(match self.fault {
            Fault::SupersedesNobody | Fault::TellsNobodyToRetire => Registration::Current,
            _ => standing,
        })
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        let mut leavers = vec![member.clone()];
        if self.fault == Fault::LeavesAnyIncarnation {
            let present = self.sound.members().await?.into_iter().map(|record| record.member.key);
            leavers.extend(present.filter(|key| key.worker == member.worker));
        }
        for leaver in &leavers {
            self.sound.leave(leaver).await?;
        }
        if self.fault == Fault::LeavingReinstates {
            for installation in self.sound.members().await?.into_iter().map(|record| record.member.installation).chain([OURS]) {
                let mut retired = self.sound.retired(installation).await?;
                retired.remove(&member.worker);
                self.sound.retire(installation, &retired).await?;
            }
        }
        Ok(())
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        let mut members = self.sound.members().await?;
        match self.fault {
            Fault::NeverAges => members.iter_mut().for_each(|record| record.age = Duration::ZERO),
            Fault::ListsBackwards => members.reverse(),
            _ => {}
        }
        Ok(members)
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        if self.fault == Fault::SweepsNothing { Ok(Vec::new()) } else { self.sound.sweep(older_than).await }
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        let mut workers = workers.clone();
        match self.fault {
            Fault::ReinstatesNobody => workers.extend(self.sound.retired(installation).await?),
            Fault::RetiresMembersOnly => {
                let members = self.sound.members().await?;
                workers.retain(|name| members.iter().any(|record| record.member.key.worker == *name));
            }
            _ => {}
        }
        self.sound.retire(self.retired_of(installation), &workers).await
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        self.sound.retired(self.retired_of(installation)).await
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        self.sound.wake_up(wake_up).await
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        if self.fault == Fault::NotifiesOnlyOnce {
            return self.sound.wake_ups().take(1).chain(stream::pending()).boxed();
        }
        self.sound.wake_ups()
    }
}
