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
mod error;
mod event;
mod handle;
mod handler;
mod lease;
mod leases;
mod owned;
mod run;

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

pub use builder::{Control, NodeBuilder};
pub use error::NodeError;
pub use event::NodeEvent;
pub use handle::NodeHandle;
pub use handler::{Batch, Handler, TickHandler};
pub use lease::Lease;
pub use owned::Change;

use self::event::Observer;
use self::handler::Handlers;
use crate::hand_over::HandOver;
use crate::worker::WorkerConfig;
use crate::{Clock, Election, MemberKey, Membership, WorkStore};

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
    waits_for_successor: bool,
    worker: WorkerConfig,
    clock: Arc<dyn Clock>,
    observe: Observer,
    observe_control: builder::ControlObserver,
    owned: watch::Sender<Arc<owned::Owned>>,
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
