//! Membership: members and their heartbeats. It is advisory.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use crate::{InstallationId, MemberKey, MembershipError, Tick, WorkerId};

/// State of a member, as it reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// It has just started. Of two incarnations with one name, the one that joins last keeps the name.
    Joining,
    /// It works and may be given slots.
    Active,
    /// It works, but the store refused its last trial write: it keeps its slots, and is barred if the next trials are refused, too.
    Suspect,
    /// It runs, but the store refuses all of its writes: other workers take over its slots.
    Barred,
    /// It works and hands over its slots, because it leaves or was [retired](Membership::retire).
    Draining,
}

impl MemberState {
    /// Returns the state as lower-case text, as shown in lists of members.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Active => "active",
            Self::Suspect => "suspect",
            Self::Barred => "barred",
            Self::Draining => "draining",
        }
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Member of the cluster, as it describes itself in every heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name and incarnation.
    pub key: MemberKey,
    /// Installation of the store that it works on.
    pub installation: InstallationId,
    /// State of the member.
    pub state: MemberState,
    /// Last tick at which the store answered it; `None` before the first.
    pub last_tick: Option<Tick>,
    /// Number of slots that it owned at that tick.
    pub slots: u32,
    /// Number of items in its slots at that tick, including items that the store refused to change.
    pub items: u64,
    /// Number of items in its slots that the store refused to change at that tick.
    pub refused: u64,
    /// One of the refused items, or another thing that the store refused, with the reason; for display only.
    pub refusal: Option<String>,
    /// First few of its items; for display only.
    pub first_items: Vec<String>,
    /// Revision of its rollout, a text shared by all workers of one rollout and no others; `None` if it knows none.
    pub revision: Option<String>,
    /// Time its process has run, in whole seconds.
    pub uptime: Duration,
}

impl Member {
    /// Returns a member that has just started and owns nothing.
    #[must_use]
    pub const fn joining(key: MemberKey, installation: InstallationId) -> Self {
        Self {
            key,
            installation,
            state: MemberState::Joining,
            last_tick: None,
            slots: 0,
            items: 0,
            refused: 0,
            refusal: None,
            first_items: Vec::new(),
            revision: None,
            uptime: Duration::ZERO,
        }
    }
}

/// Member, and the age of its last heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// Member, as of its last heartbeat.
    pub member: Member,
    /// Age of its last heartbeat, by the membership's clock.
    pub age: Duration,
}

/// Answer to a heartbeat: whether this incarnation still owns its worker name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Registration {
    /// This incarnation owns the name.
    Current,
    /// This incarnation owns the name and was [retired](Membership::retire): it hands over its slots, takes no new ones, and
    /// stays.
    Retiring,
    /// A later incarnation has taken the name, so this one must stop.
    Superseded,
}

/// Wake-up notification: what changed, and for which workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WakeUp {
    /// A member joined, left, or changed its state: control planes look at once.
    Members,
    /// Slots were given to these workers, or taken from them.
    Slots(BTreeSet<WorkerId>),
    /// Notifications may have been lost, or concern very many workers: all workers and control planes look at once.
    Everyone,
}

impl WakeUp {
    /// Maximum number of workers that one notification names. It is sent to every listener, so its size counts once for each of
    /// them.
    pub const MOST_NAMED: usize = 64;

    /// Returns the notification that slots moved between these workers: it names them, or is [`Everyone`](Self::Everyone) if they
    /// are more than [`MOST_NAMED`](Self::MOST_NAMED).
    #[must_use]
    pub fn slots(workers: BTreeSet<WorkerId>) -> Self {
        if workers.len() > Self::MOST_NAMED { Self::Everyone } else { Self::Slots(workers) }
    }
}

/// List of the members, with their heartbeats. It is advisory: no exclusion depends on it, and all of it may be lost at any time.
///
/// Ages are measured by the membership's own clock, so the clocks of the workers do not matter.
#[async_trait]
pub trait Membership: fmt::Debug + Send + Sync {
    /// Joins, or renews the membership.
    ///
    /// - Each installation has its own names: members of different installations never supersede each other.
    /// - A [`Joining`](MemberState::Joining) member takes its name from any other incarnation, which is superseded from then on,
    ///   for as long as the membership remembers it.
    /// - Any other member is [`Current`](Registration::Current) while its name is free or its own, and
    ///   [`Superseded`](Registration::Superseded) otherwise. A superseded heartbeat changes nothing.
    /// - A member that would be current, and whose name is among those that were [retired](Self::retire) last in its
    ///   installation, is [`Retiring`](Registration::Retiring) instead.
    /// - A heartbeat that brings a new member or a new state is followed by [`WakeUp::Members`].
    /// - Repeating a heartbeat is safe.
    ///
    /// # Errors
    /// If the membership is unavailable, refuses the call, or does not answer.
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError>;

    /// Removes this incarnation at once. Other incarnations with the same name stay. Repeating it is safe.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError>;

    /// Returns all members that have not left and were not swept, in the order of their names, including members of other
    /// installations.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError>;

    /// Removes all members whose last heartbeat is older than `older_than`, and returns their names in order.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError>;

    /// Retires the workers with these names in this installation, and no others: the names replace those that were retired
    /// before.
    ///
    /// - Once it returns, every later heartbeat is answered according to the new names.
    /// - A name need not belong to a member. Members are listed as before; leaving or sweeping does not change the retired names.
    /// - The names outlive the process that set them. If they are lost, all workers are reinstated; that costs moves and nothing
    ///   else.
    /// - Repeating it is safe.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError>;

    /// Returns the names that were retired last in this installation.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError>;

    /// Sends a wake-up notification to all listeners. It may be lost.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError>;

    /// Returns the stream of wake-up notifications. They may be lost, duplicated or late; if some may have been lost,
    /// [`WakeUp::Everyone`] follows. The stream ends only when the membership is dropped.
    fn wake_ups(&self) -> BoxStream<'static, WakeUp>;
}
