//! Deterministic simulation: whole systems on virtual time, whatever a seed has in store for them, under the watch of the
//! invariants. `scripts/simulate [SEEDS]` runs more of them; a seed that fails is named, and plays again the same.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod chance;
mod invariants;
mod link;
mod linked;
mod mutants;
mod record;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use mutants::Fault;
use record::Snapshot;
use scaler_core::ItemId;
use world::World;

const SECOND: Duration = Duration::from_secs(1);
/// Time after the last fault until every item is incremented every second: the time to notice a
/// death, and the time of a drain.
const TO_CONVERGE: Duration = Duration::from_secs(30);
/// Without any control plane: 15 s since the last renewal, the ticks that make an orphan, and the claims.
const TO_HEAL_ALONE: Duration = Duration::from_secs(21);
/// Whatever the leader believes: 10 s until a control plane that hears takes over, or 15 s until workers claim, in 20 s altogether; and
/// half a second at each end, since a look comes twice a second.
const TO_HEAL_BESIDE_A_DEAF_LEADER: Duration = Duration::from_secs(21);
const LOOKS_A_SECOND: u32 = 2;

/// Result of a run.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    violations: Vec<String>,
    trace: Vec<String>,
}

/// Plays a system on virtual time, in one thread, so that nothing but the seed decides.
fn play(run: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run());
}

/// Everything may fail, for half a minute; then all is well again.
fn everything_fails(seed: u64, fault: Option<Fault>) -> Told {
    let mut told = None;
    play(async || {
        let mut world = World::begin(seed, fault).await;
        for _ in 0..12 {
            world.pass(world.chance.up_to(5 * SECOND)).await;
            world.suffer().await;
        }
        world.heal().await;
        world.pass(TO_CONVERGE).await;
        let before = world.record.snapshot();
        world.pass(5 * SECOND).await;
        let mut violations = world.record.violations();
        violations.extend(nothing_waits(&before, &world.record.snapshot()));
        told = Some(Told { violations, trace: world.record.trace() });
    });
    told.unwrap()
}

/// I7: every item was incremented in every tick.
fn nothing_waits(before: &Snapshot, after: &Snapshot) -> Option<String> {
    let ticks = after.tick.since(before.tick);
    let gained = |row: &scaler_core::memory::Row| row.value - before.rows.get(&row.id).map_or(0, |row| row.value);
    let waits = after.rows.values().find(|row| gained(row) + 1 < ticks)?;
    Some(format!("I7: {} was incremented {} times in {ticks} ticks, long after all was well again", waits.id, gained(waits)))
}

/// I9: faults of the membership alone move nothing while all workers tick.
fn only_the_membership_fails(seed: u64, fault: Option<Fault>) -> Option<String> {
    let mut told = None;
    play(async || {
        let mut world = World::begin(seed, fault).await;
        world.pass(8 * SECOND).await;
        let before = world.record.snapshot();
        for _ in 0..6 {
            world.membership_suffers().await;
            world.pass(world.chance.up_to(6 * SECOND)).await;
        }
        let after = world.record.snapshot();
        let moved = before.slots.iter().zip(&after.slots).filter(|(before, after)| before.owner != after.owner).count();
        told = (moved > 0).then(|| format!("I9: {moved} slots moved while only the membership failed"));
    });
    told
}

/// I7: without any control plane the workers heal by themselves. The longest time that an item was not incremented.
fn nobody_leads(seed: u64, fault: Option<Fault>) -> Duration {
    let mut longest = Duration::ZERO;
    play(async || {
        let mut world = World::begin(seed, fault).await;
        world.pass(8 * SECOND + world.chance.up_to(SECOND)).await;
        world.control_planes_die();
        world.pass(world.chance.up_to(20 * SECOND)).await;
        world.worker_dies();
        longest = longest_wait(&world.record, 30).await;
    });
    longest
}

/// I7: a leader that does not hear the members keeps no item waiting while workers join and leave. The longest time that an item was not
/// incremented.
fn the_leader_is_deaf(seed: u64, fault: Option<Fault>) -> Duration {
    let mut longest = Duration::ZERO;
    play(async || {
        let mut world = World::begin(seed, fault).await;
        world.pass(8 * SECOND + world.chance.up_to(SECOND)).await;
        let all = world.chance.percent(30);
        world.the_leader_falls_deaf(all);
        world.pass(world.chance.up_to(15 * SECOND)).await;
        let record = world.record.clone();
        (longest, ()) = futures_util::future::join(longest_wait(&record, 60), world.the_workers_are_replaced()).await;
    });
    longest
}

/// The longest time that an item was not incremented, within so many seconds from now.
async fn longest_wait(record: &record::Record, seconds: u32) -> Duration {
    let mut longest = Duration::ZERO;
    let mut waited: BTreeMap<ItemId, (u64, u32)> = BTreeMap::new();
    for _ in 0..seconds * LOOKS_A_SECOND {
        tokio::time::sleep(SECOND / LOOKS_A_SECOND).await;
        for row in record.snapshot().rows.into_values() {
            let (value, looks) = waited.get(&row.id).copied().unwrap_or_default();
            waited.insert(row.id, if row.value == value { (value, looks + 1) } else { (row.value, 0) });
        }
        let looks = waited.values().map(|(_, looks)| *looks).max().unwrap_or_default();
        longest = longest.max(SECOND * looks / LOOKS_A_SECOND);
    }
    longest
}

/// I10: items that are refused, some of them or all of a worker's, keep no other from being incremented every second, and move no slot.
fn items_are_refused(seed: u64, fault: Option<Fault>) -> Option<String> {
    let mut told = None;
    play(async || {
        let mut world = World::begin(seed, fault).await;
        world.pass(8 * SECOND + world.chance.up_to(SECOND)).await;
        if world.chance.percent(30) {
            world.all_items_of_a_worker_are_refused().await;
        } else {
            world.items_are_refused(10).await;
        }
        let before = world.record.snapshot();
        world.pass(20 * SECOND).await;
        let after = world.record.snapshot();
        let moved = before.slots.iter().zip(&after.slots).filter(|(before, after)| before.epoch != after.epoch).count();
        told = (moved > 0).then(|| format!("I10: {moved} slots moved, since items were refused"));
        let others = |snapshot: Snapshot| Snapshot {
            rows: snapshot.rows.into_iter().filter(|(item, _)| !after.refused.contains(item)).collect(),
            ..snapshot
        };
        told = told.take().or_else(|| nothing_waits(&others(before), &others(after.clone())));
        world.accept_all().await;
        let before = world.record.snapshot();
        world.pass(5 * SECOND).await;
        told = told.take().or_else(|| nothing_waits(&before, &world.record.snapshot()));
    });
    told
}

/// I10: what a worker owns that may write nothing is taken over by the others, which keep what they have, and it shares again once it may write.
fn a_worker_is_refused(seed: u64, fault: Option<Fault>) -> Option<String> {
    let mut told = None;
    play(async || {
        let mut world = World::begin(seed, fault).await;
        world.pass(8 * SECOND + world.chance.up_to(SECOND)).await;
        let before = world.record.snapshot();
        let refused = world.any_worker_is_refused().await;
        world.pass(12 * SECOND).await;
        let middle = world.record.snapshot();
        world.pass(8 * SECOND).await;
        let after = world.record.snapshot();
        let is_its = |slot: &scaler_core::SlotState| slot.owner.as_ref().is_some_and(|owner| owner.worker == refused);
        let moved = before
            .slots
            .iter()
            .zip(&after.slots)
            .filter(|(before, after)| !is_its(before) && before.epoch != after.epoch)
            .count();
        let kept = after.slots.iter().filter(|slot| is_its(slot)).count();
        told = (moved + kept > 0)
            .then(|| format!("I10: {moved} slots of others moved, and {kept} stayed with {refused}, which may write nothing"));
        told = told.take().or_else(|| nothing_waits(&middle, &after));
        world.accept_all().await;
        // Its next try comes within 30 s, and then it waits like one that was gone.
        let mut shares = false;
        for _ in 0..24 {
            world.pass(5 * SECOND).await;
            shares |= world.record.snapshot().slots.iter().any(is_its);
            if shares {
                break;
            }
        }
        told = told.take().or_else(|| (!shares).then(|| format!("I10: {refused} may write again, and is given nothing")));
    });
    told
}

/// One in so many seeds is played for each fault alone; all seeds are played with all faults together.
const FOR_ONE_FAULT: u64 = 4;

/// Plays many seeds, on all cores: one in `one_in` of `SIMULATION_SEEDS`, by default 100, from `SIMULATION_FIRST_SEED` on. Returns what each
/// seed broke, the first first.
fn broken_by_seeds(one_in: u64, play: impl Fn(u64) -> Option<String> + Sync) -> Vec<String> {
    let number = |variable, otherwise| std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap());
    let (first, all): (u64, u64) = (number("SIMULATION_FIRST_SEED", 0), number("SIMULATION_SEEDS", 100));
    let count = all.div_ceil(one_in);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let of_core = |core: u64| (first + core..first + count).step_by(usize::try_from(cores).unwrap());
    let played = |core| of_core(core).filter_map(|seed| Some(format!("seed {seed}: {}", play(seed)?))).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let played = &played;
        let threads: Vec<_> = (0..cores).map(|core| scope.spawn(move || played(core))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn every_invariant_holds_whatever_fails() {
    let broken = broken_by_seeds(1, |seed| {
        let told = everything_fails(seed, None);
        (!told.violations.is_empty()).then(|| format!("{:?}\n{}", told.violations, told.trace.join("\n")))
    });
    assert!(broken.is_empty(), "{} seeds, such as {}", broken.len(), broken[0]);
}

#[test]
fn nothing_moves_while_only_the_membership_fails() {
    let broken = broken_by_seeds(FOR_ONE_FAULT, |seed| only_the_membership_fails(seed, None));
    assert!(broken.is_empty(), "{} seeds, such as {}", broken.len(), broken[0]);
}

#[test]
fn workers_claim_orphans_while_there_is_no_leader() {
    let longest = Mutex::new(Duration::ZERO);
    let broken = broken_by_seeds(FOR_ONE_FAULT, |seed| {
        let waited = nobody_leads(seed, None);
        let mut longest = longest.lock().unwrap();
        *longest = waited.max(*longest);
        (waited > TO_HEAL_ALONE).then(|| format!("I7: an item waited for {waited:?}"))
    });
    println!("without a control plane, no item waited longer than {:?}", longest.lock().unwrap());
    assert!(broken.is_empty(), "{} seeds, such as {}", broken.len(), broken[0]);
}

#[test]
fn a_deaf_leader_keeps_no_item_waiting() {
    let longest = Mutex::new(Duration::ZERO);
    let broken = broken_by_seeds(FOR_ONE_FAULT, |seed| {
        let waited = the_leader_is_deaf(seed, None);
        let mut longest = longest.lock().unwrap();
        *longest = waited.max(*longest);
        (waited > TO_HEAL_BESIDE_A_DEAF_LEADER).then(|| format!("I7: an item waited for {waited:?}"))
    });
    println!("beside a deaf leader, no item waited longer than {:?}", longest.lock().unwrap());
    assert!(broken.is_empty(), "{} seeds, such as {}", broken.len(), broken[0]);
}

#[test]
fn refused_items_keep_no_other_waiting_and_move_nothing() {
    let broken = broken_by_seeds(FOR_ONE_FAULT, |seed| items_are_refused(seed, None));
    assert!(broken.is_empty(), "{} seeds, such as {}", broken.len(), broken[0]);
}

#[test]
fn others_take_over_from_a_worker_that_may_write_nothing() {
    let broken = broken_by_seeds(FOR_ONE_FAULT, |seed| a_worker_is_refused(seed, None));
    assert!(broken.is_empty(), "{} seeds, such as {}", broken.len(), broken[0]);
}

#[test]
fn the_same_seed_plays_the_same() {
    for seed in 0..5 {
        assert_eq!(everything_fails(seed, None), everything_fails(seed, None), "seed {seed}");
    }
}

#[test]
fn broken_stores_are_found() {
    for (fault, invariant) in [
        (Fault::NoFence, "I1"),
        (Fault::NoTickNumber, "I1"),
        (Fault::NoTickNumber, "I3"),
        (Fault::EpochStays, "I4"),
        (Fault::AnyTerm, "I5"),
        (Fault::ClaimsBesideALeader, "I5"),
    ] {
        let found =
            (0..100).find(|seed| everything_fails(*seed, Some(fault)).violations.iter().any(|why| why.starts_with(invariant)));
        assert!(found.is_some(), "{fault:?} breaks {invariant} in none of 100 seeds");
    }
    assert!(nobody_leads(0, Some(Fault::NobodyClaims)) > TO_HEAL_ALONE);
    let found = (0..100).find(|seed| the_leader_is_deaf(*seed, Some(Fault::DeafLeadersStay)) > TO_HEAL_BESIDE_A_DEAF_LEADER);
    assert!(found.is_some(), "{:?} keeps no item waiting in 100 seeds", Fault::DeafLeadersStay);
    assert!(items_are_refused(0, Some(Fault::StopsAtRefusals)).is_some());
    let found = (0..100).find(|seed| only_the_membership_fails(*seed, Some(Fault::TicksUntold)).is_some());
    assert!(found.is_some(), "{:?} moves nothing in 100 seeds", Fault::TicksUntold);
}
