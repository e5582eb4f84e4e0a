//! Node: one process that shares the work of a table with others. It is a [worker](crate::worker), a candidate for
//! [control plane](crate::control), and the runner of the work that its user brings.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use async_trait::async_trait;
//! use scaler_core::memory::MemoryStore;
//! use scaler_core::node::{Handler, Lease, Node, NodeError};
//! use scaler_core::{BoxError, ItemId, SlotCount, TokioClock};
//!
//! struct Poller;
//!
//! #[async_trait]
//! impl Handler for Poller {
//!     async fn run(&self, feed: ItemId, lease: Lease) -> Result<(), BoxError> {
//!         let mut every = tokio::time::interval(Duration::from_secs(60));
//!         while lease.next(&mut every).await {
//!             println!("polls {feed} as {}", lease.token());
//!         }
//!         Ok(()) // The next owner may begin.
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), NodeError> {
//! # let shutdown_signal = || async {};
//! let store = MemoryStore::new(Arc::new(TokioClock::start()), SlotCount::new(256).unwrap(), Duration::from_secs(1));
//! store.insert(ItemId::from("https://example.org/feed"));
//! Node::builder(store).name("pod-1").handler(Poller).run_until(shutdown_signal()).await
//! # }
//! ```
//!
//! Handlers run as tasks of tokio's runtime: on a runtime of one thread, a handler that never yields stops the whole node.

mod batches;
mod builder;
mod driver;
mod event;
mod handler;
mod lease;
mod leases;
mod owned;
mod run;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_core::stream::BoxStream;
use tokio::sync::watch;

pub use builder::{Control, NodeBuilder};
pub use event::NodeEvent;
pub use handler::{Batch, Handler, TickHandler};
pub use lease::{Cause, Lease};
pub use owned::Change;

use crate::hand_over::HandOver;
use crate::worker::WorkerConfig;
use crate::{Clock, Election, InvalidWorkerId, ItemId, MemberKey, Membership, MembershipError, StoreError, WorkStore, WorkerId};

/// Store of a node: items, slots and leadership. Implemented for all that is both of its supertraits.
pub trait NodeStore: WorkStore + Election + 'static {}

impl<S: WorkStore + Election + 'static> NodeStore for S {}

/// One process that shares the work of a table with others.
#[must_use]
pub struct Node {
    key: MemberKey,
    store: Arc<dyn NodeStore>,
    membership: Arc<dyn Membership>,
    handlers: Handlers,
    hand_over: HandOver,
    control: Control,
    worker: WorkerConfig,
    clock: Arc<dyn Clock>,
    observe: Observer,
    observe_control: builder::ControlObserver,
    owned: watch::Sender<Arc<owned::Owned>>,
}

/// Work that the user brings.
#[derive(Clone, Default)]
struct Handlers {
    of_item: Option<Arc<dyn Handler>>,
    of_tick: Option<Arc<dyn TickHandler>>,
}

/// Error that ends a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The name of the node is invalid.
    #[error("the name of the node is invalid: {0}; set it by `NodeBuilder::name`")]
    Name(#[from] InvalidWorkerId),
    /// The node has no membership.
    #[error("the store brings no membership: set one by `NodeBuilder::membership`")]
    NoMembership,
    /// The store cannot be used, and that will not change by itself.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The membership of the store cannot be used.
    #[error("the membership cannot be used: {0}")]
    Membership(#[from] MembershipError),
    /// Another process has taken the name of the node: each node needs a name of its own.
    #[error("another process has taken the name {0}; this node has stopped")]
    Superseded(WorkerId),
}

impl Node {
    /// Returns a builder for a node on this store.
    pub fn builder(store: impl NodeStore) -> NodeBuilder {
        Self::builder_on(Arc::new(store))
    }

    /// Returns a builder for a node on a store that others use, too.
    pub fn builder_on(store: Arc<dyn NodeStore>) -> NodeBuilder {
        NodeBuilder::new(store)
    }

    /// Returns a handle for look-ups while the node runs.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        NodeHandle { name: self.key.worker.clone(), owned: self.owned.subscribe() }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("key", &self.key).field("store", &self.store).finish_non_exhaustive()
    }
}

impl fmt::Debug for NodeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeBuilder").field("name", &self.name).field("store", &self.store).finish_non_exhaustive()
    }
}

/// Handle of a node: what it owns, and what changes. Cheap to clone. After the node has ended, it owns nothing.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    name: WorkerId,
    owned: watch::Receiver<Arc<owned::Owned>>,
}

impl NodeHandle {
    /// Returns the name of the node.
    #[must_use]
    pub const fn name(&self) -> &WorkerId {
        &self.name
    }

    /// Returns the lease of the item's slot if the node owns the item; a hint, whose token is to be checked where it matters.
    #[must_use]
    pub fn owns(&self, item: &ItemId) -> Option<Lease> {
        self.owned.borrow().lease(item)
    }

    /// Returns the stream of items gained and lost, beginning with all that are owned now. It ends with the node.
    #[must_use]
    pub fn changes(&self) -> BoxStream<'static, Change> {
        owned::changes(self.owned.clone())
    }
}

/// Function of the user that is called with events, by several tasks.
#[derive(Clone)]
pub(crate) struct Observer(Arc<Mutex<dyn FnMut(NodeEvent) + Send>>);

impl Observer {
    fn new(observe: impl FnMut(NodeEvent) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(observe)))
    }

    fn tell(&self, event: NodeEvent) {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(event);
    }
}
