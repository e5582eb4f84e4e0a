//! A Redis with a replica, and a Sentinel that replaces the one by the other.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::inline::ask;
use crate::kind::{REDIS, SENTINEL};
use crate::redis::Redis;
use crate::server::{Server, Wish, or_fail};

/// What Sentinel calls the primary.
const SERVICE: &str = "main";
const WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A Redis, its replica, and the Sentinel that promotes the replica half a second after the Redis has fallen silent.
#[derive(Debug)]
pub struct Sentinel {
    primary: Redis,
    replica: Redis,
    sentinel: Redis,
}

impl Sentinel {
    /// One of the caller's own; returns when the replica follows and Sentinel knows it. It is gone when this is dropped.
    ///
    /// # Panics
    /// When there are no programs for it; the message says what was tried.
    pub async fn private() -> Self {
        let primary = or_fail(Server::local(&REDIS, &Wish::default()).await.map(|server| Redis::new(server, "")));
        let port = primary.port().to_string();
        let following = Wish::options_of(["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]);
        let replica = or_fail(Server::local(&REDIS, &following).await.map(|server| Redis::new(server, "")));
        let sentinel = Server::local(&SENTINEL, &Wish::options_of([&port])).await;
        let sentinel = Self { primary, replica, sentinel: or_fail(sentinel.map(|server| Redis::new(server, ""))) };
        let known = || sentinel.says("sentinel replicas main", "master-link-status\r\n$2\r\nok");
        until("the replica follows, and Sentinel knows it", known).await;
        sentinel
    }

    /// The URL by which clients find whichever is the primary.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis-sentinel://127.0.0.1:{}?sentinelServiceName={SERVICE}", self.sentinel.port())
    }

    /// The one that is written to at first.
    #[must_use]
    pub const fn primary(&self) -> &Redis {
        &self.primary
    }

    /// The one that follows.
    #[must_use]
    pub const fn replica(&self) -> &Redis {
        &self.replica
    }

    /// Kills the primary; returns when Sentinel has made the replica the primary.
    ///
    /// # Panics
    /// When that does not happen.
    pub async fn fail_over(&self) {
        self.primary.kill().await;
        let port = self.replica.port().to_string();
        let promoted = || self.says("sentinel get-master-addr-by-name main", &port);
        until("Sentinel names the replica as the primary", promoted).await;
        let writable = async || ask(self.replica.port(), "role").await.contains("master");
        until("the replica is the primary", writable).await;
    }

    async fn says(&self, command: &str, expected: &str) -> bool {
        ask(self.sentinel.port(), command).await.contains(expected)
    }
}

/// Waits for a condition.
#[expect(clippy::panic, reason = "a test without its servers must fail")]
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let holds = async {
        while !condition().await {
            sleep(LOOK_EVERY).await;
        }
    };
    if timeout(WITHIN, holds).await.is_err() {
        panic!("it should have come true: {what}");
    }
}
