//! Explanations by the API of the leader, each of a state that was brought about on a real Postgres and a real Redis.

use serde_json::Value;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::page::start;
use crate::programs::get;
use crate::system::{System, eventually};

/// A system of 30 items on three workers, and the address of its API.
async fn running() -> (System, String) {
    let mut system = System::shared().await;
    system.install(30).await;
    let address = start(&mut system).await;
    for worker in ["worker-1", "worker-2", "worker-3"] {
        system.start_worker(worker);
    }
    system.until_loads(&[10, 10, 10]).await;
    (system, address)
}

/// Waits until the explanation of this subject contains all of these texts.
async fn until_explained(address: &str, subject: &str, texts: &[&str]) -> Value {
    eventually(&format!("{subject}: {texts:?}"), async || {
        let answer = get(address, &format!("/api/v1/explain?{subject}"));
        let explanation = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let missing = texts.iter().find(|text| !explanation.contains(**text));
        missing.is_none().then(|| serde_json::from_str(explanation).unwrap()).ok_or_else(|| answer.clone())
    })
    .await
}

#[tokio::test]
async fn new_moved_refused_and_unknown_items_are_explained() {
    let (mut system, address) = running().await;

    let new: Uuid = sqlx::query_scalar("insert into public.work_items (id, value) values (gen_random_uuid(), 0) returning id")
        .fetch_one(&system.user)
        .await
        .unwrap();
    until_explained(&address, &format!("item={new}"), &["hashes to slot", "owns slot", "worked on it last"]).await;

    let bad = system.owned().await["worker-1"].iter().next().copied().unwrap();
    let forbid = format!("alter table public.work_items add check (id <> '{bad}') not valid");
    sqlx::raw_sql(AssertSqlSafe(forbid)).execute(&system.user).await.unwrap();
    let explained = until_explained(&address, &format!("item={bad}"), &["violates check constraint"]).await;
    assert!(explained["refusal"].as_str().unwrap().contains(&bad.to_string()), "{explained}");

    let moved = system.owned().await["worker-2"].iter().next().copied().unwrap();
    system.kill_worker("worker-2");
    let explained = until_explained(&address, &format!("item={moved}"), &["the former owner was dead"]).await;
    assert_ne!(explained["owner"], "worker-2", "{explained}");

    eventually("an unknown item is told", async || {
        let unknown = get(&address, &format!("/api/v1/explain?item={}", Uuid::nil()));
        (unknown.starts_with("HTTP/1.1 404") && unknown.contains("does not exist")).then_some(()).ok_or(unknown)
    })
    .await;
}

#[tokio::test]
async fn flap_damping_and_the_mass_failure_guard_are_explained() {
    let (mut system, address) = running().await;
    system.kill_worker("worker-3");
    system.until_loads(&[15, 15]).await;
    system.start_worker("worker-3");
    until_explained(&address, "worker=worker-3", &["owns 0 of", "flap damping"]).await;

    for worker in ["worker-1", "worker-2"] {
        system.workers[worker].signal("STOP");
    }
    until_explained(&address, "slot=5", &["the mass-failure guard pauses rebalancing"]).await;
}
