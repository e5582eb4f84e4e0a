//! A worker that is retired hands over and stays, and one that is reinstated works again.

use std::collections::BTreeSet;
use std::time::Instant;

use scaler_core::{InstallationId, Membership, WorkerId};
use scaler_redis::{RedisConfig, RedisMembership};

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed};
use crate::programs::{Which, get};
use crate::system::{System, eventually};

#[tokio::test]
async fn a_retired_worker_hands_over_without_a_missed_tick_and_comes_back_when_it_is_reinstated() {
    let mut system = System::shared().await.running(1000, &["worker-2", "worker-3"]).await;
    let listening = [("LISTEN", "127.0.0.1:0"), ("POD_NAME", "worker-1")];
    let retiree = system.start(Which::Worker, &[], &listening);
    system.workers.insert("worker-1".to_owned(), retiree);
    system.until_loads(&[334, 333, 333]).await;
    until_ready(&system, "HTTP/1.1 200", "ready").await;
    let membership = membership(&system).await;
    let first = system.tick().await;

    let begun = Instant::now();
    membership.retire(installation(&system).await, &BTreeSet::from([WorkerId::new("worker-1").unwrap()])).await.unwrap();
    until_ready(&system, "HTTP/1.1 503", "retiring").await;
    println!("retired: not ready after {:?}", begun.elapsed());
    until_it_prints(&system, 0).await;
    println!("retired: it watches nothing after {:?}", begun.elapsed());
    system.until_loads(&[500, 500]).await;
    let tick = system.tick().await;
    system.until_tick(tick + 5).await;
    assert_eq!(system.workers.get_mut("worker-1").unwrap().exit_code(), None, "it stays");
    until_ready(&system, "HTTP/1.1 503", "retiring").await;

    let begun = Instant::now();
    membership.retire(installation(&system).await, &BTreeSet::new()).await.unwrap();
    until_ready(&system, "HTTP/1.1 200", "ready").await;
    system.until_loads(&[334, 333, 333]).await;
    println!("reinstated: it has its share again after {:?}", begun.elapsed());
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last + 1).await;
    println!("{} increments, 0 doubles, 0 missed", assert_nothing_doubled(&system.user).await);
}

#[tokio::test]
async fn a_retired_worker_leaves_at_once_when_it_is_asked_to() {
    let mut system = System::shared().await.running(10, &["worker-1", "worker-2"]).await;
    system.until_loads(&[5, 5]).await;
    let first = system.tick().await;
    membership(&system)
        .await
        .retire(installation(&system).await, &BTreeSet::from([WorkerId::new("worker-1").unwrap()]))
        .await
        .unwrap();
    until_it_prints(&system, 0).await;
    let begun = Instant::now();
    let mut leaver = system.workers.remove("worker-1").unwrap();
    leaver.signal("TERM");
    assert_eq!(leaver.ended().await, 0, "{leaver:?}");
    println!("retired, then SIGTERM: gone after {:?}", begun.elapsed());
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last + 1).await;
    assert_nothing_doubled(&system.user).await;
}

/// The membership of the system, as a control plane sees it.
async fn installation(system: &System) -> InstallationId {
    let installation = sqlx::query_scalar("select installation from scaler.meta").fetch_one(&system.user).await;
    InstallationId::new(installation.unwrap())
}

async fn membership(system: &System) -> RedisMembership {
    let mut config = RedisConfig::new(&system.redis_url);
    config.hash.clone_from(&system.redis_key);
    RedisMembership::connect(config).await.unwrap()
}

/// Waits until worker-1 answers so when it is asked whether it is ready.
async fn until_ready(system: &System, status: &str, why: &str) {
    let address = system.workers["worker-1"].address().await;
    eventually(why, async || {
        let answer = get(&address, "/ready");
        let right = answer.starts_with(status) && answer.ends_with(&format!("\n{why}\n"));
        right.then_some(()).ok_or(answer)
    })
    .await;
}

/// Waits until worker-1 prints that it watches so many items.
async fn until_it_prints(system: &System, items: usize) {
    eventually(&format!("worker-1 watches {items} items"), async || {
        let printed = system.printed().get("worker-1").map(BTreeSet::len);
        (printed == Some(items)).then_some(()).ok_or(printed)
    })
    .await;
}
