//! One pass over all chunks after the other: one call at a time, or several within a limit, spread over the tick, never two passes at
//! a time. A worker that cannot keep up starts the next pass when the last one ends: what it did not reach in time is left out of
//! that tick, and counted.

use std::time::Duration;

use super::chunks::{Chunk, Chunks, Signature};
use crate::{ItemId, SlotRange, Tick, TickReport, digest_of};

/// A pass that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The reports of all chunks as if they were one.
    pub(super) report: TickReport,
    /// Whether each report was the first of its tick, so that together they tell of all items.
    pub(super) is_whole: bool,
    /// From the first call to the last answer.
    pub(super) took: Duration,
    /// How many ticks went by without some chunk, at the most.
    pub(super) missed: u64,
    /// Whether it was still at work when a further tick began.
    pub(super) late: bool,
}

/// What the passes do.
#[derive(Debug)]
pub(super) struct Passes {
    chunks: Chunks,
    at_once: usize,
    due_at: Duration,
    /// Something changed while a pass was under way: another one follows at this time.
    again: Option<Duration>,
    pass: Option<Pass>,
}

#[derive(Debug)]
struct Pass {
    begun_at: Duration,
    /// From one call to the next.
    step: Duration,
    /// How many chunks have been called for.
    sent: usize,
    /// Those to call for once more, since the first call did not take all that was due.
    rest: Vec<SlotRange>,
    under_way: Vec<(SlotRange, Duration)>,
    merged: Option<TickReport>,
    first_tick: Option<Tick>,
    fresh: usize,
    missed: u64,
    failed: bool,
}

impl Passes {
    pub(super) fn new(at_once: usize) -> Self {
        Self { chunks: Chunks::new(), at_once: at_once.max(1), due_at: Duration::ZERO, again: None, pass: None }
    }

    /// Sets when the next pass begins, unless one is wanted earlier.
    pub(super) fn next_at(&mut self, now: Duration, at: Duration) {
        self.due_at = self.again.take().map_or(at, |again| again.max(now).min(at));
    }

    /// After a failure: nothing is hurried.
    pub(super) fn retry_at(&mut self, at: Duration) {
        self.again = None;
        self.due_at = at;
    }

    /// Begins a pass at this time, or as soon as the one under way has ended.
    pub(super) fn hurry(&mut self, at: Duration) {
        self.again = self.pass.is_some().then_some(at);
        self.due_at = self.due_at.min(at);
    }

    /// Whether no call is under way.
    pub(super) const fn is_idle(&self) -> bool {
        self.pass.is_none()
    }

    /// When there is something to send next, if that can be said.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        match &self.pass {
            None => Some(self.due_at),
            Some(pass) => self.may_send(pass).then(|| pass.next_at()),
        }
    }

    /// What is to be called for now; it counts as called for then. A pass that is due begins, and is spread over the time `until` then.
    pub(super) fn send(&mut self, now: Duration, until: Duration) -> Vec<SlotRange> {
        if self.pass.is_none() && self.due_at <= now {
            let chunks = u32::try_from(self.chunks.all().len()).unwrap_or(u32::MAX);
            self.pass = Some(Pass::new(now, until.saturating_sub(now) / chunks.max(1)));
        }
        let mut ranges = Vec::new();
        while let Some(mut pass) = self.pass.take() {
            let range = self.may_send(&pass).then(|| pass.take_next(now, self.chunks.all())).flatten();
            self.pass = Some(pass);
            let Some(range) = range else { break };
            ranges.push(range);
        }
        ranges
    }

    fn may_send(&self, pass: &Pass) -> bool {
        let any_left = pass.sent < self.chunks.all().len() || !pass.rest.is_empty();
        !pass.failed && any_left && pass.under_way.len() < self.at_once
    }

    /// Takes in a report. The first value is when the call was made, if it was the first of its pass; the second the end of the
    /// pass, if this was it and nothing failed in it.
    pub(super) fn answered(&mut self, now: Duration, range: SlotRange, report: &TickReport) -> (Option<Duration>, Option<Ended>) {
        let Some(pass) = &mut self.pass else { return (None, None) };
        let sent_at = pass.answer(range);
        if let Some(missed) = self.chunks.get_mut(range).and_then(|chunk| chunk.learn(report)) {
            pass.fresh += 1;
            pass.missed = pass.missed.max(missed);
        }
        let first_tick = *pass.first_tick.get_or_insert(report.tick);
        let mut report = report.clone();
        // In a further tick everything is due again: then the chunks are cut anew first.
        if report.left > 0 && report.ticked > 0 && report.tick == first_tick {
            // It comes to the rest at once, and that call tells of the same slots again.
            pass.rest.push(range);
            report = TickReport { owned: 0, fence: 0, left: 0, ..report };
        }
        pass.merged = Some(pass.merged.take().map_or_else(|| report.clone(), |merged| merge(&merged, &report)));
        let first = sent_at.filter(|_| range.first() == 0);
        (first, self.end(now))
    }

    /// The first run of slots after this one whose ids are known to have changed since they were read; from the first slot on, if `None`.
    pub(super) fn stale_after(&self, last: Option<SlotRange>) -> Option<SlotRange> {
        let from = last.map_or(0, |range| range.end());
        self.chunks.all().iter().find(|chunk| chunk.range.first() >= from && chunk.is_stale()).map(|chunk| chunk.range)
    }

    /// Notes which ids were read in these slots after the last report.
    pub(super) fn listed(&mut self, range: SlotRange, items: &[ItemId]) {
        if let Some(chunk) = self.chunks.get_mut(range) {
            let (count, digest) = (items.len() as u64, digest_of(items));
            chunk.listed = chunk.seen.map(|seen| Signature { items: count, digest, fence: seen.fence });
        }
    }

    /// Notes that a call failed: the pass sends no more. Whether it may have been too much to ask for at once is `heavy`.
    pub(super) fn failed(&mut self, now: Duration, range: SlotRange, load: Load) {
        if let Some(pass) = &mut self.pass {
            pass.answer(range);
            pass.failed = true;
        }
        if load == Load::Heavy {
            self.chunks.too_much(range);
        }
        self.end(now);
    }

    fn end(&mut self, now: Duration) -> Option<Ended> {
        let count = self.chunks.all().len();
        let pass =
            self.pass.take_if(|pass| pass.under_way.is_empty() && (pass.failed || pass.sent == count && pass.rest.is_empty()))?;
        if let Some(report) = &pass.merged {
            self.chunks.heed(report.items, report.took);
            self.chunks.recut(report.slots);
        }
        let report = pass.merged.filter(|_| !pass.failed)?;
        let late = pass.first_tick.is_some_and(|first| first < report.tick);
        Some(Ended { report, is_whole: pass.fresh == count, took: now.saturating_sub(pass.begun_at), missed: pass.missed, late })
    }
}

/// Whether a call that failed may have asked for too much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// It may.
    Heavy,
    /// It failed for another reason.
    Any,
}

impl Pass {
    const fn new(begun_at: Duration, step: Duration) -> Self {
        Self {
            begun_at,
            step,
            sent: 0,
            rest: Vec::new(),
            under_way: Vec::new(),
            merged: None,
            first_tick: None,
            fresh: 0,
            missed: 0,
            failed: false,
        }
    }

    /// When the next call may be made.
    fn next_at(&self) -> Duration {
        if self.rest.is_empty() {
            self.begun_at + self.step * u32::try_from(self.sent).unwrap_or(u32::MAX)
        } else {
            self.begun_at
        }
    }

    /// What to call for next, if it is time; it counts as called for then.
    fn take_next(&mut self, now: Duration, chunks: &[Chunk]) -> Option<SlotRange> {
        if self.next_at() > now {
            return None;
        }
        let range = self.rest.pop().unwrap_or_else(|| {
            self.sent += 1;
            chunks[self.sent - 1].range
        });
        self.under_way.push((range, now));
        Some(range)
    }

    /// Takes a call off; when it was made.
    fn answer(&mut self, range: SlotRange) -> Option<Duration> {
        let place = self.under_way.iter().position(|(other, _)| *other == range)?;
        let (_, sent_at) = self.under_way.swap_remove(place);
        Some(sent_at)
    }
}

/// Two reports of different slots as one.
fn merge(one: &TickReport, other: &TickReport) -> TickReport {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InstallationId, SlotCount};

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
        let mut passes = Passes::new(2);
        assert_eq!(passes.stale_after(None), None, "nothing is known yet");
        passes.chunks.too_much(SlotRange::ALL);
        passes.chunks.recut(SlotCount::DEFAULT);
        let ranges: Vec<_> = passes.chunks.all().iter().map(|chunk| chunk.range).collect();
        let learn = |passes: &mut Passes, tick, changed: Option<SlotRange>| {
            for range in &ranges {
                let report = report(tick, u64::from(Some(*range) == changed));
                passes.chunks.get_mut(*range).unwrap().learn(&report);
            }
        };
        learn(&mut passes, 1, None);
        for range in &ranges {
            assert_eq!(passes.stale_after(None), Some(*range), "all are read once");
            passes.listed(*range, &[]);
        }
        assert_eq!(passes.stale_after(None), None);
        learn(&mut passes, 2, None);
        assert_eq!(passes.stale_after(None), None);
        learn(&mut passes, 3, Some(ranges[2]));
        assert_eq!(passes.stale_after(None), Some(ranges[2]));
        assert_eq!(passes.stale_after(Some(ranges[2])), None, "it is not asked for twice in a row");
        learn(&mut passes, 4, None);
        assert_eq!(passes.stale_after(None), None, "they are the old ones again");
    }
}
