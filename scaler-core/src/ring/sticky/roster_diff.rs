//! Difference between the roster of the ring and a new one: who joins, leaves, or changes weight.

use std::collections::BTreeMap;

use super::donor_queue::Side;
use super::index::Index;
use super::owners::{NOBODY, Owners};
use crate::{Eligibility, Roster, Seat, Slot, WorkerId};

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
    /// Its number among the owners, if it owns anything.
    pub(super) number: Option<u32>,
    seat: Seat,
    change: Change,
}

/// Whom a slot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// The party at this place.
    Party(u32),
    /// The one at this place among those who have no seat.
    Seatless(u32),
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

impl Party<'_> {
    pub(super) fn weight(&self) -> u64 {
        u64::from(self.seat.weight.get())
    }
}

/// The workers of the new roster by name, and whose slots are to be handed out.
#[derive(Debug)]
pub(super) struct RosterDiff<'a> {
    pub(super) state: State<'a>,
    pub(super) parties: Vec<Party<'a>>,
    /// Those who own something and have no seat, with their numbers: nobody first, then the leavers.
    pub(super) seatless: Vec<(u32, Option<&'a WorkerId>)>,
    /// The slots whose pin holds now, and the places of their workers among the parties.
    pub(super) pinned: BTreeMap<Slot, u32>,
    /// The places of the parties whose part has changed.
    changed: Vec<u32>,
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

impl<'a> RosterDiff<'a> {
    pub(super) fn new(state: State<'a>, to: &'a Roster) -> Self {
        let mut seatless = vec![(NOBODY, None)];
        let mut owners = state.owners.by_name().peekable();
        let mut shares = state.shared_among.iter().peekable();
        let (mut parties, mut changed) = (Vec::with_capacity(to.len()), Vec::new());
        let (mut oldest, mut newest) = (u64::MAX, 0);
        for (place, (id, seat)) in (0..).zip(to.iter()) {
            let number = seek(&mut owners, id, |(leaver, number)| seatless.push((number, Some(leaver))));
            let before = seek(&mut shares, id, |(_, left)| oldest = oldest.min(left.generation));
            let change = Change::between(before, seat);
            if change != Change::None {
                changed.push(place);
            }
            oldest = oldest.min(seat.generation);
            if seat.eligibility == Eligibility::Eligible {
                newest = newest.max(seat.generation);
            }
            parties.push(Party { id, number, seat, change });
        }
        seatless.extend(owners.map(|(leaver, number)| (number, Some(leaver))));
        oldest = shares.fold(oldest, |oldest, (_, left)| oldest.min(left.generation));
        let stage = if oldest < newest { Stage::Rollout } else { Stage::Steady };
        let mut diff = Self { state, parties, seatless, pinned: BTreeMap::new(), changed, stage, newest };
        diff.pinned = diff.pins_that_hold();
        diff
    }

    /// A pin to a worker that has no open seat waits.
    fn pins_that_hold(&self) -> BTreeMap<Slot, u32> {
        let place = |(slot, worker): (&Slot, &WorkerId)| {
            let place = self.place_of(worker)?;
            (self.party(place).seat.eligibility == Eligibility::Eligible).then_some((*slot, place))
        };
        self.state.pins.iter().filter_map(place).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place among the workers, of whom there are fewer")]
    fn place_of(&self, worker: &WorkerId) -> Option<u32> {
        self.parties.binary_search_by_key(&worker, |party| party.id).ok().map(|place| place as u32)
    }

    pub(super) fn party(&self, place: u32) -> &Party<'a> {
        &self.parties[place as usize]
    }

    /// Who gives a slot away that has this owner.
    #[expect(clippy::cast_possible_truncation, reason = "a place among the owners, of whom there are fewer")]
    pub(super) fn giver(&self, owner: Option<&WorkerId>) -> Giver {
        let seatless = || self.seatless.iter().position(|(_, name)| *name == owner).unwrap_or_default();
        owner.and_then(|owner| self.place_of(owner)).map_or_else(|| Giver::Seatless(seatless() as u32), Giver::Party)
    }

    /// The name of a giver; `None` for nobody.
    pub(super) fn name_of(&self, giver: Giver) -> Option<&'a WorkerId> {
        match giver {
            Giver::Party(place) => Some(self.party(place).id),
            Giver::Seatless(place) => self.seatless[place as usize].1,
        }
    }

    /// Whether the worker may be given slots: in a rollout only the newest generation, or what it gets would move twice.
    pub(super) fn may_receive(&self, worker: u32) -> bool {
        let seat = self.party(worker).seat;
        seat.eligibility == Eligibility::Eligible && seat.generation == self.newest
    }

    /// Whether the worker may give slots when loads have drifted: in a rollout the newest generation keeps what it has.
    pub(super) fn may_rebalance_load(&self, worker: u32) -> bool {
        self.stage == Stage::Steady || self.party(worker).seat.generation < self.newest
    }

    /// Whether anybody takes more, or gives more, than loads alone would have it.
    pub(super) fn sides(&self) -> Sides {
        let has = |side: fn(&Self, u32) -> Side| self.changed.iter().any(|worker| side(self, *worker) == Side::Changed);
        Sides { grown: has(Self::side_as_receiver), shrunk: has(Self::side_as_donor) }
    }

    /// Who may give: everybody, or where nobody takes more than before, only those whose weight fell.
    pub(super) fn donors(&self, sides: Sides) -> impl Iterator<Item = u32> {
        let everybody = if sides.grown { self.parties.len() } else { 0 };
        let lowered = move |worker: &u32| !sides.grown && self.side_as_donor(*worker) == Side::Changed;
        (0..).take(everybody).chain(self.changed.iter().copied().filter(lowered))
    }

    /// Who may take: everybody, or where nobody gives more than before, only those who joined or whose weight rose.
    pub(super) fn receivers(&self, sides: Sides) -> impl Iterator<Item = u32> {
        let everybody = if sides.shrunk { self.parties.len() } else { 0 };
        let raised = move |worker: &u32| !sides.shrunk && self.side_as_receiver(*worker) == Side::Changed;
        (0..).take(everybody).chain(self.changed.iter().copied().filter(raised))
    }

    pub(super) fn side_as_donor(&self, worker: u32) -> Side {
        if self.party(worker).change == Change::Lowered { Side::Changed } else { Side::Steady }
    }

    /// In a rollout a joiner takes nothing from the living: it is there to get the slots of one that is about to leave.
    pub(super) fn side_as_receiver(&self, worker: u32) -> Side {
        match self.party(worker).change {
            Change::Joined if self.stage == Stage::Steady => Side::Changed,
            Change::Raised => Side::Changed,
            _ => Side::Steady,
        }
    }

    /// The places of those who had no share before.
    pub(super) fn joiners(&self) -> impl Iterator<Item = u32> {
        self.changed.iter().copied().filter(|worker| self.joined(*worker))
    }

    pub(super) fn joined(&self, worker: u32) -> bool {
        self.party(worker).change == Change::Joined
    }

    /// Whether a joiner must still wait for its share, given whether it receives anything now.
    pub(super) fn awaits_its_share(&self, joiner: u32, receives: impl FnOnce() -> bool) -> bool {
        let party = self.party(joiner);
        let is_idle = || self.stage == Stage::Rollout && party.number.is_none() && !receives();
        party.seat.eligibility == Eligibility::Cordoned || is_idle()
    }
}

/// Which sides of the queue have anyone whose part has changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    pub(super) grown: bool,
    pub(super) shrunk: bool,
}

/// The value of `name` in a sequence in the order of names, shared with calls for names before it. Names passed over are told.
fn seek<'a, Value>(
    sequence: &mut std::iter::Peekable<impl Iterator<Item = (&'a WorkerId, Value)>>,
    name: &WorkerId,
    mut pass_over: impl FnMut((&'a WorkerId, Value)),
) -> Option<Value> {
    loop {
        if let Some((_, value)) = sequence.next_if(|(next, _)| *next == name) {
            return Some(value);
        }
        pass_over(sequence.next_if(|(next, _)| *next < name)?);
    }
}
