//! Named cases.

use std::time::Duration;

use scaler_core::autoscale::{AutoscaleConfig, Carried, Decision, Foreign, Observation, Workload};
use scaler_core::control::MemberPhase;

use crate::world::{World, limits};

/// The numbers written, and the seconds at which they were.
fn written(world: &World) -> Vec<(u64, u32)> {
    world.writes.iter().map(|(at, _, to)| (at.as_secs(), *to)).collect()
}

#[test]
fn wanted_is_rounded_up_and_kept_within_limits() {
    let config = AutoscaleConfig { min: 0, ..AutoscaleConfig::default() };
    for (items, wanted) in [(0, 0), (1, 1), (50, 1), (51, 2), (500, 10), (501, 10), (u64::MAX, 10)] {
        assert_eq!(config.wanted(items), wanted, "{items} items");
    }
    assert_eq!(AutoscaleConfig::default().wanted(0), 1);
}

#[test]
fn scale_up_is_immediate_by_four_or_to_twice_as_many() {
    let mut world = World::new(limits(1, 100), 1, 50);
    world.items = 5000;
    world.run(60);
    assert_eq!(written(&world), [(1, 5), (16, 10), (31, 20), (46, 40)]);
}

#[test]
fn scale_up_reaches_a_near_target_at_once() {
    let mut world = World::new(limits(1, 10), 2, 100);
    world.run(5);
    world.items = 101;
    world.run(1);
    world.items = 260;
    world.run(1);
    assert_eq!(written(&world), [(6, 3), (7, 6)], "both within four more");
}

#[test]
fn scale_down_waits_for_the_window_and_removes_a_quarter_a_minute_and_only_empty_workers() {
    let mut world = World::new(limits(1, 10), 10, 500);
    world.run(10);
    world.items = 50;
    world.run(1000);
    let steps = [8, 6, 5, 4, 3, 2, 1];
    assert_eq!(world.writes.iter().map(|(_, _, to)| *to).collect::<Vec<_>>(), steps);
    assert!(world.writes[0].0 >= Duration::from_secs(310), "what was wanted 300 s ago counts");
    assert!(world.writes.windows(2).all(|pair| pair[1].0 - pair[0].0 >= Duration::from_secs(60)), "{:?}", world.writes);
    assert!(world.ended.len() == 9 && world.ended.iter().all(|(_, slots)| *slots == 0), "{:?}", world.ended);
}

#[test]
fn a_dip_shorter_than_the_window_changes_nothing() {
    let mut world = World::new(limits(1, 10), 10, 500);
    for _ in 0..20 {
        world.items = 50;
        world.run(290);
        world.items = 500;
        world.run(10);
    }
    assert!(world.writes.is_empty() && world.retired.is_empty());
}

#[test]
fn to_zero_and_back() {
    let mut world = World::new(limits(0, 10), 1, 50);
    world.items = 0;
    world.run(400);
    assert_eq!(world.replicas, 0);
    assert!(world.retired.is_empty());
    world.items = 1;
    world.run(1);
    assert_eq!(world.replicas, 1);
    world.run(5);
    assert!(world.slots.iter().all(Option::is_some));
}

#[test]
fn the_last_worker_stays_while_there_is_an_item() {
    let mut world = World::new(limits(0, 10), 2, 100);
    world.items = 1;
    world.run(2000);
    assert_eq!(world.replicas, 1);
}

#[test]
fn a_victim_that_cannot_hand_over_is_never_ended() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.moved_per_second = 0;
    world.items = 50;
    world.run(1000);
    assert!(world.retired.len() == 1 && world.writes.is_empty());
    world.moved_per_second = 16;
    world.run(10);
    assert_eq!(world.replicas, 3);
}

#[test]
fn a_retirement_is_cancelled_when_more_is_wanted_again() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.moved_per_second = 0;
    world.items = 50;
    world.run(400);
    assert_eq!(world.retired.len(), 1);
    world.items = 200;
    let decision = world.second();
    assert_eq!((decision.retire.map(|retired| retired.len()), decision.mark.map(|marked| marked.len())), (Some(0), Some(0)));
    world.run(100);
    assert!(world.writes.is_empty() && world.retired.is_empty());
}

#[test]
fn a_step_that_has_not_ended_is_taken_up_by_the_next_leader() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.moved_per_second = 0;
    world.items = 50;
    world.run(400);
    let retired = world.retired.clone();
    assert_eq!(retired.len(), 1);
    world.scaler = scaler_core::autoscale::Autoscaler::new(world.config.clone());
    world.run(290);
    assert!(world.retired.is_empty(), "it has not seen for long enough what is wanted");
    world.moved_per_second = 16;
    world.run(60);
    assert_eq!(world.replicas, 3);
}

#[test]
fn scale_down_picks_old_revisions_then_broken_then_least_loaded_workers() {
    let mut world = World::new(limits(1, 10), 8, 400);
    world.run(5);
    world.workers.values_mut().nth(5).unwrap().outdated = true;
    world.workers.values_mut().nth(3).unwrap().broken = true;
    world.items = 300;
    world.moved_per_second = 0;
    world.run(400);
    let names: Vec<_> = world.retired.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["worker-4", "worker-6"]);
}

#[test]
fn a_worker_that_is_never_unready_is_ended_in_the_end() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.items = 50;
    let stuck_ready = |world: &mut World| {
        world.now += Duration::from_secs(1);
        let (mut fleet, mut workload) = (world.fleet(), world.workload());
        fleet.workers.values_mut().for_each(|pod| pod.ready = true);
        for worker in &world.retired {
            workload.workers.get_mut(worker).unwrap().slots = 0;
        }
        let seen = Observation { fleet: &fleet, workload: Some(&workload), retired: Some(&world.retired) };
        let decision = world.scaler.step(world.now, &seen);
        world.obey(&decision);
    };
    (0..350).for_each(|_| stuck_ready(&mut world));
    assert!(world.writes.is_empty() && world.retired.len() == 1);
    (0..20).for_each(|_| stuck_ready(&mut world));
    assert_eq!(world.writes.len(), 1);
}

#[test]
fn a_rollout_is_not_disturbed() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.run(5);
    world.items = 50;
    // One more worker than there shall be, as while the pods are replaced.
    for _ in 0..400 {
        world.now += Duration::from_secs(1);
        let mut fleet = world.fleet();
        fleet.workers.insert(scaler_core::WorkerId::new("surge").unwrap(), scaler_core::autoscale::Pod::default());
        let workload = world.workload();
        let seen = Observation { fleet: &fleet, workload: Some(&workload), retired: Some(&world.retired) };
        let decision = world.scaler.step(world.now, &seen);
        assert_eq!((decision.replicas, decision.retire), (None, None));
    }
}

#[test]
fn one_foreign_number_is_a_new_start_and_two_are_a_conflict() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.run(10);
    world.foreign(7);
    assert_eq!(world.second().foreign, Some(Foreign::Once { from: 4 }));
    world.run(250);
    assert!(world.writes.is_empty(), "it counts as wanted for the whole window");
    world.run(100);
    assert_eq!(world.replicas, 6, "then its rules apply");
    world.foreign(2);
    assert_eq!(world.second().foreign, Some(Foreign::Again { from: 6 }));
    let writes = world.writes.len();
    for _ in 0..299 {
        assert_eq!(world.second().foreign, Some(Foreign::StandingBack));
    }
    assert_eq!(world.writes.len(), writes, "nothing is written");
    let decision = world.second();
    assert_eq!((decision.foreign, decision.replicas), (None, Some(4)), "it writes again");
}

#[test]
fn a_conflicting_writer_wins() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.run(10);
    for _ in 0..3600 {
        if world.replicas == 4 {
            world.foreign(2);
        }
        world.second();
    }
    assert!(world.writes.len() <= 3600 / 300 + 2, "{} writes", world.writes.len());
}

#[test]
fn an_unreadable_count_is_not_zero() {
    let mut world = World::new(limits(0, 10), 4, 200);
    world.readable = false;
    world.items = 0;
    world.run(3600);
    assert!(world.writes.is_empty() && world.retired.is_empty());
    world.readable = true;
    world.run(290);
    assert!(world.writes.is_empty(), "what was wanted meanwhile is not known");
    world.run(600);
    assert_eq!(world.replicas, 0);
}

/// A world in which a worker was just retired and cannot hand over.
fn retiring() -> World {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.moved_per_second = 0;
    world.items = 50;
    world.run(400);
    assert_eq!(world.retired.len(), 1);
    world
}

/// Returns the decision for this workload.
fn sees(world: &mut World, change: impl Fn(&mut Workload)) -> Decision {
    world.now += Duration::from_secs(1);
    let (fleet, mut workload) = (world.fleet(), world.workload());
    change(&mut workload);
    world.scaler.step(world.now, &Observation { fleet: &fleet, workload: Some(&workload), retired: Some(&world.retired) })
}

#[test]
fn workers_are_retired_and_marked_before_the_number_falls() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.workers.values_mut().next().unwrap().broken = true;
    world.run(1);
    world.items = 50;
    while world.retired.is_empty() {
        let decision = world.second();
        assert_eq!(decision.replicas, None);
        assert_eq!(decision.retire, decision.mark, "at once");
    }
    assert!(world.workers.values().next().unwrap().marked, "the broken one goes first");
    assert_eq!(world.second().replicas, Some(3));
}

#[test]
fn no_worker_is_removed_while_another_would_go_first() {
    let mut world = retiring();
    let other = world.workers.keys().find(|worker| !world.retired.contains(*worker)).unwrap().clone();
    world.workers.get_mut(&other).unwrap().outdated = true;
    let decision = sees(&mut world, |_| {});
    assert_eq!((decision.retire, decision.replicas), (None, None));
}

#[test]
fn a_worker_that_can_still_get_slots_is_not_ended() {
    let mut world = retiring();
    let victim = world.retired.first().unwrap().clone();
    for (phase, ended) in [(MemberPhase::Healthy, None), (MemberPhase::Unheard, None), (MemberPhase::Draining, Some(3))] {
        let carried = Carried { phase: Some(phase), ..Carried::default() };
        let decision = sees(&mut world, |workload| _ = workload.workers.insert(victim.clone(), carried));
        assert_eq!(decision.replicas, ended, "{phase}");
    }
}

#[test]
fn the_least_loaded_worker_is_retired() {
    let mut world = World::new(limits(1, 10), 4, 200);
    world.run(5);
    world.items = 50;
    let least = world.workers.keys().nth(2).unwrap().clone();
    let retired = (0..400).find_map(|_| sees(&mut world, |workload| workload.workers.get_mut(&least).unwrap().items = 1).retire);
    assert_eq!(retired, Some([least].into()));
}
