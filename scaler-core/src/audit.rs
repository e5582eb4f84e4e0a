//! Proves from two snapshots that every item gained exactly as much as its slot was ticked: no tick done twice, none left out.
//!
//! Each snapshot must be consistent: slots and items of one moment. The proof then needs no stopped system, and slots may move in
//! between, because a tick changes a slot and its items in one step.

use std::collections::BTreeMap;

use crate::{ItemId, Slot, Tick, WorkerId};

/// Maximum number of items of each kind that a report names; all are counted.
pub const MOST_NAMED: usize = 20;

/// Number of ticks of a slot up to some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTicks {
    /// Owner at that moment.
    pub owner: Option<WorkerId>,
    /// Number of times it was ever ticked.
    pub ticks: u64,
    /// Last tick that was done for it.
    pub last_tick: Tick,
}

/// State of slots at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Present tick at that moment, by the store's clock.
    pub tick: Tick,
    /// Slots that are audited.
    pub slots: BTreeMap<Slot, SlotTicks>,
}

/// State of slots at one moment, and the values of their items: 20 bytes per item.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    moment: Moment,
    items: Vec<ItemId>,
    values: Vec<i32>,
}

/// Item that did not gain what it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The item.
    pub item: ItemId,
    /// Its slot.
    pub slot: Slot,
    /// Owner of the slot at the later moment.
    pub owner: Option<WorkerId>,
    /// Growth of its value.
    pub gained: i64,
    /// Number of times its slot was ticked; negative if a failover lost more ticks than were done since.
    pub ticked: i64,
    /// Number of ticks that were due.
    pub due: u64,
}

/// Result of an audit of two snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of ticks from the earlier snapshot to the later one.
    pub ticks: u64,
    /// Number of items in both snapshots, which were therefore checked.
    pub items: u64,
    /// Number of items only in the later snapshot.
    pub came: u64,
    /// Number of items only in the earlier snapshot.
    pub gone: u64,
    /// Number of items that gained more than their slot was ticked.
    pub doubled: u64,
    /// Sum of the excess of these items.
    pub doubles: u64,
    /// Number of items that gained less than their slot was ticked: another session had them locked or changed their value, or
    /// the store refused to change them.
    pub short: u64,
    /// Number of items whose value is the maximum integer and cannot grow: they count as neither short nor late.
    pub ended: u64,
    /// First of the items that reached the maximum.
    pub named_ended: Vec<ItemId>,
    /// Number of items that gained less than there were ticks.
    pub late: u64,
    /// Sum of the item-ticks that were missed.
    pub gaps: u64,
    /// Maximum number of ticks that one item missed.
    pub longest_gap: u64,
    /// First items whose gain differs from their slot's ticks; those that gained too much come first.
    pub named: Vec<Deviation>,
}

impl Snapshot {
    /// Returns a snapshot of the slots at a moment, without items yet.
    #[must_use]
    pub const fn new(moment: Moment) -> Self {
        Self { moment, items: Vec::new(), values: Vec::new() }
    }

    /// Adds the next item. Items must come in the order of their ids.
    pub fn push(&mut self, item: ItemId, value: i32) {
        self.items.push(item);
        self.values.push(value);
    }

    /// Returns the slots that are audited.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.moment.slots.keys().copied()
    }

    /// Returns the number of items.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.items.len()
    }
}

/// Audit of a later snapshot against an earlier one. It reads the later one item by item and keeps only the earlier one in
/// memory.
#[derive(Clone, Debug)]
pub struct Audit {
    first: Snapshot,
    later: Moment,
    /// Number of items of the earlier snapshot that are done.
    passed: usize,
    report: Report,
    /// Items that gained too little; they are named after the doubled ones.
    short: Vec<Deviation>,
}

impl Audit {
    /// Begins an audit with the earlier snapshot and the later state of the slots.
    #[must_use]
    pub fn new(first: Snapshot, later: Moment) -> Self {
        let report = Report { ticks: later.tick.since(first.moment.tick), ..Report::default() };
        Self { first, later, passed: 0, report, short: Vec::new() }
    }

    /// Checks the next item of the later snapshot. Items must come in the order of their ids.
    pub fn see(&mut self, item: ItemId, slot: Slot, value: i32) {
        while self.first.items.get(self.passed).is_some_and(|earlier| *earlier < item) {
            self.passed += 1;
            self.report.gone += 1;
        }
        let before = self.first.items.get(self.passed).filter(|earlier| **earlier == item);
        let slots = self.first.moment.slots.get(&slot).zip(self.later.slots.get(&slot));
        let (Some(_), Some((then, now))) = (before, slots) else {
            self.report.came += 1;
            return;
        };
        let gained = i64::from(value) - i64::from(self.first.values[self.passed]);
        self.passed += 1;
        let deviation = Deviation {
            item: item.clone(),
            slot,
            owner: now.owner.clone(),
            gained,
            ticked: growth(then.ticks, now.ticks).min(growth(then.last_tick.0, now.last_tick.0)),
            due: due((self.first.moment.tick, then.last_tick), (self.later.tick, now.last_tick)),
        };
        self.report.items += 1;
        if value == i32::MAX && gained <= deviation.ticked {
            self.report.ended += 1;
            if self.report.named_ended.len() < MOST_NAMED {
                self.report.named_ended.push(item);
            }
            return;
        }
        self.report.count(&deviation);
        let (list, amiss) = match gained.cmp(&deviation.ticked) {
            std::cmp::Ordering::Greater => (&mut self.report.named, true),
            std::cmp::Ordering::Less => (&mut self.short, true),
            std::cmp::Ordering::Equal => (&mut self.short, false),
        };
        if amiss && list.len() < MOST_NAMED {
            list.push(deviation);
        }
    }

    /// Returns the result of the audit.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.report.gone += (self.first.items.len() - self.passed) as u64;
        self.report.named.append(&mut self.short);
        self.report
    }
}

impl Report {
    /// True if every item gained exactly as much as its slot was ticked.
    #[must_use]
    pub const fn proves(&self) -> bool {
        self.doubled == 0 && self.short == 0
    }

    fn count(&mut self, found: &Deviation) {
        let surplus = found.gained - found.ticked;
        self.doubled += u64::from(surplus > 0);
        self.doubles += u64::try_from(surplus).unwrap_or(0);
        self.short += u64::from(surplus < 0);
        let gap = u64::try_from(signed(found.due) - found.gained).unwrap_or(0);
        self.late += u64::from(gap > 0);
        self.gaps += gap;
        self.longest_gap = self.longest_gap.max(gap);
    }
}

/// Returns the number of ticks that were due between two moments, each given by its present tick and the slot's last one.
///
/// At either moment the present tick may be done or not. Ticks missed before the first moment do not count.
fn due((tick_then, last_then): (Tick, Tick), (tick_now, last_now): (Tick, Tick)) -> u64 {
    let done_by = |tick: Tick, last: Tick| last.max(Tick(tick.0.saturating_sub(1)));
    done_by(tick_now, last_now).since(done_by(tick_then, last_then))
}

fn growth(then: u64, now: u64) -> i64 {
    signed(now) - signed(then)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
