//! A tick round: one call for each chunk.

use std::time::Duration;

use crate::{SlotRange, StoreError, Tick, TickReport};

/// Number of failures without an answer after which a round gives up: most likely the reason lies with the store.
const HOPELESS: usize = 4;

/// Calls of one round: made, in flight, answered and failed.
#[derive(Debug)]
pub(super) struct TickRound {
    pub(super) begun_at: Duration,
    /// From one call to the next.
    pub(super) step: Duration,
    /// The chunks to call for.
    pub(super) order: Vec<SlotRange>,
    /// How many of them have been called for.
    pub(super) sent: usize,
    /// Those to call for once more, since the first call did not take all that was due.
    pub(super) rest: Vec<SlotRange>,
    pub(super) under_way: Vec<(SlotRange, Duration)>,
    pub(super) answered: Vec<SlotRange>,
    pub(super) merged: Option<TickReport>,
    pub(super) first_tick: Option<Tick>,
    pub(super) fresh: usize,
    pub(super) missed: u64,
    /// How long a call took at the longest that was answered.
    pub(super) longest: Duration,
    /// Calls that have failed, and how long they took.
    pub(super) failed: Vec<(SlotRange, StoreError, Duration)>,
    /// The store is away: no more is sent.
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

    /// Whether there is more to call for.
    pub(super) fn has_more(&self) -> bool {
        let is_hopeless = self.merged.is_none() && self.failed.len() >= HOPELESS;
        !is_hopeless && (self.sent < self.order.len() || !self.rest.is_empty())
    }

    /// When the next call may be made.
    pub(super) fn next_at(&self) -> Duration {
        if self.rest.is_empty() {
            self.begun_at + self.step * u32::try_from(self.sent).unwrap_or(u32::MAX)
        } else {
            self.begun_at
        }
    }

    /// What to call for next, if it is time; it counts as called for then.
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

    /// Takes a call off; when it was made.
    pub(super) fn answer(&mut self, range: SlotRange) -> Option<Duration> {
        let place = self.under_way.iter().position(|(other, _)| *other == range)?;
        let (_, sent_at) = self.under_way.swap_remove(place);
        Some(sent_at)
    }
}

/// Two reports of different slots as one.
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
