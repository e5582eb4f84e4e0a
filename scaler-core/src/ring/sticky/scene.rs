//! The workers of a new roster, and how each stands to the ring as it is.

use std::collections::BTreeMap;

use super::index::Index;
use super::market::Side;
use super::owners::{NOBODY, Owners};
use crate::{Intake, Roster, Seat, Slot, WorkerId};

/// What a plan starts from.
#[derive(Clone, Copy, Debug)]
pub(super) struct State<'a> {
    /// Those among whom the slots are shared.
    pub(super) shared_among: &'a Roster,
    pub(super) owners: &'a Owners,
    pub(super) pins: &'a BTreeMap<Slot, WorkerId>,
    pub(super) index: &'a Index,
}

/// A worker of the new roster.
#[derive(Debug)]
pub(super) struct Party<'a> {
    pub(super) id: &'a WorkerId,
    pub(super) weight: u64,
    /// Its number among the owners, if it owns anything.
    pub(super) number: Option<u32>,
    seat: Seat,
    change: Change,
}

/// What became of a worker's part in the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It has no share yet.
    Joined,
    Raised,
    Lowered,
    None,
}

impl Change {
    fn between(before: Option<Seat>, now: Seat) -> Self {
        match before {
            None => Self::Joined,
            Some(before) if before.weight < now.weight => Self::Raised,
            Some(before) if before.weight > now.weight => Self::Lowered,
            Some(_) => Self::None,
        }
    }
}

/// The workers of the new roster by name, and whose slots are to be handed out.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) state: State<'a>,
    pub(super) parties: Vec<Party<'a>>,
    /// Those who own something and have no seat: nobody first, then the leavers.
    pub(super) seatless: Vec<(u32, Option<&'a WorkerId>)>,
    /// The slots whose pin holds now, and the places of their workers among the parties.
    pub(super) pinned: BTreeMap<Slot, usize>,
    stage: Stage,
    /// The generation that may receive.
    newest: u64,
}

/// Whether a generation of workers is being replaced by the next; when the last of the old ones leave, it still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Steady,
    Rollout,
}

impl<'a> Scene<'a> {
    pub(super) fn new(state: State<'a>, to: &'a Roster) -> Self {
        let mut seatless = vec![(NOBODY, None)];
        let mut owners = state.owners.by_name().peekable();
        let mut shares = state.shared_among.iter().peekable();
        let mut leaving = Vec::new();
        let mut parties = Vec::with_capacity(to.len());
        for (id, seat) in to.iter() {
            let number = seek(&mut owners, id, |(leaver, number)| seatless.push((number, Some(leaver))));
            let change = Change::between(seek(&mut shares, id, |(_, left)| leaving.push(left.generation)), seat);
            parties.push(Party { id, weight: u64::from(seat.weight.get()), number, seat, change });
        }
        seatless.extend(owners.map(|(leaver, number)| (number, Some(leaver))));
        let open = to.iter().filter(|(_, seat)| seat.intake == Intake::Open);
        let newest = open.map(|(_, seat)| seat.generation).max().unwrap_or_default();
        leaving.extend(shares.map(|(_, left)| left.generation));
        let mut generations = parties.iter().map(|party: &Party<'_>| party.seat.generation).chain(leaving);
        let is_rollout = generations.any(|generation| generation < newest);
        let stage = if is_rollout { Stage::Rollout } else { Stage::Steady };
        let mut scene = Self { state, parties, seatless, pinned: BTreeMap::new(), stage, newest };
        scene.pinned = scene.pins_that_hold();
        scene
    }

    /// A pin to a worker that has no open seat waits.
    fn pins_that_hold(&self) -> BTreeMap<Slot, usize> {
        let place = |(slot, worker): (&Slot, &WorkerId)| {
            let place = self.place_of(worker)?;
            (self.parties[place].seat.intake == Intake::Open).then_some((*slot, place))
        };
        self.state.pins.iter().filter_map(place).collect()
    }

    pub(super) fn place_of(&self, worker: &WorkerId) -> Option<usize> {
        self.parties.binary_search_by_key(&worker, |party| party.id).ok()
    }

    /// Whether the worker may be given slots: in a rollout only the newest generation, or what it gets would move twice.
    pub(super) fn may_receive(&self, worker: usize) -> bool {
        let seat = self.parties[worker].seat;
        seat.intake == Intake::Open && seat.generation == self.newest
    }

    /// Whether the worker may give slots when loads have drifted: in a rollout the newest generation keeps what it has.
    pub(super) fn may_settle(&self, worker: usize) -> bool {
        self.stage == Stage::Steady || self.parties[worker].seat.generation < self.newest
    }

    pub(super) fn side_as_donor(&self, worker: usize) -> Side {
        if self.parties[worker].change == Change::Lowered { Side::Changed } else { Side::Steady }
    }

    /// In a rollout a joiner takes nothing from the living: it is there to get the slots of one that is about to leave.
    pub(super) fn side_as_receiver(&self, worker: usize) -> Side {
        match self.parties[worker].change {
            Change::Joined if self.stage == Stage::Steady => Side::Changed,
            Change::Raised => Side::Changed,
            _ => Side::Steady,
        }
    }

    pub(super) fn joined(&self, worker: usize) -> bool {
        self.parties[worker].change == Change::Joined
    }

    /// Whether a joiner must still wait for its share, given whether it receives anything now.
    pub(super) fn awaits_its_share(&self, worker: usize, receives: impl FnOnce(&WorkerId) -> bool) -> bool {
        let party = &self.parties[worker];
        let is_idle = || self.stage == Stage::Rollout && party.number.is_none() && !receives(party.id);
        party.change == Change::Joined && (party.seat.intake == Intake::Cordoned || is_idle())
    }
}

/// The value of `name` in a sequence in the order of names, shared with calls for names before it. Names passed over are told.
fn seek<'a, Value>(
    sequence: &mut std::iter::Peekable<impl Iterator<Item = (&'a WorkerId, Value)>>,
    name: &WorkerId,
    mut pass_over: impl FnMut((&'a WorkerId, Value)),
) -> Option<Value> {
    loop {
        // Clones of a name are recognised without a look at its letters.
        if let Some((_, value)) = sequence.next_if(|(next, _)| *next == name) {
            return Some(value);
        }
        pass_over(sequence.next_if(|(next, _)| *next < name)?);
    }
}
