//! Answers of a call when the two memberships differ.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use scaler_core::{
    Clock, ErrorClass, Incarnation, InstallationId, Member, MemberKey, MemberState, Membership, RedundantMembership,
    Registration, TokioClock, WorkerId,
};
use uuid::Uuid;

use crate::switch::{Mode, Switch, over};

const OURS: InstallationId = InstallationId::new(Uuid::from_u128(1));
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A worker process that sends heartbeats.
struct Process {
    member: Member,
    clock: TokioClock,
    membership: Arc<RedundantMembership>,
}

impl Process {
    async fn start(paths: &[Arc<Switch>; 2], name: &str, life: u128) -> Self {
        let key = MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::from_u128(life)) };
        let mut process = Self { member: Member::joining(key, OURS), clock: TokioClock::start(), membership: over(paths).0 };
        assert_eq!(process.beat().await, Registration::Current, "{name} joins");
        process.member.state = MemberState::Active;
        process
    }

    async fn beat(&mut self) -> Registration {
        self.member.uptime = Duration::from_secs(self.clock.now().as_secs());
        self.membership.heartbeat(&self.member).await.unwrap()
    }

    /// Sends a heartbeat each second; its last answer.
    async fn run(&mut self, seconds: u64) -> Registration {
        for _ in 1..seconds {
            self.beat().await;
            tokio::time::sleep(SECOND).await;
        }
        self.beat().await
    }
}

fn paths() -> [Arc<Switch>; 2] {
    [Switch::new(Mode::Works), Switch::new(Mode::Works)]
}

async fn listed(membership: &RedundantMembership) -> Vec<(String, u64)> {
    let members = membership.members().await.unwrap();
    members.into_iter().map(|record| (record.member.key.worker.to_string(), record.age.as_secs())).collect()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<WorkerId> {
    names.into_iter().map(|name| WorkerId::new(name).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_path_that_drops_packets_delays_one_call_by_a_moment_and_no_other() {
    let (paths, clock) = (paths(), TokioClock::start());
    let mut process = Process::start(&paths, "a", 1).await;
    paths[0].set(Mode::DropsPackets);
    let mut delays = Vec::new();
    for _ in 0..100 {
        let begun = clock.now();
        process.beat().await;
        delays.push((clock.now() - begun).as_millis());
        tokio::time::sleep(SECOND).await;
    }
    assert!(delays[0] <= 301 && delays[1..].iter().all(|delay| *delay == 0), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn a_path_is_reported_once_when_it_fails_and_once_when_it_is_back() {
    let paths = paths();
    let (membership, events) = over(&paths);
    for mode in [Mode::Refuses, Mode::Works] {
        paths[1].set(mode);
        for _ in 0..3600 {
            membership.members().await.unwrap();
            tokio::time::sleep(SECOND).await;
        }
    }
    let told = events.lock().unwrap().clone();
    assert_eq!(told, ["second failed: calling: the membership is unavailable: connection refused", "second recovered"]);
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_back_is_used_within_ten_seconds() {
    let paths = paths();
    let mut process = Process::start(&paths, "a", 1).await;
    paths[0].set(Mode::Refuses);
    process.run(3600).await;
    paths[0].set(Mode::Works);
    process.run(10).await;
    let record = &paths[0].sound.members().await.unwrap()[0];
    assert!(record.age < 2 * SECOND, "{record:?}");
}

#[tokio::test(start_paused = true)]
async fn if_both_memberships_fail_both_causes_are_reported_and_both_are_retried() {
    let paths = paths();
    let (membership, _) = over(&paths);
    paths[0].set(Mode::DropsPackets);
    paths[1].set(Mode::Refuses);
    for _ in 0..3 {
        let error = membership.members().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Indeterminate);
        assert_eq!(
            error.to_string(),
            "listing the members: the outcome is unknown: first: calling: the outcome is unknown: silence; \
             second: calling: the membership is unavailable: connection refused"
        );
    }
    paths[0].set(Mode::Works);
    membership.members().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_name_taken_during_an_outage_is_kept_after_it() {
    for away in 0..2 {
        let paths = paths();
        let mut earlier = Process::start(&paths, "a", 1).await;
        earlier.run(60).await;
        paths[away].set(Mode::Refuses);
        let mut later = Process::start(&paths, "a", 2).await;
        assert_eq!(earlier.beat().await, Registration::Superseded);
        later.run(3600).await;
        paths[away].set(Mode::Works);
        assert_eq!(later.run(30).await, Registration::Current, "the path that was away holds an earlier incarnation");
        let holders = paths[away].sound.members().await.unwrap();
        assert_eq!(holders[0].member.key, later.member.key, "and has learned of the later one");
        assert_eq!(earlier.beat().await, Registration::Superseded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_loses_its_name_on_one_membership_is_superseded() {
    for reached in 0..2 {
        let paths = paths();
        let mut earlier = Process::start(&paths, "a", 1).await;
        earlier.run(60).await;
        // The later one reaches one path only.
        let mut mine = paths.clone();
        mine[1 - reached] = Switch::new(Mode::Refuses);
        Process::start(&mine, "a", 2).await;
        assert_eq!(earlier.beat().await, Registration::Superseded);
        let (observer, _) = over(&paths);
        let holders = observer.members().await.unwrap();
        let lives: Vec<_> = holders.iter().map(|record| record.member.key.incarnation.uuid().as_u128()).collect();
        assert_eq!(lives, [2], "of two incarnations with one name, the one that started later is listed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_leaves_during_an_outage_is_not_listed_after_it() {
    for away in 0..2 {
        let paths = paths();
        let (observer, _) = over(&paths);
        let mut stays = Process::start(&paths, "stays", 1).await;
        let mut leaves = Process::start(&paths, "leaves", 2).await;
        leaves.beat().await;
        listed(&observer).await;
        paths[away].set(Mode::Refuses);
        assert_eq!(listed(&observer).await.len(), 2);
        leaves.membership.leave(&leaves.member.key).await.unwrap();
        for second in 0..100 {
            stays.beat().await;
            assert_eq!(listed(&observer).await, [("stays".to_owned(), 0)], "after {second} s");
            tokio::time::sleep(SECOND).await;
        }
        paths[away].set(Mode::Works);
        for second in 0..100 {
            stays.beat().await;
            assert_eq!(listed(&observer).await, [("stays".to_owned(), 0)], "{second} s after the path is back");
            tokio::time::sleep(SECOND).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_only_the_lost_path_knew_grows_old_and_does_not_vanish() {
    let paths = paths();
    let (observer, _) = over(&paths);
    let only_first = [paths[0].clone(), Switch::new(Mode::Refuses)];
    Process::start(&only_first, "a", 1).await;
    assert_eq!(listed(&observer).await, [("a".to_owned(), 0)]);
    paths[0].set(Mode::Refuses);
    for second in 0..60 {
        assert_eq!(listed(&observer).await, [("a".to_owned(), second)]);
        tokio::time::sleep(SECOND).await;
    }
    observer.sweep(50 * SECOND).await.unwrap();
    assert_eq!(listed(&observer).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_membership_that_lost_its_data_hides_no_member() {
    let paths = paths();
    let (observer, _) = over(&paths);
    let mut process = Process::start(&paths, "a", 1).await;
    listed(&observer).await;
    paths[1].sound.leave(&process.member.key).await.unwrap();
    for _ in 0..3 {
        assert_eq!(listed(&observer).await, [("a".to_owned(), 0)]);
    }
    process.beat().await;
    assert_eq!(paths[1].sound.members().await.unwrap().len(), 1, "its next heartbeat restores its record");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_spares_members_seen_by_the_other_membership() {
    let paths = paths();
    let (observer, _) = over(&paths);
    let mut process = Process::start(&paths, "a", 1).await;
    // This worker loses one path; the observer loses none.
    process.membership = over(&[paths[0].clone(), Switch::new(Mode::Refuses)]).0;
    process.run(100).await;
    assert_eq!(observer.sweep(60 * SECOND).await.unwrap(), []);
    assert_eq!(listed(&observer).await, [("a".to_owned(), 0)]);
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!(observer.sweep(60 * SECOND).await.unwrap(), [WorkerId::new("a").unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn a_retirement_reaches_a_path_that_was_away() {
    for away in 0..2 {
        let paths = paths();
        let (control, _) = over(&paths);
        let mut process = Process::start(&paths, "a", 1).await;
        control.retire(OURS, &names(["a", "b"])).await.unwrap();
        assert_eq!(process.beat().await, Registration::Retiring);
        paths[away].set(Mode::Refuses);
        control.retire(OURS, &names(["b"])).await.unwrap();
        assert_eq!(process.beat().await, Registration::Current, "the path that is there decides");
        tokio::time::sleep(HOUR).await;
        paths[away].set(Mode::Works);
        for _ in 0..20 {
            control.members().await.unwrap();
            tokio::time::sleep(SECOND).await;
        }
        assert_eq!(paths[away].sound.retired(OURS).await.unwrap(), names(["b"]));
        assert_eq!(process.run(20).await, Registration::Current);
        assert_eq!(control.retired(OURS).await.unwrap(), names(["b"]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_one_path_calls_retired_is_retired() {
    let paths = paths();
    let (control, _) = over(&paths);
    let mut process = Process::start(&paths, "a", 1).await;
    paths[1].sound.retire(OURS, &names(["a"])).await.unwrap();
    assert_eq!(process.beat().await, Registration::Retiring);
    assert_eq!(control.retired(OURS).await.unwrap(), names(["a"]));
    control.retire(OURS, &names([])).await.unwrap();
    assert_eq!(process.beat().await, Registration::Current);
}
