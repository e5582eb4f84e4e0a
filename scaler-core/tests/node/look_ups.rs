//! Look-ups of owned items, and the stream of changes.

use std::time::Duration;

use futures_util::StreamExt;
use scaler_core::Cause;
use scaler_core::ItemId;

use crate::desk::{Desk, Done, Journal, LIMIT, SECOND};

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
async fn the_cause_of_a_gain_is_kept_while_a_slot_waits_for_its_former_owner() {
    let mut desk = Desk::new(10);
    desk.join("a", Duration::ZERO);
    desk.all_at_work().await;
    desk.cluster.kill("a");
    desk.join("a", Duration::ZERO);
    let mut changes = desk.cluster.handle("a").changes();
    let mut gained = Vec::new();
    while gained.len() < 10 {
        gained.extend(changes.next().await.unwrap().gained);
    }
    assert!(gained.iter().all(|(_, cause)| *cause == Cause::Adopted), "{gained:?}");
}
