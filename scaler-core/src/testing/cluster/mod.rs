//! Nodes in one process on virtual time, to test the work of one's own: moves, crashes and lost connections take milliseconds.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use async_trait::async_trait;
//! use scaler_core::node::{Handler, Lease};
//! use scaler_core::testing::Cluster;
//! use scaler_core::{BoxError, ItemId};
//!
//! struct Idle;
//!
//! #[async_trait]
//! impl Handler for Idle {
//!     async fn run(&self, _item: ItemId, lease: Lease) -> Result<(), BoxError> {
//!         lease.withdrawn().await;
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
//! // In a test with `#[tokio::test(start_paused = true)]`:
//! let mut cluster = Cluster::new();
//! cluster.insert(ItemId::from("a feed"));
//! cluster.join("first", Idle);
//! assert_eq!(cluster.wait_until_owned(&ItemId::from("a feed")).await, "first");
//! cluster.join("second", Idle);
//! cluster.kill("first");
//! assert_eq!(cluster.wait_until_owned(&ItemId::from("a feed")).await, "second");
//! # });
//! ```

mod link;
mod pause;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use self::link::{Link, State};
use self::pause::{Pausable, PausableHandler};
use crate::memory::{MemoryMembership, MemoryStore};
use crate::node::{Handler, NodeBuilder, NodeError, NodeHandle};
use crate::{Clock, ItemId, Node, SlotCount, SlotRange, TokioClock};

/// Time after which a wait is given up: much longer than any that the rules of the nodes lead to.
const PATIENCE: Duration = Duration::from_secs(600);
/// Interval at which conditions are checked.
const LOOK: Duration = Duration::from_millis(20);

/// Nodes in one process, each a candidate for control plane, over servers in memory.
///
/// Time is that of tokio: use it in a test with `start_paused = true`, where waiting takes no time. It ends all nodes when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    membership: Arc<MemoryMembership>,
    freeze: watch::Sender<bool>,
    nodes: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    name: String,
    handle: NodeHandle,
    link: watch::Sender<State>,
    pause: watch::Sender<bool>,
    failing: watch::Sender<Option<SlotRange>>,
    drain: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), NodeError>>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster {
    /// Returns a cluster without nodes and items, with 256 slots and ticks of a second. Must be called within a tokio runtime.
    #[must_use]
    pub fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let slots = SlotCount::new(256).unwrap_or(SlotCount::DEFAULT);
        Self {
            store: Arc::new(MemoryStore::new(Arc::clone(&clock), slots, Duration::from_secs(1))),
            membership: Arc::new(MemoryMembership::new(Arc::clone(&clock))),
            clock,
            freeze: watch::channel(false).0,
            nodes: Vec::new(),
        }
    }

    /// Returns the store, to look into it.
    #[must_use]
    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// Inserts an item. Returns false if it exists.
    pub fn insert(&self, item: ItemId) -> bool {
        self.store.insert(item)
    }

    /// Removes an item. Returns false if it does not exist.
    pub fn remove(&self, item: &ItemId) -> bool {
        self.store.remove(item)
    }

    /// Starts a node. Of two with one name, the later one keeps the name, and the earlier one ends.
    pub fn join(&mut self, name: &str, handler: impl Handler) {
        self.join_with(name, handler, |builder| builder);
    }

    /// Starts a node with other settings.
    ///
    /// # Panics
    /// If the name is invalid.
    #[expect(clippy::panic, reason = "a test is told at once that its name is invalid")]
    pub fn join_with(&mut self, name: &str, handler: impl Handler, configure: impl FnOnce(NodeBuilder) -> NodeBuilder) {
        let (link, state) = watch::channel(State::Up);
        let (pause, is_paused) = watch::channel(false);
        let (fail, failing) = watch::channel(None);
        let servers = Link {
            store: Arc::clone(&self.store),
            membership: Arc::clone(&self.membership),
            state,
            is_frozen: self.freeze.subscribe(),
            failing,
        };
        let handler = PausableHandler { handler: Arc::new(handler), is_paused: is_paused.clone() };
        let builder = Node::builder(servers).name(name).clock(Arc::clone(&self.clock)).handler(handler);
        let node = configure(builder).build().unwrap_or_else(|error| panic!("node {name:?}: {error}"));
        let handle = node.handle();
        let (drain, drained) = oneshot::channel::<()>();
        let shutdown = async {
            if drained.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let task = tokio::spawn(Pausable::new(node.run_until(shutdown), is_paused));
        self.nodes.push(Running { name: name.to_owned(), handle, link, pause, failing: fail, drain: Some(drain), task });
    }

    /// Asks a node to hand over its items and to end, and waits until it has.
    ///
    /// # Errors
    /// As [`Node::run_until`].
    ///
    /// # Panics
    /// If there is no such node, or if it does not end within ten minutes.
    pub async fn drain(&mut self, name: &str) -> Result<(), NodeError> {
        let mut node = self.take(name);
        if let Some(drain) = node.drain.take() {
            let _ = drain.send(());
        }
        within(&format!("node {name:?} to end"), async { (&mut node.task).await.unwrap_or(Ok(())) }).await
    }

    /// Waits until a node ends by itself, as one does whose name another takes.
    ///
    /// # Errors
    /// As [`Node::run_until`].
    ///
    /// # Panics
    /// As [`drain`](Self::drain).
    pub async fn ended(&mut self, name: &str) -> Result<(), NodeError> {
        let mut node = self.take(name);
        within(&format!("node {name:?} to end"), async { (&mut node.task).await.unwrap_or(Ok(())) }).await
    }

    /// Ends a node at once, without a hand-over, as `kill -9` does.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn kill(&mut self, name: &str) {
        drop(self.take(name));
    }

    /// Lets the process of a node stand still, its handlers included, as `SIGSTOP` does.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn pause(&mut self, name: &str) {
        let node = self.node(name);
        node.link.send_replace(State::Silent);
        node.pause.send_replace(true);
    }

    /// Lets a paused node go on.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn resume(&mut self, name: &str) {
        let node = self.node(name);
        node.link.send_replace(State::Up);
        node.pause.send_replace(false);
    }

    /// Cuts a node off from the servers: its calls fail, and its handlers go on.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn cut(&mut self, name: &str) {
        self.node(name).link.send_replace(State::Cut);
    }

    /// Connects a node again that was cut off.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn reconnect(&mut self, name: &str) {
        self.node(name).link.send_replace(State::Up);
    }

    /// Lets the ticks of these slots fail for a node, or of none: what only some calls of a node are refused for, such as a trigger.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn fail_ticks(&mut self, name: &str, slots: Option<SlotRange>) {
        self.node(name).failing.send_replace(slots);
    }

    /// Lets no control plane move a slot, or lets them again. Slots are still claimed where no worker ticks them for long.
    pub fn freeze_assignment(&self, frozen: bool) {
        self.freeze.send_replace(frozen);
    }

    /// Returns the handle of a node.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn handle(&mut self, name: &str) -> NodeHandle {
        self.node(name).handle.clone()
    }

    /// Returns the name of the node that owns the item and may work on it; `None` if there is none.
    #[must_use]
    pub fn owner(&self, item: &ItemId) -> Option<String> {
        let owns = |node: &&Running| !*node.pause.borrow() && node.handle.owns(item).is_some();
        self.nodes.iter().find(owns).map(|node| node.name.clone())
    }

    /// Waits until a node owns the item and may work on it, and returns its name.
    ///
    /// # Panics
    /// If that takes longer than ten minutes.
    pub async fn wait_until_owned(&self, item: &ItemId) -> String {
        within(&format!("an owner of {item}"), async {
            loop {
                if let Some(owner) = self.owner(item) {
                    return owner;
                }
                tokio::time::sleep(LOOK).await;
            }
        })
        .await
    }

    #[expect(clippy::panic, reason = "a test is told at once that its name is wrong")]
    fn node(&mut self, name: &str) -> &mut Running {
        // Of two with one name, the later one is meant.
        self.nodes.iter_mut().rev().find(|node| node.name == name).unwrap_or_else(|| panic!("there is no node {name:?}"))
    }

    #[expect(clippy::panic, reason = "a test is told at once that its name is wrong")]
    fn take(&mut self, name: &str) -> Running {
        let at = self.nodes.iter().position(|node| node.name == name).unwrap_or_else(|| panic!("there is no node {name:?}"));
        self.nodes.remove(at)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::panic, reason = "a test that waits for what never comes fails")]
async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(value) => value,
        Err(_) => panic!("waited for {what} in vain, for {} s", PATIENCE.as_secs()),
    }
}
