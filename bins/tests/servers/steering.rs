//! Wishes and plans by commands, and their effects, on a real Postgres and a real Redis.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed};
use crate::system::System;

/// Runs the tool, and returns its output.
async fn told(system: &System, words: &[&str]) -> String {
    let (code, output) = system.tool(words).await;
    assert_eq!(code, 0, "{words:?}: {output}");
    output
}

/// Returns the owner of each slot that has one.
async fn owners(system: &System) -> BTreeMap<i64, String> {
    let slots: Vec<(i32, String)> =
        sqlx::query_as("select slot, owner from scaler.slot where owner is not null").fetch_all(&system.user).await.unwrap();
    slots.into_iter().map(|(slot, owner)| (slot.into(), owner)).collect()
}

async fn slots_of(system: &System, worker: &str) -> usize {
    owners(system).await.values().filter(|owner| *owner == worker).count()
}

#[tokio::test]
async fn a_plan_is_what_then_happens_slot_by_slot_and_a_stale_one_is_refused() {
    let system = System::shared().await.running(300, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[100, 100, 100]).await;
    let first = system.tick().await;
    for change in [["--weight", "worker-1=2"], ["--leave", "worker-3"]] {
        let words = ["plan", change[0], change[1], "--slots", "--output", "json"];
        let plan: Value = serde_json::from_str(&told(&system, &words).await).unwrap();
        let id = plan["id"].as_str().unwrap();
        let mut expected = owners(&system).await;
        let moves = plan["moves"].as_array().unwrap();
        assert!(!moves.is_empty(), "{plan}");
        for slot_move in moves {
            expected.insert(slot_move["slot"].as_i64().unwrap(), slot_move["to"].as_str().unwrap().to_owned());
        }
        told(&system, &["apply", id, "--yes", "--until-done", "--timeout", "60s"]).await;
        assert_eq!(owners(&system).await, expected, "after {change:?}");
        let (code, refusal) = system.tool(&["apply", id, "--yes"]).await;
        assert!(code == 64 && refusal.contains("stale"), "{code}: {refusal}");
    }
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last + 1).await;
    assert_nothing_doubled(&system.user).await;
}

#[tokio::test]
async fn wishes_are_obeyed_recorded_and_outlive_the_leader() {
    let mut system = System::shared().await.running(30, &["worker-1", "worker-2"]).await;
    system.until_loads(&[15, 15]).await;
    told(&system, &["pause", "--yes", "--by", "alice", "--note", "new disks"]).await;
    let before = owners(&system).await;
    // The next leader obeys it, too, and a worker that joins gets nothing.
    system.control.take().unwrap().kill();
    system.start_control();
    system.start_worker("worker-3");
    let tick = system.tick().await;
    system.until_tick(tick + 10).await;
    assert_eq!(owners(&system).await, before);
    let status = told(&system, &["status"]).await;
    let notice = status.lines().next().unwrap();
    assert!(notice.contains("paused") && notice.contains("alice"), "{status}");

    told(&system, &["resume", "--yes", "--until-done", "--timeout", "60s"]).await;
    system.until_loads(&[10, 10, 10]).await;
    let slot = owners(&system).await.into_iter().find(|(_, owner)| owner == "worker-1").unwrap().0.to_string();
    told(&system, &["pin", &slot, "worker-3", "--yes", "--until-done", "--timeout", "60s"]).await;
    assert_eq!(owners(&system).await[&slot.parse().unwrap()], "worker-3");
    let explained = told(&system, &["explain", &slot]).await;
    assert!(explained.contains("worker-3") && explained.contains("pinned"), "{explained}");
    told(&system, &["drain", "worker-2", "--yes", "--until-done", "--timeout", "60s"]).await;
    assert_eq!(slots_of(&system, "worker-2").await, 0);
    let events = told(&system, &["events", "--limit", "50"]).await;
    for text in ["rebalancing is paused: new disks", "(by alice)", "is pinned to worker-3", "worker-2 is drained", "drained"] {
        assert!(events.contains(text), "{text}: {events}");
    }
    assert_nothing_doubled(&system.user).await;
}
