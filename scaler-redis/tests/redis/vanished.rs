//! A server whose machine vanished: packets are dropped, connections stay half-open, and another server takes its place.

use std::time::{Duration, Instant};

use scaler_core::Membership;
use scaler_redis::{RedisConfig, RedisMembership};
use test_servers::{Redis, RedisCluster, Sentinel, in_own_network};

use crate::help::{active, command, connect, plain_client, until};
use crate::topologies::until_notified;

/// A port that no server has: a Kubernetes Service in front of them.
const SERVICE: u16 = 1;

#[test]
fn a_new_redis_at_the_address_of_a_vanished_one_is_used() {
    in_own_network(async |network| {
        let (before, after) = (Redis::private().await, Redis::private().await);
        network.redirect(SERVICE, before.port());
        let config = RedisConfig::new(format!("redis://127.0.0.1:{SERVICE}"));
        let (one, other) = (connect(&config).await, connect(&config).await);
        until("it is there", async || one.heartbeat(&active("worker-1")).await.is_ok()).await;
        until_notified(&one, &other).await;

        network.silence(before.port());
        network.redirect(SERVICE, after.port());
        heard_again("a Redis", &one).await;
        until("the idle one hears, too", async || other.members().await.is_ok_and(|seen| seen.len() == 1)).await;
        until_notified(&one, &other).await;
    });
}

#[test]
fn a_client_that_sends_nothing_notices_that_its_redis_vanished() {
    in_own_network(async |network| {
        let (before, after) = (Redis::private().await, Redis::private().await);
        network.redirect(SERVICE, before.port());
        let idle = connect(&RedisConfig::new(format!("redis://127.0.0.1:{SERVICE}"))).await;
        until("it is connected", async || idle.members().await.is_ok()).await;
        network.silence(before.port());
        network.redirect(SERVICE, after.port());
        let publisher = plain_client(after.url()).await;
        until("it is subscribed at the other Redis", async || {
            command(&publisher, &["publish", "{workers}:nudge", ""]).await == redis::Value::Int(1)
        })
        .await;
    });
}

#[test]
fn a_redis_is_used_again_once_its_packets_pass() {
    in_own_network(async |network| {
        let redis = Redis::private().await;
        let membership = connect(&RedisConfig::new(redis.url())).await;
        until("it is there", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
        network.silence(redis.port());
        until("the reason is that packets are lost", async || {
            membership.members().await.is_err_and(|failure| failure.to_string().contains("no answer within 2 s"))
        })
        .await;
        network.restore(redis.port());
        heard_again("the same Redis", &membership).await;
    });
}

#[test]
fn the_new_primary_is_found_when_the_machine_of_the_old_one_vanished() {
    in_own_network(async |network| {
        let sentinel = Sentinel::private().await;
        let membership = connect(&RedisConfig::new(sentinel.url())).await;
        until("it is there", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
        network.silence(sentinel.primary().port());
        sentinel.promoted().await;
        heard_again("the new primary", &membership).await;
    });
}

#[test]
fn one_remaining_sentinel_is_found_among_vanished_ones() {
    in_own_network(async |network| {
        let sentinel = Sentinel::private().await;
        let vanished = [Redis::private().await, Redis::private().await];
        vanished.iter().for_each(|gone| network.silence(gone.port()));
        let [first, second] = vanished.each_ref().map(|gone| format!("127.0.0.1:{}", gone.port()));
        let url = sentinel.url();
        let last = url.trim_start_matches("redis-sentinel://").split('?').next().unwrap();
        let url = format!("redis-sentinel://{first}?sentinelServiceName=main&node={second}&node={last}");
        let membership = connect(&RedisConfig::new(url)).await;
        heard_again("the primary behind the third Sentinel", &membership).await;
    });
}

#[test]
fn the_new_owner_is_found_when_the_machine_of_a_cluster_node_vanished() {
    in_own_network(async |network| {
        let cluster = RedisCluster::private_with_replica_of("workers").await;
        let membership = connect(&RedisConfig::new(cluster.url())).await;
        until("it is there", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
        let owner = cluster.owner("workers").await;
        network.silence(owner.port());
        // The other nodes hear nothing more from it, either.
        owner.pause().await;
        cluster.promoted().await;
        heard_again("the new owner of the keys", &membership).await;
    });
}

#[test]
fn a_vanished_cluster_node_does_not_block_the_keys_of_others() {
    in_own_network(async |network| {
        let cluster = RedisCluster::private().await;
        for node in cluster.nodes() {
            command(&plain_client(node.url()).await, &["config", "set", "cluster-require-full-coverage", "no"]).await;
        }
        let owner = cluster.owner("workers").await;
        let other = cluster.nodes().iter().find(|node| node.port() != owner.port()).unwrap();
        network.silence(other.port());
        other.pause().await;
        let membership = connect(&RedisConfig::new(cluster.url())).await;
        heard_again("the owner of the keys", &membership).await;
    });
}

/// Measures from now on, when the new server is there, until heartbeats succeed. They should within 5 s; the limit leaves room for a busy machine.
async fn heard_again(at: &str, membership: &RedisMembership) {
    let start = Instant::now();
    until("heartbeats succeed again", async || membership.heartbeat(&active("worker-1")).await.is_ok()).await;
    println!("heard again after {:?} by {at}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(15));
}
