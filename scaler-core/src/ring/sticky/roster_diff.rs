//! Difference between the roster of the ring and a new one: joins, leaves and changes of weight.

use std::collections::BTreeMap;

use super::donor_queue::Side;
use super::index::Index;
use super::owners::{NO_OWNER, Owners};
use crate::{Eligibility, Roster, Seat, Slot, WorkerId};

/// State of the ring from which a plan starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct State<'a> {
    /// Roster among which the slots are shared.
    pub(super) shared_among: &'a Roster,
    pub(super) owners: &'a Owners,
    pub(super) pins: &'a BTreeMap<Slot, WorkerId>,
    pub(super) index: &'a Index,
}

/// Worker of the new roster.
#[derive(Debug)]
pub(super) struct Party<'a> {
    pub(super) id: &'a WorkerId,
    /// Its number among the owners; `None` if it owns nothing.
    pub(super) number: Option<u32>,
    seat: Seat,
    change: Change,
}

/// Present owner of a slot that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// Party at this index.
    Party(u32),
    /// Entry at this index of [`RosterDiff::seatless`].
    Seatless(u32),
}

/// Change of a worker between the two rosters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// The worker has no share yet.
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

/// Workers of the new roster by name, and the slots to reassign.
#[derive(Debug)]
pub(super) struct RosterDiff<'a> {
    pub(super) state: State<'a>,
    pub(super) parties: Vec<Party<'a>>,
    /// Owners that are not in the new roster, with their numbers: first the entry for slots without an owner, then the leavers.
    pub(super) seatless: Vec<(u32, Option<&'a WorkerId>)>,
    /// Slots with an effective pin, and the indices of their workers among the parties.
    pub(super) pinned: BTreeMap<Slot, u32>,
    /// Indices of the parties that joined or changed weight.
    changed: Vec<u32>,
    stage: Stage,
    /// Newest generation with an eligible worker: the one that may receive.
    newest: u64,
}

/// Stage of a rollout: tells if a generation of workers is being replaced by the next. The plan in which the last workers of
/// the old generation leave still belongs to the rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Steady,
    Rollout,
}

impl<'a> RosterDiff<'a> {
    pub(super) fn new(state: State<'a>, to: &'a Roster) -> Self {
        let mut seatless = vec![(NO_OWNER, None)];
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

    /// Returns the effective pins: those of slots that may move, to eligible workers.
    fn pins_that_hold(&self) -> BTreeMap<Slot, u32> {
        let place = |(slot, worker): (&Slot, &WorkerId)| {
            let place = self.place_of(worker)?;
            (self.party(place).seat.eligibility == Eligibility::Eligible).then_some((*slot, place))
        };
        self.state.pins.iter().filter(|(slot, _)| self.state.owners.may_move(**slot)).filter_map(place).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place among the workers, of whom there are fewer")]
    fn place_of(&self, worker: &WorkerId) -> Option<u32> {
        self.parties.binary_search_by_key(&worker, |party| party.id).ok().map(|place| place as u32)
    }

    pub(super) fn party(&self, place: u32) -> &Party<'a> {
        &self.parties[place as usize]
    }

    /// Returns the giver that stands for this owner.
    #[expect(clippy::cast_possible_truncation, reason = "a place among the owners, of whom there are fewer")]
    pub(super) fn giver(&self, owner: Option<&WorkerId>) -> Giver {
        let seatless = || self.seatless.iter().position(|(_, name)| *name == owner).unwrap_or_default();
        owner.and_then(|owner| self.place_of(owner)).map_or_else(|| Giver::Seatless(seatless() as u32), Giver::Party)
    }

    /// Returns the name of a giver; `None` for slots without an owner.
    pub(super) fn name_of(&self, giver: Giver) -> Option<&'a WorkerId> {
        match giver {
            Giver::Party(place) => Some(self.party(place).id),
            Giver::Seatless(place) => self.seatless[place as usize].1,
        }
    }

    /// Returns true if the worker may receive slots: during a rollout only the newest generation, since other slots would move
    /// twice.
    pub(super) fn may_receive(&self, worker: u32) -> bool {
        let seat = self.party(worker).seat;
        seat.eligibility == Eligibility::Eligible && seat.generation == self.newest
    }

    /// Returns true if the worker may give slots in a rebalance for load: during a rollout the newest generation keeps its
    /// slots.
    pub(super) fn may_rebalance_load(&self, worker: u32) -> bool {
        self.stage == Stage::Steady || self.party(worker).seat.generation < self.newest
    }

    /// Returns the sides on which a worker has changed, and so takes more or gives more than loads alone require.
    pub(super) fn sides(&self) -> Sides {
        let has = |side: fn(&Self, u32) -> Side| self.changed.iter().any(|worker| side(self, *worker) == Side::Changed);
        Sides { grown: has(Self::side_as_receiver), shrunk: has(Self::side_as_donor) }
    }

    /// Returns the workers that may give: all if a worker has [grown](Sides::grown), otherwise those whose weight fell.
    pub(super) fn donors(&self, sides: Sides) -> impl Iterator<Item = u32> {
        let everybody = if sides.grown { self.parties.len() } else { 0 };
        let lowered = move |worker: &u32| !sides.grown && self.side_as_donor(*worker) == Side::Changed;
        (0..).take(everybody).chain(self.changed.iter().copied().filter(lowered))
    }

    /// Returns the workers that may take: all if a worker has [shrunk](Sides::shrunk), otherwise joiners and those whose weight
    /// rose.
    pub(super) fn receivers(&self, sides: Sides) -> impl Iterator<Item = u32> {
        let everybody = if sides.shrunk { self.parties.len() } else { 0 };
        let raised = move |worker: &u32| !sides.shrunk && self.side_as_receiver(*worker) == Side::Changed;
        (0..).take(everybody).chain(self.changed.iter().copied().filter(raised))
    }

    pub(super) fn side_as_donor(&self, worker: u32) -> Side {
        if self.party(worker).change == Change::Lowered { Side::Changed } else { Side::Steady }
    }

    /// Returns the side of a receiver. During a rollout a joiner takes nothing from workers that stay: it gets the slots of a
    /// worker that is about to leave.
    pub(super) fn side_as_receiver(&self, worker: u32) -> Side {
        match self.party(worker).change {
            Change::Joined if self.stage == Stage::Steady => Side::Changed,
            Change::Raised => Side::Changed,
            _ => Side::Steady,
        }
    }

    /// Returns the indices of the workers that had no share before.
    pub(super) fn joiners(&self) -> impl Iterator<Item = u32> {
        self.changed.iter().copied().filter(|worker| self.joined(*worker))
    }

    pub(super) fn joined(&self, worker: u32) -> bool {
        self.party(worker).change == Change::Joined
    }

    /// Returns true if a joiner must wait for its share, given whether it receives slots now.
    pub(super) fn awaits_its_share(&self, joiner: u32, receives: impl FnOnce() -> bool) -> bool {
        let party = self.party(joiner);
        let is_idle = || self.stage == Stage::Rollout && party.number.is_none() && !receives();
        party.seat.eligibility == Eligibility::Cordoned || is_idle()
    }
}

/// Sides of the queue that hold a changed worker: `grown` for receivers, `shrunk` for donors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    pub(super) grown: bool,
    pub(super) shrunk: bool,
}

/// Returns the value of `name` in a sequence that is sorted by name. The sequence is shared by calls with ascending names;
/// skipped entries go to `pass_over`.
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
