//! The atomic steps of the protocol: which are possible, and what each does.
//!
//! A decision is arbitrary: a leader moves any slot to any worker as far as its view permits, and every call that was
//! ever made may arrive now, again, or from a process that is long dead. So pauses, delays, retries and lost answers
//! need no steps of their own: they are the absence of steps, and their repetition.

use crate::state::{LEADERS, Lease, Life, MemberPhase, SLOTS, Sight, Slot, State, WORKERS};

/// Whole ticks missed after which a worker that is not heard is lost; one that is heard, after one more.
const SILENT_TICKS: u8 = 1;

/// The mutants: each breaks one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A worker increments the slots of its last answer, even if another owns them now.
    NoFence,
    /// A tick that comes twice counts twice.
    NoTickNumber,
    /// A slot changes hands and keeps its epoch.
    EpochStays,
    /// A slot moves whatever its epoch is.
    AnyEpoch,
    /// A leader may move slots for ever once elected, as with a lock that the write does not check.
    AnyTerm,
    /// The heartbeat alone decides which workers are lost.
    HeartbeatAlone,
    /// A slot moves away from its owner before that has done the present tick.
    AnyTime,
    /// Workers claim slots while there is a leader.
    ClaimsBesideALeader,
}

/// Bounds of the search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) ticks: u8,
    pub(crate) terms: u8,
    /// The most changes of owner of one slot.
    pub(crate) moves: u8,
    /// The most restarts of all workers together.
    pub(crate) restarts: u8,
}

/// The answer that a caller receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Heard,
    Lost,
}

/// Condition under which a slot may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timing {
    Now,
    AfterTick,
}

/// One atomic step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next tick begins.
    TimeGoesBy,
    /// A worker begins a new life; calls of the old one are still under way.
    Restarts {
        worker: u8,
    },
    /// A call to tick reaches a slot: the statement began in this tick, and this life made it.
    Ticks {
        by: Life,
        slot: usize,
        begun_in: u8,
    },
    /// A worker is told what it owns.
    Learns {
        worker: u8,
    },
    Adopts {
        by: Life,
        slot: usize,
    },
    Claims {
        by: Life,
        slot: usize,
    },
    LeaseEnds,
    /// There has been no leader for long.
    LongWithoutALeader,
    Campaigns {
        leader: usize,
        answer: Answer,
    },
    Renews {
        leader: usize,
    },
    /// A control plane dies, and another takes its place.
    Forgets {
        leader: usize,
    },
    Looks {
        leader: usize,
        seen: [Sight; SLOTS],
    },
    Commits {
        leader: usize,
        slot: usize,
        to: Life,
        timing: Timing,
    },
}

/// An increment of a slot's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Increment {
    pub(crate) slot: usize,
    pub(crate) tick: u8,
    pub(crate) by: Life,
}

/// Returns the state after a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub(crate) step: Step,
    pub(crate) state: State,
    pub(crate) increment: Option<Increment>,
}

/// All that may happen next, without what changes nothing.
pub(crate) fn successors(state: &State, bounds: &Bounds, fault: Option<Fault>) -> Vec<Next> {
    let mut steps = Vec::with_capacity(128);
    if state.tick < bounds.ticks {
        steps.push(Step::TimeGoesBy);
    }
    steps.extend([Step::LeaseEnds, Step::LongWithoutALeader]);
    let may_restart = state.lives.iter().sum::<u8>() < bounds.restarts;
    steps.extend((0..WORKERS as u8).filter(|_| may_restart).map(|worker| Step::Restarts { worker }));
    if fault == Some(Fault::NoFence) {
        steps.extend((0..WORKERS as u8).map(|worker| Step::Learns { worker }));
    }
    for leader in 0..LEADERS {
        if state.term < bounds.terms {
            steps.extend([Answer::Heard, Answer::Lost].map(|answer| Step::Campaigns { leader, answer }));
        }
        steps.extend([Step::Renews { leader }, Step::Forgets { leader }]);
        steps.extend(looks(state, fault).map(|seen| Step::Looks { leader, seen }));
    }
    for (by, slot) in lives(state).flat_map(|by| (0..SLOTS).map(move |slot| (by, slot))) {
        steps.extend((1..=state.tick).map(|begun_in| Step::Ticks { by, slot, begun_in }));
        if state.slots[slot].epoch < bounds.moves {
            steps.extend([Step::Adopts { by, slot }, Step::Claims { by, slot }]);
            let timings = [Timing::Now, Timing::AfterTick];
            let commits = move |leader| timings.map(|timing| Step::Commits { leader, slot, to: by, timing });
            steps.extend((0..LEADERS).flat_map(commits));
        }
    }
    steps
        .into_iter()
        .filter_map(|step| taken(state, step, fault))
        .filter(|next| next.state != *state || next.increment.is_some())
        .collect()
}

/// Returns the state after a step, or `None` if the protocol does not permit it.
pub(crate) fn taken(state: &State, step: Step, fault: Option<Fault>) -> Option<Next> {
    let mut next = Next { step, state: *state, increment: None };
    let possible = match step {
        Step::TimeGoesBy => {
            next.state.tick += 1;
            true
        }
        Step::Restarts { worker } => {
            next.state.lives[usize::from(worker)] += 1;
            next.state.believed[usize::from(worker)] = [false; SLOTS];
            true
        }
        Step::Ticks { by, slot, begun_in } => {
            next.increment = ticks(&mut next.state, by, slot, begun_in, fault);
            next.increment.is_some()
        }
        Step::Learns { worker } => {
            let life = Life { worker, number: state.lives[usize::from(worker)] };
            next.state.believed[usize::from(worker)] = state.slots.map(|slot| slot.owner == Some(life));
            true
        }
        Step::Adopts { by, slot } => {
            let slot = &mut next.state.slots[slot];
            let is_namesakes = slot.owner.is_some_and(|owner| owner.worker == by.worker && owner != by);
            is_namesakes && gives(slot, by, None)
        }
        Step::Claims { by, slot } => {
            let nobody_leads = state.lease == Lease::LongOver || fault == Some(Fault::ClaimsBesideALeader);
            let slot = &mut next.state.slots[slot];
            nobody_leads && (slot.owner.is_none() || missed(slot, state.tick) >= SILENT_TICKS) && gives(slot, by, None)
        }
        Step::LeaseEnds => {
            next.state.lease = Lease::Over;
            state.lease == Lease::Lasts
        }
        Step::LongWithoutALeader => {
            next.state.lease = Lease::LongOver;
            state.lease == Lease::Over
        }
        Step::Campaigns { leader, answer } => {
            next.state.term += 1;
            next.state.lease = Lease::Lasts;
            next.state.leaders[leader].seen = None;
            next.state.leaders[leader].term = if answer == Answer::Heard { next.state.term } else { 0 };
            state.lease != Lease::Lasts
        }
        Step::Renews { leader } => {
            next.state.lease = Lease::Lasts;
            state.term > 0 && state.leaders[leader].term == state.term
        }
        Step::Forgets { leader } => {
            next.state.leaders[leader] = Default::default();
            true
        }
        Step::Looks { leader, seen } => {
            next.state.leaders[leader].seen = Some(seen);
            state.leaders[leader].term > 0
        }
        Step::Commits { leader, slot, to, timing } => commits(&mut next.state, leader, slot, to, timing, fault),
    };
    possible.then_some(next)
}

/// The tick: the fence and the number of the tick are checked, and the item is incremented, in one step.
fn ticks(state: &mut State, by: Life, slot: usize, begun_in: u8, fault: Option<Fault>) -> Option<Increment> {
    let believes = state.lives[usize::from(by.worker)] == by.number && state.believed[usize::from(by.worker)][slot];
    let row = &mut state.slots[slot];
    let is_new = row.last_tick < begun_in || fault == Some(Fault::NoTickNumber);
    let is_owner = row.owner == Some(by);
    let is_unfenced = fault == Some(Fault::NoFence) && !is_owner && believes;
    if is_owner && is_new {
        row.last_tick = row.last_tick.max(begun_in);
        row.ticks += 1;
    } else if is_unfenced {
        // It acts once on what it was told, and no retry comes into it.
        state.believed[usize::from(by.worker)][slot] = false;
    } else {
        return None;
    }
    row.value += 1;
    row.incremented_in = begun_in;
    Some(Increment { slot, tick: begun_in, by })
}

/// The commit: the term, the epoch and the timing are checked, and the owner is changed, in one step.
fn commits(state: &mut State, leader: usize, slot: usize, to: Life, timing: Timing, fault: Option<Fault>) -> bool {
    let Some(sight) = state.leaders[leader].seen.map(|seen| seen[slot]) else { return false };
    let leads = state.leaders[leader].term == state.term || fault == Some(Fault::AnyTerm);
    let row = &mut state.slots[slot];
    let is_as_seen = row.epoch == sight.epoch || fault == Some(Fault::AnyEpoch);
    let in_time = match timing {
        Timing::Now => sight.phase != MemberPhase::Well,
        Timing::AfterTick => row.last_tick == state.tick || fault == Some(Fault::AnyTime),
    };
    leads && is_as_seen && in_time && gives(row, to, fault)
}

fn gives(slot: &mut Slot, to: Life, fault: Option<Fault>) -> bool {
    slot.owner = Some(to);
    slot.epoch += u8::from(fault != Some(Fault::EpochStays));
    true
}

/// Whole ticks that went by without this slot.
pub(crate) fn missed(slot: &Slot, tick: u8) -> u8 {
    tick.saturating_sub(slot.last_tick + 1)
}

/// All lives that there are or were.
fn lives(state: &State) -> impl Iterator<Item = Life> + '_ {
    (0..WORKERS as u8).flat_map(|worker| (0..=state.lives[usize::from(worker)]).map(move |number| Life { worker, number }))
}

/// Possible views of a leader: a worker may be heard or not, but its ticks are those of the store.
fn looks(state: &State, fault: Option<Fault>) -> impl Iterator<Item = [Sight; SLOTS]> + '_ {
    let [one, other] = [0, 1].map(move |slot| sights(&state.slots[slot], state.tick, fault));
    one.into_iter().flat_map(move |one| other.clone().into_iter().map(move |other| [one, other]))
}

/// Possible views of one slot.
pub(crate) fn sights(slot: &Slot, tick: u8, fault: Option<Fault>) -> Vec<Sight> {
    let phases: &[MemberPhase] = match (slot.owner, missed(slot, tick)) {
        (None, _) => &[MemberPhase::Lost],
        (Some(_), missed) if missed > SILENT_TICKS => &[MemberPhase::Lost],
        (Some(_), SILENT_TICKS) => &[MemberPhase::Well, MemberPhase::Lost],
        (Some(_), _) if fault == Some(Fault::HeartbeatAlone) => &[MemberPhase::Well, MemberPhase::LostWhileItTicks],
        (Some(_), _) => &[MemberPhase::Well],
    };
    phases.iter().map(|phase| Sight { epoch: slot.epoch, phase: *phase }).collect()
}
