//! A Redis that Sentinels watch, and a cluster: real ones.

use std::time::Duration;

use futures_util::StreamExt;
use scaler_core::{Membership, Registration, WakeUp};
use scaler_redis::{ClientIdentity, RedisConfig, RedisMembership, RedisTls};
use test_servers::{Authority, Redis, RedisCluster, Sentinel};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::help::{Pair, active, command, connect, plain_client, until};

mod cluster {
    use super::fixture;
    use crate::help::Pair;

    scaler_core::membership_suite!(on_a_cluster);

    async fn on_a_cluster() -> Pair {
        fixture().await
    }
}

async fn fixture() -> Pair {
    static CLUSTER: OnceCell<RedisCluster> = OnceCell::const_new();
    let mut config = RedisConfig::new(CLUSTER.get_or_init(RedisCluster::private).await.url());
    config.hash = Redis::unique_prefix() + "workers";
    Pair::of(&config).await
}

/// A notification of one reaches the other, sooner or later.
pub(crate) async fn until_notified(by: &RedisMembership, to: &RedisMembership) {
    until("the other is notified", async || {
        let mut wake_ups = to.wake_ups();
        by.wake_up(&WakeUp::Everyone).await.is_ok() && timeout(Duration::from_millis(200), wake_ups.next()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn after_a_sentinel_failover_clients_use_the_new_primary() {
    let sentinel = Sentinel::private().await;
    let config = RedisConfig::new(sentinel.url());
    let (one, other) = (connect(&config).await, connect(&config).await);
    let member = active("worker-1");
    until("it is there", async || one.heartbeat(&member).await.is_ok()).await;
    until_notified(&one, &other).await;

    let begun = tokio::time::Instant::now();
    sentinel.fail_over().await;
    until("heartbeats succeed again", async || matches!(one.heartbeat(&member).await, Ok(Registration::Current))).await;
    println!("{:?} from the kill to the next heartbeat", begun.elapsed());
    until("the other sees it", async || other.members().await.is_ok_and(|seen| seen.len() == 1)).await;
    until_notified(&one, &other).await;
    assert_eq!(connect(&config).await.members().await.unwrap()[0].member, member, "a newcomer finds the new primary");
}

#[tokio::test]
async fn a_primary_that_has_become_a_replica_is_left() {
    let sentinel = Sentinel::private().await;
    let membership = connect(&RedisConfig::new(sentinel.url())).await;
    let member = active("worker-1");
    until("it is there", async || membership.heartbeat(&member).await.is_ok()).await;
    // As an operator does who switches over; the old primary lives on and takes no writes.
    let operator = plain_client(&sentinel_address(&sentinel)).await;
    command(&operator, &["sentinel", "failover", "main"]).await;
    let replica = connect(&RedisConfig::new(sentinel.replica().url())).await;
    until("the replica has taken over", async || replica.heartbeat(&active("worker-2")).await.is_ok()).await;
    until("heartbeats reach the new primary", async || {
        membership.heartbeat(&member).await.is_ok() && replica.members().await.is_ok_and(|seen| seen.len() == 2)
    })
    .await;
}

#[tokio::test]
async fn a_cluster_is_used_again_after_its_node_returns() {
    let cluster = RedisCluster::private().await;
    let config = RedisConfig::new(cluster.url());
    let (one, other) = (connect(&config).await, connect(&config).await);
    let member = active("worker-1");
    one.heartbeat(&member).await.unwrap();
    until_notified(&one, &other).await;
    // The one with the key `workers` is among them.
    for node in cluster.nodes() {
        node.kill().await;
    }
    assert!(one.heartbeat(&member).await.is_err());
    for node in cluster.nodes() {
        node.start().await;
    }
    until("heartbeats succeed again", async || one.heartbeat(&member).await.is_ok()).await;
    until("the other sees it", async || other.members().await.is_ok_and(|seen| seen.len() == 1)).await;
    until_notified(&one, &other).await;
}

#[tokio::test]
async fn a_tls_cluster_admits_clients_with_a_certificate() {
    let authority = Authority::new();
    let cluster = RedisCluster::private_with_tls(&authority.server("127.0.0.1")).await;
    let client = authority.client("worker.example");
    let mut config = RedisConfig::new(cluster.url());
    let identity = ClientIdentity { certificate: client.certificate, key: client.key };
    config.tls = RedisTls { authorities: Some(authority.file()), identity: Some(identity) };
    let (one, other) = (connect(&config).await, connect(&config).await);
    until("it is let in", async || one.heartbeat(&active("worker-1")).await.is_ok()).await;
    until_notified(&one, &other).await;
    config.tls.identity = None;
    assert!(connect(&config).await.members().await.is_err(), "nobody comes in without");
}

#[tokio::test]
async fn sentinels_over_tls_are_verified_and_lead_to_the_new_primary() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let sentinel = Sentinel::private_with_tls(&authority.server("127.0.0.1")).await;
    let client = authority.client("worker.example");
    let mut config = RedisConfig::new(sentinel.url());
    let identity = ClientIdentity { certificate: client.certificate, key: client.key };
    config.tls = RedisTls { authorities: Some(authority.file()), identity: Some(identity) };
    let (one, other) = (connect(&config).await, connect(&config).await);
    let member = active("worker-1");
    until("it is let in", async || one.heartbeat(&member).await.is_ok()).await;
    until_notified(&one, &other).await;
    sentinel.fail_over().await;
    until("heartbeats succeed again", async || matches!(one.heartbeat(&member).await, Ok(Registration::Current))).await;
    until_notified(&one, &other).await;

    let mut doubts = config.clone();
    doubts.tls.authorities = Some(stranger.file());
    assert!(connect(&doubts).await.members().await.is_err(), "nobody is believed whom the authority does not vouch for");
    config.tls.identity = None;
    assert!(connect(&config).await.members().await.is_err(), "nobody comes in without");
}

#[tokio::test]
async fn a_user_with_few_rights_works_behind_sentinel_and_on_a_cluster() {
    const RULES: &str = include_str!("../../../deploy/files/redis.acl");
    let (sentinel, cluster) = (Sentinel::private().await, RedisCluster::private().await);
    let words = |more: &[&str]| -> Vec<String> {
        ["acl", "setuser", "scaler", "on", ">secret"]
            .into_iter()
            .chain(RULES.split_whitespace())
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect()
    };
    command(&plain_client(sentinel.primary().url()).await, &words(&["+role"])).await;
    for node in cluster.nodes() {
        command(&plain_client(node.url()).await, &words(&[])).await;
    }
    for url in [sentinel.url(), cluster.url()] {
        let url = url.replacen("://", "://scaler:secret@", 1);
        let membership = connect(&RedisConfig::new(url)).await;
        until("it may", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
        until_notified(&membership, &membership).await;
    }
}

pub(crate) fn sentinel_address(sentinel: &Sentinel) -> String {
    let url = sentinel.url().replacen("redis-sentinel", "redis", 1);
    url.split('?').next().unwrap().to_owned()
}
