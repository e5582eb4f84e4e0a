//! Tests of the view.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_core::control::{ControlEvent, Decision, MemberPhase};
use scaler_core::{
    Assignment, Epoch, Event, EventKind, Incarnation, InstallationId, MemberKey, MembershipError, Move, Plan, Reason,
    RecordedEvent, RecordedWish, Roster, Slot, SlotCount, SlotLoad, SlotRange, SlotState, StoreError, Term, Tick, Wish, WorkerId,
};
use uuid::Uuid;

use super::*;

/// Time of the election.
const START: Duration = Duration::from_secs(1_764_267_882);

fn at(ms: u64) -> Duration {
    START + Duration::from_millis(ms)
}

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap()
}

/// Slots that are shared by these workers in turn, with a last tick.
fn assignment(slots: u32, workers: &[WorkerId], tick: u64, last_tick: u64) -> Assignment {
    let state = |slot: u32| {
        let of = slot as usize * workers.len() / slots as usize;
        let owner =
            workers.get(of).map(|worker| MemberKey { worker: worker.clone(), incarnation: Incarnation::new(Uuid::nil()) });
        SlotState { owner, epoch: Epoch(1), last_tick: Tick(last_tick) }
    };
    Assignment {
        installation: InstallationId::new(Uuid::nil()),
        tick: Tick(tick),
        tick_length: Duration::from_secs(1),
        range: SlotRange::ALL,
        slots: (0..slots).map(state).collect(),
        sessions: None,
    }
}

fn load(slots: u32, items: u32) -> SlotLoad {
    let per_slot = (0..items).map(|item| (Slot::new(item % slots), 1));
    SlotLoad::of_items(SlotCount::new(slots).unwrap(), per_slot)
}

fn elected() -> ViewBuilder {
    let mut builder = ViewBuilder::new("Postgres", START);
    let term = Term { number: 7, holder: Uuid::nil() };
    builder.observe(START, &ControlEvent::Elected { term, installation: InstallationId::new(Uuid::nil()) });
    builder
}

fn healthy(workers: &[WorkerId]) -> Decision {
    Decision { phases: workers.iter().map(|worker| (worker.clone(), MemberPhase::Healthy)).collect(), ..Decision::default() }
}

fn look(builder: &mut ViewBuilder, now: Duration, seen: &Assignment, load: &SlotLoad, workers: &[WorkerId]) {
    builder.observe(now, &ControlEvent::Scanned { assignment: seen, load });
    builder.observe(now, &ControlEvent::Decided { decision: &healthy(workers), pending: 0 });
    builder.observe(now, &ControlEvent::Turned);
}

fn view(builder: &ViewBuilder, now: Duration) -> View {
    builder.snapshot(now, Source::Leader, &Recent::default())
}

#[test]
fn the_view_counts_slots_items_and_increments_of_each_worker() {
    let workers = ["worker-1", "worker-2"].map(worker);
    let mut builder = elected();
    let load = load(256, 10);
    for tick in 100..110 {
        for part in [0, 250, 500, 750] {
            let last = if part == 0 { tick - 1 } else { tick };
            look(&mut builder, at((tick - 100) * 1000 + part), &assignment(256, &workers, tick, last), &load, &workers);
        }
    }
    let view = view(&builder, at(9_790));
    assert_eq!((view.age_ms, view.tick), (40, TickView { number: 109, length_ms: 1000 }));
    assert_eq!((view.totals.items, view.totals.slots, view.totals.workers), (10, 256, 2));
    assert_eq!((view.totals.late_slots, view.totals.unowned_slots), (0, 0));
    assert!((view.totals.increments_per_s - 10.0).abs() < 1e-9, "{:?}", view.totals);
    assert_eq!(view.workers.by_phase, BTreeMap::from([(Phase::Healthy, 2)]));
    let shown: Vec<_> = view.workers.shown.iter().map(|worker| (worker.name.as_str(), worker.slots, worker.items)).collect();
    assert_eq!(shown, [("worker-1", 128, 10), ("worker-2", 128, 0)]);
    assert!((view.totals.most_over_mean - 2.0).abs() < 1e-9);
    assert_eq!((view.map.hues.len(), view.map.owners[0].as_str(), view.map.owners[255].as_str()), (256, "worker-1", "worker-2"));
    assert_eq!(view.leader.unwrap().term, 7);
    assert_eq!(view.notices, []);
}

#[test]
fn slots_that_miss_a_whole_tick_are_late_unless_their_items_are_new() {
    let workers = [worker("worker-1")];
    let mut builder = elected();
    let empty = SlotLoad::of_items(SlotCount::new(256).unwrap(), []);
    for tick in 100..104 {
        look(&mut builder, at((tick - 100) * 1000), &assignment(256, &workers, tick, 0), &empty, &workers);
    }
    let full = load(256, 10);
    look(&mut builder, at(4_000), &assignment(256, &workers, 104, 0), &full, &workers);
    assert_eq!(view(&builder, at(4_000)).totals.late_slots, 0, "the items have just been added");
    for tick in 105..110 {
        look(&mut builder, at((tick - 100) * 1000), &assignment(256, &workers, tick, 0), &full, &workers);
    }
    assert_eq!(view(&builder, at(10_000)).totals.late_slots, 10);
}

#[test]
fn wishes_holds_and_servers_that_are_away_are_notices() {
    let mut builder = elected();
    let wish = |wish, note: &str| RecordedWish { wish, by: "alice".to_owned(), note: note.to_owned(), since: at(0) };
    let pins = (0..20).map(|slot| wish(Wish::Pin(Slot::new(slot), worker("worker-2")), ""));
    let wishes: Vec<_> =
        [wish(Wish::Cordon(worker("worker-1")), "disk"), wish(Wish::Pause, "")].into_iter().chain(pins).collect();
    builder.observe(at(0), &ControlEvent::WishesChanged(&wishes));
    builder.observe(at(1_000), &ControlEvent::RebalancePaused { silent: 3000, owned: 4096 });
    let error = MembershipError::Unavailable { during: "members", source: "Redis at cache:6379: connection refused".into() };
    builder.observe(at(2_000), &ControlEvent::MembershipFailed { error, retry_in: Duration::ZERO });
    let view = view(&builder, at(2_000));
    let texts: Vec<_> = view.notices.iter().map(|notice| (notice.text.as_str(), notice.by.as_deref())).collect();
    let alice = Some("alice");
    assert!(texts[0].0.ends_with("Redis at cache:6379: connection refused"), "{texts:?}");
    assert_eq!(texts[1].0, "the mass-failure guard pauses rebalancing: 3000 of 4096 owned slots became silent at once");
    assert_eq!(
        texts[2..],
        [("rebalancing is paused", alice), ("worker-1 is cordoned: disk", alice), ("20 slots are pinned to worker-2", alice)]
    );
    let members = &view.stores[1];
    assert_eq!((members.ok, members.since.clone(), members.age_ms), (false, Timestamp::of(at(2_000)), 2_000));
    assert!(view.stores[0].ok);
}

#[test]
fn notices_are_bounded_and_the_last_one_tells_how_many_more_there_are() {
    let mut builder = elected();
    let wish = |n| RecordedWish {
        wish: Wish::Cordon(worker(&format!("worker-{n}"))),
        by: "alice".to_owned(),
        note: String::new(),
        since: at(n),
    };
    let wishes: Vec<_> = (0..50).map(wish).collect();
    builder.observe(at(0), &ControlEvent::WishesChanged(&wishes));
    let view = view(&builder, at(0));
    assert_eq!(view.notices.len(), MOST_NOTICES + 1);
    assert!(view.notices[MOST_NOTICES].text.starts_with("34 more notices"), "{:?}", view.notices[MOST_NOTICES]);
}

#[test]
fn with_the_store_away_the_last_counts_stay_and_their_age_grows() {
    let workers = [worker("worker-1")];
    let mut builder = elected();
    look(&mut builder, at(0), &assignment(256, &workers, 100, 100), &load(256, 10), &workers);
    let error = StoreError::Unavailable { during: "assignment", source: "connection refused".into() };
    builder.observe(at(500), &ControlEvent::TurnFailed);
    builder.observe(at(500), &ControlEvent::StoreFailed { error, retry_in: Duration::ZERO });
    let view = view(&builder, at(61_000));
    assert_eq!((view.age_ms, view.totals.items, view.workers.total), (61_000, 10, 1));
    assert_eq!((view.stores[0].ok, view.stores[0].age_ms), (false, 61_000));
    assert_eq!(view.notices[0].kind, NoticeKind::StoreAway);
}

#[test]
fn a_rebalance_is_shown_while_it_runs() {
    let workers = ["worker-1", "worker-2"].map(worker);
    let mut builder = elected();
    let slot_move = Move { slot: Slot::new(0), from: None, to: worker("worker-2"), why: Reason::WorkerJoined };
    let plan = Plan::new(Roster::of(workers.clone()), vec![slot_move], &load(256, 10));
    builder.observe(at(0), &ControlEvent::Planned(&plan));
    let shown = view(&builder, at(100)).rebalances;
    assert_eq!(
        (shown.len(), shown[0].cause.as_str(), shown[0].slots, shown[0].duration_ms),
        (1, "worker joined (worker-2)", 1, None)
    );
    builder.observe(at(200), &ControlEvent::Settled);
    assert_eq!(view(&builder, at(300)).rebalances, []);
}

/// Returns the largest view of a system of this size.
fn size(slots: u32, items: u32, workers: usize) -> usize {
    let workers: Vec<_> = (0..workers).map(|n| worker(&format!("worker-{n}"))).collect();
    let mut builder = elected();
    let load = load(slots, items);
    for tick in 1_764_267_882..1_764_267_890 {
        let seen = assignment(slots, &workers, tick, tick);
        look(&mut builder, at((tick - 1_764_267_882) * 1000), &seen, &load, &workers);
    }
    let event = |id| RecordedEvent {
        id,
        at: at(id),
        event: Event { worker: Some(worker("worker-1")), ..Event::new(EventKind::Moved, "slots moved ".repeat(200)) },
    };
    let recent = Recent { events: (0..100).map(event).collect(), rebalances: Vec::new() };
    let json = serde_json::to_string(&builder.snapshot(at(8_000), Source::Leader, &recent)).unwrap();
    assert!(serde_json::from_str::<View>(&json).is_ok());
    json.len()
}

#[test]
fn the_view_is_as_small_for_a_million_items_as_for_ten() {
    let (small, large) = (size(4096, 10, 3), size(65_536, 1_000_000, 1_000));
    println!("{small} bytes for 10 items of 3 workers, {large} bytes for 1,000,000 items of 1,000 workers");
    assert!(small < 16_384 && large < 16_384, "{small}, {large}");
    assert!(small < 3 * large && large < 3 * small, "{small}, {large}");
}
