//! Errors that end a node.

use crate::{InvalidWorkerId, MembershipError, StoreError, WorkerId};

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
