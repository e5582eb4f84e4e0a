//! Chunks: the runs of slots into which a worker cuts its work, sized by measured row counts and speed.
//!
//! A statement over few rows wastes a network round trip. A long one keeps Postgres from pruning dead versions of the rows that it and
//! other sessions update meanwhile. If a statement lasts for nearly a tick, updated rows no longer fit on the page of their previous
//! version: the table grows, every further statement takes longer, and a store that was merely busy never recovers. So a slow store gets
//! smaller chunks. A fast one gets larger chunks: if the rows of a slot are scattered over the table, each page is then visited less often.

use std::time::Duration;

use crate::{SlotCount, SlotRange, Tick, TickReport};

/// Minimum and maximum target size of a chunk, in rows.
const ROWS: std::ops::RangeInclusive<u64> = 500..=64_000;
/// Target size of a chunk before the speed of the store is known, in rows.
const AT_FIRST: u64 = 4_000;
/// Target time for which Postgres works on one chunk. Half of it makes Postgres a third slower on rows in random order, which in turn makes
/// chunks smaller still.
const WANTED: Duration = Duration::from_millis(300);
/// Number of pieces into which a chunk is cut after it timed out or failed.
const AFTER_FAILURE: u32 = 8;
/// Number of chunks from which on no more are cut while all of them fail.
const MOST_IN_DOUBT: usize = 64;
/// Wait before the first retry of a single slot that fails; it doubles with each failure, up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Maximum wait before a retry of a single slot that fails.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Run of slots that one statement ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) range: SlotRange,
    /// Last tick that was answered for the chunk.
    pub(super) tick: Option<Tick>,
    /// Number of items in the chunk, extrapolated from its ticked slots while some are not ticked yet.
    pub(super) rows: u64,
    /// Number of owned slots in the last report.
    pub(super) owned: u32,
    /// Time of the last failure in a round in which all calls failed; `None` once a call is answered.
    pub(super) failed_at: Option<Duration>,
    /// Retry state while calls for the chunk fail and others succeed; `None` otherwise.
    pub(super) aside: Option<Aside>,
    /// Signature of the items reported in the current tick so far.
    pub(super) seen: Option<Signature>,
    /// True if no slot was left, so that `seen` covers the whole chunk.
    is_done: bool,
    /// Signature of the items when their ids were last read.
    pub(super) listed: Option<Signature>,
}

/// Fingerprint of a set of items: count, digest of ids, and digest of slot epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) items: u64,
    pub(super) digest: u64,
    pub(super) fence: u64,
}

/// Retry state of a chunk that is called for apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aside {
    /// Number of failures since the chunk was last cut.
    failures: u32,
    /// Earliest time of the next call.
    pub(super) retry_at: Duration,
}

impl Chunk {
    const fn unknown(range: SlotRange, rows: u64) -> Self {
        Self { range, tick: None, rows, owned: 0, failed_at: None, aside: None, seen: None, is_done: false, listed: None }
    }

    /// Records a report. Returns the number of ticks that the chunk missed if this is its first report of the tick; `None` otherwise.
    pub(super) fn learn(&mut self, report: &TickReport) -> Option<u64> {
        let signature = Signature { items: held(report), digest: report.digest, fence: report.fence };
        self.is_done = report.left == 0;
        self.aside = None;
        self.failed_at = None;
        self.owned = report.owned;
        if self.tick.is_some_and(|tick| report.tick <= tick) {
            let so_far = self.seen.map_or(self.rows, |seen| seen.items) + held(report);
            self.rows = if self.is_done { so_far } else { so_far.max(self.rows) };
            self.seen = self.seen.map(|seen| Signature {
                items: seen.items + held(report),
                digest: seen.digest ^ report.digest,
                fence: report.fence,
            });
            return None;
        }
        let missed = self.tick.map_or(0, |tick| report.tick.since(tick).saturating_sub(1));
        // If few of the slots were ticked, extrapolate: the part alone would look small, and the chunk would never be cut.
        let ticked = u64::from(report.ticked).max(1);
        self.rows = held(report).saturating_mul(ticked + u64::from(report.left)) / ticked;
        self.tick = Some(report.tick);
        self.seen = Some(signature);
        Some(missed)
    }

    /// Delays the retry of a chunk that is set aside, after a failure that its slots did not cause.
    pub(super) fn wait(&mut self, now: Duration) {
        if let Some(aside) = &mut self.aside {
            aside.retry_at = now + FIRST_RETRY;
        }
    }

    /// Returns the number of slots in the range.
    fn width(&self, slots: SlotCount) -> u32 {
        self.range.end().min(slots.get()).saturating_sub(self.range.first())
    }

    /// Returns the chunk cut into `count` pieces with about as many slots each, or into single slots if it has fewer.
    fn pieces(&self, count: u64, slots: SlotCount) -> Vec<Self> {
        let width = u64::from(self.width(slots));
        let count = count.min(width).max(1);
        let at = |number| self.range.first() + u32::try_from(width * number / count).unwrap_or(u32::MAX);
        let owned = self.owned / u32::try_from(count).unwrap_or(u32::MAX);
        let piece = |number| {
            let end = if number + 1 == count { self.range.end() } else { at(number + 1) };
            let unknown = Self::unknown(SlotRange::new(at(number)..end), self.rows / count);
            Self { tick: self.tick, owned, aside: self.aside, failed_at: self.failed_at, ..unknown }
        };
        (0..count).map(piece).collect()
    }

    /// True if both chunks together hold at most `wanted` rows and neither is set aside.
    fn may_join(&self, next: &Self, wanted: u64) -> bool {
        self.aside.is_none() && next.aside.is_none() && self.rows + next.rows <= wanted
    }

    /// True if the ids of the chunk are known to have changed since they were read.
    pub(super) fn is_stale(&self) -> bool {
        self.is_done && self.seen.is_some() && self.seen != self.listed
    }

    /// Merges the next chunk, whose slots follow, into this one.
    fn join(&mut self, next: &Self) {
        let both = |one: Option<Signature>, other: Option<Signature>| {
            let (one, other) = (one?, other?);
            Some(Signature { items: one.items + other.items, digest: one.digest ^ other.digest, fence: one.fence ^ other.fence })
        };
        self.range = SlotRange::new(self.range.first()..next.range.end());
        self.rows += next.rows;
        self.owned += next.owned;
        self.seen = both(self.seen, next.seen);
        self.listed = both(self.listed, next.listed);
        self.is_done &= next.is_done;
        self.tick = self.tick.max(next.tick);
    }
}

/// Returns the number of items in the ticked slots, incremented or not.
const fn held(report: &TickReport) -> u64 {
    report.items + report.locked + report.refused
}

/// All chunks in slot order; together they cover every possible slot.
#[derive(Debug)]
pub(super) struct Chunks {
    all: Vec<Chunk>,
    /// Target size of a chunk, in rows.
    wanted: u64,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { all: vec![Chunk::unknown(SlotRange::ALL, 0)], wanted: AT_FIRST }
    }

    pub(super) fn all(&self) -> &[Chunk] {
        &self.all
    }

    /// Returns the chunk with exactly this range; `None` if there is none.
    pub(super) fn get_mut(&mut self, range: SlotRange) -> Option<&mut Chunk> {
        let place = self.all.partition_point(|chunk| chunk.range.first() < range.first());
        self.all.get_mut(place).filter(|chunk| chunk.range == range)
    }

    /// Returns the number of owned slots in all chunks except these ranges, as last reported.
    pub(super) fn owned_outside(&self, ranges: &[SlotRange]) -> u32 {
        self.all.iter().filter(|chunk| !ranges.contains(&chunk.range)).map(|chunk| chunk.owned).sum()
    }

    /// Makes all chunks that are set aside due now.
    pub(super) fn retry_aside(&mut self, now: Duration) {
        self.all.iter_mut().filter_map(|chunk| chunk.aside.as_mut()).for_each(|aside| aside.retry_at = aside.retry_at.min(now));
    }

    /// Records a call that failed at `now` while others succeeded, and sets the chunk aside. The chunk is cut and retried at once; a single
    /// slot is retried after a wait.
    pub(super) fn set_aside(&mut self, now: Duration, range: SlotRange, slots: SlotCount) {
        let Some(chunk) = self.get_mut(range) else { return };
        if chunk.width(slots) > 1 {
            chunk.aside = Some(Aside { failures: 0, retry_at: now });
            self.cut(range, slots);
        } else {
            let failures = chunk.aside.map_or(0, |aside| aside.failures);
            let wait = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_RETRY);
            chunk.aside = Some(Aside { failures: failures.saturating_add(1), retry_at: now + wait });
        }
    }

    /// Records a call that failed at `now` like all others of its round. The cause may be slots in each of a few chunks, so the chunk is
    /// cut, up to a limit on the number of chunks.
    pub(super) fn failed_with_others(&mut self, now: Duration, range: SlotRange, slots: SlotCount) {
        let few = self.all.len() < MOST_IN_DOUBT;
        let Some(chunk) = self.get_mut(range) else { return };
        chunk.failed_at = Some(now);
        if few {
            self.cut(range, slots);
        }
    }

    /// Cuts a failing chunk into pieces.
    fn cut(&mut self, range: SlotRange, slots: SlotCount) {
        let place = self.all.partition_point(|chunk| chunk.range.first() < range.first());
        let Some(chunk) = self.all.get(place).copied() else { return };
        let pieces = chunk.pieces(u64::from(AFTER_FAILURE), slots);
        self.all.splice(place..=place, pieces);
    }

    /// Records that Postgres did not complete this range in time, so that it is cut.
    pub(super) fn too_much(&mut self, range: SlotRange) {
        let enough = self.wanted * u64::from(AFTER_FAILURE);
        if let Some(chunk) = self.get_mut(range) {
            chunk.rows = chunk.rows.max(enough);
        }
    }

    /// Adapts the target size to the measured speed: the store worked on `rows` rows for `took` in total.
    pub(super) fn heed(&mut self, rows: u64, took: Duration) {
        if rows >= *ROWS.start() {
            let in_time = u128::from(rows) * WANTED.as_micros() / took.as_micros().max(1);
            let in_time = u64::try_from(in_time).unwrap_or(u64::MAX).clamp(*ROWS.start(), *ROWS.end());
            // Decrease at once, increase gradually.
            self.wanted = in_time.min(self.wanted.midpoint(in_time));
        }
    }

    /// Cuts chunks that are too large and joins small neighbours. Must not run while calls of a round are in flight.
    pub(super) fn recut(&mut self, slots: SlotCount) {
        let mut all: Vec<Chunk> = Vec::with_capacity(self.all.len());
        // The row count of a piece that was just cut is a guess: it is not joined before it is measured.
        let mut is_measured = false;
        for chunk in &self.all {
            let pieces = self.pieces(chunk, slots);
            let was_measured = std::mem::replace(&mut is_measured, pieces.len() == 1);
            match all.last_mut() {
                Some(last) if was_measured && is_measured && last.may_join(chunk, self.wanted) => last.join(chunk),
                _ => all.extend(pieces),
            }
        }
        self.all = all;
    }

    /// Returns the chunk, cut if it has more than twice the target size. A single slot is never cut.
    fn pieces(&self, chunk: &Chunk, slots: SlotCount) -> Vec<Chunk> {
        if chunk.rows <= 2 * self.wanted || chunk.aside.is_some() || chunk.width(slots) <= 1 {
            return vec![*chunk];
        }
        chunk.pieces(chunk.rows.div_ceil(self.wanted), slots)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sets the row count of each chunk from these items, given by their slots, and recuts.
    fn measured(chunks: &mut Chunks, slots: SlotCount, items: &[u32]) {
        for chunk in &mut chunks.all {
            chunk.rows = rows_in(chunk, items);
        }
        chunks.recut(slots);
    }

    /// Each item counts as eight, to save time.
    fn rows_in(chunk: &Chunk, items: &[u32]) -> u64 {
        8 * items.iter().filter(|slot| chunk.range.contains(crate::Slot::new(**slot))).count() as u64
    }

    fn assert_whole(chunks: &Chunks) {
        let mut end = 0;
        for chunk in chunks.all() {
            assert_eq!(chunk.range.first(), end, "no gap and no overlap");
            assert!(chunk.range.end() > end, "none is empty");
            end = chunk.range.end();
        }
        assert_eq!(end, SlotRange::ALL.end());
    }

    #[test]
    fn a_small_table_is_one_chunk() {
        let mut chunks = Chunks::new();
        measured(&mut chunks, SlotCount::DEFAULT, &[7; 500]);
        assert_eq!(chunks.all().len(), 1);
    }

    #[test]
    fn the_faster_it_goes_the_larger_the_chunks_within_limits() {
        let mut chunks = Chunks::new();
        for (rows, took_ms, wanted) in
            [(100, 1, 4_000), (100_000, 100_000, 500), (100_000, 10_000, 3_000), (100_000, 1000, 30_000), (100_000, 1, 64_000)]
        {
            (0..20).for_each(|_| chunks.heed(rows, Duration::from_millis(took_ms)));
            assert!(chunks.wanted.abs_diff(wanted) <= 1, "{} and {wanted}", chunks.wanted);
        }
    }

    #[test]
    fn a_part_does_not_pass_for_the_whole() {
        let mut chunks = Chunks::new();
        let report = |tick, ticked, left, items| TickReport {
            installation: crate::InstallationId::new(uuid::Uuid::nil()),
            tick: Tick(tick),
            into_tick: Duration::ZERO,
            tick_length: Duration::from_secs(1),
            slots: SlotCount::DEFAULT,
            owned: 4096,
            fence: 7,
            ticked,
            left,
            items,
            digest: items,
            locked: 0,
            refused: 0,
            refusal: None,
            took: Duration::ZERO,
        };
        // In each tick only one call succeeds, and it takes only a few of many slots.
        let chunk = &mut chunks.all[0];
        for tick in 1..4 {
            chunk.learn(&report(tick, 33, 4063, 4800));
            assert_eq!(chunk.rows, 595_781, "some 600,000 by what is known");
            assert!(!chunk.is_stale(), "there is no use in reading ids that are not told yet");
        }
        chunks.recut(SlotCount::DEFAULT);
        assert!(chunks.all().len() > 100, "{}", chunks.all().len());
        assert_whole(&chunks);
        // One call takes all slots except those that are changing hands, and the next one takes the rest.
        let chunk = &mut chunks.all[0];
        chunk.learn(&report(4, 30, 2, 3000));
        assert_eq!(chunk.rows, 3200);
        chunk.learn(&report(4, 2, 0, 100));
        assert_eq!(chunk.rows, 3100);
        assert!(chunk.is_stale());
    }

    #[test]
    fn a_chunk_that_fails_alone_is_cut_down_to_a_slot_that_waits() {
        let (mut chunks, slots) = (Chunks::new(), SlotCount::DEFAULT);
        let bad = crate::Slot::new(1000);
        let failing = |chunks: &Chunks| *chunks.all().iter().find(|chunk| chunk.range.contains(bad)).unwrap();
        let mut width = slots.get();
        while width > 1 {
            let range = failing(&chunks).range;
            chunks.set_aside(Duration::ZERO, range, slots);
            assert_whole(&chunks);
            let chunk = failing(&chunks);
            assert_eq!(chunk.aside.map(|aside| aside.retry_at), Some(Duration::ZERO), "it is cut first");
            let before = std::mem::replace(&mut width, chunk.width(slots));
            assert!(width <= before.div_ceil(AFTER_FAILURE), "{chunk:?} of {before} slots");
        }
        let range = failing(&chunks).range;
        let mut waits = Vec::new();
        for _ in 0..7 {
            chunks.set_aside(Duration::ZERO, range, slots);
            waits.push(failing(&chunks).aside.unwrap().retry_at.as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        chunks.recut(slots);
        assert_eq!(failing(&chunks).range, range, "it is joined with no other");
    }

    #[test]
    fn a_chunk_that_is_too_large_is_split() {
        let mut chunks = Chunks::new();
        chunks.too_much(SlotRange::ALL);
        chunks.recut(SlotCount::DEFAULT);
        assert_eq!(chunks.all().len(), 8);
        assert_whole(&chunks);
    }

    proptest! {
        #[test]
        fn chunks_are_whole_and_settle_at_the_size_that_is_wanted(
            bits in 1_u32..13, dense in 0_u32..60_000, heavy in any::<u32>(), burst in 0_usize..20_000,
        ) {
            let slots = SlotCount::new(1 << bits).unwrap();
            let mut items: Vec<u32> = (0..dense).map(|item| item.wrapping_mul(0x9e37_79b9) >> (32 - bits)).collect();
            items.extend(std::iter::repeat_n(heavy >> (32 - bits), burst));
            let mut chunks = Chunks::new();
            for _ in 0..16 {
                measured(&mut chunks, slots, &items);
                assert_whole(&chunks);
            }
            for chunk in &mut chunks.all {
                chunk.rows = rows_in(chunk, &items);
            }
            let last = chunks.all.len() - 1;
            for (number, chunk) in chunks.all.iter().enumerate() {
                let width = chunk.range.end().min(slots.get()).saturating_sub(chunk.range.first());
                prop_assert!(chunk.rows <= 2 * chunks.wanted || width <= 1, "{chunk:?}");
                let small = number < last && chunk.rows + chunks.all[number + 1].rows <= chunks.wanted;
                prop_assert!(!small, "{chunk:?} and its neighbour should be one");
            }
        }
    }
}
