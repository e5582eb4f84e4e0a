//! History of a leader: turns its events into records for the [event log](crate::EventLog).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use super::{Commit, ControlEvent, MemberPhase};
use crate::{Cause, Cost, Event, EventKind, Plan, Rebalance, Slot, WorkerId};

/// Maximum number of events that wait to be appended; the oldest are dropped.
const MOST_WAITING: usize = 1000;
/// Maximum number of workers named in one event.
const NAMED_WORKERS: usize = 20;

/// Events that wait to be appended, and what is needed to make the next ones.
#[derive(Debug, Default)]
pub(super) struct History {
    waiting: VecDeque<Event>,
    leads: bool,
    /// True once a turn has succeeded since the election: until then each worker is new to this leader.
    knows_workers: bool,
    episode: Option<Rebalancing>,
}

/// Slots and items of a worker.
type Load = (u64, u64);

/// Rebalance in progress.
#[derive(Debug)]
struct Rebalancing {
    began_at: Duration,
    reasons: BTreeSet<String>,
    planned: Cost,
    minimum: Cost,
    moved: u64,
    /// Loads before the first move, and after the last one.
    loads: Option<(BTreeMap<WorkerId, Load>, BTreeMap<WorkerId, Load>)>,
}

impl History {
    /// Records what happened at `now`, a time of the caller's own clock.
    pub(super) fn observe(&mut self, now: Duration, event: &ControlEvent<'_>) {
        match event {
            ControlEvent::Elected { term, .. } => {
                (self.leads, self.knows_workers, self.episode) = (true, false, None);
                self.push(Event::new(EventKind::Leader, format!("a new leader was elected: {term}")));
            }
            ControlEvent::Deposed(term) if self.leads => {
                self.push(Event::new(EventKind::Leader, format!("the leader has resigned or was replaced: {term}")));
                self.leads = false;
            }
            _ if !self.leads => {}
            ControlEvent::Turned => self.knows_workers = true,
            ControlEvent::PhaseChanged { worker, before, now: phase } => self.phase_changed(worker, *before, *phase),
            ControlEvent::RebalancePaused { silent, owned } => self.push(Event::new(
                EventKind::Hold,
                format!("the mass-failure guard paused rebalancing: {silent} of {owned} owned slots became silent at once"),
            )),
            ControlEvent::RebalanceResumed => self.push(Event::new(EventKind::Hold, "the mass-failure guard ended the pause")),
            ControlEvent::Planned(plan) => self.planned(now, plan),
            ControlEvent::Committed(commit) => self.committed(now, commit),
            ControlEvent::Settled => self.settled(now),
            ControlEvent::RolloutStalled(stalled) => {
                let text = format!("the rollout makes no progress: {} workers of older revisions are left", stalled.older);
                self.push(Event::new(EventKind::Rollout, text));
            }
            ControlEvent::StoreFailed { error, .. } => {
                self.push(Event::new(EventKind::Store, format!("a call to the store failed: {error}")));
            }
            ControlEvent::StoreBack => self.push(Event::new(EventKind::Store, "the store answers again")),
            ControlEvent::MembershipFailed { error, .. } => {
                self.push(Event::new(EventKind::Members, format!("the members cannot be read: {error}")));
            }
            ControlEvent::MembershipBack => self.push(Event::new(EventKind::Members, "the members can be read again")),
            ControlEvent::Strangers(strangers) if !strangers.is_empty() => {
                let text = format!("{} members work on another installation and are given no slots", strangers.len());
                self.push(Event::new(EventKind::Members, text));
            }
            ControlEvent::ClockFell { by } => {
                let text = format!("the store's clock fell by {:.1} s; ticks continue from the last one", by.as_secs_f64());
                self.push(Event::new(EventKind::Clock, text));
            }
            _ => {}
        }
    }

    /// Takes the events that wait, oldest first.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.waiting).into()
    }

    /// Puts back events that could not be appended, before all others.
    pub(super) fn put_back(&mut self, events: Vec<Event>) {
        let later = std::mem::replace(&mut self.waiting, events.into());
        self.waiting.extend(later);
        self.bound();
    }

    fn push(&mut self, event: Event) {
        self.waiting.push_back(event);
        self.bound();
    }

    fn bound(&mut self) {
        let excess = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..excess);
    }

    fn phase_changed(&mut self, worker: &WorkerId, before: Option<MemberPhase>, now: Option<MemberPhase>) {
        if !self.knows_workers && !now.is_some_and(MemberPhase::is_lost) {
            return;
        }
        let word = |phase: Option<MemberPhase>, none: &str| phase.map_or_else(|| none.to_owned(), |phase| phase.to_string());
        let text = format!("{worker}: {} -> {}", word(before, "new"), word(now, "gone"));
        self.push(Event { worker: Some(worker.clone()), ..Event::new(EventKind::Phase, text) });
    }

    fn planned(&mut self, now: Duration, plan: &Plan) {
        let rebalancing = self.rebalancing(now);
        rebalancing.reasons.insert(plan.why());
        let add = |sum: Cost, cost: Cost| Cost { slots: sum.slots + cost.slots, items: sum.items + cost.items };
        rebalancing.planned = add(rebalancing.planned, plan.cost());
        rebalancing.minimum = add(rebalancing.minimum, plan.lower_bound());
    }

    fn rebalancing(&mut self, now: Duration) -> &mut Rebalancing {
        self.episode.get_or_insert_with(|| Rebalancing {
            began_at: now,
            reasons: BTreeSet::new(),
            planned: Cost::default(),
            minimum: Cost::default(),
            moved: 0,
            loads: None,
        })
    }

    /// Records an event for each pair of workers and cause.
    fn committed(&mut self, now: Duration, commit: &Commit<'_>) {
        let mut groups: BTreeMap<(Option<WorkerId>, WorkerId, Cause), Vec<Slot>> = BTreeMap::new();
        for transfer in commit.moves() {
            let key = (commit.former_owner(transfer.slot).cloned(), transfer.to.worker.clone(), transfer.cause);
            groups.entry(key).or_default().push(transfer.slot);
        }
        if groups.is_empty() {
            return;
        }
        let rebalancing = self.rebalancing(now);
        let (_, after) = rebalancing.loads.get_or_insert_with(|| {
            let loads = loads(commit);
            (loads.clone(), loads)
        });
        let mut events = Vec::new();
        for ((from, to, cause), mut slots) in groups {
            slots.sort_unstable();
            let items: u64 = slots.iter().map(|slot| u64::from(commit.load.of(*slot))).sum();
            let moved = (u64::try_from(slots.len()).unwrap_or(u64::MAX), items);
            rebalancing.moved += moved.0;
            change(after, from.as_ref(), |load| (load.0.saturating_sub(moved.0), load.1.saturating_sub(moved.1)));
            change(after, Some(&to), |load| (load.0 + moved.0, load.1 + moved.1));
            let giver = from.as_ref().map_or("no owner", WorkerId::as_str);
            let text = format!("{giver} -> {to}: {} slots with {} items ({cause})", moved.0, moved.1);
            let cause = Some(cause.to_string());
            events.push(Event { worker: Some(to), from, cause, slots, ..Event::new(EventKind::Moved, text) });
        }
        events.into_iter().for_each(|event| self.push(event));
    }

    fn settled(&mut self, now: Duration) {
        let Some(Rebalancing { began_at, reasons, planned, minimum, moved, loads }) = self.episode.take() else { return };
        if moved == 0 {
            return;
        }
        let cause = reasons.into_iter().collect::<Vec<_>>().join("; ");
        let (before, after) = loads.unwrap_or_default();
        let text = format!("{moved} slots moved; loads before: {}; after: {}", text_of(&before), text_of(&after));
        let rebalance = Some(Rebalance { planned, minimum, moved, took: now.saturating_sub(began_at) });
        let cause = (!cause.is_empty()).then_some(cause);
        self.push(Event { cause, rebalance, ..Event::new(EventKind::Rebalance, text) });
    }
}

/// Returns the loads of all owners before this commit.
fn loads(commit: &Commit<'_>) -> BTreeMap<WorkerId, Load> {
    let mut loads = BTreeMap::new();
    for (slot, state) in (0..).map(Slot::new).zip(&commit.seen.slots) {
        let items = u64::from(commit.load.of(slot));
        change(&mut loads, state.owner.as_ref().map(|owner| &owner.worker), |load| (load.0 + 1, load.1 + items));
    }
    loads
}

fn change(loads: &mut BTreeMap<WorkerId, Load>, worker: Option<&WorkerId>, change: impl Fn(Load) -> Load) {
    let Some(worker) = worker else { return };
    match loads.get_mut(worker) {
        Some(load) => *load = change(*load),
        None => _ = loads.insert(worker.clone(), change((0, 0))),
    }
}

/// Returns the loads in one line: `worker-1 1366 slots/4 items, ...`.
fn text_of(loads: &BTreeMap<WorkerId, Load>) -> String {
    let mut text = String::new();
    for (worker, (slots, items)) in loads.iter().take(NAMED_WORKERS) {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{worker} {slots} slots/{items} items");
    }
    match loads.len().saturating_sub(NAMED_WORKERS) {
        0 if text.is_empty() => "none".to_owned(),
        0 => text,
        more => format!("{text}, and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        Assignment, Epoch, Incarnation, InstallationId, MemberKey, Move, Reason, Roster, SlotCount, SlotLoad, SlotRange,
        SlotState, Term, Tick, Timing, Transfer,
    };

    fn worker(name: &str) -> WorkerId {
        WorkerId::new(name).unwrap()
    }

    fn key(name: &str) -> MemberKey {
        MemberKey { worker: worker(name), incarnation: Incarnation::new(Uuid::nil()) }
    }

    fn elected() -> History {
        let mut history = History::default();
        let term = Term { number: 3, holder: Uuid::nil() };
        let elected = ControlEvent::Elected { term, installation: InstallationId::new(Uuid::nil()) };
        history.observe(Duration::ZERO, &elected);
        history.observe(Duration::ZERO, &ControlEvent::Turned);
        history
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Slots 0 to 3 belong to `a`, and 1 and 3 move to `b`.
    fn a_join(history: &mut History) {
        let load = SlotLoad::of_items(SlotCount::new(4).unwrap(), [(Slot::new(0), 3), (Slot::new(1), 2), (Slot::new(3), 1)]);
        let slot_move =
            |slot| Move { slot: Slot::new(slot), from: Some(worker("a")), to: worker("b"), why: Reason::WorkerJoined };
        let plan = Plan::new(Roster::of(["a", "b"].map(worker)), vec![slot_move(1), slot_move(3)], &load);
        history.observe(seconds(1), &ControlEvent::Planned(&plan));
        let seen = Assignment {
            installation: InstallationId::new(Uuid::nil()),
            tick: Tick(1),
            tick_length: seconds(1),
            range: SlotRange::ALL,
            slots: vec![SlotState { owner: Some(key("a")), ..SlotState::default() }; 4],
            sessions: None,
        };
        let transfer = |slot| Transfer {
            slot: Slot::new(slot),
            epoch: Epoch::default(),
            to: key("b"),
            timing: Timing::Now,
            cause: Cause::Joined,
        };
        let transfers = [transfer(3), transfer(1)];
        let moved = [Slot::new(3), Slot::new(1)];
        let commit = Commit { transfers: &transfers, moved: &moved, refused: &[], seen: &seen, load: &load };
        history.observe(seconds(2), &ControlEvent::Committed(commit));
        history.observe(seconds(2), &ControlEvent::Settled);
    }

    #[test]
    fn a_rebalance_is_recorded_with_its_cause_its_cost_and_the_loads_before_and_after() {
        let mut history = elected();
        a_join(&mut history);
        let [_, moved, rebalance] = history.take().try_into().unwrap();
        assert_eq!(moved.text, "a -> b: 2 slots with 3 items (joined)");
        assert_eq!(
            (moved.from, moved.worker, moved.slots),
            (Some(worker("a")), Some(worker("b")), [1, 3].map(Slot::new).to_vec())
        );
        assert_eq!(rebalance.cause.as_deref(), Some("worker joined (b)"));
        assert_eq!(rebalance.text, "2 slots moved; loads before: a 4 slots/6 items; after: a 2 slots/3 items, b 2 slots/3 items");
        let cost = Cost { slots: 2, items: 3 };
        assert_eq!(rebalance.rebalance, Some(Rebalance { planned: cost, minimum: cost, moved: 2, took: seconds(1) }));
    }

    #[test]
    fn workers_that_a_new_leader_sees_first_are_no_events_unless_they_are_lost() {
        let (a, b) = (worker("a"), worker("b"));
        let mut history = elected();
        history.take();
        history.knows_workers = false;
        let seen = |worker, now| ControlEvent::PhaseChanged { worker, before: None, now };
        history.observe(seconds(1), &seen(&a, Some(MemberPhase::Healthy)));
        history.observe(seconds(1), &seen(&b, Some(MemberPhase::Dead)));
        let texts: Vec<_> = history.take().into_iter().map(|event| event.text).collect();
        assert_eq!(texts, ["b: new -> dead"]);
    }

    #[test]
    fn a_standby_records_nothing() {
        let mut history = History::default();
        history.observe(Duration::ZERO, &ControlEvent::Following);
        a_join(&mut history);
        assert_eq!(history.take(), []);
    }

    #[test]
    fn events_that_could_not_be_appended_come_first_and_are_bounded() {
        let mut history = elected();
        let first = history.take();
        for _ in 0..MOST_WAITING {
            history.observe(Duration::ZERO, &ControlEvent::StoreBack);
        }
        history.put_back(first);
        let waiting = history.take();
        assert_eq!(waiting.len(), MOST_WAITING);
        assert!(waiting.iter().all(|event| event.kind == EventKind::Store), "the oldest is dropped");
    }
}
