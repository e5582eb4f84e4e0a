//! Database of items that workers share.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_benches::{roster, worker};
use scaler_core::{
    Cause, Election, Hearing, Incarnation, MemberKey, Ring, SlotCount, SlotRange, StickyRing, Timing, Transfer, WorkStore,
    WorkerId,
};
use scaler_pg::{PgConfig, PgStore};
use sqlx::{Connection, PgConnection};
use test_servers::{Database, Postgres};
use uuid::Uuid;

use crate::args::{Args, Commit, Order};

/// Length of a tick: so short that every pass finds all items due soon, and long enough to learn the sizes of chunks within one tick.
const TICK_MS: i32 = 100;
pub(crate) const TICK: Duration = Duration::from_millis(100);
const LEASE: Duration = Duration::from_secs(24 * 3600);

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Database of items that workers share.
pub(crate) struct Field {
    pub(crate) items: u32,
    pub(crate) workers: Vec<Hand>,
    /// Some of the items, for the contenders that are too slow for all.
    pub(crate) sample: Vec<Uuid>,
    /// Slots of each chunk.
    pub(crate) chunks: Vec<SlotRange>,
    pub(crate) own: PgConnection,
    pub(crate) database: Database,
}

/// A worker, and the slots that it owns, in order.
pub(crate) struct Hand {
    pub(crate) key: MemberKey,
    pub(crate) slots: Vec<i32>,
}

impl Field {
    /// Loads the items and assigns the slots to the workers.
    pub(crate) async fn prepare(server: &Postgres, args: &Args, order: Order) -> Result<Self, Failure> {
        let database = server.new_database().await;
        let store = PgStore::new(&PgConfig::new(database.url()))?;
        let slots = store.install(None).await?.slots;
        let mut own = PgConnection::connect(database.url()).await?;
        sqlx::query("update scaler.meta set tick_ms = $1").bind(TICK_MS).execute(&mut own).await?;
        sqlx::query(order.load()).bind(i64::from(args.items())).execute(&mut own).await?;
        sqlx::raw_sql(include_str!("sql/create_queue.sql")).execute(&mut own).await?;
        sqlx::query(include_str!("sql/load_queue.sql")).bind(i64::from(args.sample())).execute(&mut own).await?;
        sqlx::raw_sql("vacuum analyze").execute(&mut own).await?;
        let workers = share(&store, slots, args.workers).await?;
        let sample = "select id from public.work_items tablesample system (30) limit $1";
        let sample = sqlx::query_scalar(sample).bind(i64::from(args.sample())).fetch_all(&mut own).await?;
        let count = (args.items() / args.workers).div_ceil(args.chunk).clamp(1, slots.get());
        let at = |number: u32| u32::try_from(u64::from(slots.get()) * u64::from(number) / u64::from(count)).unwrap_or(u32::MAX);
        let chunks = (0..count).map(|number| SlotRange::new(at(number)..at(number + 1))).collect();
        Ok(Self { items: args.items(), workers, sample, chunks, own, database })
    }

    /// Returns the URL for sessions in this commit mode.
    pub(crate) fn url(&self, commit: Commit) -> String {
        let setting = if commit == Commit::On { "on" } else { "off" };
        format!("{}?options=-c%20synchronous_commit%3D{setting}", self.database.url())
    }
}

/// Assigns the slots as the control plane would.
async fn share(store: &PgStore, slots: SlotCount, workers: u32) -> Result<Vec<Hand>, Failure> {
    let mut keys: BTreeMap<WorkerId, Hand> = (0..workers as usize)
        .map(worker)
        .map(|id| {
            (id.clone(), Hand { key: MemberKey { worker: id, incarnation: Incarnation::new(Uuid::new_v4()) }, slots: vec![] })
        })
        .collect();
    let plan = StickyRing::new(slots).plan(&roster(workers as usize), &store.census().await?);
    let epochs = store.assignment().await?.slots;
    let mut transfers = Vec::new();
    for slot_move in plan.moves() {
        let Some(hand) = keys.get_mut(&slot_move.to) else { continue };
        hand.slots.push(slot_move.slot.number().cast_signed());
        let epoch = epochs[slot_move.slot.index()].epoch;
        transfers.push(Transfer { slot: slot_move.slot, epoch, to: hand.key.clone(), timing: Timing::Now, cause: Cause::Joined });
    }
    let term = store.campaign(Uuid::new_v4(), LEASE, Hearing::Members).await?.ok_or("somebody else leads this new database")?;
    store.commit(&term, &transfers).await?;
    keys.values_mut().for_each(|hand| hand.slots.sort_unstable());
    Ok(keys.into_values().collect())
}
