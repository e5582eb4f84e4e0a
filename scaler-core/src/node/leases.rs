//! Items that a node works on: a pure state machine between ownership, as the worker reports it, and the futures of a handler.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::hand_over::{Acknowledgement, Gate, HandOver, Token};
use crate::{Cause, Epoch, Holding, ItemId, Slot, SlotCount, slot_of, slots_of};

/// Wait after the first failure of a handler; it doubles with each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Maximum wait after failures of a handler. Work that has run for longer has recovered.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Time from a withdrawal after which unfinished work is reported; it doubles with each report.
const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// Step that the driver carries out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Start the handler on this item.
    Start(ItemId, Token),
    /// Withdraw the lease of the item.
    Withdraw(ItemId, Cause),
    /// Tell the next owners that work has ended.
    Acknowledge(Vec<Acknowledgement>),
    /// Report that work goes on although its lease was withdrawn this long ago.
    Overdue(ItemId, Cause, Duration),
}

/// State of all items of the node.
#[derive(Debug)]
pub(super) struct Leases {
    gate: Gate,
    slots: BTreeMap<Slot, SlotWork>,
    /// Items as last listed, in order.
    listed: Arc<[ItemId]>,
    /// Slots whose items must be looked at again.
    changed: BTreeSet<Slot>,
    /// Held slots that may not be worked on yet.
    waiting: BTreeSet<Slot>,
    /// Times at which work of a slot is started again, or reported as overdue.
    alarms: BTreeSet<(Duration, Slot)>,
    /// Cause of all withdrawals while the node may not work at all.
    barred: Option<Cause>,
    draining: bool,
    running: usize,
    /// Number of changes of the slots that may be worked on.
    version: u64,
    acknowledgements: Vec<Acknowledgement>,
}

/// Work of one slot.
#[derive(Debug, Default)]
struct SlotWork {
    /// Epoch at which the slot is held; `None` if it is not.
    held: Option<Epoch>,
    /// Cause for which it was gained at this epoch; `None` if it never was.
    gained_by: Option<Cause>,
    /// Latest epoch at which its work is known to have ended.
    ended: Epoch,
    /// Listed items of the slot, in order.
    items: Vec<ItemId>,
    work: BTreeMap<ItemId, Work>,
}

/// State of an item's future.
#[derive(Debug)]
enum Work {
    Running {
        token: Token,
        since: Duration,
        failures: Option<Backoff>,
        withdrawn: Option<Withdrawn>,
    },
    Failed {
        failures: Backoff,
        retry_at: Duration,
    },
    /// The future returned before a withdrawal: its work is done for this epoch.
    Done {
        epoch: Epoch,
    },
}

#[derive(Debug)]
struct Withdrawn {
    cause: Cause,
    at: Duration,
    next_report: Duration,
}

impl Leases {
    pub(super) fn new(hand_over: HandOver) -> Self {
        Self {
            gate: Gate::new(hand_over),
            slots: BTreeMap::new(),
            listed: Arc::default(),
            changed: BTreeSet::new(),
            waiting: BTreeSet::new(),
            alarms: BTreeSet::new(),
            barred: Some(Cause::LeaseLost),
            draining: false,
            running: 0,
            version: 0,
            acknowledgements: Vec::new(),
        }
    }

    /// Number of futures that have not ended.
    pub(super) const fn running(&self) -> usize {
        self.running
    }

    /// Returns a number that changes with the slots that may be [worked on](Self::workable).
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// True if a held slot waits for the acknowledgement of a former owner.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Records that losses from now on are caused by a drain; false ends it.
    pub(super) const fn draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// Withdraws all leases, for good.
    pub(super) fn stop(&mut self, cause: Cause) {
        self.bar(Some(cause));
    }

    /// Returns the slots that may be worked on, each with its token and the cause for which it was gained.
    pub(super) fn workable(&self, now: Duration) -> BTreeMap<Slot, (Token, Cause)> {
        let held = self.slots.iter().filter(|(_, work)| work.held.is_some() && self.barred.is_none());
        held.filter_map(|(slot, work)| Some((*slot, (self.gate.token(now, *slot)?, work.gained_by?)))).collect()
    }

    /// True if the node could not confirm in time that it still holds its slots.
    pub(super) fn is_expired(&self) -> bool {
        self.barred == Some(Cause::LeaseLost)
    }

    /// Ends all turns, after the last future has ended: the acknowledgements of the slots that are still held.
    pub(super) fn release(&mut self, now: Duration) -> Vec<Acknowledgement> {
        self.gate.look(now, now, [])
    }

    /// Records that, as requested at `asked_at`, the slots last [held](Self::held) were still held.
    pub(super) fn confirmed(&mut self, now: Duration, asked_at: Duration) {
        self.gate.renew(asked_at);
        self.check_expiry(now);
    }

    /// Records the slots that are held, as requested at `asked_at`.
    pub(super) fn held(&mut self, now: Duration, asked_at: Duration, holdings: &[Holding]) {
        for Holding { slot, ended, .. } in holdings {
            let ended = Acknowledgement { slot: *slot, epoch: *ended };
            self.acknowledgements.extend(self.gate.hear(now, ended));
        }
        self.acknowledgements.extend(self.gate.look(asked_at, now, holdings.iter().map(|held| (held.slot, held.epoch))));
        let holdings: BTreeMap<Slot, &Holding> = holdings.iter().map(|held| (held.slot, held)).collect();
        for (slot, work) in &mut self.slots {
            if work.held.is_some() && !holdings.contains_key(slot) {
                work.held = None;
                self.version += 1;
                self.waiting.remove(slot);
                self.changed.insert(*slot);
            }
        }
        for (slot, Holding { epoch, ended, cause, .. }) in holdings {
            let work = self.slots.entry(slot).or_default();
            if work.held.replace(*epoch) != Some(*epoch) {
                work.gained_by = Some(*cause);
                self.version += 1;
                self.waiting.insert(slot);
                self.changed.insert(slot);
            }
            if std::mem::replace(&mut work.ended, *ended) != *ended {
                self.changed.insert(slot);
            }
        }
        self.check_expiry(now);
    }

    /// Records the items of all slots, in order, in a store with this many slots.
    pub(super) fn listed(&mut self, items: Arc<[ItemId]>, slots: SlotCount) {
        if Arc::ptr_eq(&items, &self.listed) {
            return;
        }
        let mut by_slot: BTreeMap<Slot, Vec<ItemId>> = BTreeMap::new();
        for (slot, item) in slots_of(&items, slots).zip(items.iter()) {
            by_slot.entry(slot).or_default().push(item.clone());
        }
        for (slot, work) in &mut self.slots {
            if !work.items.is_empty() && !by_slot.contains_key(slot) {
                work.items = Vec::new();
                self.changed.insert(*slot);
            }
        }
        for (slot, items) in by_slot {
            let work = self.slots.entry(slot).or_default();
            if work.items != items {
                work.items = items;
                self.changed.insert(slot);
            }
        }
        self.listed = items;
    }

    /// Records that the future of this item has returned: `failed` if by an error or a panic. Returns the wait until it is started again;
    /// `None` if it is not.
    pub(super) fn finished(&mut self, now: Duration, item: &ItemId, slots: SlotCount, failed: bool) -> Option<Duration> {
        let slot = slot_of(item, slots);
        let slot_work = self.slots.get_mut(&slot)?;
        let Work::Running { token, since, failures, withdrawn } = slot_work.work.remove(item)? else { return None };
        self.running -= 1;
        self.changed.insert(slot);
        let again = if withdrawn.is_some() {
            None
        } else if failed {
            let has_recovered = now.saturating_sub(since) > LONGEST_RETRY;
            let seed = crate::item_hash(item, 0);
            let kept = failures.filter(|_| !has_recovered);
            let mut failures = kept.unwrap_or_else(|| Backoff::new(FIRST_RETRY, LONGEST_RETRY, seed));
            let wait = failures.failed();
            slot_work.work.insert(item.clone(), Work::Failed { failures, retry_at: now + wait });
            self.alarms.insert((now + wait, slot));
            Some(wait)
        } else {
            slot_work.work.insert(item.clone(), Work::Done { epoch: token.epoch });
            None
        };
        self.acknowledgements.extend(self.gate.end(now, token));
        again
    }

    /// Records that the future of this item returned without having begun its work. It is started again as soon as it may be.
    pub(super) fn skipped(&mut self, now: Duration, item: &ItemId, slots: SlotCount) {
        let slot = slot_of(item, slots);
        let Some(slot_work) = self.slots.get_mut(&slot) else { return };
        if let Some(Work::Running { token, .. }) = slot_work.work.remove(item) {
            self.changed.insert(slot);
            self.end(now, token);
        }
    }

    /// Returns the time until which work may begin without another confirmation; `None` if without end.
    pub(super) fn known_until(&self) -> Option<Duration> {
        self.gate.known_until()
    }

    /// Begins a piece of work on a slot; `None` if it may not begin.
    pub(super) fn begin(&mut self, now: Duration, slot: Slot) -> Option<Token> {
        if self.barred.is_some() {
            return None;
        }
        let token = self.gate.begin(now, slot)?;
        self.running += 1;
        Some(token)
    }

    /// Ends a piece of work that was [begun](Self::begin).
    pub(super) fn end(&mut self, now: Duration, token: Token) {
        self.running -= 1;
        self.acknowledgements.extend(self.gate.end(now, token));
    }

    /// Returns what is to be done now.
    pub(super) fn advance(&mut self, now: Duration) -> Vec<Action> {
        self.check_expiry(now);
        while let Some((_, slot)) = self.alarms.first().copied().filter(|(at, _)| *at <= now) {
            self.alarms.pop_first();
            self.changed.insert(slot);
        }
        if self.clear_at().is_some_and(|at| at <= now) {
            self.acknowledgements.extend(self.gate.poll(now));
        }
        // Whatever has let them begin: an acknowledgement, the end of the limit, or a confirmation.
        let ready: Vec<Slot> = self.waiting.iter().copied().filter(|slot| self.gate.token(now, *slot).is_some()).collect();
        for slot in ready {
            self.waiting.remove(&slot);
            self.changed.insert(slot);
            self.version += 1;
        }
        let mut actions = Vec::new();
        for slot in std::mem::take(&mut self.changed) {
            self.advance_slot(now, slot, &mut actions);
        }
        if !self.acknowledgements.is_empty() {
            actions.push(Action::Acknowledge(std::mem::take(&mut self.acknowledgements)));
        }
        actions
    }

    /// Returns the time at which [`advance`](Self::advance) has something to do without another event; `None` if there is none.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let expiry = self.gate.known_until().filter(|_| self.barred.is_none()).map(|until| until + Duration::from_millis(1));
        let alarm = self.alarms.first().map(|(at, _)| *at);
        [expiry, self.clear_at(), alarm].into_iter().flatten().min()
    }

    /// Returns the earliest time at which a slot need not wait any longer; `None` at no cost if none waits.
    fn clear_at(&self) -> Option<Duration> {
        if self.waiting.is_empty() { None } else { self.gate.clear_at() }
    }

    fn check_expiry(&mut self, now: Duration) {
        if self.barred.is_none_or(|cause| cause == Cause::LeaseLost) {
            let is_known = self.gate.known_until().is_none_or(|until| now <= until);
            self.bar((!is_known).then_some(Cause::LeaseLost));
        }
    }

    fn bar(&mut self, barred: Option<Cause>) {
        if self.barred != barred {
            self.barred = barred;
            self.version += 1;
            self.changed.extend(self.slots.keys());
        }
    }

    fn advance_slot(&mut self, now: Duration, slot: Slot, actions: &mut Vec<Action>) {
        let Some(SlotWork { held, items, work, .. }) = self.slots.get_mut(&slot) else { return };
        for (item, state) in &mut *work {
            let Work::Running { token, withdrawn, .. } = state else { continue };
            let cause = if let Some(cause) = self.barred {
                Some(cause)
            } else if *held != Some(token.epoch) {
                Some(if self.draining { Cause::Drained } else { Cause::Rebalance })
            } else {
                items.binary_search(item).is_err().then_some(Cause::TableChanged)
            };
            match (&mut *withdrawn, cause) {
                (None, Some(cause)) => {
                    let next_report = now + OVERDUE_AFTER;
                    *withdrawn = Some(Withdrawn { cause, at: now, next_report });
                    self.alarms.insert((next_report, slot));
                    actions.push(Action::Withdraw(item.clone(), cause));
                }
                (Some(withdrawn), _) if withdrawn.next_report <= now => {
                    let late = now.saturating_sub(withdrawn.at);
                    withdrawn.next_report = now + late;
                    self.alarms.insert((withdrawn.next_report, slot));
                    actions.push(Action::Overdue(item.clone(), withdrawn.cause, late));
                }
                _ => {}
            }
        }
        work.retain(|item, state| matches!(state, Work::Running { .. }) || (held.is_some() && items.binary_search(item).is_ok()));
        let Some(epoch) = held.filter(|_| self.barred.is_none()) else {
            if held.is_none() && work.is_empty() && items.is_empty() {
                self.slots.remove(&slot);
            }
            return;
        };
        for item in &*items {
            let may_start = match work.get(item) {
                None => true,
                Some(Work::Running { .. }) => false,
                Some(Work::Failed { retry_at, .. }) => *retry_at <= now,
                Some(Work::Done { epoch: done }) => *done != epoch,
            };
            if !may_start {
                continue;
            }
            // If the first item has to wait for the former owner, so do the others.
            let Some(token) = self.gate.begin(now, slot) else { return };
            let failures = match work.remove(item) {
                Some(Work::Failed { failures, .. }) => Some(failures),
                _ => None,
            };
            work.insert(item.clone(), Work::Running { token, since: now, failures, withdrawn: None });
            self.running += 1;
            actions.push(Action::Start(item.clone(), token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn work_begins_after_the_limit_even_if_the_holdings_are_read_first() {
        let (slots, item) = (SlotCount::DEFAULT, ItemId::from(7));
        let slot = slot_of(&item, slots);
        let held = [Holding { slot, epoch: Epoch(2), ended: Epoch(0), cause: Cause::Joined }];
        let mut leases = Leases::new(HandOver::Exclusive { limit: LIMIT });
        leases.held(Duration::ZERO, Duration::ZERO, &held);
        leases.listed([item.clone()].into(), slots);
        assert_eq!(leases.advance(Duration::ZERO), []);
        assert!(leases.is_waiting() && leases.workable(Duration::ZERO).is_empty());
        let (before, version) = (LIMIT - Duration::from_millis(1), leases.version());
        leases.held(before, before, &held);
        assert_eq!(leases.advance(before), []);
        leases.held(LIMIT, LIMIT, &held);
        assert_eq!(leases.advance(LIMIT), [Action::Start(item, Token { slot, epoch: Epoch(2) })]);
        assert!(leases.version() > version && !leases.is_waiting() && leases.wake_at() > Some(LIMIT));
    }

    #[test]
    fn skipped_work_is_started_again_and_may_be_acknowledged_meanwhile() {
        let (slots, item) = (SlotCount::DEFAULT, ItemId::from(7));
        let slot = slot_of(&item, slots);
        let (start, token) = (Action::Start(item.clone(), Token { slot, epoch: Epoch(1) }), Token { slot, epoch: Epoch(1) });
        let held = [Holding { slot, epoch: Epoch(1), ended: Epoch(0), cause: Cause::Joined }];
        let mut leases = Leases::new(HandOver::Exclusive { limit: LIMIT });
        leases.held(Duration::ZERO, Duration::ZERO, &held);
        leases.listed([item.clone()].into(), slots);
        assert_eq!(leases.advance(Duration::ZERO), [start]);
        leases.skipped(Duration::ZERO, &item, slots);
        assert_eq!(leases.advance(Duration::ZERO), [Action::Start(item.clone(), token)]);
        // The process stood still: its lease is lost, and the slot goes to another node.
        assert_eq!(leases.advance(LIMIT), [Action::Withdraw(item.clone(), Cause::LeaseLost)]);
        leases.skipped(LIMIT, &item, slots);
        leases.held(LIMIT, LIMIT, &[]);
        assert_eq!(leases.advance(LIMIT), [Action::Acknowledge(vec![Acknowledgement { slot, epoch: Epoch(1) }])]);
        assert_eq!(leases.running(), 0);
    }

    #[test]
    fn nothing_begins_after_a_stop_and_each_slot_is_acknowledged() {
        let slot = Slot::new(3);
        let mut leases = Leases::new(HandOver::Exclusive { limit: LIMIT });
        leases.held(Duration::ZERO, Duration::ZERO, &[Holding { slot, epoch: Epoch(1), ended: Epoch(0), cause: Cause::Joined }]);
        let token = leases.begin(Duration::ZERO, slot).unwrap();
        leases.stop(Cause::Drained);
        assert_eq!((leases.begin(Duration::ZERO, slot), leases.running()), (None, 1));
        leases.end(Duration::ZERO, token);
        assert_eq!(leases.release(Duration::ZERO), [Acknowledgement { slot, epoch: Epoch(1) }]);
    }
}
