//! Every state that can be reached, breadth first, so that the first violation has a shortest trace.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::invariants::broken;
use crate::state::State;
use crate::step::{Bounds, Fault, Next, successors};

/// Result of a search.
#[derive(Debug)]
pub(crate) struct Found {
    /// States, where those that differ only in names count as one.
    pub(crate) states: usize,
    /// Steps taken between them.
    pub(crate) steps: usize,
    /// The longest of all shortest ways to a state.
    pub(crate) depth: usize,
    pub(crate) violation: Option<Violation>,
}

/// A way to a broken invariant, in the fewest steps.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) trace: Vec<Next>,
}

/// Takes every step from every state within the bounds; ends at the first step that breaks a rule whose name begins with `rules`.
pub(crate) fn search(bounds: &Bounds, fault: Option<Fault>, rules: &str) -> Found {
    let first = State::first();
    let mut seen: HashSet<u128, BuildHasherDefault<Mix>> = HashSet::from_iter([first.canonical()]);
    // Each state with the place of the one from which it was first reached.
    let mut reached = vec![(first, 0)];
    let (mut steps, mut depth, mut level_ends) = (0, 0, 1);
    let mut at = 0;
    while at < reached.len() {
        if at == level_ends {
            (depth, level_ends) = (depth + 1, reached.len());
        }
        let before = reached[at].0;
        for next in successors(&before, bounds, fault) {
            steps += 1;
            if let Some(rule) = broken(&before, &next).filter(|rule| rule.starts_with(rules)) {
                let mut trace = trace(&reached, at, bounds, fault);
                trace.push(next);
                return Found { states: reached.len(), steps, depth, violation: Some(Violation { rule, trace }) };
            }
            if seen.insert(next.state.canonical()) {
                reached.push((next.state, at));
            }
        }
        at += 1;
    }
    Found { states: reached.len(), steps, depth, violation: None }
}

/// The steps from the first state to this one.
fn trace(reached: &[(State, usize)], mut at: usize, bounds: &Bounds, fault: Option<Fault>) -> Vec<Next> {
    let mut trace = Vec::new();
    while at > 0 {
        let (state, from) = reached[at];
        trace.extend(successors(&reached[from].0, bounds, fault).into_iter().find(|next| next.state == state));
        at = from;
    }
    trace.reverse();
    trace
}

/// A fast hash for numbers that no adversary chooses.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u128(u128::from(*byte)));
    }

    fn write_u128(&mut self, number: u128) {
        let folded = (number >> 64) as u64 ^ number as u64 ^ self.0;
        let product = u128::from(folded) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}
