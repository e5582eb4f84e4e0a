//! The control plane as a pure function of what it sees: what moves, what is held, and what is remembered.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scaler_core::control::{ControlConfig, ControlPlane, Decision, MemberPhase, Observation};
use scaler_core::{
    Assignment, Incarnation, InstallationId, Member, MemberKey, MemberRecord, MemberState, SlotCount, SlotLoad, SlotState, Tick,
    Timing, WorkerId,
};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

fn key(name: &str, life: u128) -> MemberKey {
    MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::from_u128(life)) }
}

/// A world that a control plane looks at, and that changes only as it is told.
struct World {
    plane: ControlPlane,
    now: Duration,
    /// How long the answer about the slots is on its way.
    delay: Duration,
    tick: u64,
    slots: Vec<SlotState>,
    members: Option<Vec<MemberRecord>>,
    sessions: Option<BTreeSet<Incarnation>>,
    load: SlotLoad,
}

impl World {
    fn new(names: &[&str]) -> Self {
        let slots = SlotCount::new(256).unwrap();
        let mut world = Self {
            plane: ControlPlane::new(ControlConfig::default()),
            now: Duration::ZERO,
            delay: Duration::ZERO,
            tick: 100,
            slots: vec![SlotState::default(); slots.len()],
            members: Some(Vec::new()),
            sessions: None,
            load: SlotLoad::of_items(slots, slots.iter().map(|slot| (slot, 1))),
        };
        for name in names {
            world.heard(&key(name, 1), MemberState::Active);
        }
        world
    }

    /// A heartbeat comes from this member.
    fn heard(&mut self, key: &MemberKey, state: MemberState) {
        let member =
            Member { state, last_tick: Some(Tick(self.tick)), ..Member::joining(key.clone(), InstallationId::new(Uuid::nil())) };
        let members = self.members.as_mut().unwrap();
        members.retain(|record| record.member.key.worker != key.worker);
        members.push(MemberRecord { member, age: Duration::ZERO });
    }

    /// A second goes by, in which these incarnations tick, and those of them that are listed as members are heard.
    fn second(&mut self, alive: &[MemberKey]) {
        self.now += SECOND;
        self.tick += 1;
        for slot in &mut self.slots {
            if slot.owner.as_ref().is_some_and(|owner| alive.contains(owner)) {
                slot.last_tick = Tick(self.tick);
            }
        }
        for record in self.members.iter_mut().flatten() {
            if alive.contains(&record.member.key) {
                record.member.last_tick = Some(Tick(self.tick));
                record.age = Duration::ZERO;
            } else {
                record.age += SECOND;
            }
        }
    }

    fn look(&mut self) -> Decision {
        let assignment = Assignment {
            installation: InstallationId::new(Uuid::nil()),
            tick: Tick(self.tick),
            tick_length: SECOND,
            slots: self.slots.clone(),
            sessions: self.sessions.clone(),
        };
        let (members, asked_at) = (self.members.as_deref(), self.now);
        self.now += self.delay;
        let seen = Observation { assignment: &assignment, asked_at, answered_at: self.now, members, load: &self.load };
        self.plane.step(self.now, &seen)
    }

    /// Makes the first `limit` transfers.
    fn commit(&mut self, decision: &Decision, limit: usize) {
        for transfer in decision.transfers.iter().take(limit) {
            let slot = &mut self.slots[transfer.slot.index()];
            assert_eq!(slot.epoch, transfer.epoch);
            slot.owner = Some(transfer.to.clone());
            slot.epoch = slot.epoch.next();
        }
    }

    /// Makes the first `limit` transfers, and lets the control plane know.
    fn commit_and_tell(&mut self, decision: &Decision, limit: usize) {
        self.commit(decision, limit);
        let moved: Vec<_> = decision.transfers.iter().take(limit).map(|transfer| transfer.slot).collect();
        self.plane.committed(&moved);
    }

    fn rebalance_load(&mut self) {
        let decision = self.look();
        self.commit(&decision, usize::MAX);
    }

    fn loads(&self) -> BTreeMap<String, usize> {
        let mut loads = BTreeMap::new();
        for owner in self.slots.iter().filter_map(|slot| slot.owner.as_ref()) {
            *loads.entry(owner.worker.to_string()).or_default() += 1;
        }
        loads
    }
}

#[test]
fn movements_that_have_not_happened_are_remembered_and_still_cost_the_least() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    world.heard(&key("d", 1), MemberState::Active);
    assert!(world.look().plan.is_empty(), "more may join in a moment");
    let mut moved = 0;
    for round in 0..10 {
        world.second(&["a", "b", "c", "d"].map(|name| key(name, 1)));
        let decision = world.look();
        assert_eq!(decision.plan.is_empty(), round > 0, "planned once");
        assert!(decision.transfers.iter().all(|transfer| transfer.to.worker.as_str() == "d"));
        assert!(decision.transfers.iter().all(|transfer| transfer.timing == Timing::AfterTick));
        moved += decision.transfers.len().min(10);
        world.commit(&decision, 10);
    }
    assert_eq!(moved, 256 / 4);
    assert_eq!(world.loads().into_values().collect::<Vec<_>>(), [64, 64, 64, 64]);
}

#[test]
fn a_move_is_made_when_its_commit_was_answered_and_may_be_undone_before_the_next_look() {
    let mut world = World::new(&["a", "b"]);
    world.rebalance_load();
    world.heard(&key("c", 1), MemberState::Active);
    world.look();
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    let decision = world.look();
    assert_eq!(decision.transfers.len(), 85, "a third");
    let before = world.slots.clone();
    world.commit_and_tell(&decision, 85);
    // The last owner of a slot takes it back. A debug build checks each plan against one that is made from the slots as they are.
    let slot = decision.transfers[0].slot.index();
    world.slots[slot] = SlotState { epoch: before[slot].epoch.next().next(), ..before[slot].clone() };
    assert!(world.look().plan.is_empty(), "84, 86 and 86 slots are even enough");
    world.heard(&key("c", 1), MemberState::Draining);
    world.look();
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    let moves = world.look().plan.moves().to_vec();
    assert!(moves.len() == 84 && moves.iter().all(|slot_move| slot_move.slot.index() != slot), "its slots move, and no others");
}

#[test]
fn nothing_moves_while_most_slots_fall_silent_at_once() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    for _ in 0..5 {
        world.second(&[key("a", 1)]);
    }
    let decision = world.look();
    assert!(decision.silent.is_some_and(|silent| silent > 128) && decision.transfers.is_empty());
    // They come back: all is as it was.
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    let decision = world.look();
    assert!(decision.silent.is_none() && decision.transfers.is_empty() && decision.plan.is_empty());
}

#[test]
fn who_is_back_first_after_a_hold_is_not_given_what_others_are_about_to_tick() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    for _ in 0..4 {
        world.second(&[]);
    }
    assert!(world.look().silent.is_some());
    world.second(&["a", "b"].map(|name| key(name, 1)));
    for _ in 0..3 {
        world.second(&["a", "b"].map(|name| key(name, 1)));
        assert!(world.look().transfers.is_empty(), "c is given time");
    }
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    assert!(world.look().transfers.is_empty());

    // Who does not come back is lost as ever.
    for _ in 0..4 {
        world.second(&["a", "b"].map(|name| key(name, 1)));
        world.look();
    }
    world.rebalance_load();
    assert_eq!(world.loads().into_values().collect::<Vec<_>>(), [128, 128]);
}

#[test]
fn the_first_to_fall_silent_in_an_outage_is_not_divided_among_those_that_follow() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let all = ["a", "b", "c"].map(|name| key(name, 1));
    world.second(&all);
    world.look();
    // The outage comes between the tick of a and those of b and c.
    world.second(&all[1..]);
    for _ in 0..5 {
        for record in world.members.iter_mut().flatten() {
            record.age = Duration::ZERO;
        }
        assert!(world.look().transfers.is_empty());
        world.second(&[]);
    }
    world.second(&all[1..]);
    assert!(world.look().transfers.is_empty(), "a is about to tick, too");
}

#[test]
fn a_hold_ends_when_all_witnesses_say_for_long_that_they_are_dead() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    for _ in 0..4 {
        world.second(&[key("a", 1)]);
    }
    assert!(world.look().silent.is_some());
    for _ in 0..4 {
        world.second(&[key("a", 1)]);
        assert!(world.look().silent.is_some());
    }
    world.second(&[key("a", 1)]);
    world.rebalance_load();
    assert_eq!(world.loads(), BTreeMap::from([("a".to_owned(), 256)]));
}

#[test]
fn one_dead_worker_is_no_reason_to_hold_however_much_it_owned() {
    let mut world = World::new(&["a"]);
    world.rebalance_load();
    world.heard(&key("b", 1), MemberState::Active);
    world.second(&[key("a", 1), key("b", 1)]);
    world.look();
    for _ in 0..4 {
        world.second(&[key("b", 1)]);
    }
    world.rebalance_load();
    assert_eq!(world.loads(), BTreeMap::from([("b".to_owned(), 256)]));
}

#[test]
fn a_closed_session_and_one_missed_tick_are_enough() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let life = |number| Incarnation::new(Uuid::from_u128(number));
    world.sessions = Some([life(1), life(2)].into());
    world.heard(&key("c", 2), MemberState::Active);
    world.slots.iter_mut().filter_map(|slot| slot.owner.as_mut()).filter(|owner| owner.worker.as_str() == "c").for_each(
        |owner| {
            owner.incarnation = life(2);
        },
    );
    world.second(&[key("a", 1), key("b", 1), key("c", 2)]);
    assert_eq!(world.look().phases[&key("c", 2).worker], MemberPhase::Healthy);
    world.sessions = Some([life(1)].into());
    world.second(&[key("a", 1), key("b", 1)]);
    assert_eq!(world.look().phases[&key("c", 2).worker], MemberPhase::Healthy, "its tick may still come");
    world.second(&[key("a", 1), key("b", 1)]);
    let decision = world.look();
    assert_eq!(decision.phases[&key("c", 2).worker], MemberPhase::Dead);
    assert!(!decision.transfers.is_empty() && decision.transfers.iter().all(|transfer| transfer.timing == Timing::Now));
}

#[test]
fn a_missing_session_after_an_outage_makes_no_worker_dead() {
    for (outage, phase) in [(false, MemberPhase::Dead), (true, MemberPhase::Healthy)] {
        let mut world = World::new(&["a", "b", "c"]);
        world.rebalance_load();
        world
            .slots
            .iter_mut()
            .filter_map(|slot| slot.owner.as_mut())
            .filter(|owner| owner.worker.as_str() == "c")
            .for_each(|owner| owner.incarnation = Incarnation::new(Uuid::from_u128(2)));
        world.heard(&key("c", 2), MemberState::Active);
        world.sessions = Some([1, 2].map(|life| Incarnation::new(Uuid::from_u128(life))).into());
        world.second(&[key("a", 1), key("b", 1), key("c", 2)]);
        world.look();
        world.sessions = Some([Incarnation::new(Uuid::from_u128(1))].into());
        if outage {
            world.plane.blinded();
        }
        for _ in 0..3 {
            world.second(&[key("a", 1), key("b", 1)]);
            world.look();
        }
        assert_eq!(world.look().phases[&key("c", 2).worker], phase, "outage: {outage}");
    }
}

#[test]
fn a_flushed_membership_moves_nothing() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    world.members = Some(Vec::new());
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    let decision = world.look();
    assert!(decision.phases.values().all(|phase| *phase == MemberPhase::Unheard) && decision.transfers.is_empty());
    // The first to be heard again gets nothing for it.
    world.heard(&key("b", 1), MemberState::Active);
    assert!(world.look().transfers.is_empty());
}

#[test]
fn where_nobody_is_heard_those_who_tick_take_over_from_the_dead() {
    for unreadable in [false, true] {
        let mut world = World::new(&["a", "b", "c"]);
        world.rebalance_load();
        world.members = (!unreadable).then(Vec::new);
        for _ in 0..5 {
            world.second(&[key("a", 1), key("b", 1)]);
        }
        world.rebalance_load();
        assert_eq!(world.loads().into_values().collect::<Vec<_>>(), [128, 128]);
    }
}

#[test]
fn a_draining_worker_keeps_its_slots_while_nobody_can_take_them() {
    let mut world = World::new(&["a"]);
    world.rebalance_load();
    world.heard(&key("a", 1), MemberState::Draining);
    world.second(&[key("a", 1)]);
    let decision = world.look();
    assert_eq!(decision.phases[&key("a", 1).worker], MemberPhase::Draining);
    assert!(decision.transfers.is_empty());
}

#[test]
fn only_the_slots_of_a_barred_worker_move() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let alive = ["a", "b", "c"].map(|name| key(name, 1));
    world.second(&alive);
    world.heard(&key("b", 1), MemberState::Barred);
    for _ in 0..5 {
        world.second(&alive);
        let decision = world.look();
        assert!(decision.transfers.iter().all(|transfer| {
            let owner = world.slots[transfer.slot.index()].owner.as_ref();
            owner.is_some_and(|owner| owner.worker.as_str() == "b") && transfer.timing == Timing::Now
        }));
        world.commit(&decision, usize::MAX);
    }
    assert_eq!(world.loads(), BTreeMap::from([("a".to_owned(), 128), ("c".to_owned(), 128)]));
    world.heard(&key("b", 1), MemberState::Active);
    let mut waited = 0;
    while world.loads().len() < 3 {
        world.second(&alive);
        world.rebalance_load();
        waited += 1;
        assert!(waited < 60);
    }
    assert!(waited >= 2, "who was barred waits like who was gone: {waited} s");
}

#[test]
fn where_all_are_barred_nothing_moves() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let alive = ["a", "b", "c"].map(|name| key(name, 1));
    world.second(&alive);
    alive.iter().for_each(|key| world.heard(key, MemberState::Barred));
    for _ in 0..20 {
        world.second(&alive);
        assert!(world.look().transfers.is_empty());
    }
}

#[test]
fn the_first_to_be_barred_keeps_its_slots_while_the_others_cannot_write_either() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let alive = ["a", "b", "c"].map(|name| key(name, 1));
    let states = |world: &mut World, states: [MemberState; 3]| {
        alive.iter().zip(states).for_each(|(key, state)| world.heard(key, state));
        world.second(&alive);
        world.look().transfers.len()
    };
    let [active, suspect, barred] = [MemberState::Active, MemberState::Suspect, MemberState::Barred];
    assert_eq!(states(&mut world, [suspect; 3]), 0);
    assert_eq!(states(&mut world, [barred, suspect, suspect]), 0);
    assert_eq!(states(&mut world, [barred; 3]), 0);
    // The reason is over: each has the hold time to find out.
    for _ in 0..4 {
        assert_eq!(states(&mut world, [active, active, barred]), 0);
    }
    let moved = (0..5).map(|_| states(&mut world, [active, active, barred])).max();
    assert!(moved > Some(0), "one that still may not write is barred for a reason of its own");
}

#[test]
fn a_worker_only_whose_own_items_are_refused_takes_over_from_one_that_is_barred() {
    let mut world = World::new(&["a", "b"]);
    world.rebalance_load();
    let alive = ["a", "b"].map(|name| key(name, 1));
    world.second(&alive);
    // Its trial writes are accepted, so that it stays active.
    world.heard(&alive[0], MemberState::Active);
    world.members.as_mut().unwrap().iter_mut().for_each(|record| (record.member.items, record.member.refused) = (5, 5));
    world.heard(&alive[1], MemberState::Barred);
    world.second(&alive);
    assert!(!world.look().transfers.is_empty());
}

#[test]
fn workers_that_join_a_moment_apart_cost_the_least_of_all_joins_together() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let mut moved = 0;
    for name in ["d", "e", "", "", ""] {
        if !name.is_empty() {
            world.heard(&key(name, 1), MemberState::Active);
        }
        world.second(&["a", "b", "c", "d", "e"].map(|name| key(name, 1)));
        world.now -= SECOND / 2; // Half a second from look to look.
        let decision = world.look();
        moved += decision.transfers.len();
        world.commit(&decision, usize::MAX);
    }
    assert_eq!(moved, 256 * 2 / 5);
    assert_eq!(world.loads().into_values().collect::<BTreeSet<_>>(), BTreeSet::from([51, 52]));
}

#[test]
fn workers_that_drain_a_moment_apart_move_only_what_they_own() {
    let mut world = World::new(&["a", "b", "c", "d", "e"]);
    world.rebalance_load();
    let leavers: usize = ["c", "d", "e"].iter().map(|name| world.loads()[*name]).sum();
    let mut moved = 0;
    for name in ["c", "d", "e", "", "", ""] {
        if !name.is_empty() {
            world.heard(&key(name, 1), MemberState::Draining);
        }
        world.second(&["a", "b", "c", "d", "e"].map(|name| key(name, 1)));
        world.now -= SECOND * 4 / 5;
        let decision = world.look();
        moved += decision.transfers.len();
        world.commit(&decision, usize::MAX);
        world.now += SECOND * 3 / 10;
    }
    assert_eq!(moved, leavers);
    assert_eq!(world.loads(), BTreeMap::from([("a".to_owned(), 128), ("b".to_owned(), 128)]));
}

#[test]
fn slots_of_dead_workers_do_not_wait_for_the_debounce() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    for _ in 0..3 {
        world.second(&[key("a", 1), key("b", 1)]);
    }
    world.heard(&key("d", 1), MemberState::Active);
    world.second(&[key("a", 1), key("b", 1), key("d", 1)]);
    let decision = world.look();
    assert_eq!(decision.transfers.len(), 85);
    assert!(decision.transfers.iter().all(|transfer| ["a", "b"].contains(&transfer.to.worker.as_str())));
}

#[test]
fn slots_under_a_silent_earlier_life_follow_the_worker() {
    let mut world = World::new(&["a", "b"]);
    world.rebalance_load();
    world.second(&[key("a", 1), key("b", 1)]);
    world.heard(&key("a", 2), MemberState::Active);
    world.second(&[key("a", 2), key("b", 1)]);
    assert!(world.look().transfers.is_empty(), "it may still adopt them, and its earlier life may still tick");
    world.second(&[key("a", 2), key("b", 1)]);
    let decision = world.look();
    assert!(decision.plan.is_empty() && decision.transfers.iter().all(|transfer| transfer.to == key("a", 2)));
    assert_eq!(decision.transfers.len(), 128);
}

#[test]
fn the_receiver_of_a_movement_that_has_not_happened_may_die() {
    let mut world = World::new(&["a", "b"]);
    world.rebalance_load();
    world.heard(&key("c", 1), MemberState::Active);
    world.look();
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    assert!(!world.look().transfers.is_empty());
    for _ in 0..5 {
        world.second(&[key("a", 1), key("b", 1)]);
    }
    assert!(world.look().transfers.is_empty(), "nothing has moved, so nothing must");
}

#[test]
fn a_delayed_answer_makes_no_worker_dead() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    world.members = None;
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    world.look();
    world.delay = 20 * SECOND;
    let decision = world.look();
    assert!(decision.silent.is_none() && decision.phases.values().all(|phase| *phase == MemberPhase::Healthy), "{decision:?}");
    world.delay = Duration::ZERO;
    assert!(world.look().silent.is_some(), "nothing new in an answer that comes at once is another matter");
}
