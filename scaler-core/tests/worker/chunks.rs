//! The ticks of a worker go through its slots in chunks.

use super::*;

#[test]
fn the_rest_of_a_round_is_called_at_once_within_the_tick() {
    let mut worker = working(9, &[]);
    let part = |tick, left| Input::Ticked(SlotRange::ALL, Ok(TickReport { ticked: 3, left, ..report(tick, 9, &[]) }));
    let now = SECOND * 2;
    assert_eq!(called(&worker.step(now, Input::Woken)), [SlotRange::ALL]);
    for left in [6, 3] {
        assert_eq!(called(&worker.step(now, part(2, left))), [SlotRange::ALL], "{left} are left");
    }
    assert_eq!(called(&worker.step(now, part(2, 0))), []);
    assert!(worker.wake_at() > now, "the tick is done");

    let now = SECOND * 3;
    assert_eq!(called(&worker.step(now, Input::Woken)), [SlotRange::ALL]);
    let none = Input::Ticked(SlotRange::ALL, Ok(TickReport { ticked: 0, left: 9, ..report(3, 9, &[]) }));
    assert_eq!(called(&worker.step(now, none)), [], "they are just changing hands: it tries a little later");
}

/// A worker with 400,000 items in 4,096 slots and so many calls at once, and a store so far away that works so long on each item. For ten ticks:
/// how many calls were under way at most, how many answers each tick had, and how many ticks were missed.
fn under_load(ticks_at_once: usize, way: Duration, work: Duration) -> (usize, Vec<u32>, u64) {
    let key = MemberKey { worker: WorkerId::new("a").unwrap(), incarnation: Incarnation::new(Uuid::from_u128(1)) };
    let mut worker = Worker::new(WorkerConfig { ticks_at_once, ..WorkerConfig::new(key) });
    let items_in = |range: SlotRange| (range.end().min(4096) - range.first().min(4096)) * 400_000 / 4096;
    // When it is answered, when it was called, and for which slots.
    let mut under_way: Vec<(Duration, Duration, SlotRange)> = Vec::new();
    let (mut now, mut most, mut answers, mut missed) = (SECOND, 0, vec![0; 30], 0);
    let mut done = std::collections::BTreeMap::new();
    let mut input = Input::Woken;
    while now < SECOND * 30 {
        let effects = worker.step(now, input);
        under_way.extend(called(&effects).into_iter().map(|range| (now + way + work * items_in(range), now, range)));
        most = most.max(under_way.len());
        let mut answer = None;
        for effect in effects {
            match effect {
                Effect::Adopt => answer = Some(adopted()),
                Effect::List(slots) => answer = Some(Input::Listed(slots, Ok(Vec::new()))),
                Effect::Heartbeat(_) => answer = answer.or(Some(Input::HeartbeatAnswered(Ok(Registration::Current)))),
                Effect::Emit(WorkerEvent::Missed { ticks }) if now > SECOND * 20 => missed += ticks,
                _ => {}
            }
        }
        input = if let Some(answer) = answer {
            answer
        } else if let Some(place) = under_way.iter().position(|(at, ..)| *at <= worker.wake_at().max(now)) {
            let (at, called, range) = under_way.remove(place);
            now = now.max(at);
            // The store looks at its clock when the call arrives.
            let tick = called.as_secs();
            let due = done.insert(range.first(), tick) < Some(tick);
            answers[usize::try_from(tick).unwrap()] += u32::from(due);
            let into_tick = called - SECOND * u32::try_from(tick).unwrap();
            let items = if due { items_in(range) } else { 0 };
            let done = TickReport { into_tick, items: items.into(), took: work * items, ..report(tick, 1, &[]) };
            Input::Ticked(range, Ok(done))
        } else {
            now = worker.wake_at().max(now);
            Input::Woken
        };
    }
    (most, answers.split_off(20), missed)
}

#[test]
fn many_items_are_ticked_in_chunks_and_none_misses_a_tick() {
    let (most, answers, missed) = under_load(1, Duration::from_millis(1), Duration::from_micros(2));
    assert_eq!((most, missed), (1, 0));
    assert!(answers.iter().all(|chunks| *chunks >= 5 && *chunks == answers[0]), "{answers:?}");
}

#[test]
fn more_than_one_call_can_do_in_a_tick_is_done_by_two() {
    let (work, way) = (Duration::from_micros(3), Duration::from_millis(1));
    let (_, _, missed) = under_load(1, way, work);
    assert!(missed > 0);
    let (most, _, missed) = under_load(2, way, work);
    assert_eq!((most, missed), (2, 0));
}

#[test]
fn network_latency_does_not_shrink_chunks() {
    let work = Duration::from_micros(1);
    let [near, far] = [1, 100].map(|way_ms| under_load(2, Duration::from_millis(way_ms), work));
    assert_eq!((near.1, near.2), (far.1, far.2), "as many chunks, and none missed");
}

#[test]
fn an_overloaded_worker_skips_counts_and_never_queues_calls() {
    let (most, answers, missed) = under_load(2, Duration::ZERO, Duration::from_micros(9));
    assert_eq!(most, 2, "calls under way");
    assert!(missed >= 5, "missed {missed} of ten ticks");
    assert!(answers.iter().all(|chunks| (1..=30).contains(chunks)), "it goes on at its own pace: {answers:?}");
}
