//! Helpers of all tests of this crate.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{Client, Value};
use scaler_core::testing::membership::{Clients, MembershipFixture};
use scaler_core::{Incarnation, InstallationId, Member, MemberKey, MemberState, Tick, WorkerId};
use scaler_redis::{RedisConfig, RedisMembership};
use test_servers::Redis;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// A membership of its own on the shared server.
pub(crate) async fn shared_config() -> RedisConfig {
    let mut config = RedisConfig::new(Redis::shared().await.url());
    config.hash = Redis::unique_prefix() + "workers";
    config
}

/// The usual settings with time-outs that a busy machine keeps.
pub(crate) fn patient(url: impl Into<String>) -> RedisConfig {
    let mut config = RedisConfig::new(url);
    config.command_timeout = Duration::from_secs(15);
    config
}

pub(crate) async fn connect(config: &RedisConfig) -> RedisMembership {
    RedisMembership::connect(config.clone()).await.unwrap()
}

/// Two connections to one membership, for the suite that every membership must pass.
pub(crate) struct Pair(Clients);

impl Pair {
    pub(crate) async fn of(config: &RedisConfig) -> Self {
        Self([Arc::new(connect(config).await), Arc::new(connect(config).await)])
    }
}

#[async_trait]
impl MembershipFixture for Pair {
    fn clients(&self) -> Clients {
        self.0.clone()
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }
}

/// A plain client, to look at what the membership does, and to disturb it.
pub(crate) async fn plain_client(url: &str) -> MultiplexedConnection {
    Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Sends a command, given as words.
pub(crate) async fn command(client: &MultiplexedConnection, words: &[impl AsRef<str>]) -> Value {
    let mut command = redis::Cmd::new();
    words.iter().for_each(|word| _ = command.arg(word.as_ref()));
    command.query_async(&mut client.clone()).await.unwrap()
}

pub(crate) fn active(name: &str) -> Member {
    let key = MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::from_u128(1)) };
    Member {
        state: MemberState::Active,
        last_tick: Some(Tick(1_763_836_000)),
        slots: 1365,
        items: 4,
        first_items: vec![Uuid::from_u128(2).to_string()],
        ..Member::joining(key, InstallationId::new(Uuid::from_u128(3)))
    }
}

/// Tries again and again until it comes true.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let holds = async {
        while !condition().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(Duration::from_secs(20), holds).await.is_ok(), "it should have come true: {what}");
}
