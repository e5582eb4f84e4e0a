//! The worker as a pure function of what it is told: when it calls, what it says, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod chunks;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use scaler_core::worker::{Effect, Ending, IdleReason, Input, Worker, WorkerConfig, WorkerEvent};
use scaler_core::{
    Adoption, Claim, Incarnation, InstallationId, ItemId, MemberKey, MemberState, MembershipError, RefusedItem, Registration,
    SlotCount, SlotRange, StoreError, Tick, TickReport, WakeUp, WorkerId, digest_of,
};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

const OURS: InstallationId = InstallationId::new(Uuid::nil());

fn adopted() -> Input {
    Input::Adopted(Ok(Adoption { installation: OURS, slots: 0 }))
}

fn worker() -> Worker {
    let key = MemberKey { worker: WorkerId::new("a").unwrap(), incarnation: Incarnation::new(Uuid::from_u128(1)) };
    Worker::new(WorkerConfig::new(key))
}

/// A tick's report: this many slots owned, and these items.
fn report(tick: u64, owned: u32, items: &[ItemId]) -> TickReport {
    TickReport {
        installation: OURS,
        tick: Tick(tick),
        into_tick: Duration::ZERO,
        tick_length: SECOND,
        slots: SlotCount::DEFAULT,
        owned,
        fence: u64::from(owned),
        ticked: owned,
        left: 0,
        items: items.len() as u64,
        digest: digest_of(items),
        locked: 0,
        refused: 0,
        refusal: None,
        took: Duration::ZERO,
    }
}

fn away() -> StoreError {
    StoreError::Unavailable { during: "tick", source: "connection refused".into() }
}

/// The names of effects, in short.
fn names(effects: &[Effect]) -> Vec<&'static str> {
    let name = |effect: &Effect| match effect {
        Effect::Adopt => "adopt",
        Effect::Tick(_) => "tick",
        Effect::List(_) => "list",
        Effect::Heartbeat(_) => "heartbeat",
        Effect::Leave => "leave",
        Effect::Emit(WorkerEvent::Watching { .. }) => "watching",
        Effect::Emit(WorkerEvent::Missed { .. }) => "missed",
        Effect::Emit(WorkerEvent::StoreFailed { .. }) => "store failed",
        Effect::Emit(WorkerEvent::StoreBack) => "store back",
        Effect::Emit(WorkerEvent::WaitingForSchema { .. }) => "waiting for schema",
        Effect::Emit(WorkerEvent::MembershipFailed { .. }) => "membership failed",
        Effect::Emit(WorkerEvent::MembershipBack) => "membership back",
        Effect::Emit(WorkerEvent::Draining) => "draining",
        Effect::Emit(WorkerEvent::Retiring) => "retiring",
        Effect::Emit(WorkerEvent::Reinstated) => "reinstated",
        // Questions for orphans have a test of their own.
        Effect::Emit(_) | Effect::Claim { .. } | Effect::TryToWrite => "other",
    };
    effects.iter().map(name).filter(|name| *name != "other").collect()
}

/// The ranges that a worker calls for.
fn called(effects: &[Effect]) -> Vec<SlotRange> {
    effects.iter().filter_map(|effect| if let Effect::Tick(range) = effect { Some(*range) } else { None }).collect()
}

/// A worker that has adopted, ticked once at `SECOND`, and been heard.
fn working(owned: u32, items: &[ItemId]) -> Worker {
    let mut worker = worker();
    assert_eq!(names(&worker.step(SECOND, Input::Woken)), ["adopt"]);
    assert_eq!(names(&worker.step(SECOND, adopted())), ["tick", "heartbeat"], "a member names the store that it works on");
    assert_eq!(names(&worker.step(SECOND, Input::Ticked(SlotRange::ALL, Ok(report(1, owned, items))))), ["list"]);
    assert_eq!(names(&worker.step(SECOND, Input::Listed(SlotRange::ALL, Ok(items.to_vec())))), ["watching"]);
    // The first heartbeat did not know yet that the store answers.
    assert_eq!(names(&worker.step(SECOND, Input::HeartbeatAnswered(Ok(Registration::Current)))), ["heartbeat"]);
    assert_eq!(names(&worker.step(SECOND, Input::HeartbeatAnswered(Ok(Registration::Current)))), [""; 0]);
    worker
}

#[test]
fn it_adopts_ticks_lists_and_then_prints_without_asking_again() {
    let items = [1, 2].map(|n| ItemId::Uuid(Uuid::from_u128(n)));
    let mut worker = working(1, &items);
    for tick in 2..10 {
        let now = worker.wake_at().max(SECOND * tick);
        assert!(names(&worker.step(now, Input::Woken)).contains(&"tick"));
        let effects = worker.step(now, Input::Ticked(SlotRange::ALL, Ok(report(u64::from(tick), 1, &items))));
        assert_eq!(names(&effects), ["watching"]);
        worker.step(now, Input::HeartbeatAnswered(Ok(Registration::Current)));
    }
}

#[test]
fn a_failure_is_reported_when_it_begins_changes_and_ends() {
    let mut worker = working(1, &[]);
    worker.step(SECOND * 2, Input::Woken);
    assert_eq!(names(&worker.step(SECOND * 2, Input::Ticked(SlotRange::ALL, Err(away())))), ["store failed"]);
    let wake = worker.wake_at();
    assert!(wake > SECOND * 2 && wake <= SECOND * 2 + Duration::from_millis(200), "{wake:?}");
    assert_eq!(names(&worker.step(SECOND * 2, Input::Notified(WakeUp::Everyone))), [""; 0]);
    let mut now = wake;
    for _ in 0..9 {
        assert!(names(&worker.step(now, Input::Woken)).contains(&"tick"));
        assert_eq!(names(&worker.step(now, Input::Ticked(SlotRange::ALL, Err(away())))), [""; 0], "more of the same");
        worker.step(now, Input::HeartbeatAnswered(Ok(Registration::Current)));
        assert!(worker.wake_at() <= now + SECOND, "no wait is longer than a second");
        now += SECOND;
    }
    worker.step(now, Input::Woken);
    let denied = StoreError::Denied { during: "tick", source: "no".into() };
    assert_eq!(names(&worker.step(now, Input::Ticked(SlotRange::ALL, Err(denied)))), ["store failed"], "another kind");
    worker.step(now + SECOND, Input::Woken);
    let back = worker.step(now + SECOND, Input::Ticked(SlotRange::ALL, Ok(report(30, 1, &[]))));
    assert_eq!(names(&back), ["store back", "missed", "watching"]);
}

#[test]
fn without_a_membership_the_work_goes_on() {
    let mut worker = working(1, &[]);
    for tick in 2..10 {
        let now = SECOND * tick;
        assert_eq!(names(&worker.step(now, Input::Woken)), ["tick", "heartbeat"]);
        let away = MembershipError::Unavailable { during: "heartbeat", source: "connection refused".into() };
        let told = names(&worker.step(now, Input::HeartbeatAnswered(Err(away)))).len();
        assert_eq!(told, usize::from(tick == 2), "told once");
        assert_eq!(names(&worker.step(now, Input::Ticked(SlotRange::ALL, Ok(report(u64::from(tick), 1, &[]))))), ["watching"]);
    }
    worker.step(SECOND * 10, Input::Woken);
    assert_eq!(names(&worker.step(SECOND * 10, Input::HeartbeatAnswered(Ok(Registration::Current)))), ["membership back"]);
}

#[test]
fn it_drains_until_it_owns_nothing_and_everybody_knows() {
    let mut worker = working(3, &[]);
    let begun = SECOND + SECOND / 2;
    let effects = worker.step(begun, Input::Drain);
    assert_eq!(says(&effects), Some(MemberState::Draining));
    assert_eq!(names(&worker.step(begun, Input::Drain)), [""; 0], "once is enough");
    worker.step(begun, Input::HeartbeatAnswered(Ok(Registration::Current)));
    worker.step(SECOND * 2, Input::Woken);
    worker.step(SECOND * 2, Input::Ticked(SlotRange::ALL, Ok(report(2, 3, &[]))));
    worker.step(SECOND * 3, Input::Woken);
    let effects = worker.step(SECOND * 3, Input::Ticked(SlotRange::ALL, Ok(report(3, 0, &[]))));
    assert!(names(&effects).contains(&"leave"), "{effects:?}");
    worker.step(SECOND * 3, Input::Left(Ok(())));
    assert_eq!(worker.ending(), Some(Ending::Drained));
}

#[test]
fn it_leaves_with_its_slots_when_the_time_is_over() {
    let mut worker = working(3, &[]);
    worker.step(SECOND, Input::Drain);
    let deadline = SECOND + worker.config().drain_timeout;
    assert!(names(&worker.step(deadline, Input::Woken)).contains(&"leave"));
    assert_eq!(worker.wake_at(), Duration::MAX, "it only waits for the answer, and does not ask for the time over and over");
    worker.step(deadline, Input::Left(Ok(())));
    assert_eq!(worker.ending(), Some(Ending::DrainTimedOut { slots: 3 }));
}

/// Returns the member state of the heartbeat among these effects.
fn says(effects: &[Effect]) -> Option<MemberState> {
    effects.iter().find_map(|effect| if let Effect::Heartbeat(member) = effect { Some(member.state) } else { None })
}

#[test]
fn a_retired_worker_registers_as_draining_at_once_and_stays() {
    let mut worker = working(3, &[]);
    worker.step(SECOND * 2, Input::Woken);
    let effects = worker.step(SECOND * 2, Input::HeartbeatAnswered(Ok(Registration::Retiring)));
    assert_eq!(names(&effects), ["retiring", "heartbeat"]);
    assert_eq!(says(&effects), Some(MemberState::Draining));
    worker.step(SECOND * 2, Input::Ticked(SlotRange::ALL, Ok(report(2, 0, &[]))));
    for second in 3..100 {
        let now = SECOND * second;
        let effects = worker.step(now, Input::HeartbeatAnswered(Ok(Registration::Retiring)));
        assert_eq!(says(&effects).unwrap_or(MemberState::Draining), MemberState::Draining);
        let effects = worker.step(now, Input::Woken);
        assert!(!names(&effects).contains(&"leave") && !names(&effects).contains(&"retiring"), "told once, and it stays");
        worker.step(now, Input::Ticked(SlotRange::ALL, Ok(report(u64::from(second), 0, &[]))));
    }
    assert_eq!(worker.ending(), None);
}

#[test]
fn a_reinstated_worker_registers_as_active_at_once() {
    let mut worker = working(3, &[]);
    worker.step(SECOND * 2, Input::Woken);
    worker.step(SECOND * 2, Input::HeartbeatAnswered(Ok(Registration::Retiring)));
    let effects = worker.step(SECOND * 3, Input::HeartbeatAnswered(Ok(Registration::Current)));
    assert_eq!(names(&effects)[..2], ["reinstated", "heartbeat"]);
    assert_eq!(says(&effects), Some(MemberState::Active));
}

#[test]
fn a_retired_worker_leaves_when_it_is_asked_to_and_nothing_brings_it_back() {
    let mut worker = working(3, &[]);
    worker.step(SECOND * 2, Input::Woken);
    worker.step(SECOND * 2, Input::HeartbeatAnswered(Ok(Registration::Retiring)));
    worker.step(SECOND * 2, Input::HeartbeatAnswered(Ok(Registration::Retiring)));
    worker.step(SECOND * 2, Input::Ticked(SlotRange::ALL, Ok(report(2, 0, &[]))));
    assert_eq!(says(&worker.step(SECOND * 3, Input::Drain)), Some(MemberState::Draining));
    assert_eq!(
        names(&worker.step(SECOND * 3, Input::HeartbeatAnswered(Ok(Registration::Current)))),
        [""; 0],
        "it leaves all the same"
    );
    let effects = worker.step(SECOND * 4, Input::Ticked(SlotRange::ALL, Ok(report(4, 0, &[]))));
    assert!(names(&effects).contains(&"leave"), "{effects:?}");
    worker.step(SECOND * 4, Input::Left(Ok(())));
    assert_eq!(worker.ending(), Some(Ending::Drained));
}

#[test]
fn a_worker_that_was_retired_before_it_came_never_works() {
    let mut worker = worker();
    worker.step(Duration::ZERO, Input::Woken);
    worker.step(Duration::ZERO, adopted());
    let effects = worker.step(Duration::ZERO, Input::HeartbeatAnswered(Ok(Registration::Retiring)));
    assert_eq!(says(&effects), Some(MemberState::Draining));
}

#[test]
fn a_superseded_worker_asks_for_nothing_more() {
    let mut worker = working(3, &[]);
    worker.step(SECOND * 2, Input::Woken);
    assert_eq!(names(&worker.step(SECOND * 2, Input::HeartbeatAnswered(Ok(Registration::Superseded)))), [""; 0]);
    assert_eq!(worker.ending(), Some(Ending::Superseded));
    assert_eq!(names(&worker.step(SECOND * 3, Input::Woken)), [""; 0]);
}

#[test]
fn without_a_schema_it_waits_and_says_so_at_growing_intervals() {
    let mut worker = worker();
    let mut told = 0;
    for round in 0..60 {
        let now = SECOND * round;
        worker.step(now, Input::Woken);
        let missing = StoreError::NotInstalled { during: "adopt", source: "no schema".into() };
        let effects = worker.step(now, Input::Adopted(Err(missing)));
        told += names(&effects).iter().filter(|name| **name == "waiting for schema").count();
    }
    assert_eq!(told, 2, "at once, and after ten seconds");
}

#[test]
fn it_asks_for_orphans_when_it_has_worked_for_some_ticks_and_not_while_it_drains() {
    let mut worker = working(3, &[]);
    let mut asks = |tick: u32, input: Option<Input>| {
        let now = SECOND * tick;
        let mut effects = worker.step(now, Input::Woken);
        effects.extend(worker.step(now, Input::HeartbeatAnswered(Ok(Registration::Current))));
        effects.extend(worker.step(now, Input::Ticked(SlotRange::ALL, Ok(report(u64::from(tick), 3, &[])))));
        effects.extend(input.map_or_else(Vec::new, |input| worker.step(now, input)));
        effects.iter().filter(|effect| matches!(effect, Effect::Claim { limit: 256, .. })).count()
    };
    assert_eq!((2..=4).map(|tick| asks(tick, None)).sum::<usize>(), 0);
    assert_eq!(asks(5, None), 1);
    let led = Claim::NotYet { wait: SECOND * 10, unticked: 0 };
    assert_eq!((6..=9).map(|tick| asks(tick, None)).sum::<usize>(), 0, "one question at a time");
    assert_eq!(asks(10, Some(Input::Claimed(Ok(led)))), 0);
    assert_eq!((11..=20).map(|tick| asks(tick, None)).sum::<usize>(), 0, "somebody led");
    assert_eq!((21..=22).map(|tick| asks(tick, None)).sum::<usize>(), 1);
    assert_eq!(asks(23, Some(Input::Drain)), 0);
    assert_eq!(asks(24, Some(Input::Claimed(Ok(Claim::Claimed { slots: 256 })))), 0);
    assert_eq!((25..=30).map(|tick| asks(tick, None)).sum::<usize>(), 0, "it drains");
}

fn no_membership() -> Input {
    Input::HeartbeatAnswered(Err(scaler_core::MembershipError::Unanswered { during: "heartbeat", source: "silence".into() }))
}

#[test]
fn a_worker_without_slots_drains_at_once_without_a_membership() {
    let mut worker = working(0, &[]);
    worker.step(SECOND, Input::Drain);
    let now = SECOND * 2;
    worker.step(now, Input::Woken);
    worker.step(now, Input::Ticked(SlotRange::ALL, Ok(report(2, 0, &[]))));
    worker.step(now, no_membership());
    assert_eq!(worker.ending(), Some(Ending::Drained));
}

#[test]
fn an_unheard_worker_without_slots_reports_idle_until_it_is_heard() {
    let mut worker = working(0, &[]);
    let mut told = Vec::new();
    for second in 2..=20_u32 {
        let now = SECOND * second;
        let mut effects = worker.step(now, Input::Woken);
        effects.extend(worker.step(now, Input::Ticked(SlotRange::ALL, Ok(report(second.into(), 0, &[])))));
        let beat = if second < 10 { no_membership() } else { Input::HeartbeatAnswered(Ok(Registration::Current)) };
        effects.extend(worker.step(now, beat));
        told.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Emit(WorkerEvent::Idle { why }) => Some((second, Some(why))),
            Effect::Emit(WorkerEvent::IdleOver) => Some((second, None)),
            _ => None,
        }));
    }
    assert_eq!(told, [(5, Some(IdleReason::Unheard)), (10, None)]);
}

#[test]
fn a_wake_up_reaches_only_the_workers_it_names_and_is_rate_limited() {
    let mut worker = working(3, &[]);
    let slots = |name| Input::Notified(WakeUp::Slots([WorkerId::new(name).unwrap()].into()));
    let later = SECOND + Duration::from_millis(100);
    for input in [Input::Notified(WakeUp::Members), slots("b")] {
        assert_eq!(called(&worker.step(later, input)), [], "it concerns others");
    }
    assert_eq!(called(&worker.step(later, slots("a"))), [SlotRange::ALL]);
    worker.step(later, Input::Ticked(SlotRange::ALL, Ok(report(1, 3, &[]))));
    let calls: usize = (0..50)
        .map(|step| {
            let now = later + Duration::from_millis(10 * step);
            let calls = called(&worker.step(now, slots("a"))).len();
            worker.step(now, Input::Ticked(SlotRange::ALL, Ok(report(1, 3, &[]))));
            calls
        })
        .sum();
    assert!(calls <= 2, "{calls} calls within half a second");
}

#[test]
fn another_store_behind_the_same_address_is_reported() {
    let mut worker = working(3, &[]);
    worker.step(SECOND * 2, Input::Woken);
    let theirs = InstallationId::new(Uuid::from_u128(9));
    let report = TickReport { installation: theirs, ..report(2, 3, &[]) };
    let effects = worker.step(SECOND * 2, Input::Ticked(SlotRange::ALL, Ok(report)));
    let changed = |effect: &Effect| matches!(effect, Effect::Emit(WorkerEvent::InstallationChanged { before: OURS, now }) if *now == theirs);
    assert!(effects.iter().any(changed), "{effects:?}");
}
