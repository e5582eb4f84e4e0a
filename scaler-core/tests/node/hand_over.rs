//! Hand-over of items between nodes: who works on what when nodes join, drain, die, stand still or are cut off.

use std::time::Duration;

use scaler_core::hand_over::HandOver;
use scaler_core::node::{Control, NodeError};
use scaler_core::{
    Cause, Clock, Election, Epoch, Hearing, Incarnation, MemberKey, SlotRange, Timing, TokioClock, Transfer, WorkStore, WorkerId,
    slot_of,
};
use uuid::Uuid;

use crate::desk::{Deed, Desk, LIMIT, SECOND, Steady};

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
async fn the_last_node_leaves_at_once_and_its_successor_starts_at_once() {
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
    let transfer = |slot, epoch, to| Transfer { slot, epoch: Epoch(epoch), to, timing: Timing::Now, cause: Cause::Rebalance };
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
