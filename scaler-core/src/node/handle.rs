//! Handle of a node, for look-ups while it runs.

use std::sync::Arc;

use futures_core::stream::BoxStream;
use tokio::sync::watch;

use super::Lease;
use super::owned::{Change, Owned, changes};
use crate::{ItemId, WorkerId};

/// Handle of a node: what it owns, and what changes. Cheap to clone. After the node has ended, it owns nothing.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    pub(super) name: WorkerId,
    pub(super) owned: watch::Receiver<Arc<Owned>>,
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
        changes(self.owned.clone())
    }
}
