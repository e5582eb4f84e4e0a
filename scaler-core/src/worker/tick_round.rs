//! A tick round: one call for each chunk.

use std::time::Duration;

use crate::{SlotRange, StoreError, Tick, TickReport};

/// Number of failures without an answer after which a round gives up: most likely the reason lies with the store.
const HOPELESS: usize = 4;

/// Calls of one round: made, in flight, answered and failed.
#[derive(Debug)]
pub(super) struct TickRound {
    pub(super) begun_at: Duration,
    /// Interval between calls.
    pub(super) step: Duration,
    /// Chunks to call for.
    pub(super) order: Vec<SlotRange>,
    /// Number of chunks in `order` that have been called for.
    pub(super) sent: usize,
    /// Chunks to call for once more, since the first call did not take all slots that were due.
    pub(super) rest: Vec<SlotRange>,
    pub(super) under_way: Vec<(SlotRange, Duration)>,
    pub(super) answered: Vec<SlotRange>,
    pub(super) merged: Option<TickReport>,
    pub(super) first_tick: Option<Tick>,
    pub(super) fresh: usize,
    pub(super) missed: u64,
    /// Longest duration of an answered call.
    pub(super) longest: Duration,
    /// Failed calls: slots, error and duration.
    pub(super) failed: Vec<(SlotRange, StoreError, Duration)>,
    /// True if the store is unavailable and no more calls are sent.
    pub(super) is_over: bool,
}

impl TickRound {
    pub(super) const fn new(begun_at: Duration, step: Duration, order: Vec<SlotRange>) -> Self {
        Self {
            begun_at,
            step,
            order,
            sent: 0,
            rest: Vec::new(),
            under_way: Vec::new(),
            answered: Vec::new(),
            merged: None,
            first_tick: None,
            fresh: 0,
            missed: 0,
            longest: Duration::ZERO,
            failed: Vec::new(),
            is_over: false,
        }
    }

    /// True if there are more calls to send.
    pub(super) fn has_more(&self) -> bool {
        let is_hopeless = self.merged.is_none() && self.failed.len() >= HOPELESS;
        !is_hopeless && (self.sent < self.order.len() || !self.rest.is_empty())
    }

    /// Returns the earliest time of the next call.
    pub(super) fn next_at(&self) -> Duration {
        if self.rest.is_empty() {
            self.begun_at + self.step * u32::try_from(self.sent).unwrap_or(u32::MAX)
        } else {
            self.begun_at
        }
    }

    /// Returns the chunk to call for next if its call is due, and records the call as sent.
    pub(super) fn take_next(&mut self, now: Duration) -> Option<SlotRange> {
        if self.next_at() > now {
            return None;
        }
        let range = self.rest.pop().unwrap_or_else(|| {
            self.sent += 1;
            self.order[self.sent - 1]
        });
        self.under_way.push((range, now));
        Some(range)
    }

    /// Removes a call in flight; returns when it was sent.
    pub(super) fn answer(&mut self, range: SlotRange) -> Option<Duration> {
        let place = self.under_way.iter().position(|(other, _)| *other == range)?;
        let (_, sent_at) = self.under_way.swap_remove(place);
        Some(sent_at)
    }
}

/// Merges two reports of disjoint slots into one.
pub(super) fn merge(one: &TickReport, other: &TickReport) -> TickReport {
    let later = if other.tick > one.tick { other } else { one };
    TickReport {
        installation: later.installation,
        tick: later.tick,
        into_tick: later.into_tick,
        tick_length: later.tick_length,
        slots: later.slots,
        owned: one.owned.saturating_add(other.owned),
        fence: one.fence ^ other.fence,
        ticked: one.ticked.saturating_add(other.ticked),
        left: one.left.saturating_add(other.left),
        items: one.items + other.items,
        digest: one.digest ^ other.digest,
        locked: one.locked + other.locked,
        refused: one.refused + other.refused,
        refusal: one.refusal.clone().or_else(|| other.refusal.clone()),
        took: one.took + other.took,
    }
}
