//! Nodes under seeded faults on virtual time: joins, drains, kills, pauses, cuts, namesakes, slots whose ticks fail, rows that come and go. No
//! item is worked on by two nodes at once, except while one of them stands still; and in the end each is worked on by one.
//!
//! `NODE_SEEDS` sets the number of seeds, `NODE_SEED` the first one: a failure names its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::HandOver;
use scaler_core::node::{Handler, Lease};
use scaler_core::testing::Cluster;
use scaler_core::{BoxError, ItemId, SlotRange, uuid_hash};
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(10);
const EXCLUSIVE: HandOver = HandOver::Exclusive { limit: LIMIT };
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const STEPS: u64 = 30;

/// One process of a node.
type Life = (&'static str, u64);

/// Record of the items at work, by node.
#[derive(Default)]
struct World {
    at_work: BTreeMap<ItemId, BTreeSet<Life>>,
    /// Pieces of work in the midst of which a process stood still: against these, only the token helps.
    stood_still: BTreeSet<(ItemId, Life)>,
    /// Processes that were killed: their tasks end one after the other, and one of them may still be polled.
    killed: BTreeSet<Life>,
    overlaps: Vec<String>,
    begun: usize,
}

/// Works until its lease is withdrawn, and `slack` longer.
struct Steady {
    life: Life,
    world: Arc<Mutex<World>>,
    slack: Duration,
}

#[async_trait]
impl Handler for Steady {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        {
            let World { at_work, stood_still, killed, overlaps, begun } = &mut *self.world.lock().unwrap();
            if killed.contains(&self.life) {
                return Ok(());
            }
            *begun += 1;
            let others = at_work.entry(item.clone()).or_default();
            if let Some(other) = others.iter().find(|other| !stood_still.contains(&(item.clone(), **other))) {
                overlaps.push(format!("{:?} begins on {item}, on which {other:?} works", self.life));
            }
            others.insert(self.life);
        }
        lease.withdrawn().await;
        tokio::time::sleep(self.slack).await;
        let world = &mut *self.world.lock().unwrap();
        world.stood_still.remove(&(item.clone(), self.life));
        world.at_work.entry(item).or_default().remove(&self.life);
        Ok(())
    }
}

struct Play {
    cluster: Cluster,
    world: Arc<Mutex<World>>,
    hand_over: HandOver,
    slack: Duration,
    seed: u64,
    draws: u64,
    lives: u64,
    /// Nodes that run, with what is wrong with them.
    nodes: BTreeMap<&'static str, u64>,
    items: i64,
}

impl Play {
    fn new(seed: u64, hand_over: HandOver, slack: Duration) -> Self {
        let cluster = Cluster::new();
        (0..60_i64).for_each(|item| assert!(cluster.insert(ItemId::from(item))));
        let (world, nodes) = (Arc::default(), BTreeMap::new());
        Self { cluster, world, hand_over, slack, seed, draws: 0, lives: 0, nodes, items: 60 }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.draws += 1;
        uuid_hash(Uuid::from_u64_pair(self.seed, self.draws), 0) % end
    }

    fn pick(&mut self) -> Option<&'static str> {
        let names: Vec<_> = self.nodes.keys().copied().collect();
        let at = self.below(names.len().max(1) as u64);
        names.get(usize::try_from(at).unwrap()).copied()
    }

    fn join(&mut self, name: &'static str) {
        self.lives += 1;
        let life = (name, self.lives);
        // A namesake takes the name, and the earlier process ends by itself.
        self.nodes.insert(name, self.lives);
        let handler = Steady { life, world: self.world.clone(), slack: self.slack };
        let hand_over = self.hand_over;
        self.cluster.join_with(name, handler, |builder| builder.hand_over(hand_over));
    }

    async fn step(&mut self) {
        let name = self.pick();
        match (self.below(12), name) {
            (0..=2, _) | (_, None) => {
                let at = self.below(NAMES.len() as u64);
                let name = NAMES[usize::try_from(at).unwrap()];
                if !self.nodes.contains_key(name) {
                    self.join(name);
                }
            }
            (3, Some(name)) => {
                self.cluster.resume(name);
                self.cluster.drain(name).await.unwrap();
                self.nodes.remove(name);
            }
            (4, Some(name)) => {
                self.cluster.kill(name);
                let life = (name, self.nodes.remove(name).unwrap());
                let world = &mut *self.world.lock().unwrap();
                world.killed.insert(life);
                world.at_work.values_mut().for_each(|lives| _ = lives.remove(&life));
            }
            (5, Some(name)) => {
                let life = (name, self.nodes[name]);
                let World { at_work, stood_still, .. } = &mut *self.world.lock().unwrap();
                let pieces = at_work.iter().filter(|(_, lives)| lives.contains(&life));
                stood_still.extend(pieces.map(|(item, _)| (item.clone(), life)));
                self.cluster.pause(name);
            }
            (6, Some(name)) => self.cluster.resume(name),
            (7, Some(name)) => self.cluster.cut(name),
            (8, Some(name)) => {
                let first = u32::try_from(self.below(256)).unwrap();
                self.cluster.fail_ticks(name, Some(SlotRange::new(first..first + 20)));
            }
            (9, Some(name)) => self.cluster.fail_ticks(name, None),
            (10, _) => {
                self.cluster.insert(ItemId::from(self.items));
                self.items += 1;
            }
            _ => {
                let item = self.below(60);
                self.cluster.remove(&ItemId::from(i64::try_from(item).unwrap()));
            }
        }
        let wait = 200 + self.below(8000);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }

    /// All faults end, and two nodes run.
    async fn heal(&mut self) {
        for name in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.cluster.resume(name);
            self.cluster.fail_ticks(name, None);
        }
        for name in &NAMES[..2] {
            if !self.nodes.contains_key(name) {
                self.join(name);
            }
        }
        tokio::time::sleep(Duration::from_secs(150)).await;
    }
}

/// Plays the faults of a seed. Returns the pieces of work begun, the overlaps, and the items that no node or several work on in the end.
fn play(seed: u64, hand_over: HandOver, slack: Duration) -> (usize, Vec<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut play = Play::new(seed, hand_over, slack);
        play.join("a");
        for _ in 0..STEPS {
            play.step().await;
        }
        play.heal().await;
        let world = play.world.lock().unwrap();
        let rows = play.cluster.store().rows();
        let amiss = rows.iter().filter_map(|row| {
            let lives = world.at_work.get(&row.id).cloned().unwrap_or_default();
            (lives.len() != 1).then(|| format!("{} is worked on by {lives:?}", row.id))
        });
        (world.begun, world.overlaps.clone(), amiss.collect())
    })
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn no_item_is_worked_on_by_two_nodes_and_in_the_end_each_by_one() {
    let first = number("NODE_SEED", 0);
    let mut begun = 0;
    for seed in first..first + number("NODE_SEEDS", 200) {
        let (begins, overlaps, amiss) = play(seed, EXCLUSIVE, Duration::from_secs(seed % 4));
        assert!(overlaps.is_empty(), "NODE_SEED={seed}: {overlaps:?}");
        assert!(amiss.is_empty(), "NODE_SEED={seed}: {amiss:?}");
        begun += begins;
    }
    println!("{begun} pieces of work");
}

#[test]
fn without_exclusion_and_beyond_half_of_the_limit_overlaps_are_found() {
    let found = |hand_over, slack| (0..20).map(|seed| play(seed, hand_over, Duration::from_secs(slack)).1.len()).sum::<usize>();
    let (overlapping, beyond) = (found(HandOver::Overlap, 3), found(EXCLUSIVE, 30));
    assert!(overlapping > 0 && beyond > 0, "{overlapping} and {beyond}");
}
