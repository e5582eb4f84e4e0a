//! The slot of our keys moves to another node of the cluster, key by key.

use redis::Value;
use redis::aio::MultiplexedConnection;
use scaler_core::{Incarnation, Member, Membership, MembershipError};
use test_servers::{Redis, RedisCluster};
use uuid::Uuid;

use crate::help::{active, command, connect, patient, plain_client, until};
use crate::topologies::until_notified;

const KEYS: [&str; 4] = ["workers", "{workers}:seen", "{workers}:superseded", "{workers}:retiring"];

/// One end of a migration.
struct End<'a> {
    node: &'a Redis,
    client: MultiplexedConnection,
    id: String,
}

impl<'a> End<'a> {
    async fn of(node: &'a Redis) -> Self {
        let client = plain_client(node.url()).await;
        let id = text(command(&client, &["cluster", "myid"]).await);
        Self { node, client, id }
    }

    async fn set_slot(&self, slot: &str, state: &str, other: &str) {
        command(&self.client, &["cluster", "setslot", slot, state, other]).await;
    }

    async fn send_key(&self, key: &str, to: &Self) {
        command(&self.client, &["migrate", "127.0.0.1", &to.node.port().to_string(), key, "0", "5000"]).await;
    }
}

#[tokio::test]
async fn a_redis_slot_that_migrates_and_returns_is_followed() {
    let cluster = RedisCluster::private().await;
    let config = patient(cluster.url());
    let (one, other) = (connect(&config).await, connect(&config).await);
    let member = active("worker-1");
    until("it is there", async || one.heartbeat(&member).await.is_ok()).await;
    // All four keys exist, so that an answer by ASK can be followed.
    let mut successor = Member::joining(member.key.clone(), member.installation);
    successor.key.incarnation = Incarnation::new(Uuid::from_u128(2));
    one.heartbeat(&successor).await.unwrap();
    one.retire(member.installation, &[active("worker-2").key.worker].into()).await.unwrap();

    let owner = cluster.owner("workers").await;
    let target = cluster.nodes().iter().find(|node| node.port() != owner.port()).unwrap();
    let (mut source, mut target) = (End::of(owner).await, End::of(target).await);
    let slot = text(command(&source.client, &["cluster", "keyslot", "workers"]).await);
    for _ in 0..2 {
        target.set_slot(&slot, "importing", &source.id).await;
        source.set_slot(&slot, "migrating", &target.id).await;
        source.send_key(KEYS[0], &target).await;
        // Half of the keys are here and half are there: no node can run a script on all of them.
        let failure = one.heartbeat(&successor).await.unwrap_err();
        assert!(matches!(failure, MembershipError::Unavailable { .. }), "{failure}");
        assert!(failure.to_string().contains("TRYAGAIN"), "{failure}");
        for key in &KEYS[1..] {
            source.send_key(key, &target).await;
        }
        one.heartbeat(&successor).await.unwrap();
        assert_eq!(one.members().await.unwrap().len(), 1, "the other node is asked");
        for end in [&target, &source] {
            end.set_slot(&slot, "node", &target.id).await;
        }
        one.heartbeat(&successor).await.unwrap();
        until("the other finds the keys", async || other.members().await.is_ok_and(|seen| seen.len() == 1)).await;
        until_notified(&one, &other).await;
        std::mem::swap(&mut source, &mut target);
    }
}

#[tokio::test]
async fn a_client_that_connects_while_the_slot_migrates_works_once_it_has() {
    let cluster = RedisCluster::private().await;
    let config = patient(cluster.url());
    let first = connect(&config).await;
    until("it is there", async || first.heartbeat(&active("worker-1")).await.is_ok()).await;
    let owner = cluster.owner("workers").await;
    let target = cluster.nodes().iter().find(|node| node.port() != owner.port()).unwrap();
    let (source, target) = (End::of(owner).await, End::of(target).await);
    let slot = text(command(&source.client, &["cluster", "keyslot", "workers"]).await);
    target.set_slot(&slot, "importing", &source.id).await;
    source.set_slot(&slot, "migrating", &target.id).await;
    source.send_key(KEYS[0], &target).await;
    let newcomer = connect(&config).await;
    assert!(newcomer.heartbeat(&active("worker-2")).await.is_err());
    for key in &KEYS[1..] {
        source.send_key(key, &target).await;
    }
    for end in [&target, &source] {
        end.set_slot(&slot, "node", &target.id).await;
    }
    until("the newcomer is heard", async || newcomer.heartbeat(&active("worker-2")).await.is_ok()).await;
    until("both are there", async || first.members().await.is_ok_and(|seen| seen.len() == 2)).await;
}

fn text(value: Value) -> String {
    redis::from_redis_value(value).unwrap()
}
