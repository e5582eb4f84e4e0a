//! Nodes with handlers on virtual time: who works on what, how hand-overs go, and what faults of handlers cost.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use scaler_core::hand_over::{HandOver, Token};
use scaler_core::node::{Cause, Control, Handler, Lease, NodeError, NodeEvent};
use scaler_core::testing::Cluster;
use scaler_core::{
    BoxError, Clock, Election, Epoch, Hearing, Incarnation, ItemId, MemberKey, Rendezvous, Ring, RingSource, Roster, SlotLoad,
    SlotRange, Timing, TokioClock, Transfer, WorkStore, WorkerId, slot_of,
};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(10);

/// What handlers did, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deed {
    Begins(Token),
    Withdrawn(Cause),
    Ends,
}

/// Deed of a node, with the time.
type Entry = (Duration, String, Deed);

/// Journal of all handlers of a cluster: deeds by item.
#[derive(Clone)]
struct Journal(Arc<Mutex<BTreeMap<ItemId, Vec<Entry>>>>, TokioClock);

impl Default for Journal {
    fn default() -> Self {
        Self(Arc::default(), TokioClock::start())
    }
}

impl Journal {
    fn note(&self, item: &ItemId, node: &str, deed: Deed) {
        self.0.lock().unwrap().entry(item.clone()).or_default().push((self.1.now(), node.to_owned(), deed));
    }

    fn of(&self, item: &ItemId) -> Vec<Entry> {
        self.0.lock().unwrap().get(item).cloned().unwrap_or_default()
    }

    /// Nodes that work on the item now.
    fn at_work(&self, item: &ItemId) -> Vec<String> {
        let mut nodes = Vec::new();
        for (_, node, deed) in self.of(item) {
            match deed {
                Deed::Begins(_) => nodes.push(node),
                Deed::Withdrawn(_) => {}
                Deed::Ends => nodes.retain(|other| *other != node),
            }
        }
        nodes
    }

    /// Most nodes that worked on one item at the same time.
    fn most_at_once(&self) -> usize {
        let most = |deeds: &Vec<Entry>| {
            let steps = deeds.iter().scan(0_usize, |at_work, (.., deed)| {
                match deed {
                    Deed::Begins(_) => *at_work += 1,
                    Deed::Withdrawn(_) => {}
                    Deed::Ends => *at_work -= 1,
                }
                Some(*at_work)
            });
            steps.max().unwrap_or(0)
        };
        self.0.lock().unwrap().values().map(most).max().unwrap_or(0)
    }

    /// Causes for which the node's leases of the item were withdrawn.
    fn causes(&self, item: &ItemId, of: &str) -> Vec<Cause> {
        let causes = self.of(item).into_iter().filter(|(_, node, _)| node == of);
        causes.filter_map(|(.., deed)| if let Deed::Withdrawn(cause) = deed { Some(cause) } else { None }).collect()
    }
}

/// Works until its lease is withdrawn, and `slack` longer.
struct Steady {
    node: &'static str,
    journal: Journal,
    slack: Duration,
}

#[async_trait]
impl Handler for Steady {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        self.journal.note(&item, self.node, Deed::Begins(lease.token()));
        let cause = lease.withdrawn().await;
        self.journal.note(&item, self.node, Deed::Withdrawn(cause));
        tokio::time::sleep(self.slack).await;
        self.journal.note(&item, self.node, Deed::Ends);
        Ok(())
    }
}

struct Desk {
    cluster: Cluster,
    journal: Journal,
    items: Vec<ItemId>,
}

impl Desk {
    fn new(items: i64) -> Self {
        let cluster = Cluster::new();
        let items: Vec<_> = (0..items).map(ItemId::from).collect();
        items.iter().for_each(|item| assert!(cluster.insert(item.clone())));
        Self { cluster, journal: Journal::default(), items }
    }

    fn join(&mut self, node: &'static str, slack: Duration) {
        let handler = Steady { node, journal: self.journal.clone(), slack };
        self.cluster.join_with(node, handler, |builder| builder.hand_over(HandOver::Exclusive { limit: LIMIT }));
    }

    /// Waits until each item is worked on by one node.
    async fn all_at_work(&self) {
        for item in &self.items {
            let mut waited = 0;
            while self.journal.at_work(item).len() != 1 {
                tokio::time::sleep(SECOND / 10).await;
                waited += 1;
                assert!(waited < 6000, "{item}: {:?}", self.journal.of(item));
            }
        }
    }

    fn share(&self, node: &str) -> usize {
        self.items.iter().filter(|item| self.journal.at_work(item) == [node]).count()
    }
}

#[tokio::test(start_paused = true)]
async fn each_item_is_worked_on_by_one_node_and_a_join_shares_the_work() {
    let mut desk = Desk::new(300);
    desk.join("a", Duration::ZERO);
    desk.all_at_work().await;
    desk.join("b", Duration::ZERO);
    tokio::time::sleep(10 * SECOND).await;
    desk.all_at_work().await;
    assert!((130..=170).contains(&desk.share("b")), "{}", desk.share("b"));
    assert_eq!(desk.journal.most_at_once(), 1);
    let moved = desk.items.iter().find(|item| desk.journal.at_work(item) == ["b"]).unwrap();
    assert_eq!(desk.journal.causes(moved, "a"), [Cause::Rebalance]);
    let tokens: Vec<_> = desk
        .journal
        .of(moved)
        .into_iter()
        .filter_map(|(.., deed)| if let Deed::Begins(token) = deed { Some(token) } else { None })
        .collect();
    assert!(tokens[0].slot == tokens[1].slot && tokens[0].epoch < tokens[1].epoch, "{tokens:?}");
}

#[tokio::test(start_paused = true)]
async fn the_next_owner_waits_for_a_handler_that_takes_long_to_end() {
    let mut desk = Desk::new(50);
    desk.join("a", 4 * SECOND);
    desk.all_at_work().await;
    desk.join("b", 4 * SECOND);
    tokio::time::sleep(30 * SECOND).await;
    desk.all_at_work().await;
    assert!(desk.share("b") > 10 && desk.journal.most_at_once() == 1);
}

#[tokio::test(start_paused = true)]
async fn after_the_limit_the_next_owner_begins_whatever_the_last_one_does() {
    let mut desk = Desk::new(20);
    desk.join("a", 3600 * SECOND);
    desk.all_at_work().await;
    desk.join("b", Duration::ZERO);
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(desk.journal.most_at_once(), 2, "a handler that ignores its withdrawal overlaps, after the limit");
    for item in &desk.items {
        let deeds = desk.journal.of(item);
        if let [_, (withdrawn, ..), (begun, ..)] = &deeds[..] {
            assert!(*begun >= *withdrawn + LIMIT - SECOND, "{deeds:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drained_node_ends_its_work_before_others_begin() {
    let mut desk = Desk::new(100);
    desk.join("a", SECOND);
    desk.join("b", SECOND);
    desk.all_at_work().await;
    desk.cluster.drain("a").await.unwrap();
    desk.all_at_work().await;
    assert_eq!((desk.share("b"), desk.journal.most_at_once()), (100, 1));
    let causes: Vec<_> = desk.items.iter().filter_map(|item| desk.journal.causes(item, "a").last().copied()).collect();
    assert!(causes.contains(&Cause::Drained) && !causes.contains(&Cause::LeaseLost), "{causes:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_node_ends_at_once_and_its_successor_begins_at_once() {
    let mut desk = Desk::new(20);
    desk.join("a", SECOND);
    desk.all_at_work().await;
    let begun = TokioClock::start();
    desk.cluster.drain("a").await.unwrap();
    assert!(begun.now() < 3 * SECOND, "{:?}", begun.now());
    assert!(desk.items.iter().all(|item| desk.journal.at_work(item).is_empty()));
    let begun = TokioClock::start();
    desk.join("a", SECOND);
    desk.all_at_work().await;
    assert!(begun.now() < LIMIT / 2, "what ended is acknowledged: {:?}", begun.now());
}

#[tokio::test(start_paused = true)]
async fn the_items_of_a_killed_node_are_worked_on_after_the_limit() {
    let mut desk = Desk::new(100);
    for node in ["a", "b", "c"] {
        desk.join(node, Duration::ZERO);
    }
    desk.all_at_work().await;
    desk.cluster.kill("a");
    let is_a = |node: &String| node == "a";
    let unattended = || desk.items.iter().filter(|item| desk.journal.at_work(item).iter().all(is_a)).count();
    tokio::time::sleep(LIMIT / 2).await;
    assert!(unattended() > 20, "its work is not known to have ended");
    // The failure detector takes a few seconds, since a store in memory has no sessions.
    tokio::time::sleep(LIMIT * 3 / 2).await;
    assert_eq!(unattended(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_cut_off_stops_before_another_begins() {
    let mut desk = Desk::new(100);
    desk.join("a", SECOND);
    desk.join("b", SECOND);
    desk.all_at_work().await;
    let of_a: Vec<_> = desk.items.iter().filter(|item| desk.journal.at_work(item) == ["a"]).cloned().collect();
    desk.cluster.cut("a");
    tokio::time::sleep(60 * SECOND).await;
    desk.all_at_work().await;
    assert_eq!((desk.share("b"), desk.journal.most_at_once()), (100, 1));
    assert!(of_a.iter().all(|item| desk.journal.causes(item, "a").last() == Some(&Cause::LeaseLost)));
    desk.cluster.reconnect("a");
    tokio::time::sleep(60 * SECOND).await;
    desk.all_at_work().await;
    assert!(desk.share("a") > 30 && desk.journal.most_at_once() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_for_all_costs_no_work() {
    let mut desk = Desk::new(50);
    desk.join("a", SECOND);
    desk.join("b", SECOND);
    desk.all_at_work().await;
    let before = desk.journal.0.lock().unwrap().clone();
    desk.cluster.cut("a");
    desk.cluster.cut("b");
    tokio::time::sleep(LIMIT / 2 - 2 * SECOND).await;
    desk.cluster.reconnect("a");
    desk.cluster.reconnect("b");
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!(*desk.journal.0.lock().unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn rows_inserted_and_deleted_are_gained_and_lost_within_two_seconds() {
    let mut desk = Desk::new(10);
    desk.join("a", Duration::ZERO);
    desk.all_at_work().await;
    let new = ItemId::from("a new row");
    desk.cluster.insert(new.clone());
    desk.cluster.remove(&desk.items[3]);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(desk.journal.at_work(&new), ["a"]);
    assert_eq!(desk.journal.causes(&desk.items[3], "a"), [Cause::TableChanged]);
    assert!(desk.journal.at_work(&desk.items[3]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_with_one_name_the_later_one_works() {
    let mut desk = Desk::new(50);
    desk.join("a", SECOND);
    desk.all_at_work().await;
    desk.join("a", SECOND);
    assert!(matches!(desk.cluster.ended("a").await, Err(NodeError::Superseded(name)) if name.as_str() == "a"));
    tokio::time::sleep(30 * SECOND).await;
    desk.all_at_work().await;
    assert_eq!(desk.journal.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_paused_process_overlaps_and_its_token_is_the_older_one() {
    let mut desk = Desk::new(50);
    desk.join("a", Duration::ZERO);
    desk.join("b", Duration::ZERO);
    desk.all_at_work().await;
    let item = desk.items.iter().find(|item| desk.journal.at_work(item) == ["a"]).unwrap().clone();
    desk.cluster.pause("a");
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(desk.journal.at_work(&item), ["a", "b"], "only the token helps against a process that stands still");
    desk.cluster.resume("a");
    tokio::time::sleep(SECOND).await;
    let tokens: Vec<_> = desk
        .journal
        .of(&item)
        .into_iter()
        .filter_map(|(.., deed)| if let Deed::Begins(token) = deed { Some(token) } else { None })
        .collect();
    assert!(tokens.windows(2).all(|pair| pair[0].epoch < pair[1].epoch), "{tokens:?}");
    assert_eq!(desk.journal.at_work(&item).len(), 1);
}

/// Fails or panics on one item, and works on all others.
struct Faulty {
    steady: Steady,
    bad: ItemId,
    panics: bool,
    starts: Arc<Mutex<Vec<Duration>>>,
}

#[async_trait]
impl Handler for Faulty {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        if item == self.bad {
            self.starts.lock().unwrap().push(self.steady.journal.1.now());
            assert!(!self.panics, "a panic on purpose");
            return Err("an error on purpose".into());
        }
        self.steady.run(item, lease).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_is_started_again_with_back_off_and_delays_no_other_item() {
    for panics in [false, true] {
        let mut desk = Desk::new(50);
        let (starts, told) = (Arc::<Mutex<Vec<Duration>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let steady = Steady { node: "a", journal: desk.journal.clone(), slack: Duration::ZERO };
        let bad = desk.items.remove(7);
        let handler = Faulty { steady, bad: bad.clone(), panics, starts: Arc::clone(&starts) };
        let tell = Arc::clone(&told);
        desk.cluster.join_with("a", handler, |builder| {
            builder.observe(move |event| {
                if let NodeEvent::HandlerFailed { item, error, retry_in } = event {
                    tell.lock().unwrap().push(format!("{item}: {error}, {}", retry_in.is_some()));
                }
            })
        });
        desk.all_at_work().await;
        tokio::time::sleep(200 * SECOND).await;
        assert!(desk.share("a") == 49, "no other item is disturbed");
        let starts = starts.lock().unwrap();
        let waits: Vec<_> = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
        assert!(
            waits.len() >= 5 && waits[0] <= 2 && waits.last() >= Some(&30) && waits.iter().all(|wait| *wait <= 60),
            "{waits:?}"
        );
        let told = told.lock().unwrap();
        assert!(
            told.len() == starts.len() && told.iter().all(|line| line.starts_with("7: ") && line.contains("on purpose, true")),
            "{told:?}"
        );
    }
}

/// Ends at once.
struct Done(Journal);

#[async_trait]
impl Handler for Done {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        self.0.note(&item, "a", Deed::Begins(lease.token()));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_is_done_is_not_started_again_while_the_item_stays() {
    let mut desk = Desk::new(10);
    desk.cluster.join("a", Done(desk.journal.clone()));
    tokio::time::sleep(30 * SECOND).await;
    assert!(desk.items.iter().all(|item| desk.journal.of(item).len() == 1));
}

#[tokio::test(start_paused = true)]
async fn unfinished_work_is_reported_again_and_again_by_name() {
    let mut desk = Desk::new(20);
    let told = Arc::<Mutex<Vec<(ItemId, u64)>>>::default();
    let tell = Arc::clone(&told);
    let handler = Steady { node: "a", journal: desk.journal.clone(), slack: 3600 * SECOND };
    desk.cluster.join_with("a", handler, |builder| {
        builder.observe(move |event| {
            if let NodeEvent::HandlerOverdue { item, cause: Cause::TableChanged, late } = event {
                tell.lock().unwrap().push((item, late.as_secs()));
            }
        })
    });
    desk.all_at_work().await;
    desk.cluster.remove(&desk.items[3]);
    tokio::time::sleep(100 * SECOND).await;
    let told = told.lock().unwrap();
    assert_eq!(*told, [10, 20, 40, 80].map(|late| (desk.items[3].clone(), late)));
}

#[tokio::test(start_paused = true)]
async fn changes_tell_what_was_gained_and_lost_and_why_and_look_ups_agree() {
    let mut desk = Desk::new(40);
    desk.join("a", Duration::ZERO);
    let handle = desk.cluster.handle("a");
    let mut changes = handle.changes();
    let first = changes.next().await.unwrap();
    assert!(first.lost.is_empty());
    desk.all_at_work().await;
    assert!(desk.items.iter().all(|item| handle.owns(item).is_some()));
    assert!(handle.owns(&ItemId::from(99)).is_none(), "no such item");

    desk.cluster.remove(&desk.items[0]);
    let change = changes.next().await.unwrap();
    assert_eq!((change.gained, change.lost), (vec![], vec![(desk.items[0].clone(), Cause::TableChanged)]));
    assert!(handle.owns(&desk.items[0]).is_none());

    let lease = handle.owns(&desk.items[1]).unwrap();
    desk.cluster.join("b", Done(Journal::default()));
    let mut lost = Vec::new();
    while lost.len() < 15 {
        let change = changes.next().await.unwrap();
        assert!(change.gained.is_empty());
        lost.extend(change.lost);
    }
    assert!(lost.iter().all(|(item, cause)| *cause == Cause::Rebalance && handle.owns(item).is_none()));
    let kept = handle.owns(&desk.items[1]).is_some();
    assert_eq!(lease.withdrawal().is_none(), kept);
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_changes_that_is_slow_delays_nothing_and_misses_nothing() {
    let mut desk = Desk::new(10);
    desk.join("a", Duration::ZERO);
    let mut changes = desk.cluster.handle("a").changes();
    desk.all_at_work().await;
    for number in 100..160_i64 {
        desk.cluster.insert(ItemId::from(number));
        tokio::time::sleep(SECOND).await;
    }
    tokio::time::sleep(3 * SECOND).await;
    let mut owned = std::collections::BTreeSet::new();
    while owned.len() < 70 {
        let change = changes.next().await.unwrap();
        owned.extend(change.gained.into_iter().map(|(item, _)| item));
        change.lost.iter().for_each(|(item, _)| assert!(owned.remove(item)));
    }
}

#[tokio::test(start_paused = true)]
async fn while_no_slot_may_move_new_nodes_wait() {
    let mut desk = Desk::new(20);
    desk.join("a", Duration::ZERO);
    desk.all_at_work().await;
    desk.cluster.freeze_assignment(true);
    desk.join("b", Duration::ZERO);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!((desk.share("a"), desk.share("b")), (20, 0));
    desk.cluster.freeze_assignment(false);
    tokio::time::sleep(20 * SECOND).await;
    assert!(desk.share("b") > 5);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_a_name_or_a_membership_says_what_is_missing() {
    let slots = scaler_core::SlotCount::DEFAULT;
    let clock = Arc::new(scaler_core::TokioClock::start());
    let store = || scaler_core::memory::MemoryStore::new(clock.clone(), slots, SECOND);
    let unnamed = scaler_core::Node::builder(store()).build().unwrap_err().to_string();
    assert!(unnamed.contains("name") && unnamed.contains("NodeBuilder::name"), "{unnamed}");
}

#[tokio::test(start_paused = true)]
async fn look_ups_end_when_a_node_is_cut_off_for_long() {
    let mut desk = Desk::new(20);
    desk.join("a", Duration::ZERO);
    desk.all_at_work().await;
    let handle = desk.cluster.handle("a");
    let lease = handle.owns(&desk.items[0]).unwrap();
    desk.cluster.cut("a");
    tokio::time::sleep(LIMIT).await;
    assert!(desk.items.iter().all(|item| handle.owns(item).is_none()));
    assert_eq!(lease.withdrawal(), Some(Cause::LeaseLost));
    desk.cluster.reconnect("a");
    tokio::time::sleep(10 * SECOND).await;
    assert!(desk.items.iter().all(|item| handle.owns(item).is_some()));
}

#[tokio::test(start_paused = true)]
async fn slots_whose_ticks_fail_are_not_taken_for_held() {
    let mut desk = Desk::new(200);
    let key =
        |name, life| MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::from_u128(life)) };
    let handler = Steady { node: "a", journal: desk.journal.clone(), slack: Duration::ZERO };
    desk.cluster.join_with("a", handler, |builder| {
        let builder = builder.incarnation(Incarnation::new(Uuid::from_u128(1))).control(Control::Off);
        builder.hand_over(HandOver::Exclusive { limit: LIMIT })
    });
    let term = desk.cluster.store().campaign(Uuid::nil(), 3600 * SECOND, Hearing::Members).await.unwrap().unwrap();
    let transfer = |slot, epoch, to| Transfer { slot, epoch: Epoch(epoch), to, timing: Timing::Now };
    let slots = desk.cluster.store().slot_count().await.unwrap();
    let all: Vec<_> = slots.iter().map(|slot| transfer(slot, 0, key("a", 1))).collect();
    desk.cluster.store().commit(&term, &all).await.unwrap();
    desk.all_at_work().await;

    let failing = SlotRange::new(100..200);
    let item = desk.items.iter().find(|item| failing.contains(slot_of(item, slots))).unwrap();
    desk.cluster.fail_ticks("a", Some(failing));
    tokio::time::sleep(4 * SECOND).await;
    assert!(desk.journal.causes(item, "a").is_empty(), "what is still held is worked on");
    desk.cluster.store().commit(&term, &[transfer(slot_of(item, slots), 1, key("b", 2))]).await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    // What the other slots answer says nothing about this one.
    assert_eq!(desk.journal.causes(item, "a"), [Cause::Rebalance]);
}

#[tokio::test(start_paused = true)]
async fn slots_are_placed_by_a_ring_of_ones_own() {
    let mut desk = Desk::new(100);
    let rings = Arc::<Mutex<usize>>::default();
    for node in ["a", "b"] {
        let made = Arc::clone(&rings);
        let ring = RingSource::new("counted", move |slots, roster, owners| {
            *made.lock().unwrap() += 1;
            Box::new(Rendezvous::restore(slots, roster, owners))
        });
        let handler = Steady { node, journal: desk.journal.clone(), slack: Duration::ZERO };
        desk.cluster.join_with(node, handler, |builder| builder.ring(ring));
    }
    tokio::time::sleep(20 * SECOND).await;
    desk.all_at_work().await;
    assert!(*rings.lock().unwrap() > 0);
    let nodes = ["a", "b"].map(|name| WorkerId::new(name).unwrap());
    let slots = desk.cluster.store().slot_count().await.unwrap();
    let expected = Rendezvous::restore(slots, Roster::of(nodes), slots.iter().map(|_| None));
    let expected = expected.plan(&expected.roster().clone(), &SlotLoad::uniform(slots));
    for slot_move in expected.moves() {
        let of_slot = desk.items.iter().filter(|item| slot_of(item, slots) == slot_move.slot);
        of_slot.for_each(|item| assert_eq!(desk.journal.at_work(item), [slot_move.to.as_str()], "{item}"));
    }
}
