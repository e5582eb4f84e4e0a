//! Members in Postgres alone, and in both servers.

use std::time::Instant;

use test_servers::{Postgres, Redis};

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed, moves};
use crate::system::{System, eventually};

/// Ends a worker as Kubernetes does, and waits until it has handed over its slots and left.
async fn drain(system: &mut System, name: &str) {
    let mut leaver = system.workers.remove(name).unwrap();
    leaver.signal("TERM");
    assert_eq!(leaver.ended().await, 0, "{leaver:?}");
}

#[tokio::test]
async fn without_any_redis_workers_join_die_and_drain() {
    let mut system = System::shared().await;
    system.redis_url = "no URL: it is not read".to_owned();
    system.variables.push(("MEMBERSHIP", "postgres".to_owned()));
    let mut system = system.running(120, &["worker-1", "worker-2", "worker-3"]).await;
    system.until_loads(&[40, 40, 40]).await;
    let first = system.tick().await;

    system.start_worker("worker-4");
    println!("a worker joins: {:?}", system.until_loads(&[30, 30, 30, 30]).await);
    let begun = Instant::now();
    drain(&mut system, "worker-2").await;
    println!("a worker drains: {:?}", begun.elapsed());
    system.until_loads(&[40, 40, 40]).await;
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first + 1..=last - 1).await;

    system.kill_worker("worker-1");
    println!("a worker is killed: {:?}", system.until_loads(&[60, 60]).await);
    let (code, status) = system.tool(&["status"]).await;
    assert!(code == 0 && status.matches("healthy").count() == 2, "{status}");
    let after = system.tick().await;
    assert_nothing_missed(&system.user, after + 1..=after + 2).await;
    assert_nothing_doubled(&system.user).await;
}

#[tokio::test]
async fn with_both_servers_workers_join_and_drain_while_redis_is_away() {
    let redis = Redis::private().await;
    let database = Postgres::database().await;
    let mut system = System::on(database.url().to_owned(), redis.url().to_owned()).await;
    system.variables.push(("MEMBERSHIP", "both".to_owned()));
    let mut system = system.running(120, &["worker-1", "worker-2"]).await;
    system.until_loads(&[60, 60]).await;
    let first = system.tick().await;

    redis.stop().await;
    system.until_tick(first + 15).await;
    system.start_worker("worker-3");
    println!("a worker joins without Redis: {:?}", system.until_loads(&[40, 40, 40]).await);
    let begun = Instant::now();
    drain(&mut system, "worker-1").await;
    println!("a worker drains without Redis: {:?}", begun.elapsed());
    system.until_loads(&[60, 60]).await;
    let worker = &system.workers["worker-2"];
    assert!(worker.err.contain("Redis is unavailable for the membership"), "{worker:?}");

    let before = moves(&system.user).await;
    redis.start().await;
    eventually("Redis is used again", async || {
        let back = system.workers.values().all(|worker| worker.err.contain("Redis is available for the membership again"));
        back.then_some(()).ok_or_else(|| format!("{:?}", system.workers))
    })
    .await;
    let (code, status) = system.tool(&["status"]).await;
    assert!(code == 0 && status.matches("healthy").count() == 2 && !status.contains("worker-1"), "{status}");
    let last = system.tick().await;
    system.until_tick(last + 4).await;
    assert_eq!(moves(&system.user).await, before, "slots moved when Redis came back");
    assert_nothing_missed(&system.user, first + 1..=last + 2).await;
    assert_nothing_doubled(&system.user).await;
}
