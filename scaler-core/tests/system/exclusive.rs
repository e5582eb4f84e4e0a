//! Model of an exclusive hand-over: every history of three nodes and one slot, up to a number of steps. Acknowledgements travel in the slot's
//! row, as nodes keep them. No two nodes are at work at once, and the search finds each rule that is broken.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use scaler_core::hand_over::{Acknowledgement, Gate, HandOver, Token};
use scaler_core::{Epoch, Slot};

const NODES: usize = 3;
const SLOT: Slot = Slot::new(0);
/// Unit of time: a quarter of the limit.
const UNIT: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(4);
/// Number of changes of owner in a history.
const MOVES: u64 = 3;
/// Length of a history, in units.
const UNITS: u32 = 5;

/// A rule that is broken, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// A node that loses the slot acknowledges at once, although it is still at work.
    AcknowledgesBeforeTheEnd,
    /// A node begins without waiting for the limit.
    IgnoresTheLimit,
    /// A node reports the end of its work before the work has ended.
    ReleasesBeforeTheEnd,
    /// An acknowledgement of any node ends the present epoch.
    EndsTheEpochOfOthers,
}

/// Work of a node on the slot.
#[derive(Clone, Debug)]
struct Work {
    node: usize,
    token: Token,
    ends_at: Duration,
    is_released: bool,
}

#[derive(Clone, Debug)]
struct State {
    now: Duration,
    /// Owner and epoch of the slot, and the epoch that has ended, in the store.
    owner: Option<usize>,
    epoch: u64,
    ended: u64,
    gates: [Gate; NODES],
    work: Vec<Work>,
}

/// One step of a history.
#[derive(Clone, Copy, Debug)]
enum Step {
    Passes,
    Moves {
        to: usize,
    },
    /// The node reads the slot's row, and writes its acknowledgements, or loses them on the way.
    Looks {
        node: usize,
        loses: bool,
    },
    Begins {
        node: usize,
        units: u32,
    },
    /// The process ends, and another one of its name takes over its slot.
    Dies {
        node: usize,
    },
}

impl State {
    fn new(mutant: Mutant) -> Self {
        let mode = if mutant == Mutant::IgnoresTheLimit { HandOver::Overlap } else { HandOver::Exclusive { limit: LIMIT } };
        let gates = [(); NODES].map(|()| Gate::new(mode));
        Self { now: LIMIT, owner: None, epoch: 0, ended: 0, gates, work: Vec::new() }
    }

    fn steps() -> Vec<Step> {
        let mut steps = vec![Step::Passes];
        for node in 0..NODES {
            steps.extend([Step::Moves { to: node }, Step::Dies { node }]);
            steps.extend([false, true].map(|loses| Step::Looks { node, loses }));
            // No piece of work takes longer than half of the limit.
            steps.extend([1, 2].map(|units| Step::Begins { node, units }));
        }
        steps
    }

    /// Returns the state after a step; `None` if the step changes nothing or leads beyond the bounds.
    fn after(&self, step: Step, mutant: Mutant) -> Option<Self> {
        let mut next = self.clone();
        match step {
            Step::Passes => next.pass(mutant)?,
            Step::Moves { to } => {
                if self.epoch == MOVES || self.owner == Some(to) {
                    return None;
                }
                (next.owner, next.epoch) = (Some(to), self.epoch + 1);
            }
            Step::Looks { node, loses } => next.look(node, loses, mutant),
            Step::Begins { node, units } => {
                // A node does one thing at a time on its slot.
                if self.work.iter().any(|work| work.node == node) {
                    return None;
                }
                let token = next.gates[node].begin(self.now, SLOT)?;
                next.work.push(Work { node, token, ends_at: self.now + UNIT * units, is_released: false });
            }
            Step::Dies { node } => {
                if self.epoch == MOVES || self.owner != Some(node) {
                    return None;
                }
                next.gates[node] = State::new(mutant).gates[node].clone();
                next.work.retain(|work| work.node != node);
                next.epoch += 1;
            }
        }
        Some(next)
    }

    fn pass(&mut self, mutant: Mutant) -> Option<()> {
        if self.now == LIMIT + UNIT * UNITS {
            return None;
        }
        self.now += UNIT;
        let now = self.now;
        for at in (0..self.work.len()).rev() {
            let Work { node, token, ends_at, is_released } = self.work[at];
            if ends_at <= now {
                self.work.remove(at);
            }
            if !is_released && (ends_at <= now || mutant == Mutant::ReleasesBeforeTheEnd) {
                self.gates[node].end(now, token).iter().for_each(|told| self.acknowledge(node, *told, mutant));
                if let Some(work) = self.work.get_mut(at).filter(|work| work.node == node) {
                    work.is_released = true;
                }
            }
        }
        Some(())
    }

    fn look(&mut self, node: usize, loses: bool, mutant: Mutant) {
        let now = self.now;
        let holds = self.owner == Some(node);
        let mut told = Vec::new();
        if holds {
            told.extend(self.gates[node].hear(now, Acknowledgement { slot: SLOT, epoch: Epoch(self.ended) }));
        }
        let held = holds.then_some((SLOT, Epoch(self.epoch)));
        told.extend(self.gates[node].look(now, now, held));
        if mutant == Mutant::AcknowledgesBeforeTheEnd && !holds {
            let at_work = self.work.iter().filter(|work| work.node == node);
            told.extend(at_work.map(|work| Acknowledgement { slot: SLOT, epoch: work.token.epoch }));
        }
        if !loses {
            told.into_iter().for_each(|told| self.acknowledge(node, told, mutant));
        }
    }

    /// Writes an acknowledgement into the slot's row. Only the owner ends the present epoch.
    fn acknowledge(&mut self, node: usize, told: Acknowledgement, mutant: Mutant) {
        let is_own = self.owner == Some(node) || mutant == Mutant::EndsTheEpochOfOthers;
        let most = if is_own { self.epoch } else { self.epoch.saturating_sub(1) };
        let epoch = if mutant == Mutant::EndsTheEpochOfOthers { self.epoch } else { told.epoch.0 };
        self.ended = self.ended.max(epoch.min(most));
    }

    fn overlaps(&self) -> bool {
        self.work.iter().enumerate().any(|(at, work)| self.work[..at].iter().any(|other| other.node != work.node))
    }

    /// Returns a digest for the set of states that were visited.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{self:?}").hash(&mut hasher);
        hasher.finish()
    }
}

/// Searches breadth-first. Returns the number of states, or a shortest history in which two nodes are at work at once.
fn search(mutant: Mutant) -> Result<usize, Vec<Step>> {
    let first = State::new(mutant);
    let mut visited = HashSet::from([first.digest()]);
    let mut open = VecDeque::from([(first, Vec::new())]);
    while let Some((state, history)) = open.pop_front() {
        for step in State::steps() {
            let Some(next) = state.after(step, mutant) else { continue };
            if !visited.insert(next.digest()) {
                continue;
            }
            let history = [&history[..], &[step]].concat();
            if next.overlaps() {
                return Err(history);
            }
            open.push_back((next, history));
        }
    }
    Ok(visited.len())
}

#[test]
fn no_two_nodes_are_at_work_at_once_in_any_history() {
    let states = search(Mutant::None).unwrap();
    println!("{states} states");
    assert!(states > 10_000, "the search is not trivial: {states} states");
}

#[test]
fn each_broken_rule_is_found() {
    for mutant in
        [Mutant::AcknowledgesBeforeTheEnd, Mutant::IgnoresTheLimit, Mutant::ReleasesBeforeTheEnd, Mutant::EndsTheEpochOfOthers]
    {
        let history = search(mutant).expect_err("two nodes are at work at once");
        println!("{mutant:?}: {history:?}");
    }
}
