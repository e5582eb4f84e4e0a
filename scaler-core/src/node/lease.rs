//! Leases: the right to work on an item, and its withdrawal.

use std::fmt;

use tokio::sync::watch;
use tokio::time::Interval;

use crate::hand_over::Token;

/// Reason for which a node gained or lost an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The control plane moved the item's slot.
    Rebalance,
    /// The node took over the slots of an earlier process of its name.
    Adopted,
    /// The node claimed slots that no node worked on.
    Claimed,
    /// The node drains, because it leaves or was retired.
    Drained,
    /// The row was inserted, deleted, or changed so that the filter of the table no longer selects it, or selects it now.
    TableChanged,
    /// The node could not confirm for half of the hand-over limit that it still owns the item; another node may own it.
    LeaseLost,
    /// Another process has taken the node's name, or the node was stopped without a drain; another node may own its items.
    Stopped,
}

impl Cause {
    /// True if work in progress may still be finished: the next owner waits for it under
    /// [`HandOver::Exclusive`](crate::hand_over::HandOver::Exclusive). False if another node may already be working on the item, so that
    /// nothing more may be written for it.
    #[must_use]
    pub const fn may_finish(self) -> bool {
        !matches!(self, Self::LeaseLost | Self::Stopped)
    }

    /// Returns the cause as lower-case text, as shown in log lines and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rebalance => "rebalance",
            Self::Adopted => "adopted",
            Self::Claimed => "claimed",
            Self::Drained => "drained",
            Self::TableChanged => "table changed",
            Self::LeaseLost => "lease lost",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Right to work on an item, or on the items of a slot. It holds until it is [withdrawn](Self::withdrawn). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lease {
    token: Token,
    withdrawal: watch::Receiver<Option<Cause>>,
}

/// Withdraws the lease that it was made with. Dropped, it withdraws with [`Cause::Stopped`].
#[derive(Debug)]
pub(super) struct LeaseHolder(watch::Sender<Option<Cause>>);

impl Lease {
    /// Returns a lease, and what withdraws it.
    pub(super) fn new(token: Token) -> (Self, LeaseHolder) {
        let (sender, withdrawal) = watch::channel(None);
        (Self { token, withdrawal }, LeaseHolder(sender))
    }

    /// Returns the fencing token: pass it on with each effect outside of this process. A system that rejects a token below the highest
    /// that it has seen for the slot is safe even from a process that stood still for longer than the hand-over limit.
    #[must_use]
    pub const fn token(&self) -> Token {
        self.token
    }

    /// Returns why the lease was withdrawn; `None` while it holds.
    #[must_use]
    pub fn withdrawal(&self) -> Option<Cause> {
        let told = *self.withdrawal.borrow();
        told.or_else(|| self.withdrawal.has_changed().is_err().then_some(Cause::Stopped))
    }

    /// Waits until the lease is withdrawn, and returns why. Cancel safe.
    pub async fn withdrawn(&self) -> Cause {
        let mut withdrawal = self.withdrawal.clone();
        let told = withdrawal.wait_for(Option::is_some).await.ok().and_then(|cause| *cause);
        told.unwrap_or(Cause::Stopped)
    }

    /// Waits for the next tick of the interval and returns true, or returns false as soon as the lease is withdrawn. Cancel safe.
    pub async fn next(&self, interval: &mut Interval) -> bool {
        tokio::select! {
            biased;
            _ = self.withdrawn() => false,
            _ = interval.tick() => true,
        }
    }
}

impl LeaseHolder {
    /// Withdraws the lease, unless it was withdrawn before.
    pub(super) fn withdraw(&self, cause: Cause) {
        self.0.send_if_modified(|told| {
            let is_first = told.is_none();
            told.get_or_insert(cause);
            is_first
        });
    }
}
