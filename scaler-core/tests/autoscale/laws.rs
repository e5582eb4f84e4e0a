//! Laws of the autoscaler.

use std::time::Duration;

use proptest::prelude::*;
use scaler_core::autoscale::{AutoscaleConfig, Autoscaler, Foreign, Observation};

use crate::world::{World, limits};

#[derive(Clone, Debug)]
enum Event {
    Items(u64),
    Readable(bool),
    Kill(usize),
    Breaks(usize),
    Outdates(usize),
    Foreign(u32),
    NewLeader,
    MembershipForgets,
    SlotsMove(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0_u64..1000).prop_map(Event::Items),
        2 => Just(Event::Items(0)),
        2 => any::<bool>().prop_map(Event::Readable),
        2 => (0_usize..30).prop_map(Event::Kill),
        1 => (0_usize..30).prop_map(Event::Breaks),
        1 => (0_usize..30).prop_map(Event::Outdates),
        1 => (0_u32..30).prop_map(Event::Foreign),
        1 => Just(Event::NewLeader),
        1 => Just(Event::MembershipForgets),
        1 => (0_usize..20).prop_map(Event::SlotsMove),
    ]
}

fn history() -> impl Strategy<Value = Vec<(Event, u32)>> {
    prop::collection::vec((event(), prop_oneof![1_u32..20, 20_u32..400]), 1..10)
}

fn config() -> impl Strategy<Value = AutoscaleConfig> {
    (0_u32..4, 0_u32..15).prop_map(|(min, more)| limits(min, (min + more).max(1)))
}

/// The changes of the replica count since the autoscaler first read it.
struct Watcher {
    seen: Vec<(Duration, u32)>,
}

impl Watcher {
    fn happens(&mut self, world: &mut World, event: &Event) {
        match event {
            Event::Items(items) => world.items = *items,
            Event::Readable(readable) => world.readable = *readable,
            Event::Kill(nth) => world.kill(*nth),
            Event::Breaks(nth) => {
                if let Some(worker) = world.workers.values_mut().nth(*nth) {
                    worker.broken = true;
                }
            }
            Event::Outdates(nth) => {
                if let Some(worker) = world.workers.values_mut().nth(*nth) {
                    worker.outdated = true;
                }
            }
            Event::Foreign(replicas) => {
                world.foreign(*replicas);
                self.seen.clear();
            }
            Event::NewLeader => {
                world.scaler = Autoscaler::new(world.config.clone());
                self.seen.clear();
            }
            Event::MembershipForgets => world.retired.clear(),
            Event::SlotsMove(count) => world.moved_per_second = *count,
        }
    }

    /// A second, after which every law about what was done is checked.
    fn second(&mut self, world: &mut World) -> Result<(), TestCaseError> {
        let (before, items, readable) = (world.replicas, world.items, world.readable);
        world.ended.clear();
        let decision = world.second();
        if matches!(decision.foreign, Some(Foreign::Again { .. } | Foreign::StandingBack)) {
            prop_assert_eq!(decision.replicas, None, "who stands back writes nothing");
            self.seen.clear();
        }
        self.seen.push((world.now, before));
        let within = |length: Duration| {
            let mut until = world.now;
            let mut values = Vec::new();
            for (at, value) in self.seen.iter().rev() {
                if until + length > world.now {
                    values.push(*value);
                }
                until = *at;
            }
            values
        };
        if !readable {
            prop_assert_eq!((&decision.retire, &decision.mark), (&None, &None), "an unreadable count");
            let min = world.config.min;
            prop_assert!(decision.replicas.is_none_or(|after| before < min && after == min), "an unreadable count");
        }
        let Some(after) = decision.replicas else { return Ok(()) };
        let wanted = world.config.wanted(items);
        if after > before {
            let lowest = *within(world.config.up_every).iter().min().unwrap();
            prop_assert!(after <= wanted && after <= world.config.max, "no more than wanted");
            prop_assert!(after <= (lowest + 4).max(lowest * 2).max(world.config.min), "{lowest} -> {after}: too fast");
        } else {
            let highest = *within(world.config.down_every).iter().max().unwrap();
            prop_assert!(after < before && after >= wanted && after >= world.config.min, "no less than wanted");
            prop_assert!(after >= highest - (highest / 4).max(1), "{highest} -> {after}: too fast");
            prop_assert_eq!((&decision.retire, &decision.mark), (&None, &None), "who goes was told and marked before");
            for (worker, slots) in &world.ended {
                prop_assert!(*slots == 0 || (after == 0 && items == 0), "{worker} owned {slots} slots");
            }
        }
        self.seen.push((world.now, after));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_replica_count_stays_within_limits_and_rate_and_no_owner_of_a_slot_is_removed(
        config in config(), replicas in 0_u32..25, items in 0_u64..1500, history in history(),
    ) {
        let mut world = World::new(config, replicas, items);
        let mut watcher = Watcher { seen: Vec::new() };
        for (event, seconds) in &history {
            watcher.happens(&mut world, event);
            for _ in 0..*seconds {
                watcher.second(&mut world)?;
            }
        }
    }

    #[test]
    fn without_further_changes_the_replica_count_settles_at_the_target(
        config in config(), replicas in 0_u32..12, items in 0_u64..1000, history in history(),
    ) {
        let mut world = World::new(config, replicas, items);
        let mut watcher = Watcher { seen: Vec::new() };
        for (event, seconds) in &history {
            watcher.happens(&mut world, event);
            world.run(*seconds);
        }
        world.readable = true;
        world.moved_per_second = 16;
        world.run(300 + 600 + 60 * 12);
        let (wanted, found) = (world.config.wanted(world.items), world.replicas);
        let within_band = u64::from(found - wanted.min(found)) * 100 <= u64::from(found) * u64::from(world.config.band_percent);
        prop_assert!(found >= wanted && within_band && found <= world.config.max, "{found} workers where {wanted} are wanted");
        prop_assert!(world.retired.is_empty() && world.workers.values().all(|worker| !worker.marked), "nobody is on the way out");
        let writes = world.writes.len();
        world.run(400);
        prop_assert_eq!(world.writes.len(), writes, "it stays at rest");
    }

    #[test]
    fn within_the_band_nothing_is_ever_done(replicas in 1_u32..25, swings in prop::collection::vec((0_u32..=100, 1_u32..400), 1..6)) {
        let mut world = World::new(limits(0, 40), replicas, u64::from(replicas) * 50);
        let least = replicas - replicas * 15 / 100;
        for (position, seconds) in swings {
            world.items = 50 * u64::from(least) + 50 * u64::from(replicas - least) * u64::from(position) / 100;
            world.run(seconds);
        }
        prop_assert!(world.writes.is_empty() && world.retired.is_empty(), "{:?}", world.writes);
    }

    #[test]
    fn more_items_never_mean_fewer_workers(
        config in config(), replicas in 0_u32..25, history in history(), fewer in 0_u64..1500, more in 0_u64..1500,
    ) {
        let mut world = World::new(config, replicas, fewer);
        let mut watcher = Watcher { seen: Vec::new() };
        for (event, seconds) in &history {
            watcher.happens(&mut world, event);
            world.run(*seconds);
        }
        world.now += Duration::from_secs(1);
        let stays = |items: u64| {
            let (fleet, mut workload, mut scaler) = (world.fleet(), world.workload(), world.scaler.clone());
            workload.items = items;
            let seen = Observation { fleet: &fleet, workload: Some(&workload), retired: Some(&world.retired) };
            let decision = scaler.step(world.now, &seen);
            let retired = decision.retire.unwrap_or_else(|| world.retired.clone());
            let staying = fleet.workers.keys().filter(|worker| !retired.contains(*worker)).count();
            (decision.replicas.unwrap_or(world.replicas), staying)
        };
        let (with_fewer, with_more) = (stays(fewer.min(more)), stays(fewer.max(more)));
        prop_assert!(with_fewer.0 <= with_more.0 && with_fewer.1 <= with_more.1, "{with_fewer:?} {with_more:?}");
    }
}
