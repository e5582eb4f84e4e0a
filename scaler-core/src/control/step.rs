//! The control plane as a state machine: from an observation to a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::ControlConfig;
use super::debounce::Debounce;
use super::failure_detector::{Heartbeat, MemberPhase, Session, Signals, phase_of};
use super::flap_damping::{FlapDamping, Life};
use super::generations::{Generations, StalledRollout};
use super::mass_failure::{MassFailureGuard, OwnerStatus, Pause};
use super::move_rate::MoveRate;
use super::owners::{Owned, SlotOwners};
use super::planner::{Planned, Planner, Request};
use super::steering::{self, Steering};
use super::tick_age::TickAges;
use super::waiting::{Waiting, waiting};
use crate::{
    Assignment, Cause, Eligibility, Epoch, Incarnation, MemberKey, MemberRecord, MemberState, Plan, Reason, Roster, Seat, Slot,
    SlotCount, SlotLoad, SlotState, Tick, Timing, Transfer, WorkerId,
};

/// Input of one step of the control plane.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The slots.
    pub assignment: &'a Assignment,
    /// Time at which the slots were requested, by the control plane's own clock.
    pub asked_at: Duration,
    /// Time at which the answer arrived.
    pub answered_at: Duration,
    /// Members; `None` if the membership cannot be read.
    pub members: Option<&'a [MemberRecord]>,
    /// Number of items in the slots.
    pub load: &'a SlotLoad,
    /// Wishes of operators.
    pub steering: &'a Steering,
}

/// Result of one step of the control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Phase of each worker.
    pub phases: BTreeMap<WorkerId, MemberPhase>,
    /// Number of silent slots while the mass-failure guard pauses rebalancing: then nothing moves. `None` otherwise.
    pub silent: Option<usize>,
    /// Number of workers that own slots and are late but not lost yet. If there are any, the next look should follow soon.
    pub suspects: usize,
    /// Rollout that makes no progress, if there is one. Its workers share the slots with all others.
    pub stalled: Option<StalledRollout>,
    /// Workers without their share of the slots, each with the reason.
    pub waiting: BTreeMap<WorkerId, Waiting>,
    /// Moves planned in this step.
    pub plan: Plan,
    /// Transfers to commit: for the moves of this plan, and for earlier moves that have not been committed yet.
    pub transfers: Vec<Transfer>,
}

/// A planned move that has not been committed yet.
#[derive(Clone, Debug)]
struct Pending {
    to: WorkerId,
    epoch: Epoch,
    why: Reason,
}

/// Phase of a worker, with the signals that led to it.
#[derive(Clone, Debug)]
struct MemberStatus {
    key: MemberKey,
    phase: MemberPhase,
    /// True if it is not lost and its tick is overdue: by more than the grace, or by any time if its session is gone.
    late: bool,
    /// True if the store refused its last trial write.
    suspect: bool,
    /// True if the membership has a fresh heartbeat of it.
    heard: bool,
    /// Last tick of each incarnation that owns slots under the name.
    ticked: BTreeMap<Incarnation, Tick>,
    slots: usize,
}

/// State of a control plane from one look to the next. A new leader starts with an empty one.
#[derive(Debug)]
pub struct ControlPlane {
    config: ControlConfig,
    owners: SlotOwners,
    planner: Planner,
    /// Roster among which the slots are shared once all pending moves are committed.
    shared_among: Option<Roster>,
    records: BTreeMap<WorkerId, MemberRecord>,
    generations: Generations,
    tick_ages: TickAges,
    /// Incarnations whose sessions were seen open. Only these can be gone: after an outage of the store, a missing session may
    /// simply not be back yet.
    opened: BTreeSet<Incarnation>,
    damping: FlapDamping,
    debounce: Debounce,
    move_rate: MoveRate,
    pending: BTreeMap<Slot, Pending>,
    /// Number of moves committed since the last look.
    made: usize,
    mass_failure: MassFailureGuard,
    load_rebalanced_at: Option<Duration>,
}

impl ControlPlane {
    /// Returns a control plane that has observed nothing yet.
    #[must_use]
    pub fn new(config: ControlConfig) -> Self {
        let move_rate = MoveRate::new(config.moves_per_s);
        Self {
            config,
            owners: SlotOwners::default(),
            planner: Planner::default(),
            shared_among: None,
            records: BTreeMap::new(),
            generations: Generations::default(),
            tick_ages: TickAges::default(),
            opened: BTreeSet::new(),
            damping: FlapDamping::default(),
            debounce: Debounce::default(),
            move_rate,
            pending: BTreeMap::new(),
            made: 0,
            mass_failure: MassFailureGuard::default(),
            load_rebalanced_at: None,
        }
    }

    /// Forgets silences and sessions after a time without looks, because the store was away or this process was paused: silent
    /// workers get time to come back.
    pub fn blinded(&mut self) {
        self.tick_ages.forget();
        self.opened.clear();
    }

    /// Takes the silence of each worker from the tick numbers of this one observation, for a caller that makes no other.
    pub(super) fn assume_silences(&mut self, seen: &Observation<'_>) {
        let owners = self.observe(seen);
        let ticks = self.last_ticks(&owners);
        let Assignment { tick, tick_length, .. } = *seen.assignment;
        self.tick_ages.assume(seen.answered_at, (tick, tick_length), self.config.thresholds.tick_grace, &ticks);
    }

    /// Returns the newest revision of the workers as of the last step.
    pub(super) fn newest_revision(&self) -> Option<&str> {
        self.generations.newest()
    }

    /// Takes an observation at `now`, a time of its own clock, and decides which slots move.
    pub fn step(&mut self, now: Duration, seen: &Observation<'_>) -> Decision {
        let statuses = self.statuses(seen);
        let phases: BTreeMap<_, _> = statuses.iter().map(|(worker, status)| (worker.clone(), status.phase)).collect();
        let suspects = statuses.values().filter(|status| status.late && status.slots > 0).count();
        if let Some(silent) = self.hold(now, &statuses, seen) {
            return Decision { phases, silent: Some(silent), suspects, ..Decision::default() };
        }
        let stalled = self.generations.observe(now, self.config.rollout_limit, seen.assignment.tick, self.records.values());
        let owning = statuses.iter().filter(|(_, status)| status.slots > 0).map(|(worker, _)| worker.clone()).collect();
        let lives = self.lives(&statuses);
        let present = self.roster(&statuses, seen.steering);
        let roster = self.damping.admit(now, self.config.damping, &present, &lives, &owning);
        let made = self.drop_pending(&roster, seen);
        let draining = statuses.iter().filter(|(_, status)| status.phase == MemberPhase::Draining);
        let draining = draining.map(|(worker, _)| worker).chain(&seen.steering.drained).cloned().collect();
        let plan = self.plan(now, &roster, &draining, seen);
        for slot_move in plan.moves() {
            let epoch = seen.assignment.slots.get(slot_move.slot.index()).map(|slot| slot.epoch).unwrap_or_default();
            self.pending.insert(slot_move.slot, Pending { to: slot_move.to.clone(), epoch, why: slot_move.why });
        }
        self.planner.pending(&plan);
        self.shared_among = Some(plan.shared_among().clone());
        let left = self.move_rate.left(now, made);
        let transfers = within(left, self.transfers(&statuses, seen));
        let waiting = waiting(&phases, &roster, plan.shared_among(), seen.steering);
        Decision { phases, silent: None, suspects, stalled, waiting, plan, transfers }
    }

    /// Returns what each worker owns that is a member or owns slots.
    fn observe(&mut self, seen: &Observation<'_>) -> BTreeMap<WorkerId, Owned> {
        if let Some(members) = seen.members {
            self.records = members.iter().map(|record| (record.member.key.worker.clone(), record.clone())).collect();
        }
        self.owners.observe(&seen.assignment.slots);
        let mut owners = self.owners.by_worker();
        for worker in self.records.keys() {
            owners.entry(worker.clone()).or_default();
        }
        owners
    }

    /// Returns the last tick of each worker. The one that a member reports counts only until it owns a slot: from then on the store has
    /// better information.
    fn last_ticks(&self, owners: &BTreeMap<WorkerId, Owned>) -> BTreeMap<WorkerId, Tick> {
        let told = |worker| self.records.get(worker).and_then(|record| record.member.last_tick);
        let ticks = owners.iter().filter_map(|(worker, owner)| {
            let last = owner.ticked.values().copied().max().or_else(|| told(worker))?;
            Some((worker.clone(), last))
        });
        ticks.collect()
    }

    /// Returns the status of each worker that is a member or owns slots.
    fn statuses(&mut self, seen: &Observation<'_>) -> BTreeMap<WorkerId, MemberStatus> {
        let owners = self.observe(seen);
        self.tick_ages.observe(seen.answered_at, &self.last_ticks(&owners));
        if let Some(open) = &seen.assignment.sessions {
            let owning: BTreeSet<_> = owners.values().flat_map(|owner| owner.ticked.keys().copied()).collect();
            self.opened.retain(|incarnation| owning.contains(incarnation));
            self.opened.extend(open);
        }
        let status = |(worker, owner)| Some((WorkerId::clone(&worker), self.status(&worker, owner, seen)?));
        owners.into_iter().filter_map(status).collect()
    }

    /// Returns the status of one worker; `None` if its incarnation is unknown.
    fn status(&self, worker: &WorkerId, owner: Owned, seen: &Observation<'_>) -> Option<MemberStatus> {
        let record = self.records.get(worker);
        let latest = owner.ticked.iter().max_by_key(|(_, tick)| **tick).map(|(incarnation, _)| *incarnation);
        let key = match record {
            Some(record) => record.member.key.clone(),
            None => MemberKey { worker: worker.clone(), incarnation: latest? },
        };
        let (thresholds, tick) = (&self.config.thresholds, seen.assignment.tick_length);
        let silence = self.tick_ages.silence(worker, seen.asked_at);
        let signals = Signals {
            heartbeat: match (seen.members, record) {
                (None, _) => Heartbeat::Unknown,
                (Some(_), None) => Heartbeat::Absent,
                (Some(_), Some(record)) => Heartbeat::Heard(record.age),
            },
            state: record.map(|record| record.member.state),
            missed: silence.map(|silence| missed(silence, tick, thresholds.tick_grace)),
            session: match &seen.assignment.sessions {
                None => Session::Unknown,
                Some(open) if open.contains(&key.incarnation) => Session::Open,
                Some(open) if owner.ticked.keys().any(|incarnation| open.contains(incarnation)) => Session::Open,
                Some(_) if self.opened.contains(&key.incarnation) => Session::Gone,
                Some(_) if owner.ticked.keys().any(|incarnation| self.opened.contains(incarnation)) => Session::Gone,
                Some(_) => Session::Unknown,
            },
        };
        let phase = phase_of(&signals, thresholds);
        let is_due = signals.session == Session::Gone && silence.is_some_and(|silence| silence >= tick);
        let late = !phase.is_lost() && (is_due || signals.missed.is_some_and(|missed| missed > 0));
        let heard = matches!(signals.heartbeat, Heartbeat::Heard(age) if age <= thresholds.stale_after);
        let suspect = signals.state == Some(MemberState::Suspect);
        Some(MemberStatus { key, phase, late, suspect, heard, ticked: owner.ticked, slots: owner.slots })
    }

    /// Returns the number of silent slots if there are so many that nothing may move; `None` otherwise.
    fn hold(&mut self, now: Duration, statuses: &BTreeMap<WorkerId, MemberStatus>, seen: &Observation<'_>) -> Option<usize> {
        let owners = statuses.iter().filter(|(_, status)| status.slots > 0);
        let shares = owners.map(|(worker, status)| {
            let &MemberStatus { slots, phase, late, suspect, heard, .. } = status;
            OwnerStatus { worker: worker.clone(), slots, phase, late: late || suspect || phase.is_lost(), heard }
        });
        let can_ask = seen.members.is_some();
        match self.mass_failure.look(now, &shares.collect::<Vec<_>>(), can_ask, self.config.thresholds.hold_for) {
            Pause::None => None,
            Pause::Paused(silent) => Some(silent),
            Pause::Resuming(silent) => {
                self.blinded();
                Some(silent)
            }
        }
    }

    /// Returns the present incarnation of each worker. A worker without a member record is assumed to have run for long.
    fn lives(&self, statuses: &BTreeMap<WorkerId, MemberStatus>) -> BTreeMap<WorkerId, Life> {
        let uptime = |worker| self.records.get(worker).map_or(Duration::MAX, |record| record.member.uptime);
        let life = |status: &MemberStatus, uptime| Life { incarnation: status.key.incarnation, uptime };
        statuses.iter().map(|(worker, status)| (worker.clone(), life(status, uptime(worker)))).collect()
    }

    /// Returns the roster of workers that work. Workers without a fresh heartbeat receive no new slots, unless no worker is
    /// healthy: then the membership has no information, and workers that tick may receive the slots that others lose.
    fn roster(&self, statuses: &BTreeMap<WorkerId, MemberStatus>, steering: &Steering) -> Roster {
        let any_heard = statuses.values().any(|status| status.phase == MemberPhase::Healthy);
        let seats = statuses.iter().filter_map(|(worker, status)| {
            let eligibility = match status.phase {
                MemberPhase::Unheard if any_heard => Eligibility::Cordoned,
                MemberPhase::Healthy | MemberPhase::Unheard => Eligibility::Eligible,
                MemberPhase::Starting | MemberPhase::Draining | MemberPhase::Barred | MemberPhase::CutOff | MemberPhase::Dead => {
                    return None;
                }
            };
            if steering.drained.contains(worker) {
                return None;
            }
            let eligibility = if steering.cordoned.contains(worker) { Eligibility::Cordoned } else { eligibility };
            let revision = self.records.get(worker).and_then(|record| record.member.revision.as_deref());
            Some((
                worker.clone(),
                Seat { eligibility, weight: steering.weight(worker), generation: self.generations.of(revision) },
            ))
        });
        seats.collect()
    }

    /// Records that these slots were moved, as [`step`](Self::step) asked. If the outcome of a commit is unknown, the next look
    /// shows it.
    pub fn committed(&mut self, moved: &[Slot]) {
        for slot in moved.iter().filter(|slot| self.pending.remove(slot).is_some()) {
            self.made += 1;
            self.planner.check(*slot);
        }
    }

    /// Returns the number of planned moves that are not committed yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Drops pending moves that were committed with an unknown outcome, that another writer has overtaken, whose receiver may not
    /// receive slots any more, or that an operator has paused. Returns the number of slots that moved since the last look.
    fn drop_pending(&mut self, roster: &Roster, seen: &Observation<'_>) -> usize {
        let mut made = std::mem::take(&mut self.made);
        self.pending.retain(|slot, pending| {
            let state = seen.assignment.slots.get(slot.index());
            let is_pending = state.is_some_and(|state| state.epoch == pending.epoch);
            made += usize::from(!is_pending);
            let owner_works = || state.and_then(|state| state.owner.as_ref()).is_some_and(|owner| roster.contains(&owner.worker));
            let is_paused = seen.steering.is_paused && owner_works();
            let stays =
                is_pending && !is_paused && roster.get(&pending.to).is_some_and(|seat| seat.eligibility == Eligibility::Eligible);
            if !stays {
                self.planner.check(*slot);
            }
            stays
        });
        made
    }

    fn plan(&mut self, now: Duration, roster: &Roster, draining: &BTreeSet<WorkerId>, seen: &Observation<'_>) -> Plan {
        let Ok(slots) = SlotCount::new(u32::try_from(seen.assignment.slots.len()).unwrap_or(0)) else {
            return Plan::new(roster.clone(), Vec::new(), seen.load);
        };
        // Workers that claimed slots themselves are seated like any other: they have not just joined.
        let seated = seated(self.owning(seen.assignment), roster, draining);
        let known = self.shared_among.take().unwrap_or_default();
        let before: Roster = seated.iter().chain(known.iter()).map(|(worker, seat)| (worker.clone(), seat)).collect();
        let is_paused = seen.steering.is_paused;
        let paused = is_paused.then(|| steering::paused(&before, roster));
        let wanted = paused.as_ref().unwrap_or(roster);
        let shared_among = self.debounce.share_among(now, self.config.debounce, &before, wanted, draining);
        let may_rebalance_load = !is_paused
            && shared_among == *roster
            && self.pending.is_empty()
            && self.load_rebalanced_at.is_none_or(|at| now.saturating_sub(at) >= self.config.load_rebalance_interval);
        let request = Request {
            ring: &self.config.ring,
            slots,
            range: seen.assignment.range,
            before: &before,
            to: &shared_among,
            load: seen.load,
            pins: &seen.steering.pins,
            tolerance: may_rebalance_load.then_some(self.config.tolerance),
        };
        let wanted = |slot| wanted_owner(&self.pending, seen.assignment, slot);
        let Planned { plan, for_load } = self.planner.plan(request, self.owners.take_changes(), !self.pending.is_empty(), wanted);
        if for_load && !plan.is_empty() {
            self.load_rebalanced_at = Some(now);
        }
        if is_paused { steering::without_voluntary_moves(&plan, &shared_among, seen.load) } else { plan }
    }

    /// Returns the workers that own slots, or will once all pending moves are committed.
    fn owning(&self, assignment: &Assignment) -> BTreeSet<WorkerId> {
        if self.pending.is_empty() {
            return self.owners.keys().map(|key| key.worker.clone()).collect();
        }
        let slots = (0..).take(assignment.slots.len()).map(Slot::new);
        slots.filter_map(|slot| wanted_owner(&self.pending, assignment, slot).cloned()).collect()
    }

    /// Returns the transfers from the present owners to the wanted ones.
    fn transfers(&self, statuses: &BTreeMap<WorkerId, MemberStatus>, seen: &Observation<'_>) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        let is_former = |key: &MemberKey| statuses.get(&key.worker).is_some_and(|status| status.key != *key);
        if self.pending.is_empty() && !self.owners.keys().any(is_former) {
            return transfers;
        }
        for (number, state) in (0..).zip(&seen.assignment.slots) {
            let slot = Slot::new(number);
            let Some(target) = wanted_owner(&self.pending, seen.assignment, slot) else { continue };
            let Some(status) = statuses.get(target) else { continue };
            if self.pending.contains_key(&slot) || left_behind(state, status, seen.assignment.tick) {
                let timing = timing(slot, state, statuses, seen.load);
                let cause = self.cause(slot, state, statuses, seen.steering);
                transfers.push(Transfer { slot, epoch: state.epoch, to: status.key.clone(), timing, cause });
            }
        }
        transfers
    }

    /// Returns the cause for which a slot moves. The plan knows that a former owner left, and its status tells how.
    fn cause(&self, slot: Slot, state: &SlotState, statuses: &BTreeMap<WorkerId, MemberStatus>, steering: &Steering) -> Cause {
        let Some(Pending { why, .. }) = self.pending.get(&slot) else {
            // A slot that an earlier process of the worker has left behind.
            return Cause::Adopted;
        };
        let Some(owner) = state.owner.as_ref().filter(|_| *why == Reason::OwnerLeft) else { return (*why).into() };
        if !self.records.contains_key(&owner.worker) {
            return Cause::Left;
        }
        match statuses.get(&owner.worker).map(|status| status.phase) {
            Some(MemberPhase::Draining) => Cause::Drained,
            Some(MemberPhase::Barred) => Cause::Barred,
            Some(phase) if phase.works() && steering.drained.contains(&owner.worker) => Cause::Drained,
            _ => Cause::Dead,
        }
    }
}

/// Returns the owner of a slot once all pending moves are committed.
fn wanted_owner<'a>(pending: &'a BTreeMap<Slot, Pending>, assignment: &'a Assignment, slot: Slot) -> Option<&'a WorkerId> {
    match pending.get(&slot) {
        Some(pending) => Some(&pending.to),
        None => assignment.slots.get(slot.index())?.owner.as_ref().map(|owner| &owner.worker),
    }
}

/// Returns the number of ticks that were due in this time and are late by more than the grace.
fn missed(silence: Duration, tick: Duration, grace: Duration) -> u64 {
    let ticks = silence.saturating_sub(grace).as_nanos() / tick.max(Duration::from_millis(1)).as_nanos();
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Returns the seats of workers that own slots. All other workers count as just joined, also for a new leader.
fn seated(owning: BTreeSet<WorkerId>, roster: &Roster, draining: &BTreeSet<WorkerId>) -> Roster {
    let seats = owning.into_iter().filter_map(|worker| {
        let seat = roster.get(&worker).or_else(|| draining.contains(&worker).then_some(Seat::PLAIN))?;
        Some((worker, seat))
    });
    seats.collect()
}

/// Returns the transfers that need not wait for a tick, and as many of the others as the rate limit allows now; the rest follow
/// later.
fn within(limit: usize, transfers: Vec<Transfer>) -> Vec<Transfer> {
    let mut left = limit;
    let mut affords = |transfer: &Transfer| {
        let affords = transfer.timing == Timing::Now || left > 0;
        left -= usize::from(transfer.timing == Timing::AfterTick && left > 0);
        affords
    };
    transfers.into_iter().filter(|transfer| affords(transfer)).collect()
}

/// True if a slot is owned by an earlier incarnation of its owner that does not tick any more, while the owner works.
fn left_behind(state: &SlotState, status: &MemberStatus, now: Tick) -> bool {
    let Some(owner) = &state.owner else { return false };
    let silent = status.ticked.get(&owner.incarnation).is_none_or(|last| now.since(*last) >= 2);
    *owner != status.key && silent && status.phase == MemberPhase::Healthy
}

/// Returns the timing of a transfer: a slot with items moves right after its tick while its owner still works.
fn timing(slot: Slot, state: &SlotState, statuses: &BTreeMap<WorkerId, MemberStatus>, load: &SlotLoad) -> Timing {
    let works =
        |owner: &MemberKey| statuses.get(&owner.worker).is_some_and(|status| status.key == *owner && status.phase.works());
    if load.of(slot) > 0 && state.owner.as_ref().is_some_and(works) { Timing::AfterTick } else { Timing::Now }
}
