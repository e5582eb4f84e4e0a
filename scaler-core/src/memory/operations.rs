//! Wishes and events of the in-memory store.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::{
    EVENT_KEPT_FOR, EVENTS_KEPT, EVENTS_PER_PAGE, Event, EventFilter, RecordedEvent, RecordedWish, Wish, WishSubject, event_text,
    wish_text,
};

/// Wishes and events.
#[derive(Debug, Default)]
pub(super) struct Operations {
    wishes: BTreeMap<WishSubject, RecordedWish>,
    events: VecDeque<RecordedEvent>,
    last: u64,
}

impl Operations {
    pub(super) fn wishes(&self) -> Vec<RecordedWish> {
        self.wishes.values().cloned().collect()
    }

    pub(super) fn wish(&mut self, now: Duration, wish: &Wish, by: &str, note: &str) {
        let subject = wish.subject();
        if self.wishes.get(&subject).is_some_and(|kept| kept.wish == *wish) {
            return;
        }
        let (by, note) = (wish_text(by), wish_text(note));
        self.append(now, [wish.event(&by, &note)]);
        self.wishes.insert(subject, RecordedWish { wish: wish.clone(), by, note, since: now });
    }

    pub(super) fn withdraw(&mut self, now: Duration, subject: &WishSubject, by: &str) -> bool {
        let Some(kept) = self.wishes.remove(subject) else { return false };
        self.append(now, [subject.event(kept.wish.worker(), &wish_text(by))]);
        true
    }

    pub(super) fn append(&mut self, now: Duration, events: impl IntoIterator<Item = Event>) {
        for mut event in events {
            self.last += 1;
            (event.text, event.cause) = (event_text(&event.text), event.cause.as_deref().map(event_text));
            self.events.push_back(RecordedEvent { id: self.last, at: now, event });
        }
        let most = usize::try_from(EVENTS_KEPT).unwrap_or(usize::MAX);
        let is_old = |event: &RecordedEvent| now.saturating_sub(event.at) > EVENT_KEPT_FOR;
        while self.events.len() > most || self.events.front().is_some_and(is_old) {
            self.events.pop_front();
        }
    }

    pub(super) fn events(&self, filter: &EventFilter, limit: usize) -> Vec<RecordedEvent> {
        let newest_first = self.events.iter().rev().filter(|event| filter.selects(event));
        newest_first.take(limit.min(EVENTS_PER_PAGE)).cloned().collect()
    }
}
