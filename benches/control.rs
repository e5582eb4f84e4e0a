//! Cost of a look of the control plane, by items and workers, with the stores in memory: time of a look that changes nothing, and of the look
//! that finds one more worker. Prints a Markdown table.
#![expect(clippy::disallowed_methods, reason = "it measures, by the clock of the machine")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::time::{Duration, Instant};

use scaler_benches::{measured, roster, worker};
use scaler_core::control::{ControlConfig, ControlPlane, Observation, Steering};
use scaler_core::{
    Assignment, Epoch, Incarnation, InstallationId, Member, MemberKey, MemberRecord, MemberState, Ring, Slot, SlotCount,
    SlotLoad, SlotRange, SlotState, StickyRing, Tick, uuid_hash,
};
use uuid::Uuid;

const ITEMS: [u64; 3] = [1000, 100_000, 10_000_000];
const WORKERS: [usize; 4] = [1, 10, 100, 1000];
const SECOND: Duration = Duration::from_secs(1);
/// Number of idle looks.
const LOOKS: u32 = 50;
/// Maximum number of looks until it plans for a worker that has just joined.
const PATIENCE: u64 = 30;

fn main() {
    println!("| items | workers | slots | look, ms | look with a joiner, ms |");
    println!("|--:|--:|--:|--:|--:|");
    for &items in measured(&ITEMS) {
        for &workers in measured(&WORKERS) {
            let mut field = Field::new(items, workers);
            let mut plane = ControlPlane::new(ControlConfig::default());
            field.look(&mut plane);
            let idle = (0..LOOKS).map(|_| field.look(&mut plane).1).sum::<Duration>() / LOOKS;
            field.join(workers);
            let found = (0..PATIENCE).map(|_| field.look(&mut plane)).find(|(moves, _)| *moves > 0);
            let joined = found.map_or(f64::NAN, |(_, took)| ms(took));
            println!("| {items} | {workers} | {} | {:.2} | {joined:.2} |", field.load.slots(), ms(idle));
        }
    }
}

/// Input of a control plane: assignment, members and load.
struct Field {
    assignment: Assignment,
    members: Vec<MemberRecord>,
    load: SlotLoad,
    now: Duration,
}

impl Field {
    #[expect(clippy::expect_used, reason = "a power of two within limits is a count")]
    fn new(items: u64, workers: usize) -> Self {
        let slots = SlotCount::new(65_536).expect("a power of two within limits");
        let load = SlotLoad::of_items(slots, (0..items).map(|item| (random_slot(item, slots), 1)));
        let ring = {
            let mut ring = StickyRing::new(slots);
            let plan = ring.plan(&roster(workers), &load);
            ring.apply(&plan).expect("it was planned for just this ring");
            ring
        };
        let owner = |slot| ring.owner(slot).map(|id| MemberKey { worker: id.clone(), incarnation: incarnation(0) });
        let state = |slot| SlotState { owner: owner(slot), epoch: Epoch(1), last_tick: Tick(0) };
        let assignment = Assignment {
            installation: InstallationId::UNKNOWN,
            tick: Tick(0),
            range: SlotRange::ALL,
            slots: slots.iter().map(state).collect(),
            sessions: None,
            tick_length: SECOND,
        };
        let mut field = Self { assignment, members: Vec::new(), load, now: Duration::ZERO };
        (0..workers).for_each(|number| field.join(number));
        field
    }

    fn join(&mut self, number: usize) {
        let key = MemberKey { worker: worker(number), incarnation: incarnation(0) };
        let member = Member {
            state: MemberState::Active,
            last_tick: Some(self.assignment.tick),
            ..Member::joining(key, InstallationId::UNKNOWN)
        };
        self.members.push(MemberRecord { member, age: Duration::ZERO });
    }

    /// Looks one second later, when all slots have ticked. Returns the number of moves, and the time of the look.
    fn look(&mut self, plane: &mut ControlPlane) -> (usize, Duration) {
        self.now += SECOND;
        self.assignment.tick = Tick(self.assignment.tick.0 + 1);
        self.assignment.slots.iter_mut().for_each(|slot| slot.last_tick = self.assignment.tick);
        self.members.iter_mut().for_each(|record| record.member.last_tick = Some(self.assignment.tick));
        let seen = Observation {
            assignment: &self.assignment,
            members: Some(&self.members),
            load: &self.load,
            steering: &Steering::default(),
            asked_at: self.now,
            answered_at: self.now,
        };
        let begun = Instant::now();
        let decision = plane.step(self.now, &seen);
        (decision.transfers.len(), begun.elapsed())
    }
}

fn incarnation(number: u128) -> Incarnation {
    Incarnation::new(Uuid::from_u128(number))
}

fn random_slot(item: u64, slots: SlotCount) -> Slot {
    let hash = uuid_hash(Uuid::from_u128(u128::from(item)), 1);
    Slot::new(u32::try_from(hash % u64::from(slots.get())).unwrap_or(0))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
