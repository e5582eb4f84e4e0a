//! Tests of explanations, on a store in memory.

use std::sync::Arc;
use std::time::Duration;

use scaler_core::control::Waiting;
use scaler_core::memory::MemoryStore;
use scaler_core::{
    Cause, Cost, Election, Epoch, Event, EventKind, EventLog, Hearing, Incarnation, MemberKey, Rebalance, SlotCount, Timing,
    TokioClock, Transfer, Wish, Wishes, WorkStore,
};
use uuid::Uuid;

use super::*;

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap()
}

/// Store whose slot 12 moved to `worker-1` because it joined.
async fn store() -> MemoryStore {
    let store = MemoryStore::new(Arc::new(TokioClock::start()), SlotCount::new(256).unwrap(), Duration::from_secs(1));
    let term = store.campaign(Uuid::nil(), Duration::from_secs(5), Hearing::Members).await.unwrap().unwrap();
    let to = MemberKey { worker: worker("worker-1"), incarnation: Incarnation::new(Uuid::nil()) };
    let transfer = Transfer { slot: Slot::new(12), epoch: Epoch::default(), to, timing: Timing::Now, cause: Cause::Joined };
    store.commit(&term, &[transfer]).await.unwrap();
    let moved = Event {
        worker: Some(worker("worker-1")),
        from: Some(worker("worker-2")),
        cause: Some("joined".to_owned()),
        slots: vec![Slot::new(12)],
        ..Event::new(EventKind::Moved, "worker-2 -> worker-1: 1 slots with 3 items (joined)")
    };
    let cost = Cost { slots: 1, items: 3 };
    let rebalance = Event {
        cause: Some("worker joined (worker-1)".to_owned()),
        rebalance: Some(Rebalance { planned: cost, minimum: cost, moved: 1, took: Duration::from_millis(310) }),
        ..Event::new(EventKind::Rebalance, "1 slots moved; loads before: worker-2 256 slots/9 items; after: ...")
    };
    store.append(&[moved, rebalance]).await.unwrap();
    store
}

async fn explained(store: &MemoryStore, subject: Subject, situation: Option<&Situation>) -> Option<Explanation> {
    let sources = Sources { store, items: &NoItems, members: None, situation };
    explain(&subject, &sources).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_explained_by_its_recorded_cause_and_its_rebalance() {
    let store = store().await;
    let situation = Situation::default();
    let found = explained(&store, Subject::Slot(Slot::new(12)), Some(&situation)).await.unwrap();
    assert_eq!((found.owner.as_deref(), found.epoch, found.cause.as_deref()), (Some("worker-1"), Some(1), Some("joined")));
    assert_eq!(
        found.why_here,
        ["worker-1 owns slot 12 since 1970-01-01T00:00:00.000Z", "joined: the owner joined and took its share"]
    );
    assert!(found.why_moved[0].ends_with("worker-2 -> worker-1: 1 slots with 3 items (joined)"), "{found:?}");
    assert!(found.why_moved[1].starts_with("worker joined (worker-1): 1 slots moved; loads before"), "{found:?}");
    assert!(found.why_not_moved[0].starts_with("no move is planned"), "{found:?}");
    assert_eq!(found.history.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn wishes_holds_and_waits_explain_why_nothing_moves() {
    let store = store().await;
    for wish in [Wish::Pause, Wish::Pin(Slot::new(12), worker("worker-1")), Wish::Pin(Slot::new(13), worker("worker-1"))] {
        store.wish(&wish, "alice", "upgrade").await.unwrap();
    }
    let waiting = [(worker("worker-4"), Waiting::Debounced), (worker("worker-5"), Waiting::Damped)].into();
    let situation = Situation { waiting, pending: 7, held: Some((200, Duration::ZERO)), ..Situation::default() };
    let reasons = explained(&store, Subject::Slot(Slot::new(12)), Some(&situation)).await.unwrap().why_not_moved;
    assert_eq!(
        reasons,
        [
            "rebalancing is paused, by alice since 1970-01-01T00:00:00.000Z (upgrade)",
            "slot 12 is pinned to worker-1, by alice since 1970-01-01T00:00:00.000Z (upgrade)",
            "the mass-failure guard pauses rebalancing since 1970-01-01T00:00:00.000Z: 200 slots became silent at once",
            "7 planned moves are not committed yet: each waits for the tick of its slot, or for the move rate limit",
            "worker-4 has no share of the slots, or receives none: it has just joined, and the control plane waits for further changes",
            "worker-5 has no share of the slots, or receives none: it was gone repeatedly, and flap damping lets it wait",
        ]
    );
    let of_worker = explained(&store, Subject::Worker(worker("worker-4")), None).await;
    assert_eq!(of_worker, None, "neither a slot nor an event nor a wish names it");
    let standby = explained(&store, Subject::Worker(worker("worker-1")), None).await.unwrap();
    assert_eq!(standby.why_here, ["worker-1 owns 1 of 256 slots", "2 slots are pinned to it"]);
    assert!(standby.why_not_moved.last().unwrap().contains("only its own page"), "{standby:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slot_without_an_owner_has_no_cause_and_an_unknown_subject_no_explanation() {
    let store = store().await;
    let found = explained(&store, Subject::Slot(Slot::new(3)), None).await.unwrap();
    assert_eq!((found.owner, found.cause), (None, None));
    assert_eq!(found.why_here, ["slot 3 has no owner: no worker works on its items"]);
    assert_eq!(found.why_moved, ["no move of it is among the events kept"]);
    for subject in [Subject::Slot(Slot::new(256)), Subject::Worker(worker("worker-9")), Subject::Item("7".to_owned())] {
        assert_eq!(explained(&store, subject, None).await, None);
    }
}
