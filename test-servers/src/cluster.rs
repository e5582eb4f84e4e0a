//! Redis Cluster of three servers.

use crate::authority::ServerCertificate;
use crate::inline::ask;
use crate::kind::CLUSTER_NODE;
use crate::options::ServerOptions;
use crate::redis::Redis;
use crate::sentinel::until;
use crate::server::{Server, or_fail, over_tls_and_plain};

/// Number of slots of a cluster, by its specification.
const SLOTS: usize = 16_384;
const NODES: usize = 3;

/// Redis Cluster of three servers that share the keys.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
    replica: Option<Redis>,
    scheme: &'static str,
}

#[expect(clippy::panic, reason = "a test without its servers must fail")]
impl RedisCluster {
    /// Starts a cluster for the caller alone; returns when every node knows the whole cluster. It is removed when this is
    /// dropped.
    ///
    /// # Panics
    /// If there are no programs for it (Redis 7 or newer); the message says what was tried.
    pub async fn private() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..NODES {
            nodes.push(or_fail(
                Server::local(&CLUSTER_NODE, &ServerOptions::default()).await.map(|server| Redis::new(server, "")),
            ));
        }
        let ports: Vec<_> = nodes.iter().map(Redis::port).collect();
        Self::joined(nodes, &ports, "redis-cluster").await
    }

    /// Like [`private`](Self::private), with a replica of the node that holds this key. The URL does not name the replica.
    ///
    /// # Panics
    /// As for [`private`](Self::private).
    pub async fn private_with_replica_of(key: &str) -> Self {
        let cluster = Self::private().await;
        let replica = or_fail(Server::local(&CLUSTER_NODE, &ServerOptions::default()).await.map(|server| Redis::new(server, "")));
        let primary = cluster.owner(key).await;
        meet(replica.port(), primary).await;
        let (port, id) = (replica.port(), ask(primary.port(), "cluster myid").await);
        let id = id.lines().last().unwrap_or_default().to_owned();
        until("it is a replica", async || ask(port, &format!("cluster replicate {id}")).await.starts_with("+OK")).await;
        until("the replica follows", async || ask(port, "role").await.contains("connected")).await;
        let known = format!("cluster_known_nodes:{}", NODES + 1);
        for node in &cluster.nodes {
            until("every node knows the replica", async || ask(node.port(), "cluster info").await.contains(&known)).await;
        }
        Self { replica: Some(replica), ..cluster }
    }

    /// Returns the node that holds this key.
    ///
    /// # Panics
    /// If no node has it.
    pub async fn owner(&self, key: &str) -> &Redis {
        let mut owner = None;
        for node in &self.nodes {
            if ask(node.port(), &format!("type {key}")).await.starts_with('+') {
                owner = Some(node);
            }
        }
        owner.unwrap_or_else(|| panic!("no node of the cluster has the key {key}"))
    }

    /// Waits until the replica has become a primary in place of the node that it followed.
    ///
    /// # Panics
    /// If the node has no replica, or the replica does not become a primary.
    pub async fn promoted(&self) {
        let replica = self.replica.as_ref().unwrap_or_else(|| panic!("the cluster has no replica"));
        let promoted = async || {
            ask(replica.port(), "role").await.contains("master")
                && ask(replica.port(), "cluster info").await.contains("cluster_state:ok")
        };
        until("the replica is a primary of the cluster", promoted).await;
    }

    /// Like [`private`](Self::private), with nodes that speak TLS to clients and to each other, and accept only clients of the
    /// certificate's authority.
    ///
    /// # Panics
    /// As for [`private`](Self::private).
    pub async fn private_with_tls(certificate: &ServerCertificate) -> Self {
        let (mut nodes, mut ports) = (Vec::new(), Vec::new());
        for _ in 0..NODES {
            let (options, port) = over_tls_and_plain(certificate, &["--tls-cluster", "yes"]);
            nodes.push(or_fail(Server::local(&CLUSTER_NODE, &options).await.map(|server| Redis::new(server, ""))));
            ports.push(port);
        }
        Self::joined(nodes, &ports, "rediss-cluster").await
    }

    /// Joins the nodes to a cluster, by commands to these ports.
    async fn joined(nodes: Vec<Redis>, ports: &[u16], scheme: &'static str) -> Self {
        for (n, port) in ports.iter().enumerate() {
            let (first, last) = (SLOTS * n / NODES, SLOTS * (n + 1) / NODES - 1);
            ask(*port, &format!("cluster addslotsrange {first} {last}")).await;
            meet(*port, &nodes[0]).await;
        }
        for port in ports {
            let whole = async || {
                let info = ask(*port, "cluster info").await;
                info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{NODES}"))
            };
            until("every node knows the whole cluster", whole).await;
        }
        Self { nodes, replica: None, scheme }
    }

    /// Returns the URL by which clients find the nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let [first, others @ ..] = &self.nodes[..] else { return String::new() };
        let others: Vec<_> = others.iter().map(|node| format!("node=127.0.0.1:{}", node.port())).collect();
        format!("{}://127.0.0.1:{}?{}", self.scheme, first.port(), others.join("&"))
    }

    /// Returns the nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}

/// Introduces the node that takes commands on this port to another node.
async fn meet(port: u16, other: &Redis) {
    ask(port, &format!("cluster meet 127.0.0.1 {} {}", other.port(), bus_port(other))).await;
}

/// Returns the cluster bus port, as scripts/cluster_node.sh chooses it.
fn bus_port(node: &Redis) -> u16 {
    if node.port() < 55_000 { node.port() + 10_000 } else { node.port() - 10_000 }
}
