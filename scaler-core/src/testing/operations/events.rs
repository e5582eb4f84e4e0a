//! Cases for the event log.

use std::time::Duration;

use crate::testing::store::StoreFixture;
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{
    Cost, EVENT_TEXT_LIMIT, EVENTS_KEPT, EVENTS_PER_PAGE, Event, EventFilter, EventKind, Rebalance, RecordedEvent, Slot, WorkerId,
};

fn none() -> Violation {
    Violation::new("the store keeps no events")
}

async fn append(fixture: &dyn StoreFixture, events: &[Event]) -> CaseResult {
    Ok(fixture.store().event_log().ok_or_else(none)?.append(events).await?)
}

async fn read(fixture: &dyn StoreFixture, filter: &EventFilter, limit: usize) -> Result<Vec<RecordedEvent>, Violation> {
    Ok(fixture.store().event_log().ok_or_else(none)?.events(filter, limit).await?)
}

fn texts(events: &[RecordedEvent]) -> Vec<&str> {
    events.iter().map(|recorded| recorded.event.text.as_str()).collect()
}

/// Events come newest first, at most as many as asked for.
pub async fn events_come_newest_first(fixture: &dyn StoreFixture) -> CaseResult {
    append(fixture, &[]).await?;
    let events = ["one", "two", "three"].map(|text| Event::new(EventKind::Store, text));
    append(fixture, &events[..2]).await?;
    append(fixture, &events[2..]).await?;
    let all = read(fixture, &EventFilter::default(), 100).await?;
    equal(texts(&all), vec!["three", "two", "one"], "events")?;
    ensure(all.is_sorted_by(|a, b| a.id > b.id && a.at >= b.at), format!("numbers and times fall: {all:?}"))?;
    equal(texts(&read(fixture, &EventFilter::default(), 2).await?), vec!["three", "two"], "two events")
}

/// Every field of an event comes back as it was.
pub async fn events_are_kept_whole(fixture: &dyn StoreFixture) -> CaseResult {
    let whole = Event {
        worker: Some(WorkerId::new("b")?),
        from: Some(WorkerId::new("a")?),
        cause: Some("worker joined (b)".to_owned()),
        by: Some("'alice'".to_owned()),
        slots: [0, 7, 255].map(Slot::new).to_vec(),
        rebalance: Some(Rebalance {
            planned: Cost { slots: 4, items: 1 << 40 },
            minimum: Cost { slots: 3, items: 2 },
            moved: 3,
            took: Duration::from_millis(310),
        }),
        ..Event::new(EventKind::Rebalance, "3 slots moved \u{1F980}; \"quoted\"")
    };
    let bare = Event::new(EventKind::Clock, "");
    append(fixture, &[whole.clone(), bare.clone()]).await?;
    let kept = read(fixture, &EventFilter::default(), 100).await?;
    equal(kept.into_iter().map(|recorded| recorded.event).collect(), vec![bare, whole], "events")
}

/// A text that is too long is cut, and NUL is left out.
pub async fn long_texts_are_cut(fixture: &dyn StoreFixture) -> CaseResult {
    let long = format!("a\0b{}", "\u{1F980}".repeat(2 * EVENT_TEXT_LIMIT));
    append(fixture, &[Event { cause: Some(long.clone()), ..Event::new(EventKind::Store, long) }]).await?;
    let kept = read(fixture, &EventFilter::default(), 1).await?;
    let cut = format!("ab{}", "\u{1F980}".repeat(EVENT_TEXT_LIMIT - 2));
    equal(kept[0].event.text.clone(), cut.clone(), "text")?;
    equal(kept[0].event.cause.clone(), Some(cut), "cause")
}

/// A filter selects by number, worker, slot and kind, and by all of them together.
pub async fn events_are_selected_by_a_filter(fixture: &dyn StoreFixture) -> CaseResult {
    let [a, b] = [WorkerId::new("a")?, WorkerId::new("b")?];
    let moved = |text: &str, from: &WorkerId, to: &WorkerId, slot| Event {
        from: Some(from.clone()),
        worker: Some(to.clone()),
        slots: vec![Slot::new(slot)],
        ..Event::new(EventKind::Moved, text)
    };
    let phase = Event { worker: Some(a.clone()), ..Event::new(EventKind::Phase, "phase") };
    append(fixture, &[moved("ab", &a, &b, 1), moved("bb", &b, &b, 2), phase]).await?;
    let all = read(fixture, &EventFilter::default(), 100).await?;
    let filter = EventFilter::default;
    for (filter, expected) in [
        (EventFilter { worker: Some(a.clone()), ..filter() }, vec!["phase", "ab"]),
        (EventFilter { worker: Some(b.clone()), ..filter() }, vec!["bb", "ab"]),
        (EventFilter { slot: Some(Slot::new(2)), ..filter() }, vec!["bb"]),
        (EventFilter { kind: Some(EventKind::Moved), ..filter() }, vec!["bb", "ab"]),
        (EventFilter { before: Some(all[0].id), ..filter() }, vec!["bb", "ab"]),
        (EventFilter { after: Some(all[2].id), ..filter() }, vec!["phase", "bb"]),
        (EventFilter { worker: Some(a), kind: Some(EventKind::Moved), slot: Some(Slot::new(2)), ..filter() }, vec![]),
    ] {
        let found = read(fixture, &filter, 100).await?;
        equal(texts(&found), expected, &format!("events of {filter:?}"))?;
    }
    Ok(())
}

/// The log keeps a bounded number of events, the newest, and an answer has a bounded number.
pub async fn the_log_is_bounded(fixture: &dyn StoreFixture) -> CaseResult {
    let most = usize::try_from(EVENTS_KEPT).unwrap_or(usize::MAX);
    let events: Vec<_> = (0..most + 100).map(|number| Event::new(EventKind::Store, number.to_string())).collect();
    for batch in events.chunks(1000) {
        append(fixture, batch).await?;
    }
    let newest = read(fixture, &EventFilter::default(), usize::MAX).await?;
    equal(newest.len(), EVENTS_PER_PAGE, "events in one answer")?;
    equal(newest[0].event.text.clone(), (most + 99).to_string(), "the newest")?;
    let oldest = newest[0].id - EVENTS_KEPT;
    let kept = read(fixture, &EventFilter { before: Some(oldest + 2), ..EventFilter::default() }, 100).await?;
    ensure(kept.len() <= 2, format!("{} events are left before number {}", kept.len(), oldest + 2))
}
