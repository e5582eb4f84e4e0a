//! Servers of a URL, and the search for the one that has the keys and takes writes.

use std::borrow::Cow;

use redis::{Value, cmd};

use super::link::{Link, LogIn, Pushes};
use super::reply::texts;
use super::staggered::first_success;
use crate::password::PasswordFile;
use crate::reason::Reason;
use crate::target::{Address, Credentials, Target, Topology};
use crate::tls::Connector;

/// Maximum number of redirections. More of them mean that the nodes of a cluster disagree.
const MAX_REDIRECTIONS: usize = 5;

/// Servers of a URL, among which it finds the one that has the keys and takes writes.
pub(super) struct Servers {
    pub(super) target: Target,
    /// Password file, in place of the password in the URL.
    pub(super) password_file: Option<PasswordFile>,
    pub(super) tls: Option<Connector>,
    /// One of the keys. In a cluster, all of them are in one slot.
    pub(super) key: String,
}

impl Servers {
    /// Finds the server that has the keys and takes writes, and logs in to it.
    ///
    /// The Sentinel or node that answers first may be wrong, so each `attempt` begins with another one. `last_node` is the node that had the
    /// keys last: all nodes that the URL names may be gone by now.
    pub(super) async fn open(&self, attempt: usize, last_node: Option<&Address>, pushes: &Pushes) -> Result<Link, Reason> {
        match &self.target.topology {
            Topology::Standalone(address) => self.link(address, pushes).await,
            Topology::Sentinel { sentinels, service, credentials } => {
                let asked = rotated(sentinels, attempt).map(|sentinel| self.primary_of(sentinel, service, credentials));
                let primary = first_success(asked).await.map_err(only_failure)?;
                let link = self.link(&primary, pushes).await?;
                is_primary(&link).await?;
                Ok(link)
            }
            Topology::Cluster(nodes) => {
                let asked = rotated(nodes, attempt).chain(last_node).map(|node| self.node_with_key(node, pushes));
                first_success(asked).await.map_err(only_failure)
            }
        }
    }

    /// Logs in to this server.
    pub(super) async fn link(&self, address: &Address, pushes: &Pushes) -> Result<Link, Reason> {
        let credentials = self.credentials().await?;
        let log_in = LogIn { tls: self.tls.as_ref(), credentials: &credentials, database: self.target.database };
        Link::open(address, log_in, pushes.clone()).await
    }

    async fn credentials(&self) -> Result<Cow<'_, Credentials>, Reason> {
        let credentials = &self.target.credentials;
        let Some(file) = &self.password_file else { return Ok(Cow::Borrowed(credentials)) };
        let password = file.read().await.map_err(|error| Reason::password_file(file, error))?;
        Ok(Cow::Owned(Credentials { username: credentials.username.clone(), password: Some(password) }))
    }

    /// Asks a Sentinel for the address of the primary.
    async fn primary_of(&self, sentinel: &Address, service: &str, credentials: &Credentials) -> Result<Address, Reason> {
        let link = Link::to_sentinel(sentinel, LogIn { tls: self.tls.as_ref(), credentials, database: 0 }).await?;
        let answer = link.ask(cmd("SENTINEL").arg("get-master-addr-by-name").arg(service)).await?;
        let unknown = || Reason::UnknownService { sentinel: sentinel.clone(), service: service.to_owned() };
        let [host, port] = <[String; 2]>::try_from(texts(&answer)).map_err(|_| unknown())?;
        Ok(Address { host, port: port.parse().map_err(|_| unknown())? })
    }

    /// Follows the redirections from this node to the one that has the key, and logs in to it.
    async fn node_with_key(&self, node: &Address, pushes: &Pushes) -> Result<Link, Reason> {
        let mut node = node.clone();
        for _ in 0..MAX_REDIRECTIONS {
            let link = self.link(&node, pushes).await?;
            match link.ask(cmd("TYPE").arg(&self.key)).await {
                Err(Reason::Moved { to }) => node = to,
                // The node has the slot and is migrating it: keys that have left it already are at the other node.
                Ok(_) | Err(Reason::Ask { .. }) => return Ok(link),
                Err(reason) => return Err(reason),
            }
        }
        Err(Reason::Moved { to: node })
    }
}

/// Checks that this server is the primary, as the guidelines for Sentinel clients require.
async fn is_primary(link: &Link) -> Result<(), Reason> {
    match link.ask(&cmd("ROLE")).await {
        Ok(Value::Array(role)) if texts(&Value::Array(role.clone())).first().is_some_and(|role| role != "master") => {
            Err(Reason::NotPrimary { address: link.address.clone() })
        }
        // A user without the privilege for `ROLE` detects a replica by its first refused write.
        Ok(_) | Err(Reason::Answer { .. }) => Ok(()),
        Err(reason) => Err(reason),
    }
}

fn rotated(addresses: &[Address], by: usize) -> impl Iterator<Item = &Address> {
    addresses.iter().cycle().skip(by % addresses.len().max(1)).take(addresses.len())
}

fn only_failure(failure: Option<Reason>) -> Reason {
    failure.unwrap_or(Reason::NotYet)
}
