//! Findings in words.

use std::fmt;

use crate::search::{Found, Violation};
use crate::state::{Life, Sight};
use crate::step::Step;

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states, {} steps between them, the farthest {} steps away", self.states, self.steps, self.depth)?;
        self.violation.iter().try_for_each(|violation| write!(f, "; broken: {violation}"))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, in {} steps:", self.rule, self.trace.len())?;
        self.trace.iter().try_for_each(|next| writeln!(f, "  {}", next.step))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TimeGoesBy => f.write_str("the next tick begins"),
            Self::Restarts { worker } => write!(f, "worker {} starts anew", name(worker)),
            Self::Ticks { by, slot, begun_in } => write!(f, "a call of {by}, begun in tick {begun_in}, ticks slot {slot}"),
            Self::Learns { worker } => write!(f, "worker {} is told what it owns", name(worker)),
            Self::Adopts { by, slot } => write!(f, "{by} adopts slot {slot}"),
            Self::Claims { by, slot } => write!(f, "{by} claims slot {slot}"),
            Self::LeaseEnds => f.write_str("the lease runs out"),
            Self::LongWithoutALeader => f.write_str("nobody has led for long"),
            Self::Campaigns { leader, answer } => write!(f, "control plane {leader} is elected; the answer is {answer:?}"),
            Self::Renews { leader } => write!(f, "control plane {leader} renews its lease"),
            Self::Forgets { leader } => write!(f, "control plane {leader} dies, and another takes its place"),
            Self::Looks { leader, seen: [one, other] } => write!(f, "control plane {leader} sees slot 0: {one}; slot 1: {other}"),
            Self::Commits { leader, slot, to, timing } => {
                write!(f, "control plane {leader} gives slot {slot} to {to}, {timing:?}")
            }
        }
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", name(self.worker), self.number + 1)
    }
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}, its owner {:?}", self.epoch, self.phase)
    }
}

fn name(worker: u8) -> char {
    char::from(b'a' + worker)
}
