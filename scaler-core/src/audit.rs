//! Proves from two looks that every item gained just as much as its slot was ticked: none twice, none left out.
//!
//! Both looks must be consistent: slots and items of one moment. Then the proof needs neither a stopped system nor a slot that
//! stays where it is, because a tick changes a slot and its items in one step.

use std::collections::BTreeMap;

use crate::{ItemId, Slot, Tick, WorkerId};

/// The most items that a report names of each sort; all are counted.
pub const MOST_NAMED: usize = 20;

/// How often a slot was ticked until some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTicks {
    /// Who owned it then.
    pub owner: Option<WorkerId>,
    /// How often it was ticked, ever.
    pub ticks: u64,
    /// When it was last ticked.
    pub last_tick: Tick,
}

/// Slots at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The tick at that moment, by the store's clock.
    pub tick: Tick,
    /// The slots that are looked at.
    pub slots: BTreeMap<Slot, SlotTicks>,
}

/// Slots at one moment, and the values of their items: 20 bytes an item.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    moment: Moment,
    items: Vec<ItemId>,
    values: Vec<i32>,
}

/// An item that did not gain what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The item.
    pub item: ItemId,
    /// Its slot.
    pub slot: Slot,
    /// Who owned the slot at the later moment.
    pub owner: Option<WorkerId>,
    /// How much its value grew.
    pub gained: i64,
    /// How often its slot was ticked; below 0 where a failover has lost more ticks than were done since.
    pub ticked: i64,
    /// How many ticks there were to do.
    pub due: u64,
}

/// What two looks prove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// From the earlier look to the later one, in ticks.
    pub ticks: u64,
    /// Items that were there both times, and so were judged.
    pub items: u64,
    /// Items that were there only the second time.
    pub came: u64,
    /// Items that were there only the first time.
    pub gone: u64,
    /// Items that gained more than their slot was ticked.
    pub doubled: u64,
    /// By how much, all together.
    pub doubles: u64,
    /// Items that gained less than their slot was ticked: somebody held them locked or changed their value, or the store refused to change them.
    pub short: u64,
    /// Items whose value is the greatest integer, so that it stays: they are neither short nor late.
    pub ended: u64,
    /// The first of them.
    pub named_ended: Vec<ItemId>,
    /// Items that gained less than there were ticks.
    pub late: u64,
    /// By how much, all together: item-ticks that were missed.
    pub gaps: u64,
    /// The most that one item missed.
    pub longest_gap: u64,
    /// The first of the items that gained other than their slot was ticked, those that gained too much before the others.
    pub named: Vec<Deviation>,
}

impl Snapshot {
    /// The slots at a moment; its items are still to come.
    #[must_use]
    pub const fn new(moment: Moment) -> Self {
        Self { moment, items: Vec::new(), values: Vec::new() }
    }

    /// The next item, in the order of their ids.
    pub fn push(&mut self, item: ItemId, value: i32) {
        self.items.push(item);
        self.values.push(value);
    }

    /// The slots that are looked at.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.moment.slots.keys().copied()
    }

    /// How many items there are.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.items.len()
    }
}

/// The second look, item by item: only the first one is kept.
#[derive(Clone, Debug)]
pub struct Audit {
    first: Snapshot,
    later: Moment,
    /// How many items of the first look are done with.
    passed: usize,
    report: Report,
    /// Those that are named after the doubled ones.
    short: Vec<Deviation>,
}

impl Audit {
    /// Begins with what was seen first, and the slots as they are later.
    #[must_use]
    pub fn new(first: Snapshot, later: Moment) -> Self {
        let report = Report { ticks: later.tick.since(first.moment.tick), ..Report::default() };
        Self { first, later, passed: 0, report, short: Vec::new() }
    }

    /// The next item of the later look, in the order of their ids.
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
            item,
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

    /// What both looks prove.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.report.gone += (self.first.items.len() - self.passed) as u64;
        self.report.named.append(&mut self.short);
        self.report
    }
}

impl Report {
    /// Whether every item gained just as much as its slot was ticked.
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

/// How many ticks there were to do from one moment to another, each given by the tick that it was and the slot's last one.
///
/// At either moment the present tick may be done already or not yet; what was missed before the first moment is not asked for.
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
