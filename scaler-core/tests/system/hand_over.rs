//! Work outside the store: no two workers at once on one slot, whatever is lost, late or dead; and that the test can tell.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use scaler_core::hand_over::{Acknowledgement, Gate, HandOver, Token};
use scaler_core::memory::MemoryStore;
use scaler_core::{
    Cause, Election, Epoch, Hearing, Holding, Incarnation, MemberKey, Slot, SlotCount, SlotRange, Timing, TokioClock, Transfer,
    WorkStore, WorkerId,
};
use uuid::Uuid;

const MS: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(10);
const EXCLUSIVE: HandOver = HandOver::Exclusive { limit: LIMIT };
const WORKERS: usize = 3;
const SLOTS: u32 = 2;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Happening {
    TimePasses {
        ms: u64,
    },
    Moves {
        slot: u32,
        to: usize,
    },
    Looks {
        worker: usize,
    },
    /// The owner looks, and begins if it may.
    Works {
        slot: u32,
        for_ms: u64,
    },
    /// A worker begins on what it last saw.
    Begins {
        worker: usize,
        slot: u32,
        for_ms: u64,
    },
    /// The acknowledgement that has waited longest reaches a worker, or is lost on the way there.
    Arrives {
        worker: usize,
    },
    Loses {
        worker: usize,
    },
    /// A process ends with its work, and another of its name begins.
    Dies {
        worker: usize,
    },
}

fn happening(longest_work_ms: u64) -> impl Strategy<Value = Happening> {
    let (worker, slot) = (0..WORKERS, 0..SLOTS);
    prop_oneof![
        4 => (1_u64..2500).prop_map(|ms| Happening::TimePasses { ms }),
        2 => (slot.clone(), worker.clone()).prop_map(|(slot, to)| Happening::Moves { slot, to }),
        4 => worker.clone().prop_map(|worker| Happening::Looks { worker }),
        6 => (slot.clone(), 1..=longest_work_ms).prop_map(|(slot, for_ms)| Happening::Works { slot, for_ms }),
        4 => (worker.clone(), slot, 1..=longest_work_ms).prop_map(|(worker, slot, for_ms)| Happening::Begins { worker, slot, for_ms }),
        3 => worker.clone().prop_map(|worker| Happening::Arrives { worker }),
        1 => worker.clone().prop_map(|worker| Happening::Loses { worker }),
        1 => worker.prop_map(|worker| Happening::Dies { worker }),
    ]
}

/// Workers, who owns what, and who works on what until when.
struct World {
    mode: HandOver,
    now: Duration,
    owners: BTreeMap<u32, (usize, u64)>,
    gates: Vec<Gate>,
    mail: Vec<Vec<Acknowledgement>>,
    at_work: Vec<(usize, Token, Duration)>,
    /// Pieces of work, and how many of them began while another worker was at the same slot.
    begun: usize,
    overlapped: usize,
}

impl World {
    fn new(mode: HandOver) -> Self {
        let gates = (0..WORKERS).map(|_| Gate::new(mode)).collect();
        let mail = vec![Vec::new(); WORKERS];
        Self { mode, now: LIMIT, owners: BTreeMap::new(), gates, mail, at_work: Vec::new(), begun: 0, overlapped: 0 }
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::TimePasses { ms } => self.pass(MS * u32::try_from(ms).unwrap()),
            Happening::Moves { slot, to } => {
                let owner = self.owners.entry(slot).or_insert((to, 0));
                *owner = (to, owner.1 + 1);
            }
            Happening::Looks { worker } => self.look(worker),
            Happening::Begins { worker, slot, for_ms } => {
                self.begin(worker, Slot::new(slot), MS * u32::try_from(for_ms).unwrap());
            }
            Happening::Works { slot, for_ms } => {
                if let Some((owner, _)) = self.owners.get(&slot).copied() {
                    self.look(owner);
                    self.begin(owner, Slot::new(slot), MS * u32::try_from(for_ms).unwrap());
                }
            }
            Happening::Arrives { worker } if !self.mail[worker].is_empty() => {
                let acknowledgement = self.mail[worker].remove(0);
                let told = self.gates[worker].hear(self.now, acknowledgement);
                self.tell(&told);
            }
            Happening::Loses { worker } if !self.mail[worker].is_empty() => _ = self.mail[worker].remove(0),
            Happening::Arrives { .. } | Happening::Loses { .. } => {}
            Happening::Dies { worker } => {
                self.gates[worker] = Gate::new(self.mode);
                self.at_work.retain(|(who, ..)| *who != worker);
                // It adopts what stands under its name.
                self.owners.values_mut().filter(|(who, _)| *who == worker).for_each(|(_, epoch)| *epoch += 1);
            }
        }
    }

    /// Work ends when its time is over.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) =
            (0..self.at_work.len()).min_by_key(|at| self.at_work[*at].2).filter(|at| self.at_work[*at].2 <= until)
        {
            let (worker, token, ends_at) = self.at_work.remove(next);
            self.now = ends_at;
            let told = self.gates[worker].end(ends_at, token);
            self.tell(&told);
        }
        self.now = until;
    }

    fn look(&mut self, worker: usize) {
        let held = self.owners.iter().filter(|(_, (owner, _))| *owner == worker);
        let held: Vec<_> = held.map(|(slot, (_, epoch))| (Slot::new(*slot), Epoch(*epoch))).collect();
        let told = self.gates[worker].look(self.now, self.now, held);
        self.tell(&told);
    }

    fn begin(&mut self, worker: usize, slot: Slot, time: Duration) {
        if let Some(token) = self.gates[worker].begin(self.now, slot) {
            self.begun += 1;
            self.overlapped += usize::from(self.at_work.iter().any(|(other, at, _)| *other != worker && at.slot == slot));
            self.at_work.push((worker, token, self.now + time));
        }
    }

    fn tell(&mut self, told: &[Acknowledgement]) {
        self.mail.iter_mut().for_each(|mail| mail.extend(told));
    }
}

fn happenings(longest_work_ms: u64) -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec(happening(longest_work_ms), 1..200)
}

fn played(mode: HandOver, happenings: Vec<Happening>) -> World {
    let mut world = World::new(mode);
    happenings.into_iter().for_each(|happening| world.happens(happening));
    world
}

proptest! {
    #[test]
    fn no_two_workers_work_on_one_slot_at_once(happenings in happenings(5000)) {
        prop_assert_eq!(played(EXCLUSIVE, happenings).overlapped, 0);
    }

    #[test]
    fn in_the_end_the_owner_may_work(happenings in happenings(5000)) {
        let mut world = played(EXCLUSIVE, happenings);
        (0..WORKERS).for_each(|worker| world.look(worker));
        world.pass(LIMIT);
        (0..WORKERS).for_each(|worker| world.look(worker));
        for (slot, (owner, epoch)) in world.owners.clone() {
            let token = world.gates[owner].begin(world.now, Slot::new(slot));
            prop_assert_eq!(token, Some(Token { slot: Slot::new(slot), epoch: Epoch(epoch) }));
        }
    }
}

/// Plays a thousand random histories. Returns the pieces of work begun, and how many of them overlapped.
fn in_many_histories(mode: HandOver, longest_work_ms: u64) -> (usize, usize) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let worlds = (0..1000).map(|_| {
        let happenings = happenings(longest_work_ms).new_tree(&mut runner).unwrap().current();
        played(mode, happenings)
    });
    worlds.fold((0, 0), |(begun, overlapped), world| (begun + world.begun, overlapped + world.overlapped))
}

#[test]
fn without_acknowledgements_work_overlaps_and_so_does_work_beyond_its_time() {
    let (begun, overlapped) = in_many_histories(EXCLUSIVE, 5000);
    assert!(begun > 1000 && overlapped == 0, "{overlapped} of {begun}");
    let (begun_at_once, overlapped_at_once) = in_many_histories(HandOver::Overlap, 5000);
    println!(
        "overlaps: {overlapped} of {begun} pieces of work with acknowledgements, {overlapped_at_once} of {begun_at_once} without"
    );
    assert!(overlapped_at_once > 100);
    assert!(in_many_histories(EXCLUSIVE, 60_000).1 > 0, "half of the limit is what is promised");
}

#[test]
fn a_node_that_never_began_acknowledges_for_its_predecessor() {
    let [mut first, mut second, mut third] = [(); 3].map(|()| Gate::new(EXCLUSIVE));
    let slot = Slot::new(1);
    first.look(LIMIT, LIMIT, [(slot, Epoch(1))]);
    let token = first.begin(LIMIT, slot).unwrap();
    second.look(LIMIT, LIMIT, [(slot, Epoch(2))]);
    assert!(second.look(LIMIT, LIMIT, []).is_empty(), "the first is still at work");
    third.look(LIMIT, LIMIT, [(slot, Epoch(3))]);
    assert!(third.begin(LIMIT, slot).is_none());
    first.look(LIMIT, LIMIT, []);
    let first_is_over = first.end(LIMIT, token);
    assert_eq!(first_is_over, [Acknowledgement { slot, epoch: Epoch(1) }]);
    assert!(third.hear(LIMIT, first_is_over[0]).is_empty() && third.begin(LIMIT, slot).is_none());
    let second_is_over = second.hear(LIMIT, first_is_over[0]);
    third.hear(LIMIT, second_is_over[0]);
    assert_eq!(third.begin(LIMIT, slot), Some(Token { slot, epoch: Epoch(3) }));
}

#[tokio::test]
async fn holdings_are_the_slots_of_one_life_with_their_epochs() {
    let store = MemoryStore::new(std::sync::Arc::new(TokioClock::start()), SlotCount::new(256).unwrap(), 1000 * MS);
    let key = |life| MemberKey { worker: WorkerId::new("a").unwrap(), incarnation: Incarnation::new(Uuid::from_u128(life)) };
    let term = store.campaign(Uuid::nil(), LIMIT, Hearing::Members).await.unwrap().unwrap();
    let transfer = |slot, life| Transfer {
        slot: Slot::new(slot),
        epoch: Epoch(0),
        to: key(life),
        timing: Timing::Now,
        cause: Cause::Rebalance,
    };
    store.commit(&term, &[transfer(3, 1), transfer(5, 2), transfer(9, 1)]).await.unwrap();
    let store: &dyn WorkStore = &store;
    let held = store.holdings(&key(1), SlotRange::ALL).await.unwrap();
    assert_eq!(
        held,
        [3, 9].map(|slot| Holding { slot: Slot::new(slot), epoch: Epoch(1), ended: Epoch(0), cause: Cause::Rebalance })
    );
}
