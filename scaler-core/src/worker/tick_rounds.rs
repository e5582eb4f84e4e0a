//! Tick rounds: one call per chunk of slots. Calls are sequential or concurrent up to a limit, and spread over the tick; rounds never
//! overlap. A worker that cannot keep up starts the next round when the last one ends: the slots that it did not reach in time miss that
//! tick, and the missed ticks are counted.
//!
//! A call that fails while others succeed is attributed to its own slots, for example to a trigger that never ends. These slots are set
//! aside: they are called for outside the rounds, one call at a time, and cut into smaller chunks until only the failing slots are left.

use std::time::Duration;

use super::chunks::{Chunks, Signature};
use super::tick_round::{TickRound, merge};
use crate::{ItemId, SlotCount, SlotRange, StoreError, TickReport, digest_of};

/// Minimum ratio of the duration of a timed-out call to the longest answered call of its round at which the timeout is attributed to its
/// slots.
const SLOWER: u32 = 8;

/// Outcome of a tick round, or of a call for slots that are set aside.
#[derive(Debug)]
pub(super) enum End {
    /// At least one call of the round was answered.
    Ticked(Ended),
    /// No call of the round was answered, or the store was unavailable for one.
    Failed(StoreError),
    /// A call outside of rounds failed again for slots that are set aside.
    AsideFailed(SlotRange, StoreError),
}

/// Outcome of a round in which calls were answered.
#[derive(Debug)]
pub(super) struct Ended {
    /// Merged report of all chunks.
    pub(super) report: TickReport,
    /// True if every chunk gave its first report of the tick, so that the merged report covers all items.
    pub(super) is_whole: bool,
    /// Time from the first call to the last answer.
    pub(super) took: Duration,
    /// Maximum number of ticks that any chunk missed.
    pub(super) missed: u64,
    /// True if the round was still running when the next tick began.
    pub(super) late: bool,
    /// Slots and error of a failed call; `None` if no call failed.
    pub(super) failed: Option<(SlotRange, StoreError)>,
    /// True if no slots are set aside.
    pub(super) is_sound: bool,
}

/// State of the tick rounds of a worker.
#[derive(Debug)]
pub(super) struct TickRounds {
    chunks: Chunks,
    /// Number of slots of the store at the last report.
    slots: SlotCount,
    at_once: usize,
    /// True if no call of the last round was answered. One more call may then be in flight, so that a call that fails again does not delay
    /// all others.
    is_recovering: bool,
    due_at: Duration,
    /// Time of a further round, requested while one was in flight.
    again: Option<Duration>,
    round: Option<TickRound>,
    /// Slots that are set aside and have a call in flight.
    aside: Option<SlotRange>,
}

impl TickRounds {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            chunks: Chunks::new(),
            slots: SlotCount::DEFAULT,
            at_once: at_once.max(1),
            is_recovering: false,
            due_at: Duration::ZERO,
            again: None,
            round: None,
            aside: None,
        }
    }

    /// Sets the time of the next round, unless an earlier one was requested.
    pub(super) fn next_at(&mut self, now: Duration, at: Duration) {
        self.due_at = self.again.take().map_or(at, |again| again.max(now).min(at));
    }

    /// Retries the slots that are set aside now, as the reason for their failure may be gone.
    pub(super) fn retry_failed_slots(&mut self, now: Duration) {
        self.chunks.retry_aside(now);
    }

    /// Sets the time of the next round after a failure, and drops requests for an earlier one.
    pub(super) fn retry_at(&mut self, at: Duration) {
        self.again = None;
        self.due_at = at;
    }

    /// Requests a round at this time, or as soon as the one in flight has ended.
    pub(super) fn hurry(&mut self, at: Duration) {
        self.again = self.round.is_some().then_some(at);
        self.due_at = self.due_at.min(at);
    }

    /// True if no call is in flight.
    pub(super) const fn is_idle(&self) -> bool {
        self.round.is_none() && self.aside.is_none()
    }

    /// Returns the time of the next call; `None` if it depends on an answer.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let next = match &self.round {
            None => Some(self.due_at),
            Some(round) => self.may_send(round).then(|| round.next_at()),
        };
        let aside = self.next_aside().map(|(retry_at, _)| retry_at);
        next.into_iter().chain(aside).min()
    }

    /// Returns the next retry of slots that are set aside and its time; `None` if there are none or such a call is in flight.
    fn next_aside(&self) -> Option<(Duration, SlotRange)> {
        let waiting = self.chunks.all().iter().filter_map(|chunk| Some((chunk.aside?.retry_at, chunk.range)));
        waiting.min_by_key(|(retry_at, _)| *retry_at).filter(|_| self.aside.is_none())
    }

    /// Returns the slots to call for now and records the calls as sent. Starts a round that is due and spreads it over the time until
    /// `until`.
    pub(super) fn send(&mut self, now: Duration, until: Duration) -> Vec<SlotRange> {
        if self.round.is_none() && self.due_at <= now {
            let mut order: Vec<_> = self.chunks.all().iter().filter(|chunk| chunk.aside.is_none()).collect();
            // If all calls of the last round failed, begin with chunks that were not tried then.
            order.sort_by_key(|chunk| chunk.failed_at);
            let order: Vec<_> = order.into_iter().map(|chunk| chunk.range).collect();
            let step = until.saturating_sub(now) / u32::try_from(order.len()).unwrap_or(u32::MAX).max(1);
            self.round = Some(TickRound::new(now, step, order));
        }
        let mut ranges = Vec::new();
        while let Some(mut round) = self.round.take() {
            let range = self.may_send(&round).then(|| round.take_next(now)).flatten();
            self.round = Some(round);
            let Some(range) = range else { break };
            ranges.push(range);
        }
        if let Some((_, range)) = self.next_aside().filter(|(retry_at, _)| *retry_at <= now) {
            self.aside = Some(range);
            ranges.push(range);
        }
        ranges
    }

    fn may_send(&self, round: &TickRound) -> bool {
        !round.is_over && round.has_more() && round.under_way.len() < self.at_once + usize::from(self.is_recovering)
    }

    /// Records a report. Returns the send time of the call, if it is the first of its round to be answered, and the outcome of the
    /// round, if this call ended it.
    pub(super) fn answered(&mut self, now: Duration, range: SlotRange, report: &TickReport) -> (Option<Duration>, Option<End>) {
        if self.aside.take_if(|aside| *aside == range).is_some() {
            // The next round includes the chunk again.
            if let Some(chunk) = self.chunks.get_mut(range) {
                chunk.learn(report);
            }
            return (None, None);
        }
        let Some(round) = &mut self.round else { return (None, None) };
        let sent_at = round.answer(range);
        let first = sent_at.filter(|_| round.answered.is_empty());
        round.answered.push(range);
        round.longest = round.longest.max(now.saturating_sub(sent_at.unwrap_or(now)));
        if let Some(missed) = self.chunks.get_mut(range).and_then(|chunk| chunk.learn(report)) {
            round.fresh += 1;
            round.missed = round.missed.max(missed);
        }
        let first_tick = *round.first_tick.get_or_insert(report.tick);
        let mut report = report.clone();
        // In a later tick all slots are due again: the chunks are recut before they are called for.
        if report.left > 0 && report.ticked > 0 && report.tick == first_tick {
            // The remaining slots are called for at once, and the report of that call covers the same owned slots.
            round.rest.push(range);
            report = TickReport { owned: 0, fence: 0, left: 0, ..report };
        }
        round.merged = Some(round.merged.take().map_or_else(|| report.clone(), |merged| merge(&merged, &report)));
        (first, self.end(now))
    }

    /// Returns the first run of slots after `last` whose ids have changed since they were read; searches from slot 0 if `last` is `None`.
    pub(super) fn stale_after(&self, last: Option<SlotRange>) -> Option<SlotRange> {
        let from = last.map_or(0, |range| range.end());
        self.chunks.all().iter().find(|chunk| chunk.range.first() >= from && chunk.is_stale()).map(|chunk| chunk.range)
    }

    /// Records the ids that were read for these slots after the last report.
    pub(super) fn listed(&mut self, range: SlotRange, items: &[ItemId]) {
        if let Some(chunk) = self.chunks.get_mut(range) {
            let (count, digest) = (items.len() as u64, digest_of(items));
            chunk.listed = chunk.seen.map(|seen| Signature { items: count, digest, fence: seen.fence });
        }
    }

    /// Records a failed call. Returns the outcome of the round, if this call ended it.
    pub(super) fn failed(&mut self, now: Duration, range: SlotRange, error: StoreError) -> Option<End> {
        if self.aside.take_if(|aside| *aside == range).is_some() {
            if may_lie_with_slots(&error) {
                self.chunks.set_aside(now, range, self.slots);
            } else if let Some(chunk) = self.chunks.get_mut(range) {
                chunk.wait(now);
            }
            return Some(End::AsideFailed(range, error));
        }
        if matches!(error, StoreError::Busy { .. } | StoreError::Unanswered { .. }) {
            self.chunks.too_much(range);
        }
        let round = self.round.as_mut()?;
        let took = now.saturating_sub(round.answer(range).unwrap_or(now));
        round.is_over |=
            matches!(error, StoreError::Unavailable { .. } | StoreError::Unanswered { .. } | StoreError::NotInstalled { .. });
        round.failed.push((range, error, took));
        self.end(now)
    }

    fn end(&mut self, now: Duration) -> Option<End> {
        let is_at_end = |round: &TickRound| round.is_over || !round.has_more();
        let TickRound { merged, mut failed, is_over, begun_at, missed, first_tick, fresh, order, answered, longest, .. } =
            self.round.take_if(|round| round.under_way.is_empty() && is_at_end(round))?;
        let elsewhere = self.chunks.owned_outside(&answered);
        if let Some(report) = &merged {
            self.slots = report.slots;
            self.chunks.heed(report.items, report.took);
        }
        let in_doubt = failed.iter().filter(|(_, error, _)| !is_over && may_lie_with_slots(error));
        if merged.is_some() && !is_over {
            // If the whole store is slow, the largest chunks time out first: such a timeout says nothing about their slots.
            let is_slow = |error: &StoreError, took| matches!(error, StoreError::Busy { .. }) && longest * SLOWER > took;
            let lie_with_slots = in_doubt.filter(|(_, error, took)| !is_slow(error, *took));
            lie_with_slots.for_each(|(range, ..)| self.chunks.set_aside(now, *range, self.slots));
            self.chunks.recut(self.slots);
        } else {
            in_doubt.for_each(|(range, ..)| self.chunks.failed_with_others(now, *range, self.slots));
        }
        self.is_recovering = merged.is_none() && !is_over;
        let failed = failed.pop().map(|(range, error, _)| (range, error));
        let Some(report) = merged.filter(|_| !is_over) else { return failed.map(|(_, error)| End::Failed(error)) };
        Some(End::Ticked(Ended {
            is_whole: failed.is_none() && fresh == order.len(),
            took: now.saturating_sub(begun_at),
            missed,
            late: first_tick.is_some_and(|first| first < report.tick),
            failed,
            is_sound: self.chunks.all().iter().all(|chunk| chunk.aside.is_none()),
            report: TickReport { owned: report.owned.saturating_add(elsewhere), ..report },
        }))
    }
}

/// True if the error may be caused by the slots of the call rather than by the worker or the store.
const fn may_lie_with_slots(error: &StoreError) -> bool {
    matches!(error, StoreError::Busy { .. } | StoreError::Refused { .. } | StoreError::Misshapen { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InstallationId, SlotCount, Tick};

    fn report(tick: u64, digest: u64) -> TickReport {
        TickReport {
            installation: InstallationId::new(uuid::Uuid::nil()),
            tick: Tick(tick),
            into_tick: Duration::ZERO,
            tick_length: Duration::from_secs(1),
            slots: SlotCount::DEFAULT,
            owned: 1,
            fence: 7,
            ticked: 1,
            left: 0,
            items: 0,
            digest,
            locked: 0,
            refused: 0,
            refusal: None,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn ids_are_read_again_only_where_a_tick_shows_others() {
        let mut rounds = TickRounds::new(2);
        assert_eq!(rounds.stale_after(None), None, "nothing is known yet");
        rounds.chunks.too_much(SlotRange::ALL);
        rounds.chunks.recut(SlotCount::DEFAULT);
        let ranges: Vec<_> = rounds.chunks.all().iter().map(|chunk| chunk.range).collect();
        let learn = |rounds: &mut TickRounds, tick, changed: Option<SlotRange>| {
            for range in &ranges {
                let report = report(tick, u64::from(Some(*range) == changed));
                rounds.chunks.get_mut(*range).unwrap().learn(&report);
            }
        };
        learn(&mut rounds, 1, None);
        for range in &ranges {
            assert_eq!(rounds.stale_after(None), Some(*range), "all are read once");
            rounds.listed(*range, &[]);
        }
        assert_eq!(rounds.stale_after(None), None);
        learn(&mut rounds, 2, None);
        assert_eq!(rounds.stale_after(None), None);
        learn(&mut rounds, 3, Some(ranges[2]));
        assert_eq!(rounds.stale_after(None), Some(ranges[2]));
        assert_eq!(rounds.stale_after(Some(ranges[2])), None, "it is not asked for twice in a row");
        learn(&mut rounds, 4, None);
        assert_eq!(rounds.stale_after(None), None, "they are the old ones again");
    }

    fn refused() -> StoreError {
        StoreError::Refused { during: "tick", source: "a trigger".into() }
    }

    /// Runs one round and all retries of slots that are set aside, as far as they are due at `now`; calls for `bad` slots fail. Returns the
    /// slots called for in the round, the outcome, and the slots called for outside of it.
    fn round(
        rounds: &mut TickRounds,
        now: Duration,
        tick: u64,
        bad: impl Fn(SlotRange) -> bool,
    ) -> (Vec<SlotRange>, End, Vec<SlotRange>) {
        let (mut called, mut beside, mut ended) = (Vec::new(), Vec::new(), None);
        rounds.next_at(now, now);
        loop {
            let aside: Vec<_> =
                rounds.chunks.all().iter().filter(|chunk| chunk.aside.is_some()).map(|chunk| chunk.range).collect();
            let ranges =
                if ended.is_some() && rounds.wake_at().is_none_or(|at| at > now) { vec![] } else { rounds.send(now, now) };
            for range in &ranges {
                if aside.contains(range) { &mut beside } else { &mut called }.push(*range);
                let end = if bad(*range) {
                    rounds.failed(now, *range, refused())
                } else {
                    rounds.answered(now, *range, &report(tick, 0)).1
                };
                if let Some(end) = end.filter(|end| !matches!(end, End::AsideFailed(..))) {
                    rounds.next_at(now, Duration::MAX);
                    ended = Some(end);
                }
            }
            if ranges.is_empty() {
                return (called, ended.expect("there is always something to call for"), beside);
            }
        }
    }

    #[test]
    fn slots_that_fail_are_set_aside_and_the_rounds_go_on_without_them() {
        let mut rounds = TickRounds::new(1);
        let bad = |range: SlotRange| range.contains(crate::Slot::new(1000));
        let second = Duration::from_secs(1);
        let (_, end, _) = round(&mut rounds, second, 1, bad);
        assert!(matches!(end, End::Failed(_)), "there is one chunk, and nothing was ticked: {end:?}");
        let (called, end, beside) = round(&mut rounds, second, 2, bad);
        let End::Ticked(ended) = end else { panic!("{end:?}") };
        assert!(ended.failed.is_some_and(|(slots, _)| bad(slots)) && !ended.is_whole && called.len() > 1);
        let last = beside.last().copied().unwrap();
        assert!(
            beside.iter().any(|range| bad(*range) && range.end() - range.first() == 1),
            "{beside:?} is cut to the slot that fails, {last:?}"
        );
        let (called, end, beside) = round(&mut rounds, second, 3, bad);
        let End::Ticked(ended) = end else { panic!("{end:?}") };
        assert!(!called.into_iter().any(bad) && beside.is_empty(), "it waits");
        assert!(ended.is_whole && !ended.is_sound && ended.failed.is_none());
        let (called, _, beside) = round(&mut rounds, 10 * second, 4, |_| false);
        assert!(!called.into_iter().any(bad) && beside.len() == 1, "it is called for beside the round: {beside:?}");
        let (called, end, beside) = round(&mut rounds, 11 * second, 5, |_| false);
        let End::Ticked(ended) = end else { panic!("{end:?}") };
        assert!(ended.is_sound && ended.is_whole && called.into_iter().any(bad) && beside.is_empty());
    }

    #[test]
    fn a_worker_whose_first_slot_fails_learns_the_time_all_the_same() {
        let mut rounds = TickRounds::new(1);
        let bad = |range: SlotRange| range.contains(crate::Slot::new(0));
        let now = Duration::from_secs(1);
        // Cut down to slot 0, which waits.
        round(&mut rounds, now, 1, bad);
        round(&mut rounds, now, 2, bad);
        rounds.next_at(now, now);
        let mut sent = Vec::new();
        while let [range, ..] = rounds.send(now, now)[..] {
            assert!(!bad(range));
            let (sent_at, end) = rounds.answered(now, range, &report(3, 0));
            sent.push(sent_at);
            if end.is_some() {
                break;
            }
        }
        assert!(sent.len() > 1 && sent[0] == Some(now) && sent[1..].iter().all(Option::is_none), "{sent:?}");
    }

    #[test]
    fn nothing_is_set_aside_while_the_store_is_slow_for_all() {
        let busy = || StoreError::Busy { during: "tick", source: "a timeout".into() };
        for (answered_after, aside) in [(10, true), (400, false)] {
            let mut rounds = TickRounds::new(1);
            let (mut now, ms) = (Duration::from_secs(1), Duration::from_millis);
            rounds.send(now, now);
            assert!(matches!(rounds.failed(now, SlotRange::ALL, busy()), Some(End::Failed(_))));
            rounds.next_at(now, now);
            let (mut ranges, begun) = (rounds.send(now, now), now);
            while !ranges.is_empty() {
                // The failing chunk is answered last.
                ranges.sort_by_key(|range| !range.contains(crate::Slot::new(1000)));
                let Some(range) = ranges.pop() else { break };
                let is_bad = range.contains(crate::Slot::new(1000));
                now = if is_bad { now.max(begun + ms(2500)) } else { now + ms(answered_after) };
                if is_bad {
                    rounds.failed(now, range, busy())
                } else {
                    rounds.answered(now, range, &report(1, 0)).1
                };
                if rounds.round.is_some() {
                    ranges.extend(rounds.send(now, now));
                }
            }
            assert_eq!(rounds.chunks.all().iter().any(|chunk| chunk.aside.is_some()), aside, "{answered_after} ms");
        }
    }

    #[test]
    fn where_all_fail_nothing_is_cut_into_ever_smaller_pieces() {
        let mut rounds = TickRounds::new(1);
        for tick in 1..20 {
            let (_, end, beside) = round(&mut rounds, Duration::from_secs(tick), tick, |_| true);
            assert!(matches!(end, End::Failed(_)) && beside.is_empty());
        }
        assert_eq!(rounds.chunks.all().len(), 64);
    }

    #[test]
    fn many_slots_that_fail_do_not_keep_the_others_from_being_ticked_for_good() {
        let mut rounds = TickRounds::new(1);
        // Failing slots in each of the first pieces.
        let bad = |range: SlotRange| (0..4096).step_by(200).any(|slot| range.contains(crate::Slot::new(slot)));
        let mut failures = 0;
        let whole = (1..40).find_map(|tick| match round(&mut rounds, Duration::from_secs(tick), tick, bad) {
            (called, End::Ticked(ended), _) if ended.is_whole => Some(called),
            _ => {
                failures += 1;
                None
            }
        });
        let called = whole.expect("a round in which nothing fails");
        assert!(failures < 12, "{failures} rounds");
        let slots: u32 = called.iter().map(|range| range.end().min(4096) - range.first()).sum();
        assert_eq!(slots, 4096 - 21, "all but the bad ones");
    }
}
