//! Into which runs of slots a worker cuts its work, by how many items they were found to hold and how fast it went.
//!
//! A statement over few rows costs a round trip for nothing; one that lasts keeps Postgres from tidying up the rows that it and others
//! write meanwhile. Where it lasts for nearly a tick, no row finds room beside its last version any more: the table grows, every further
//! statement lasts longer, and a store that was merely busy never recovers. So the slower it goes, the smaller are the chunks. Where it
//! goes fast, larger ones pay: where the rows of a slot lie far apart, each page is then visited less often.

use std::time::Duration;

use crate::{SlotCount, SlotRange, Tick, TickReport};

/// How many rows a chunk has, when it went slowly and when it went fast.
const ROWS: std::ops::RangeInclusive<u64> = 500..=64_000;
/// How many rows a chunk has until it is known how fast it goes.
const AT_FIRST: u64 = 4_000;
/// How long Postgres should work on a chunk at most. With half of it, rows in random order cost Postgres a third more: it goes slower, and
/// chunks become smaller still.
const WANTED: Duration = Duration::from_millis(300);
/// Into how many a chunk is cut that Postgres did not manage in time.
const AFTER_FAILURE: u32 = 8;
/// How many chunks there are at most while all of them fail.
const MOST_IN_DOUBT: usize = 64;
/// The waits before a single slot that fails is tried again: the first, doubling up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// A run of slots that are ticked by one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) range: SlotRange,
    /// The last tick that was answered for it.
    pub(super) tick: Option<Tick>,
    /// How many items it was found to hold, or is thought to hold by those slots of it that were ticked.
    pub(super) rows: u64,
    /// How many slots of it were owned when it was last answered for.
    pub(super) owned: u32,
    /// When it failed last together with all others, since it was answered.
    pub(super) failed_at: Option<Duration>,
    /// Set, while its calls fail and others do not.
    pub(super) aside: Option<Aside>,
    /// What the present tick has told of it so far.
    pub(super) seen: Option<Signature>,
    /// Whether all of it was ticked, so that this is the whole.
    is_done: bool,
    /// What its ids were when they were last read.
    pub(super) listed: Option<Signature>,
}

/// What a tick says of a set of items, without naming them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) items: u64,
    pub(super) digest: u64,
    pub(super) fence: u64,
}

/// What is known of a chunk that is called for apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aside {
    /// How often its calls have failed since it was cut last.
    failures: u32,
    /// It is not called for earlier.
    pub(super) retry_at: Duration,
}

impl Chunk {
    const fn unknown(range: SlotRange, rows: u64) -> Self {
        Self { range, tick: None, rows, owned: 0, failed_at: None, aside: None, seen: None, is_done: false, listed: None }
    }

    /// Takes in a report; how many ticks have gone by without it, where this is the first of its tick.
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
        // Where most is still to come, a part must not pass for the whole: it would never be cut.
        let ticked = u64::from(report.ticked).max(1);
        self.rows = held(report).saturating_mul(ticked + u64::from(report.left)) / ticked;
        self.tick = Some(report.tick);
        self.seen = Some(signature);
        Some(missed)
    }

    /// Of a chunk that is set aside: its last call has failed for another reason than its slots.
    pub(super) fn wait(&mut self, now: Duration) {
        if let Some(aside) = &mut self.aside {
            aside.retry_at = now + FIRST_RETRY;
        }
    }

    /// How many slots there are in its range.
    fn width(&self, slots: SlotCount) -> u32 {
        self.range.end().min(slots.get()).saturating_sub(self.range.first())
    }

    /// It cut into so many, of about as many slots each, or fewer where it has no more slots.
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

    /// Whether both together hold no more rows than this, and neither is set aside.
    fn may_join(&self, next: &Self, wanted: u64) -> bool {
        self.aside.is_none() && next.aside.is_none() && self.rows + next.rows <= wanted
    }

    /// Whether its ids are known to be others than were read.
    pub(super) fn is_stale(&self) -> bool {
        self.is_done && self.seen.is_some() && self.seen != self.listed
    }

    /// Takes up its neighbour, whose slots follow.
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

/// How many items the ticked slots hold, incremented or not.
const fn held(report: &TickReport) -> u64 {
    report.items + report.locked + report.refused
}

/// All chunks, in order: together they are every slot there can be.
#[derive(Debug)]
pub(super) struct Chunks {
    all: Vec<Chunk>,
    /// How many rows a chunk should have.
    wanted: u64,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { all: vec![Chunk::unknown(SlotRange::ALL, 0)], wanted: AT_FIRST }
    }

    pub(super) fn all(&self) -> &[Chunk] {
        &self.all
    }

    /// The chunk of exactly this range.
    pub(super) fn get_mut(&mut self, range: SlotRange) -> Option<&mut Chunk> {
        let place = self.all.partition_point(|chunk| chunk.range.first() < range.first());
        self.all.get_mut(place).filter(|chunk| chunk.range == range)
    }

    /// How many slots are owned in all but these ranges, as far as they were answered for.
    pub(super) fn owned_outside(&self, ranges: &[SlotRange]) -> u32 {
        self.all.iter().filter(|chunk| !ranges.contains(&chunk.range)).map(|chunk| chunk.owned).sum()
    }

    /// Ends the waits of all chunks that are set aside.
    pub(super) fn retry_aside(&mut self, now: Duration) {
        self.all.iter_mut().filter_map(|chunk| chunk.aside.as_mut()).for_each(|aside| aside.retry_at = aside.retry_at.min(now));
    }

    /// Notes a call at `now` that failed while others did not: the chunk is called for apart from them, cut first, or after a wait, if it is
    /// a single slot.
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

    /// Notes a call at `now` that failed, as did all others. The reason may lie with slots in each of a few chunks: they are cut, up to a limit.
    pub(super) fn failed_with_others(&mut self, now: Duration, range: SlotRange, slots: SlotCount) {
        let few = self.all.len() < MOST_IN_DOUBT;
        let Some(chunk) = self.get_mut(range) else { return };
        chunk.failed_at = Some(now);
        if few {
            self.cut(range, slots);
        }
    }

    /// Cuts a chunk that fails.
    fn cut(&mut self, range: SlotRange, slots: SlotCount) {
        let place = self.all.partition_point(|chunk| chunk.range.first() < range.first());
        let Some(chunk) = self.all.get(place).copied() else { return };
        let pieces = chunk.pieces(u64::from(AFTER_FAILURE), slots);
        self.all.splice(place..=place, pieces);
    }

    /// Notes that Postgres did not manage this range in time.
    pub(super) fn too_much(&mut self, range: SlotRange) {
        let enough = self.wanted * u64::from(AFTER_FAILURE);
        if let Some(chunk) = self.get_mut(range) {
            chunk.rows = chunk.rows.max(enough);
        }
    }

    /// Learns how fast it went: so many rows, on which the store worked for so long altogether.
    pub(super) fn heed(&mut self, rows: u64, took: Duration) {
        if rows >= *ROWS.start() {
            let in_time = u128::from(rows) * WANTED.as_micros() / took.as_micros().max(1);
            let in_time = u64::try_from(in_time).unwrap_or(u64::MAX).clamp(*ROWS.start(), *ROWS.end());
            // Down at once, up by and by.
            self.wanted = in_time.min(self.wanted.midpoint(in_time));
        }
    }

    /// Cuts what is too large and joins neighbours that are small together. Not while calls are under way.
    pub(super) fn recut(&mut self, slots: SlotCount) {
        let mut all: Vec<Chunk> = Vec::with_capacity(self.all.len());
        // What has just been cut may hold anything until it is measured: it is not joined with others.
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

    /// The chunk itself, unless it is twice too large; no slot is ever cut.
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

    /// Fills in what each chunk holds of these items, given by their slots, and cuts anew.
    fn measured(chunks: &mut Chunks, slots: SlotCount, items: &[u32]) {
        for chunk in &mut chunks.all {
            chunk.rows = rows_in(chunk, items);
        }
        chunks.recut(slots);
    }

    /// Each of these items stands for eight, to save time.
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
        // In each tick a single call comes through, which takes a few of many slots.
        let chunk = &mut chunks.all[0];
        for tick in 1..4 {
            chunk.learn(&report(tick, 33, 4063, 4800));
            assert_eq!(chunk.rows, 595_781, "some 600,000 by what is known");
            assert!(!chunk.is_stale(), "there is no use in reading ids that are not told yet");
        }
        chunks.recut(SlotCount::DEFAULT);
        assert!(chunks.all().len() > 100, "{}", chunks.all().len());
        assert_whole(&chunks);
        // A call takes all but what is just changing hands, and the next one the rest.
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
    fn what_was_too_much_is_cut() {
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
