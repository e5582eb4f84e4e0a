//! Who is there, as a hint.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use crate::{InstallationId, ItemId, MemberKey, MembershipError, Tick, WorkerId};

/// What a member is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// It has just started: of two incarnations with one name, the one that joins last stays.
    Joining,
    /// It works and may be given slots.
    Active,
    /// It is there, and the store lets no write in its name through: others take over what it owns.
    Barred,
    /// It works and hands over what it owns, since it leaves or was [retired](Membership::retire).
    Draining,
}

impl MemberState {
    /// The word for it, as members are listed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Active => "active",
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

/// What a worker says of itself with every heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name and incarnation.
    pub key: MemberKey,
    /// Which store it works on.
    pub installation: InstallationId,
    /// What it is about to do.
    pub state: MemberState,
    /// The last tick at which the store answered it; `None` before the first.
    pub last_tick: Option<Tick>,
    /// How many slots it owned then.
    pub slots: u32,
    /// How many items its slots held then, with those that the store refused to change.
    pub items: u64,
    /// How many of the items in its slots the store refused to change then.
    pub refused: u64,
    /// One of them, or what else the store refused, and why; for people to look at.
    pub refusal: Option<String>,
    /// The first few of the items it watches, for people to look at.
    pub first_items: Vec<ItemId>,
    /// Which rollout it comes from: a word that all workers of one rollout share and no others, if it knows one.
    pub revision: Option<String>,
    /// How long its process has run, in whole seconds.
    pub uptime: Duration,
}

impl Member {
    /// A member that has just started and owns nothing.
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

/// A member, and how long ago it was last heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// What it said.
    pub member: Member,
    /// How long ago, by the membership's clock.
    pub age: Duration,
}

/// Whether the one who beats is the one who bears the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Registration {
    /// It is.
    Current,
    /// It is, and it was [retired](Membership::retire): it shall hand over what it owns and take nothing new, but stay.
    Retiring,
    /// A later incarnation has taken the name: this one must stop.
    Superseded,
}

/// A wake-up notification: what changed, and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WakeUp {
    /// A member joined, left, or changed its state: control planes look.
    Members,
    /// Slots were given to these workers, or taken from them.
    Slots(BTreeSet<WorkerId>),
    /// Notifications may have been lost, or concern very many: everybody looks.
    Everyone,
}

impl WakeUp {
    /// The most workers that one notification names: it goes to all who listen, so that its size counts once for each of them.
    pub const MOST_NAMED: usize = 64;

    /// Slots changed hands between these workers: names them, unless they are very many.
    #[must_use]
    pub fn slots(workers: BTreeSet<WorkerId>) -> Self {
        if workers.len() > Self::MOST_NAMED { Self::Everyone } else { Self::Slots(workers) }
    }
}

/// Who is there, as a hint: nothing that must be exclusive depends on it, and all of it may be lost at any time.
///
/// Ages are told by the membership's own clock, so that no worker's clock matters.
#[async_trait]
pub trait Membership: fmt::Debug + Send + Sync {
    /// Joins, or renews.
    ///
    /// - Each installation has names of its own: members of different ones never supersede each other, whatever their names.
    /// - A member that is [`Joining`](MemberState::Joining) takes its name over from any other incarnation, which is
    ///   superseded from then on and for as long as the membership remembers it.
    /// - Any other member is [`Current`](Registration::Current) while its name is free or its own, and
    ///   [`Superseded`](Registration::Superseded) otherwise; a superseded heartbeat changes nothing.
    /// - Who would be current, and whose name is among those that were [retired](Self::retire) last in its installation, is
    ///   [`Retiring`](Registration::Retiring) instead.
    /// - A heartbeat that brings a new member or a new state is followed by [`WakeUp::Members`].
    /// - Repeating a heartbeat is safe.
    ///
    /// # Errors
    /// When the membership is away, refuses, or does not answer.
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError>;

    /// Forgets this incarnation at once. Other incarnations with the same name stay; forgetting twice is forgetting.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError>;

    /// Everybody who has not left and was not swept, in the order of their names; members of other installations, too.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError>;

    /// Forgets everybody not heard for longer than `older_than`; the names of those forgotten, in order.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError>;

    /// Retires the workers of these names in this installation, and no others: it replaces those that were retired before.
    ///
    /// - At return, every later heartbeat of anybody is answered by the new names.
    /// - A name need not be that of a member; members are listed as before, and leaving or sweeping retires and reinstates nobody.
    /// - The names outlive the one who gave them. When they are lost, all workers are reinstated; that costs moves and no more.
    /// - Repeating it is safe.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError>;

    /// The names that were retired last in this installation.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError>;

    /// Sends a wake-up notification to all who listen. It may be lost.
    ///
    /// # Errors
    /// As for [`heartbeat`](Self::heartbeat).
    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError>;

    /// Wake-up notifications: something changed, look now rather than later. They may be lost, doubled or late; where some may have been
    /// lost, [`WakeUp::Everyone`] follows. The stream ends only when the membership is dropped.
    fn wake_ups(&self) -> BoxStream<'static, WakeUp>;
}
