//! [`PgStore`], the store on Postgres. Each method runs one statement.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::Acknowledgement;
use scaler_core::{
    Adoption, Assignment, Cause, Claim, Epoch, EventLog, Holding, Incarnation, InstallationId, ItemId, MemberKey, Membership,
    MembershipError, Outcome, Refusal, RefusalReason, RefusedItem, Slot, SlotCount, SlotLoad, SlotRange, SlotState, StoreError,
    Term, Tick, TickReport, Timing, Transfer, Wishes, WorkStore, WorkerId,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, PgPool, Postgres, Row};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::access_mode::{AccessMode, FoundAccessMode};
use crate::builder::PgStoreBuilder;
use crate::census::Counting;
use crate::connection::Link;
use crate::digest_cache::{DigestCache, Expectation, Found};
use crate::error::{Finding, is_refusal, of_membership};
use crate::group::Group;
use crate::key::{Key, Keys};
use crate::refused::{Detour, Found as FoundRefused, Refused};
use crate::row::row;
use crate::sql::Sql;
use crate::template::Rendered;
use crate::{PgConfig, PgMembership};

/// SQLSTATEs of an item that another session holds: lock not available, deadlock.
const LOCKED: [&str; 2] = ["55P03", "40P01"];

/// A [`WorkStore`] and [`Election`](scaler_core::Election) on Postgres.
#[derive(Debug)]
pub struct PgStore {
    config: PgConfig,
    pool: Option<PgPool>,
    is_incarnation_taken: AtomicBool,
    pub(crate) link: Link,
    pub(crate) sql: Arc<Sql>,
    ticks: Link,
    access_mode: FoundAccessMode,
    expected: DigestCache,
    refused: Refused,
    counting: Mutex<Option<Counting>>,
}

impl PgStore {
    /// Returns a store for the reference group: schema `scaler`, and the increment of the table `public.work_items`. It connects at first
    /// use, and again whenever needed.
    ///
    /// # Errors
    /// If the URL is invalid, or the timeouts do not fit together. No connection is tried yet.
    pub fn new(config: &PgConfig) -> Result<Self, StoreError> {
        Self::of(config, None, Group::default())
    }

    /// Returns a builder of a store on the database of this URL, for a group, a table, a key and a statement of one's own.
    pub fn builder(url: impl Into<String>) -> PgStoreBuilder {
        PgStoreBuilder::new(url.into())
    }

    pub(crate) fn of(config: &PgConfig, pool: Option<&PgPool>, group: Group) -> Result<Self, StoreError> {
        let config = config.for_group(&group);
        let sql = Arc::new(Sql::new(group));
        let (link, ticks) = Link::pair(&config, pool, &sql)?;
        Ok(Self {
            config,
            pool: pool.cloned(),
            is_incarnation_taken: AtomicBool::new(false),
            link,
            ticks,
            access_mode: FoundAccessMode::new(&sql),
            sql,
            expected: DigestCache::default(),
            refused: Refused::default(),
            counting: Mutex::default(),
        })
    }

    /// Returns a membership of the same installation, with the same settings. Its connections are its own.
    ///
    /// # Errors
    /// As for [`PgMembership::new`].
    pub fn membership(&self) -> Result<PgMembership, MembershipError> {
        PgMembership::of(&self.config, self.pool.as_ref(), &self.sql).map_err(of_membership)
    }

    /// Checks that Postgres answers, with a trivial query.
    ///
    /// # Errors
    /// If Postgres is unavailable, refuses this user or this database, or does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.link.row("ping", sqlx::query_as("select 1")).await.map(|(_,): (i32,)| ())
    }

    fn count(&self, during: &'static str, slots: i32) -> Result<SlotCount, StoreError> {
        SlotCount::new(slots.cast_unsigned()).map_err(|error| self.misshapen(during, "scaler.meta.slots", &error))
    }

    /// Returns the digest that was read, and records it; that of the previous tick if the result was as expected.
    fn digest(&self, owner: &MemberKey, slots: SlotRange, row: &TickRow, expected: Option<Expectation>) -> i64 {
        let Some(digest) = row.digest else { return expected.and_then(|expected| expected.digest()).unwrap_or(0) };
        let found =
            Found { fence: row.fence, ticked: row.ticked, items: row.items, present: row.present.unwrap_or(row.items), digest };
        self.expected.learn(owner, slots, found, row.took(), row.left_over);
        digest
    }

    /// Ticks around refused items, item by item if need be: see `sql/tick_around_functions.sql`.
    async fn tick_around(
        &self,
        mode: &AccessMode,
        owner: &MemberKey,
        slots: SlotRange,
        detour: Detour,
    ) -> Result<TickReport, StoreError> {
        let query = bound(&mode.tick_around, owner, slots).bind(Keys::new(&detour.left_out)).bind(Keys::new(&detour.suspects));
        let row: AroundRow = self.access_mode.heed(self.ticks.row("tick", query).await)?;
        let AroundRow { report: row, refused, states, said } = row;
        let (mut named, mut locked) = (Vec::new(), unsigned(row.locked));
        for ((item, state), said) in refused.into_iter().zip(states).zip(said) {
            if LOCKED.contains(&&*state) { locked += 1 } else { named.push(refused_item(item, &state, &said)) }
        }
        // If no slot was due, the tick says nothing about items.
        if row.ticked > 0 {
            let found = FoundRefused { refused: named, is_whole: row.left_over == 0 };
            let count = self.count("tick", row.slots)?;
            self.refused.learn(owner, slots, count, &detour, found, self.link.now());
        }
        let refused = unsigned(row.present.unwrap_or(row.items) - row.items).saturating_sub(locked);
        let row = TickRow { locked: i64::try_from(locked).unwrap_or(i64::MAX), ..row };
        self.report(owner, slots, &row, row.digest.unwrap_or(0), refused)
    }

    fn report(
        &self,
        owner: &MemberKey,
        slots: SlotRange,
        row: &TickRow,
        digest: i64,
        refused: u64,
    ) -> Result<TickReport, StoreError> {
        Ok(TickReport {
            installation: InstallationId::new(row.installation),
            tick: Tick(unsigned(row.tick)),
            into_tick: millis(row.into_ms),
            tick_length: millis(row.tick_ms),
            slots: self.count("tick", row.slots)?,
            owned: u32::try_from(row.owned).unwrap_or(u32::MAX),
            fence: row.fence.cast_unsigned(),
            ticked: u32::try_from(row.ticked).unwrap_or(u32::MAX),
            left: u32::try_from(row.left_over).unwrap_or(0),
            items: unsigned(row.items),
            digest: digest.cast_unsigned(),
            locked: unsigned(row.locked),
            refused,
            refusal: if refused > 0 { self.refused.first(owner, slots) } else { None },
            took: row.took(),
        })
    }

    pub(crate) fn misshapen(&self, during: &'static str, what: &'static str, value: &dyn ToString) -> StoreError {
        let finding = Finding::Value { target: self.link.target().clone(), what, value: value.to_string() };
        StoreError::Misshapen { during, source: Box::new(finding) }
    }
}

row! {
    struct TickRow {
        tick: i64,
        into_ms: i32,
        tick_ms: i32,
        slots: i32,
        installation: Uuid,
        owned: i64,
        fence: i64,
        ticked: i64,
        left_over: i64,
        items: i64,
        digest: Option<i64>,
        present: Option<i64>,
        locked: i64,
        took_us: i64,
    }
}

impl TickRow {
    /// Returns the time that Postgres worked on the tick.
    fn took(&self) -> Duration {
        Duration::from_micros(unsigned(self.took_us))
    }
}

struct AroundRow {
    report: TickRow,
    refused: Vec<Key>,
    states: Vec<String>,
    said: Vec<String>,
}

impl<'row> FromRow<'row, PgRow> for AroundRow {
    fn from_row(row: &'row PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            report: TickRow::from_row(row)?,
            refused: row.try_get("refused")?,
            states: row.try_get("states")?,
            said: row.try_get("said")?,
        })
    }
}

row! {
    struct OwnerRow {
        tick: i64,
        tick_ms: i32,
        installation: Uuid,
        sessions: Vec<String>,
        owner: Option<String>,
        incarnation: Option<Uuid>,
        slots: Vec<i32>,
        epochs: Vec<i64>,
        last_ticks: Vec<i64>,
    }
}

row! {
    struct CountRow {
        slots: Vec<i32>,
        items: Vec<i64>,
        took_us: i64,
    }
}

row! {
    struct CommitRow {
        leads: bool,
        moved: Vec<i32>,
        passed: Vec<i32>,
        unticked: Vec<i32>,
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl WorkStore for PgStore {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        let mode = self.access_mode.get(&self.link, "tick").await?;
        let detour = self.refused.detour(owner, slots, self.link.now());
        if detour.is_needed() {
            return self.tick_around(mode, owner, slots, detour).await;
        }
        let expected = self.expected.get(owner, slots);
        let query = bound(&mode.tick, owner, slots).bind(expected.map(|expected| expected.parameter()));
        match self.ticks.row("tick", query.bind(Keys::new(&detour.left_out))).await {
            // Nothing was changed. Items that are refused or locked must not keep the others from being ticked.
            Err(error) if is_refusal(&error) => self.tick_around(mode, owner, slots, detour).await,
            answer => {
                let row: TickRow = self.access_mode.heed(answer)?;
                let digest = self.digest(owner, slots, &row, expected);
                let present = row.present.or_else(|| expected.and_then(|expected| expected.present())).unwrap_or(row.items);
                let refused = unsigned(present - row.items);
                self.refused.missing(owner, slots, refused);
                self.report(owner, slots, &row, digest, refused)
            }
        }
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        let mode = self.access_mode.get(&self.link, "items").await?;
        let query = sqlx::query_as(&mode.items).bind(owner.worker.as_str()).bind(owner.incarnation.uuid());
        let answer = self.link.rows("items", query.bind(signed(slots.first())).bind(signed(slots.end()))).await;
        let rows: Vec<(Key,)> = self.access_mode.heed(answer)?;
        let mut items: Vec<ItemId> = rows.into_iter().map(|(Key(id),)| id).collect();
        if items.first().is_some_and(|item| matches!(item, ItemId::Text(_))) {
            // The collation of the column may order texts otherwise than by their bytes.
            items.sort_unstable();
        }
        Ok(items)
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        let rows: Vec<(i32, i64, i64, Option<String>)> =
            self.link.rows("holdings", bound(&self.sql.holdings, owner, slots)).await?;
        let holding = |(slot, epoch, ended, cause): (i32, i64, i64, Option<String>)| Holding {
            slot: number(slot),
            epoch: Epoch(unsigned(epoch)),
            ended: Epoch(unsigned(ended)),
            // A slot that an older version moved has none.
            cause: cause.and_then(|cause| Cause::parse(&cause)).unwrap_or(Cause::Rebalance),
        };
        Ok(rows.into_iter().map(holding).collect())
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        let slots: Vec<i32> = ended.iter().map(|ended| signed(ended.slot.number())).collect();
        let epochs: Vec<i64> = ended.iter().map(|ended| ended.epoch.0.cast_signed()).collect();
        let query = sqlx::query_as(&self.sql.acknowledge).bind(owner.worker.as_str()).bind(owner.incarnation.uuid());
        self.link.row("acknowledge", query.bind(slots).bind(epochs)).await.map(|(_,): (i64,)| ())
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        let during = "try to write";
        let mode = self.access_mode.get(&self.link, during).await?;
        let query = sqlx::query_as(&mode.try_to_write).bind(owner.worker.as_str()).bind(owner.incarnation.uuid());
        let row: (Option<Key>, Option<String>, Option<String>) = self.access_mode.heed(self.link.row(during, query).await)?;
        let (Some(item), Some(state), Some(said)) = row else {
            self.refused.may_write(owner);
            return Ok(None);
        };
        self.refused.may_not_write(owner);
        Ok(Some(refused_item(item, &state, &said)))
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        let during = "assignment";
        let rows: Vec<OwnerRow> = self.link.rows(during, sqlx::query_as(&self.sql.assignment)).await?;
        let installation = InstallationId::new(rows.first().map(|row| row.installation).unwrap_or_default());
        let mut assignment = Assignment {
            installation,
            tick: Tick::default(),
            tick_length: Duration::ZERO,
            range: SlotRange::ALL,
            slots: Vec::new(),
            sessions: None,
        };
        let count: usize = rows.iter().map(|row| row.slots.len()).sum();
        // Without this check, missing slots would silently lead to an empty plan.
        self.count(during, i32::try_from(count).unwrap_or(i32::MAX))?;
        assignment.slots.resize_with(count, SlotState::default);
        let session_name = self.sql.group.session_name();
        for row in rows {
            assignment.tick = Tick(unsigned(row.tick));
            assignment.tick_length = millis(row.tick_ms);
            let sessions: BTreeSet<_> =
                row.sessions.iter().filter_map(|name| name.strip_prefix(&*session_name)?.parse::<Incarnation>().ok()).collect();
            // If no session of a worker is visible, a pooler may hide them all.
            assignment.sessions = (!sessions.is_empty()).then_some(sessions);
            let owner = match (row.owner, row.incarnation) {
                (Some(name), Some(incarnation)) => {
                    // A name that is not valid, from before the schema refused it: its slots have no owner.
                    let worker = WorkerId::new(name).ok();
                    worker.map(|worker| MemberKey { worker, incarnation: Incarnation::new(incarnation) })
                }
                _ => None,
            };
            for ((slot, epoch), last_tick) in row.slots.into_iter().zip(row.epochs).zip(row.last_ticks) {
                let state =
                    SlotState { owner: owner.clone(), epoch: Epoch(unsigned(epoch)), last_tick: Tick(unsigned(last_tick)) };
                let place = usize::try_from(slot).ok().and_then(|slot| assignment.slots.get_mut(slot));
                *place.ok_or_else(|| self.misshapen(during, "scaler.slot.slot", &slot))? = state;
            }
        }
        Ok(assignment)
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        let slots = self.slot_count().await?;
        let mut counting = self.counting.lock().await;
        let before = counting.take().filter(|counting| counting.slots() == slots);
        let counting = counting.insert(before.unwrap_or_else(|| Counting::new(slots)));
        loop {
            let part = counting.part();
            let query = sqlx::query_as(&self.sql.census).bind(signed(part.first())).bind(signed(part.end()));
            let row: CountRow = match self.link.row("census", query).await {
                Err(StoreError::Busy { .. }) if counting.too_much(part) => continue,
                answer => answer?,
            };
            let counts =
                row.slots.into_iter().map(number).zip(row.items.into_iter().map(|items| items.try_into().unwrap_or(u32::MAX)));
            counting.learn(part, counts, Duration::from_micros(unsigned(row.took_us)));
            if let Some(load) = counting.load() {
                return Ok(load.clone());
            }
        }
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        let slots: Vec<i32> = transfers.iter().map(|transfer| signed(transfer.slot.number())).collect();
        let epochs: Vec<i64> = transfers.iter().map(|transfer| transfer.epoch.0.cast_signed()).collect();
        let owners: Vec<&str> = transfers.iter().map(|transfer| transfer.to.worker.as_str()).collect();
        let incarnations: Vec<Uuid> = transfers.iter().map(|transfer| transfer.to.incarnation.uuid()).collect();
        let after_tick: Vec<bool> = transfers.iter().map(|transfer| transfer.timing == Timing::AfterTick).collect();
        let query = sqlx::query_as(&self.sql.commit).bind(term.number.cast_signed()).bind(term.holder);
        let causes: Vec<&str> = transfers.iter().map(|transfer| transfer.cause.as_str()).collect();
        let query = query.bind(&slots).bind(epochs).bind(owners).bind(incarnations).bind(after_tick).bind(causes);
        let row: CommitRow = match self.link.row("commit", query).await {
            Err(busy @ StoreError::Busy { .. }) => {
                // A session that holds the slots may never release them. The caller tries again anyway.
                let query = sqlx::query_as(&self.sql.end_stuck).bind(&slots);
                let _: (i64,) = self.link.row("commit", query).await?;
                return Err(busy);
            }
            answer => answer?,
        };
        if !row.leads {
            return Ok(Outcome::Deposed);
        }
        let refusals = |slots: Vec<i32>, why| slots.into_iter().map(move |slot| Refusal { slot: number(slot), why });
        let passed = refusals(row.passed, RefusalReason::EpochPassed);
        let refused = passed.chain(refusals(row.unticked, RefusalReason::NotTickedYet)).collect();
        Ok(Outcome::Committed { moved: row.moved.into_iter().map(number).collect(), refused })
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        let query = sqlx::query_as(&self.sql.catch_up).bind(term.number.cast_signed()).bind(term.holder);
        let rows: Vec<(i64,)> = self.link.rows("catch up", query).await?;
        Ok(rows.first().map_or(0, |(ticks,)| unsigned(*ticks)))
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        let query = sqlx::query_as(&self.sql.adopt).bind(owner.worker.as_str());
        let (adopted, installation): (i64, Uuid) = self.link.row("adopt", query.bind(owner.incarnation.uuid())).await?;
        let slots = usize::try_from(adopted).unwrap_or(usize::MAX);
        Ok(Adoption { installation: InstallationId::new(installation), slots })
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        let query = sqlx::query_as(&self.sql.claim_orphans).bind(owner.worker.as_str()).bind(owner.incarnation.uuid());
        let query =
            query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).bind(well_since.0.min(i64::MAX.unsigned_abs()).cast_signed());
        let (wait_ms, claimed, unticked): (i64, i64, i64) = self.link.row("claim orphans", query).await?;
        let count = |slots: i64| usize::try_from(slots).unwrap_or(0);
        Ok(match unsigned(wait_ms) {
            0 => Claim::Claimed { slots: count(claimed) },
            wait_ms => Claim::NotYet { wait: Duration::from_millis(wait_ms), unticked: count(unticked) },
        })
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        let (installation,): (Uuid,) = self.link.row("installation", sqlx::query_as(&self.sql.installation)).await?;
        Ok(InstallationId::new(installation))
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        self.install(None).await.map(drop)
    }

    fn take_incarnation(&self) -> Option<Incarnation> {
        let carried = self.config.incarnation().filter(|_| self.pool.is_none())?;
        (!self.is_incarnation_taken.swap(true, Ordering::Relaxed)).then_some(carried)
    }

    fn wishes(&self) -> Option<&dyn Wishes> {
        Some(self)
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        Some(self)
    }

    fn membership(&self) -> Result<Option<Arc<dyn Membership>>, MembershipError> {
        Ok(Some(Arc::new(Self::membership(self)?)))
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        let during = "slot count";
        let (slots,): (i32,) = self.link.row(during, sqlx::query_as(&self.sql.slot_count)).await?;
        self.count(during, slots)
    }
}

/// Returns a worker's statement with these slots as parameters.
fn bound<T>(sql: &Rendered, owner: &MemberKey, slots: SlotRange) -> QueryAs<'static, Postgres, T, PgArguments>
where
    T: for<'row> FromRow<'row, PgRow>,
{
    let query = sqlx::query_as(sql).bind(owner.worker.as_str().to_owned()).bind(owner.incarnation.uuid());
    query.bind(signed(slots.first())).bind(signed(slots.end()))
}

fn refused_item(Key(item): Key, state: &str, said: &str) -> RefusedItem {
    RefusedItem { item, why: format!("{said} (SQLSTATE {state})") }
}

/// Converts the number of a slot. There are at most 2^20 slots, so both directions fit.
pub(crate) const fn signed(slot: u32) -> i32 {
    slot.cast_signed()
}

pub(crate) const fn number(slot: i32) -> Slot {
    Slot::new(slot.cast_unsigned())
}

/// Converts a count, tick or epoch. The schema ensures that none is negative.
pub(crate) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
