//! Redis with a replica, and a Sentinel that fails over from one to the other.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::authority::ServerCertificate;
use crate::inline::ask;
use crate::kind::{Kind, REDIS, SENTINEL};
use crate::options::ServerOptions;
use crate::redis::Redis;
use crate::server::{Server, or_fail, over_tls_and_plain};

/// Name of the primary in Sentinel.
const SERVICE: &str = "main";
const WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Redis, its replica, and the Sentinel that promotes the replica half a second after the primary has stopped answering.
#[derive(Debug)]
pub struct Sentinel {
    primary: Redis,
    replica: Redis,
    sentinel: Redis,
    scheme: &'static str,
    orders: Orders,
}

/// Ports for the test's own commands, without TLS.
#[derive(Clone, Copy, Debug)]
struct Orders {
    sentinel: u16,
    replica: u16,
}

impl Sentinel {
    /// Starts a Sentinel for the caller alone; returns when the replica follows and Sentinel knows it. It is removed when this
    /// is dropped.
    ///
    /// # Panics
    /// If there are no programs for it; the message says what was tried.
    pub async fn private() -> Self {
        let primary = start(&REDIS, &ServerOptions::default()).await;
        let port = primary.port().to_string();
        let replica = start(&REDIS, &ServerOptions::options_of(following(&port))).await;
        let sentinel = start(&SENTINEL, &ServerOptions::options_of([&port])).await;
        let orders = Orders { sentinel: sentinel.port(), replica: replica.port() };
        Self { primary, replica, sentinel, scheme: "redis-sentinel", orders }.ready().await
    }

    /// Like [`private`](Self::private), but all servers speak TLS to clients and to each other, and accept only clients of the
    /// certificate's authority.
    ///
    /// # Panics
    /// As for [`private`](Self::private).
    pub async fn private_with_tls(certificate: &ServerCertificate) -> Self {
        const AMONG_THEM: [&str; 2] = ["--tls-replication", "yes"];
        let primary = start(&REDIS, &over_tls_and_plain(certificate, &AMONG_THEM).0).await;
        let port = primary.port().to_string();
        let options = [&AMONG_THEM[..], &following(&port)].concat();
        let (options, replica_orders) = over_tls_and_plain(certificate, &options);
        let replica = start(&REDIS, &options).await;
        let (options, sentinel_orders) = over_tls_and_plain(certificate, &[&port]);
        let sentinel = start(&SENTINEL, &options).await;
        let orders = Orders { sentinel: sentinel_orders, replica: replica_orders };
        Self { primary, replica, sentinel, scheme: "rediss-sentinel", orders }.ready().await
    }

    async fn ready(self) -> Self {
        let known = || self.says("sentinel replicas main", "master-link-status\r\n$2\r\nok");
        until("the replica follows, and Sentinel knows it", known).await;
        self
    }

    /// Returns the URL by which clients find the present primary.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}?sentinelServiceName={SERVICE}", self.scheme, self.sentinel.port())
    }

    /// Returns the initial primary.
    #[must_use]
    pub const fn primary(&self) -> &Redis {
        &self.primary
    }

    /// Returns the initial replica.
    #[must_use]
    pub const fn replica(&self) -> &Redis {
        &self.replica
    }

    /// Kills the primary and waits until Sentinel has promoted the replica.
    ///
    /// # Panics
    /// If Sentinel does not promote the replica.
    pub async fn fail_over(&self) {
        self.primary.kill().await;
        self.promoted().await;
    }

    /// Waits until Sentinel has promoted the replica.
    ///
    /// # Panics
    /// If Sentinel does not promote the replica.
    pub async fn promoted(&self) {
        let port = self.replica.port().to_string();
        let promoted = || self.says("sentinel get-master-addr-by-name main", &port);
        until("Sentinel names the replica as the primary", promoted).await;
        let writable = async || ask(self.orders.replica, "role").await.contains("master");
        until("the replica is the primary", writable).await;
    }

    async fn says(&self, command: &str, expected: &str) -> bool {
        ask(self.orders.sentinel, command).await.contains(expected)
    }
}

async fn start(kind: &'static Kind, options: &ServerOptions) -> Redis {
    or_fail(Server::local(kind, options).await.map(|server| Redis::new(server, "")))
}

/// Returns the options of a replica of the Redis on this port.
const fn following(port: &str) -> [&str; 5] {
    ["--replicaof", "127.0.0.1", port, "--repl-diskless-sync-delay", "0"]
}

/// Waits until a condition holds.
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
