//! Tests of a worker whose store refuses to change items.

use super::*;

/// A report of a tick in which all of two items were refused.
fn all_refused(tick: u64) -> TickReport {
    let item = ItemId::Uuid(Uuid::from_u128(7));
    let refusal = Some(Arc::new(RefusedItem { item, why: "violates a check".to_owned() }));
    TickReport { refused: 2, refusal, ..report(tick, 1, &[]) }
}

fn asks_to_write(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::TryToWrite))
}

#[test]
fn a_worker_whose_items_are_all_refused_probes_other_rows() {
    let mut worker = working(1, &[]);
    worker.step(SECOND * 2, Input::Woken);
    let effects = worker.step(SECOND * 2, Input::Ticked(SlotRange::ALL, Ok(all_refused(2))));
    let told = effects.iter().any(|effect| matches!(effect, Effect::Emit(WorkerEvent::ItemsRefused { items: 2, .. })));
    assert!(told && asks_to_write(&effects), "{effects:?}");
    // It may write others: its slots stay with it, and it works on.
    let effects = worker.step(SECOND * 2, Input::TriedToWrite(Ok(None)));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Emit(WorkerEvent::WritesRefused { .. }))), "{effects:?}");
    worker.step(SECOND * 2, Input::HeartbeatAnswered(Ok(Registration::Current)));
    worker.step(SECOND * 5, Input::Woken);
    let effects = worker.step(SECOND * 5, Input::Ticked(SlotRange::ALL, Ok(all_refused(5))));
    assert!(asks_to_write(&effects), "it may have changed: {effects:?}");
    // It may write nothing: others are to take over, once it has been told so three times.
    let mut now = SECOND * 5;
    let mut effects = Vec::new();
    for times in 1..=3 {
        let refused = RefusedItem { item: ItemId::Uuid(Uuid::nil()), why: "not in this name".to_owned() };
        effects = worker.step(now, Input::TriedToWrite(Ok(Some(refused))));
        let told = effects.iter().any(|effect| matches!(effect, Effect::Emit(WorkerEvent::WritesRefused { .. })));
        assert_eq!(told, times == 3, "{effects:?}");
        while times < 3 && !asks_to_write(&worker.step(now, Input::Woken)) {
            now += SECOND / 4;
            assert!(now < SECOND * 60);
        }
    }
    if says(&effects).is_none() {
        effects = worker.step(now, Input::HeartbeatAnswered(Ok(Registration::Current)));
    }
    assert_eq!(says(&effects), Some(MemberState::Barred), "{effects:?}");
    // Until a write is let through.
    while !asks_to_write(&worker.step(now, Input::Woken)) {
        now += SECOND;
        assert!(now < SECOND * 60);
    }
    let effects = worker.step(now, Input::TriedToWrite(Ok(None)));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Emit(WorkerEvent::WritesAccepted))), "{effects:?}");
}

#[test]
fn a_refusal_is_reported_when_it_begins_and_ends() {
    let mut worker = working(1, &[]);
    let item = ItemId::Uuid(Uuid::from_u128(7));
    let some_refused =
        |tick| TickReport { refused: 1, refusal: all_refused(tick).refusal, ..report(tick, 1, std::slice::from_ref(&item)) };
    let (mut begins, mut ends) = (0, 0);
    for tick in 2..12 {
        let now = SECOND * u32::try_from(tick).unwrap();
        worker.step(now, Input::Woken);
        let answer = if tick < 8 { some_refused(tick) } else { report(tick, 1, std::slice::from_ref(&item)) };
        for effect in worker.step(now, Input::Ticked(SlotRange::ALL, Ok(answer))) {
            begins += usize::from(matches!(effect, Effect::Emit(WorkerEvent::ItemsRefused { .. })));
            ends += usize::from(matches!(effect, Effect::Emit(WorkerEvent::ItemsAccepted)));
            assert!(!matches!(effect, Effect::TryToWrite), "some of its items are let through");
        }
    }
    assert_eq!((begins, ends), (1, 1));
}
