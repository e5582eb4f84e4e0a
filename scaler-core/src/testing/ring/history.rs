//! Random histories: changes of a roster and of item loads.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::{Eligibility, Roster, Seat, Slot, SlotCount, SlotLoad, Weight, WorkerId};

/// Kinds of changes that a history contains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) seats: Seats,
    pub(super) loads: Loads,
}

/// Differences between workers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seats {
    /// None: all weights are 1.
    Equal,
    /// Different weights, which change.
    Weighted,
    /// Different weights, and some workers are cordoned for a while.
    Cordoned,
    /// None; again and again a worker joins and leaves before the next one joins.
    Revolving,
}

/// Number of times that a worker joins and leaves.
pub(super) const ROUND_TRIPS: usize = 16;

/// Differences between the loads of slots.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loads {
    /// None: every slot counts as 1.
    Slots,
    /// Items, which do not change.
    SameItems,
    /// Items, which do not change: some in each of many slots, few in about half of them and many in the others.
    Dense,
    /// Items, which change from one event to the next; sometimes a uniform load.
    Changing,
}

/// History of a ring: changes of the roster, each under a load.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) slots: SlotCount,
    pub(super) events: Vec<(Event, SlotLoad)>,
}

/// Change of the roster.
#[derive(Clone, Debug)]
pub(super) struct Event {
    leavers: Vec<Leaver>,
    joiners: Vec<Weight>,
    reseat: Option<(Index, Reseat)>,
}

#[derive(Clone, Copy, Debug)]
enum Leaver {
    Any(Index),
    /// Worker that joined last.
    Newest,
}

#[derive(Clone, Copy, Debug)]
enum Reseat {
    Weight(Weight),
    Eligibility(Eligibility),
}

impl Event {
    /// Returns the roster after the event. The last worker never leaves. `named` counts all workers that ever joined.
    pub(super) fn happen(&self, roster: &Roster, named: &mut u32) -> Roster {
        let mut next = roster.clone();
        for leaver in &self.leavers {
            if next.len() > 1 {
                let id = match leaver {
                    Leaver::Any(index) => pick(&next, *index),
                    Leaver::Newest => name(*named),
                };
                next.remove(&id);
            }
        }
        if let Some((worker, reseat)) = self.reseat
            && !next.is_empty()
        {
            let id = pick(&next, worker);
            let seat = next.get(&id).unwrap_or(Seat::PLAIN);
            let seat = match reseat {
                Reseat::Weight(weight) => Seat { weight, ..seat },
                Reseat::Eligibility(eligibility) => Seat { eligibility, ..seat },
            };
            next.seat(id, seat);
        }
        for weight in &self.joiners {
            *named += 1;
            next.seat(name(*named), Seat { weight: *weight, ..Seat::PLAIN });
        }
        next
    }
}

fn pick(roster: &Roster, index: Index) -> WorkerId {
    let ids: Vec<&WorkerId> = roster.iter().map(|(id, _)| id).collect();
    (*index.get(&ids)).clone()
}

#[expect(clippy::expect_used, reason = "a letter and digits are printable")]
fn name(number: u32) -> WorkerId {
    WorkerId::new(format!("w{number}")).expect("a name")
}

/// Returns histories of 2 to 256 slots that begin with a first join.
pub(super) fn histories(setting: Setting) -> impl Strategy<Value = History> {
    let (bits, first, later) = match (setting.seats, setting.loads) {
        (Seats::Revolving, _) => (7..=7_u32, 4..=8, revolving().boxed()),
        (_, Loads::Dense) => (8..=8, 1..=2, vec(events(setting.seats), 1..8).boxed()),
        _ => (1..=7, 1..=4, vec(events(setting.seats), 0..8).boxed()),
    };
    (bits, later).prop_flat_map(move |(bits, later)| {
        #[expect(clippy::expect_used, reason = "a power of two from 2 to 256")]
        let slots = SlotCount::new(1 << bits).expect("a count");
        let first =
            vec(weights(setting.seats), first.clone()).prop_map(|joiners| Event { leavers: vec![], joiners, reseat: None });
        let loads = match setting.loads {
            Loads::Slots => Just(vec![SlotLoad::uniform(slots)]).boxed(),
            Loads::SameItems => items(slots).prop_map(|load| vec![load]).boxed(),
            Loads::Dense => vec(prop_oneof![Just(1_u32), Just(15)], slots.len())
                .prop_map(move |counts| vec![SlotLoad::of_items(slots, slots.iter().zip(counts))])
                .boxed(),
            Loads::Changing => vec(prop_oneof![4 => items(slots), 1 => Just(SlotLoad::uniform(slots))], 8).boxed(),
        };
        (first, Just(later), loads).prop_map(move |(first, later, loads)| {
            let events = std::iter::once(first).chain(later).zip(loads.into_iter().cycle()).collect();
            History { slots, events }
        })
    })
}

fn revolving() -> impl Strategy<Value = Vec<Event>> {
    let join = Event { leavers: vec![], joiners: vec![Weight::ONE], reseat: None };
    let leave = Event { leavers: vec![Leaver::Newest], joiners: vec![], reseat: None };
    Just([join, leave].into_iter().cycle().take(2 * ROUND_TRIPS).collect())
}

fn events(seats: Seats) -> impl Strategy<Value = Event> {
    let join = vec(weights(seats), 1..=3).prop_map(|joiners| (vec![], joiners));
    let leaver = || any::<Index>().prop_map(Leaver::Any);
    let leave = vec(leaver(), 1..=3).prop_map(|leavers| (leavers, vec![]));
    let batch = (vec(leaver(), 1..=3), vec(weights(seats), 1..=3));
    let roster = prop_oneof![2 => join, 2 => leave, 2 => batch];
    let come_and_go = roster.prop_map(|(leavers, joiners)| Event { leavers, joiners, reseat: None });
    let reseat =
        |reseat| (any::<Index>(), reseat).prop_map(|reseat| Event { leavers: vec![], joiners: vec![], reseat: Some(reseat) });
    let reweigh = reseat(weights(seats).prop_map(Reseat::Weight).boxed());
    let cordon =
        reseat(prop_oneof![Just(Eligibility::Cordoned), Just(Eligibility::Eligible)].prop_map(Reseat::Eligibility).boxed());
    match seats {
        Seats::Equal | Seats::Revolving => come_and_go.boxed(),
        Seats::Weighted => prop_oneof![3 => come_and_go, 1 => reweigh].boxed(),
        Seats::Cordoned => prop_oneof![3 => come_and_go, 1 => reweigh, 1 => cordon].boxed(),
    }
}

fn weights(seats: Seats) -> BoxedStrategy<Weight> {
    match seats {
        Seats::Equal | Seats::Revolving => Just(Weight::ONE).boxed(),
        Seats::Weighted | Seats::Cordoned => (1..=30_u32).prop_filter_map("a weight is not 0", Weight::new).boxed(),
    }
}

/// Returns loads of three kinds: a few items, about the same number in each slot, or a few slots that outweigh all others.
fn items(slots: SlotCount) -> impl Strategy<Value = SlotLoad> {
    let few = vec((0..slots.get(), 1..=3_u32), 0..=12);
    let of_each = |items: BoxedStrategy<u32>| vec(items, slots.len()).prop_map(|items| (0..).zip(items).collect());
    let many = of_each((0..=6_u32, 0..=6_u32).prop_map(|(some, more)| some + more).boxed());
    let skewed = of_each(prop_oneof![8 => 0..=2_u32, 1 => 50..=400_u32].boxed());
    prop_oneof![few, many, skewed].prop_map(move |items: Vec<(u32, u32)>| {
        SlotLoad::of_items(slots, items.into_iter().map(|(slot, items)| (Slot::new(slot), items)))
    })
}
