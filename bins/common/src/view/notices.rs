//! Notices: what is paused, pinned, cordoned, held or away, since when and by whom.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_core::{RecordedWish, Slot, Wish, WishKind, WorkerId};

use super::{MOST_NOTICES, Notice, NoticeKind, Timestamp};

/// Maximum number of slots named in one notice.
const NAMED_SLOTS: usize = 8;

impl Notice {
    /// Returns a notice that no operator caused.
    pub(super) fn new(kind: NoticeKind, text: String, since: Duration) -> Self {
        Self { kind, text, since: Timestamp::of(since), by: None }
    }
}

/// Returns the notices of these wishes. Pins of one operator to one worker are one notice.
pub(super) fn of_wishes(wishes: &[RecordedWish]) -> Vec<Notice> {
    let mut pins: BTreeMap<(&WorkerId, &str), (Duration, Vec<Slot>)> = BTreeMap::new();
    let mut notices = Vec::new();
    for recorded in wishes {
        if let Wish::Pin(slot, worker) = &recorded.wish {
            let (since, slots) = pins.entry((worker, &recorded.by)).or_insert((recorded.since, Vec::new()));
            *since = recorded.since.min(*since);
            slots.push(*slot);
        } else {
            let note = if recorded.note.is_empty() { String::new() } else { format!(": {}", recorded.note) };
            notices.push(Notice {
                by: Some(recorded.by.clone()),
                ..Notice::new(kind_of(recorded.wish.kind()), format!("{}{note}", recorded.wish), recorded.since)
            });
        }
    }
    notices.extend(pins.into_iter().map(|((worker, by), (since, slots))| Notice {
        by: Some(by.to_owned()),
        ..Notice::new(NoticeKind::Pinned, format!("{} pinned to {worker}", named(&slots)), since)
    }));
    notices
}

/// Orders the notices by importance and keeps as many as a view allows, and one that says how many more there are.
pub(super) fn bounded(mut notices: Vec<Notice>) -> Vec<Notice> {
    notices.sort_by(|a, b| (a.kind, &a.since).cmp(&(b.kind, &b.since)));
    let rest = notices.split_off(notices.len().min(MOST_NOTICES));
    if let Some(first) = rest.first() {
        let text = format!("{} more notices; `GET /api/v1/wishes` lists all wishes", rest.len());
        notices.push(Notice { kind: first.kind, text, since: first.since.clone(), by: None });
    }
    notices
}

const fn kind_of(kind: WishKind) -> NoticeKind {
    match kind {
        WishKind::Pause => NoticeKind::Paused,
        WishKind::Cordon => NoticeKind::Cordoned,
        WishKind::Drain => NoticeKind::Draining,
        WishKind::Weight => NoticeKind::Weighted,
        WishKind::Pin => NoticeKind::Pinned,
    }
}

fn named(slots: &[Slot]) -> String {
    match slots {
        [slot] => format!("slot {slot} is"),
        slots if slots.len() <= NAMED_SLOTS => {
            format!("slots {} are", slots.iter().map(Slot::to_string).collect::<Vec<_>>().join(", "))
        }
        slots => format!("{} slots are", slots.len()),
    }
}
