//! What moves when the roster changes.

use super::exchange::Exchange;
use super::market::Side;
use super::owners::Owners;
use super::pile::LoadedSlot;
use crate::{Intake, Plan, Roster, Seat, Slot, SlotCount, SlotLoad, WorkerId};

/// What would move if the roster became `to`.
pub(super) fn plan(roster: &Roster, owners: &Owners, to: &Roster, load: &SlotLoad) -> Plan {
    let scene = Scene::new(roster, owners, to);
    let mut movements = Vec::new();
    if scene.parties.iter().any(Party::may_receive) {
        for class in classes(owners.slots(), load) {
            movements.extend(Exchange::new(&scene, class).run());
        }
    }
    Plan::new(to.clone(), movements, load)
}

/// How the slots of a class are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Each as 1.
    Slots,
    /// Each as the items in it.
    Items,
}

/// Slots that are shared out by one measure, apart from all others.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) measure: Measure,
    pub(super) slots: Vec<LoadedSlot>,
}

/// The occupied slots by their items and the empty ones by their number; all by their number when all count alike.
fn classes(slots: SlotCount, load: &SlotLoad) -> Vec<Class> {
    if load.is_uniform() {
        return vec![Class { measure: Measure::Slots, slots: slots.iter().map(|slot| LoadedSlot::new(slot, 1)).collect() }];
    }
    let (mut occupied, mut empty) = (Vec::with_capacity(slots.len()), Vec::new());
    for slot in slots.iter() {
        match load.of(slot) {
            0 => empty.push(LoadedSlot::new(slot, 1)),
            items => occupied.push(LoadedSlot::new(slot, items)),
        }
    }
    vec![Class { measure: Measure::Items, slots: occupied }, Class { measure: Measure::Slots, slots: empty }]
}

/// A worker of the new roster.
#[derive(Debug)]
pub(super) struct Party<'a> {
    pub(super) id: &'a WorkerId,
    pub(super) weight: u64,
    intake: Intake,
    change: Change,
}

/// What became of a worker's part in the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It owns nothing and had no open seat.
    Joined,
    Raised,
    Lowered,
    None,
}

/// What a worker owns before the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holding {
    Nothing,
    Something,
}

impl Change {
    fn between(before: Option<Seat>, now: Seat, holding: Holding) -> Self {
        match before {
            None | Some(Seat { intake: Intake::Cordoned, .. }) if holding == Holding::Nothing => Self::Joined,
            Some(before) if before.weight < now.weight => Self::Raised,
            Some(before) if before.weight > now.weight => Self::Lowered,
            _ => Self::None,
        }
    }
}

impl Party<'_> {
    pub(super) fn may_receive(&self) -> bool {
        self.intake == Intake::Open
    }

    pub(super) fn joined(&self) -> bool {
        self.change == Change::Joined
    }

    pub(super) fn side_as_donor(&self) -> Side {
        if self.change == Change::Lowered { Side::Changed } else { Side::Steady }
    }

    pub(super) fn side_as_receiver(&self) -> Side {
        if matches!(self.change, Change::Joined | Change::Raised) { Side::Changed } else { Side::Steady }
    }
}

/// Who holds a slot, seen from the new roster.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holder<'a> {
    Nobody,
    Leaver(&'a WorkerId),
    /// The party at this place.
    Party(usize),
}

/// The workers of the new roster by name, and the owners of the slots among them.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) parties: Vec<Party<'a>>,
    holders: Vec<Holder<'a>>,
    owners: &'a Owners,
}

impl<'a> Scene<'a> {
    fn new(roster: &Roster, owners: &'a Owners, to: &'a Roster) -> Self {
        let mut parties: Vec<Party<'a>> = to
            .iter()
            .map(|(id, seat)| Party { id, weight: u64::from(seat.weight.get()), intake: seat.intake, change: Change::None })
            .collect();
        let holder = |name| match parties.binary_search_by_key(&name, |party| party.id) {
            Ok(place) => Holder::Party(place),
            Err(_) => Holder::Leaver(name),
        };
        let holders: Vec<Holder<'a>> = owners.names().iter().map(holder).collect();
        let mut holding = vec![Holding::Nothing; parties.len()];
        for holder in &holders {
            if let Holder::Party(place) = holder {
                holding[*place] = Holding::Something;
            }
        }
        for ((party, (id, seat)), holding) in parties.iter_mut().zip(to.iter()).zip(holding) {
            party.change = Change::between(roster.get(id), seat, holding);
        }
        Self { parties, holders, owners }
    }

    pub(super) fn holder(&self, slot: Slot) -> Holder<'a> {
        self.owners.number(slot).map_or(Holder::Nobody, |number| self.holders[number])
    }
}
