//! The view as JSON; the field names are those of the API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// State of the system at one moment, bounded in size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// Time at which the control plane that made the view last looked.
    pub at: Timestamp,
    /// Age of the view when it was sent.
    pub age_ms: u64,
    /// Version of the program that made it.
    pub version: String,
    /// Program that sent it.
    pub source: Source,
    /// Leader; null if there is none, or none is known.
    pub leader: Option<LeaderView>,
    /// Present tick.
    pub tick: TickView,
    /// Sums over all workers.
    pub totals: Totals,
    /// Result of the last audit; null if none has ended yet.
    pub audit: Option<Audit>,
    /// Conditions that an operator must know, the most important first: at most 16, then one that says how many more there are.
    pub notices: Vec<Notice>,
    /// Servers that the control plane uses.
    pub stores: Vec<Server>,
    /// Workers.
    pub workers: WorkersView,
    /// Owners of the slots.
    pub map: SlotMap,
    /// Last 8 rebalances, newest first.
    pub rebalances: Vec<RebalanceView>,
    /// Last 8 events, newest first.
    pub events: Vec<EventView>,
    /// State of the autoscaler; null if there is none.
    pub autoscaler: Option<Autoscaler>,
    /// Changes that this server lets its viewers make; empty if it is read-only.
    pub may: Vec<Right>,
}

/// Program that sent a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The leading control plane.
    Leader,
    /// Another control plane, which shows the leader's last view.
    Standby,
    /// A demo.
    Demo,
}

/// Leader of the control planes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaderView {
    /// Id of the control plane.
    pub candidate: String,
    /// Number of its term.
    pub term: u64,
    /// Time of its election.
    pub since: Timestamp,
}

/// Present tick of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TickView {
    /// Number of the tick.
    pub number: u64,
    /// Duration of a tick.
    pub length_ms: u64,
}

/// Sums over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Number of items.
    pub items: u64,
    /// Number of slots.
    pub slots: u64,
    /// Number of workers, in whatever phase.
    pub workers: u64,
    /// Number of slots without an owner.
    pub unowned_slots: u64,
    /// Number of slots with items that have missed at least one whole tick.
    pub late_slots: u64,
    /// Number of items that the store refuses to change, as reported by the workers.
    pub refused_items: u64,
    /// Number of increments per second over the last five ticks.
    pub increments_per_s: f64,
    /// Items of the most loaded worker divided by the mean of all that may have slots.
    pub most_over_mean: f64,
}

/// Result of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// Time at which it ended.
    pub at: Timestamp,
    /// Number of audited items.
    pub items: u64,
    /// Number of increments beyond one per tick. Must be 0.
    pub doubles: u64,
    /// Number of missed item-ticks.
    pub missed: u64,
}

/// Condition that an operator must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// Kind.
    pub kind: NoticeKind,
    /// The condition, in one clause.
    pub text: String,
    /// Time since which it holds.
    pub since: Timestamp,
    /// Operator who caused it, if it was one.
    pub by: Option<String>,
}

/// Kind of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum NoticeKind {
    /// The store does not answer.
    #[serde(rename = "store away")]
    StoreAway,
    /// The membership cannot be read.
    #[serde(rename = "members away")]
    MembersAway,
    /// The mass-failure guard pauses rebalancing.
    #[serde(rename = "held")]
    Held,
    /// An operator has paused rebalancing.
    #[serde(rename = "paused")]
    Paused,
    /// A rollout makes no progress.
    #[serde(rename = "stalled")]
    Stalled,
    /// An operator has cordoned a worker.
    #[serde(rename = "cordoned")]
    Cordoned,
    /// An operator drains a worker.
    #[serde(rename = "draining")]
    Draining,
    /// An operator has changed the weight of a worker.
    #[serde(rename = "weighted")]
    Weighted,
    /// An operator has pinned slots.
    #[serde(rename = "pinned")]
    Pinned,
}

/// Server that the control plane uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Server {
    /// Name: `Postgres` or another store, or `members`.
    pub name: String,
    /// True if it answered the last call.
    pub ok: bool,
    /// Error of the last call that failed; null if it answers.
    pub error: Option<String>,
    /// Time since which it answers, or does not.
    pub since: Timestamp,
    /// Time since its last answer.
    pub age_ms: u64,
}

/// Workers of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkersView {
    /// Number of workers.
    pub total: u64,
    /// Number of workers by phase.
    pub by_phase: BTreeMap<Phase, u64>,
    /// At most 24 workers: first those that are not healthy, then by name.
    pub shown: Vec<WorkerView>,
}

/// Phase of a worker, as the failure detector determines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It has not ticked or has not been heard yet.
    Starting,
    /// It is heard and ticks.
    Healthy,
    /// It ticks, but the membership has no fresh heartbeat of it.
    Unheard,
    /// It hands over its slots.
    Draining,
    /// The store refuses all its writes.
    Barred,
    /// It is heard, but does not tick.
    #[serde(rename = "cut off")]
    CutOff,
    /// It neither ticks nor is heard.
    Dead,
}

/// Worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    /// Name.
    pub name: String,
    /// Phase.
    pub phase: Phase,
    /// Number of its slots.
    pub slots: u64,
    /// Number of items in its slots.
    pub items: u64,
    /// Share relative to the others.
    pub weight: u32,
    /// True if an operator has cordoned it.
    pub cordoned: bool,
    /// True if it drains, by itself or because an operator drains it.
    pub draining: bool,
    /// Revision of its rollout; null if it is not known.
    pub revision: Option<String>,
    /// Number of slots that are pinned to it.
    pub pinned_slots: u64,
}

/// Owners of the slots, in at most 256 cells of equally many consecutive slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlotMap {
    /// Number of slots in a cell.
    pub slots_per_cell: u64,
    /// Hue of the worker that owns most of a cell's slots, from 0 to 359; -1 if none owns any.
    pub hues: Vec<i16>,
    /// Name of that worker, or an empty text. Empty if there are more than 64 workers, or if the names are too long.
    pub owners: Vec<String>,
}

/// Rebalance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RebalanceView {
    /// Number of its event; 0 while it is not over.
    pub id: u64,
    /// Time at which it ended, or at which it began while it is not over.
    pub at: Timestamp,
    /// Cause.
    pub cause: String,
    /// Number of slots that move.
    pub slots: u64,
    /// Minimum that any plan to the same loads would move.
    pub slots_minimum: u64,
    /// Number of items in these slots.
    pub items: u64,
    /// Minimum that any plan to the same loads would move.
    pub items_minimum: u64,
    /// Duration; null while it is not over.
    pub duration_ms: Option<u64>,
}

/// Event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Number; later events have greater ones.
    pub id: u64,
    /// Time at which it was recorded.
    pub at: Timestamp,
    /// Kind: `moved`, `rebalance`, `phase`, `leader`, `hold`, `wish`, `scale`, `rollout`, `store`, `members` or `clock`.
    pub kind: String,
    /// Worker that it concerns: the receiver, if slots moved.
    pub worker: Option<String>,
    /// Cause, if it has one.
    pub cause: Option<String>,
    /// Operator who did it, if it was one.
    pub by: Option<String>,
    /// Text of one sentence.
    pub text: String,
    /// Number of slots that moved.
    pub slots: u64,
}

/// State of the autoscaler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Autoscaler {
    /// Number of workers needed for the items; null if the items cannot be read.
    pub wanted: Option<u32>,
    /// Number of replicas that is set.
    pub replicas: u32,
    /// Reason for the wanted number.
    pub why: String,
    /// Other program that sets the number of replicas, if there is one.
    pub other_writer: Option<String>,
}

/// Change that a server lets its viewers make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Make and withdraw wishes.
    Wish,
    /// Send commands to a demo.
    Demo,
}
