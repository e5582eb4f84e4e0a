//! Causes for which a node gains or loses items.

use std::fmt;

use crate::Reason;

/// Cause for which a slot changes its owner, or an item is gained or lost. The store keeps the cause of a slot's last change of owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The slot had no owner.
    Unowned,
    /// A worker joined and takes its share.
    Joined,
    /// The former owner is no longer a member: it ended with slots after its drain timeout, or was swept.
    Left,
    /// The former owner is dead, paused, or cut off from the store.
    Dead,
    /// The store refuses all writes of the former owner.
    Barred,
    /// The former owner drains, because it leaves or was retired.
    Drained,
    /// The control plane moved the slot for an even load.
    Rebalance,
    /// The slot is pinned to its new owner.
    Pinned,
    /// The new owner took over the slots of an earlier process of its name.
    Adopted,
    /// The new owner claimed the slot, which no worker ticked.
    Claimed,
    /// The row was inserted, deleted, or changed so that the filter of the table no longer selects it, or selects it now.
    TableChanged,
    /// The node could not confirm for half of the hand-over limit that it still owns the item; another node may own it.
    LeaseLost,
    /// Another process has taken the node's name, or the node was stopped without a drain; another node may own its items.
    Stopped,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 13] = [
        Self::Unowned,
        Self::Joined,
        Self::Left,
        Self::Dead,
        Self::Barred,
        Self::Drained,
        Self::Rebalance,
        Self::Pinned,
        Self::Adopted,
        Self::Claimed,
        Self::TableChanged,
        Self::LeaseLost,
        Self::Stopped,
    ];

    /// True if work in progress may still be finished: the next owner waits for it under
    /// [`HandOver::Exclusive`](crate::hand_over::HandOver::Exclusive). False if another node may already be working on the item, so that
    /// nothing more may be written for it.
    #[must_use]
    pub const fn may_finish(self) -> bool {
        !matches!(self, Self::LeaseLost | Self::Stopped)
    }

    /// Returns the cause as lower-case text, as shown in log lines and metrics and kept by stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unowned => "unowned",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Dead => "dead",
            Self::Barred => "barred",
            Self::Drained => "drained",
            Self::Rebalance => "rebalance",
            Self::Pinned => "pinned",
            Self::Adopted => "adopted",
            Self::Claimed => "claimed",
            Self::TableChanged => "table changed",
            Self::LeaseLost => "lease lost",
            Self::Stopped => "stopped",
        }
    }

    /// Returns the cause that this text stands for; `None` if it is of another version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }
}

impl From<Reason> for Cause {
    /// Returns the cause of a planned move, as far as the plan alone tells it: it does not tell how the former owner left.
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Unowned => Self::Unowned,
            Reason::OwnerLeft => Self::Left,
            Reason::WorkerJoined => Self::Joined,
            Reason::WeightChanged | Reason::Uneven | Reason::Rule => Self::Rebalance,
            Reason::Pinned => Self::Pinned,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_parsed_from_its_text() {
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.as_str()), Some(cause));
        }
        assert_eq!(Cause::parse("of a later version"), None);
    }
}
