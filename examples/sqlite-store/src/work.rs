//! The work store: each method is one transaction.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::Acknowledgement;
use scaler_core::{
    Adoption, Assignment, Cause, Claim, Epoch, EventLog, Holding, Incarnation, InstallationId, ItemId, LEADERLESS_AFTER,
    MemberKey, Membership, MembershipError, Orphans, Outcome, Refusal, RefusalReason, RefusedItem, Slot, SlotCount, SlotLoad,
    SlotRange, SlotState, StoreError, Term, Tick, TickReport, Timing, Transfer, Wishes, WorkStore, WorkerId, digest_of, fence_of,
    orphans,
};
use sqlx::{Connection, SqliteConnection};

use crate::SqliteStore;
use crate::election::Leadership;
use crate::error::{CONSTRAINT, code, failed};
use crate::items::{Key, json};

/// Number of items on which a worker tries whether it may write.
const TRIALS: i64 = 8;

/// Slot that a worker owns.
#[derive(Clone, Copy, Debug)]
struct OwnSlot {
    slot: Slot,
    epoch: Epoch,
    ended: Epoch,
    last_tick: Tick,
    cause: Cause,
}

async fn owned_by(connection: &mut SqliteConnection, owner: &MemberKey, range: SlotRange) -> sqlx::Result<Vec<OwnSlot>> {
    let query = "select slot, epoch, ended, last_tick, cause from slot where worker = ? and incarnation = ? and slot >= ? and slot < ? order by slot";
    let rows: Vec<(u32, i64, i64, i64, Option<String>)> = sqlx::query_as(query)
        .bind(owner.worker.as_str())
        .bind(owner.incarnation.uuid().to_string())
        .bind(range.first())
        .bind(range.end())
        .fetch_all(connection)
        .await?;
    let own_slot = |(slot, epoch, ended, last_tick, cause): (u32, i64, i64, i64, Option<String>)| OwnSlot {
        slot: Slot::new(slot),
        epoch: Epoch(epoch.unsigned_abs()),
        ended: Epoch(ended.unsigned_abs()),
        last_tick: Tick(last_tick.unsigned_abs()),
        cause: cause.and_then(|cause| Cause::parse(&cause)).unwrap_or(Cause::Rebalance),
    };
    Ok(rows.into_iter().map(own_slot).collect())
}

/// Returns the state of each slot, in order, and the tick in which it last changed its owner.
async fn slots(connection: &mut SqliteConnection, during: &'static str) -> Result<Vec<(SlotState, Tick)>, StoreError> {
    let query = "select worker, incarnation, epoch, last_tick, moved from slot order by slot";
    // Name and incarnation of the owner, epoch, last tick, and tick of the last change of owner.
    type Columns = (Option<String>, Option<String>, i64, i64, i64);
    let rows: Vec<Columns> = sqlx::query_as(query).fetch_all(connection).await.map_err(failed(during))?;
    let state = |(worker, incarnation, epoch, last_tick, moved): Columns| {
        let owner = worker.zip(incarnation).map(|(worker, incarnation)| member(during, &worker, &incarnation)).transpose()?;
        let state = SlotState { owner, epoch: Epoch(epoch.unsigned_abs()), last_tick: Tick(last_tick.unsigned_abs()) };
        Ok((state, Tick(moved.unsigned_abs())))
    };
    rows.into_iter().map(state).collect()
}

/// Gives slots to a worker: the epoch of each rises by one.
async fn give(connection: &mut SqliteConnection, slots: &str, to: &MemberKey, tick: Tick, cause: Cause) -> sqlx::Result<u64> {
    let query = "update slot set worker = ?, incarnation = ?, epoch = epoch + 1, moved = ?, cause = ? where slot in (select value from json_each(?))";
    let given = sqlx::query(query)
        .bind(to.worker.as_str())
        .bind(to.incarnation.uuid().to_string())
        .bind(tick.0.cast_signed())
        .bind(cause.as_str())
        .bind(slots)
        .execute(connection)
        .await?;
    Ok(given.rows_affected())
}

/// Increments an item in a step of its own. Returns the reason if the file refuses that.
async fn increment(connection: &mut SqliteConnection, owner: &MemberKey, item: &ItemId) -> sqlx::Result<Option<RefusedItem>> {
    let mut step = connection.begin().await?;
    let query = sqlx::query("update work_items set value = value + 1, currentworker = ? where id = ?");
    match query.bind(owner.worker.as_str()).bind(Key(item)).execute(&mut *step).await {
        Ok(_) => step.commit().await.map(|()| None),
        Err(error) if code(&error) == Some(CONSTRAINT) => {
            step.rollback().await?;
            Ok(Some(RefusedItem { item: item.clone(), why: error.to_string() }))
        }
        Err(error) => Err(error),
    }
}

/// Increments all items of these slots in one statement, or, if a constraint or trigger refuses one, each by itself. Returns the refused
/// items.
async fn increment_all(
    connection: &mut SqliteConnection,
    owner: &MemberKey,
    slots: &str,
    items: &[ItemId],
) -> sqlx::Result<Vec<RefusedItem>> {
    let mut step = connection.begin().await?;
    let query = "update work_items set value = value + 1, currentworker = ? where slot in (select value from json_each(?))";
    match sqlx::query(query).bind(owner.worker.as_str()).bind(slots).execute(&mut *step).await {
        Ok(_) => return step.commit().await.map(|()| Vec::new()),
        Err(error) if code(&error) == Some(CONSTRAINT) => step.rollback().await?,
        Err(error) => return Err(error),
    }
    let mut refused = Vec::new();
    for item in items {
        refused.extend(increment(connection, owner, item).await?);
    }
    Ok(refused)
}

impl SqliteStore {
    /// Returns the items of these slots, in order.
    async fn items_of(
        &self,
        connection: &mut SqliteConnection,
        during: &'static str,
        slots: &str,
    ) -> Result<Vec<ItemId>, StoreError> {
        let query = "select cast(id as text) from work_items where slot in (select value from json_each(?)) order by id";
        let ids: Vec<String> = sqlx::query_scalar(query).bind(slots).fetch_all(connection).await.map_err(failed(during))?;
        ids.iter().map(|id| self.id(during, id)).collect()
    }
}

#[async_trait]
impl WorkStore for SqliteStore {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        let failed = failed("tick");
        let mut transaction = self.begin("tick").await?;
        let (tick, into_tick) = self.now(&mut transaction).await.map_err(&failed)?;
        let owned = owned_by(&mut transaction, owner, slots).await.map_err(&failed)?;
        let fence = fence_of(owned.iter().map(|own| (own.slot, own.epoch)));
        let due: Vec<Slot> = owned.iter().filter(|own| own.last_tick < tick).map(|own| own.slot).collect();
        let (ticked, due) = (due.len(), json(due));
        let items = self.items_of(&mut transaction, "tick", &due).await?;
        let refused = increment_all(&mut transaction, owner, &due, &items).await.map_err(&failed)?;
        sqlx::query("update slot set last_tick = ?, ticks = ticks + 1 where slot in (select value from json_each(?))")
            .bind(tick.0.cast_signed())
            .bind(due)
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(TickReport {
            installation: self.installation,
            tick,
            into_tick,
            tick_length: self.layout.tick,
            slots: self.layout.slots,
            owned: u32::try_from(owned.len()).unwrap_or(u32::MAX),
            fence,
            ticked: u32::try_from(ticked).unwrap_or(u32::MAX),
            left: 0,
            items: (items.len() - refused.len()) as u64,
            digest: digest_of(&items),
            locked: 0,
            refused: refused.len() as u64,
            refusal: refused.into_iter().next().map(Arc::new),
            took: Duration::ZERO,
        })
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        let mut transaction = self.begin("items").await?;
        let owned = owned_by(&mut transaction, owner, slots).await.map_err(failed("items"))?;
        self.items_of(&mut transaction, "items", &json(owned.iter().map(|own| own.slot))).await
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(failed("holdings"))?;
        let owned = owned_by(&mut connection, owner, slots).await.map_err(failed("holdings"))?;
        Ok(owned.iter().map(|own| Holding { slot: own.slot, epoch: own.epoch, ended: own.ended, cause: own.cause }).collect())
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        let failed = failed("acknowledge");
        let mut transaction = self.begin("acknowledge").await?;
        // Only the owner ends the present epoch.
        let query =
            "update slot set ended = max(ended, min(?, epoch - iif(worker = ? and incarnation = ?, 0, 1))) where slot = ?";
        for Acknowledgement { slot, epoch } in ended {
            sqlx::query(query)
                .bind(epoch.0.cast_signed())
                .bind(owner.worker.as_str())
                .bind(owner.incarnation.uuid().to_string())
                .bind(slot.number())
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        let failed = failed("try_to_write");
        let mut transaction = self.begin("try_to_write").await?;
        // Items of others first.
        let query = "select cast(id as text) from work_items join slot using (slot) order by worker is ?, id limit ?";
        let ids: Vec<String> = sqlx::query_scalar(query)
            .bind(owner.worker.as_str())
            .bind(TRIALS)
            .fetch_all(&mut *transaction)
            .await
            .map_err(&failed)?;
        let mut refused = None;
        for id in ids {
            refused = increment(&mut transaction, owner, &self.id("try_to_write", &id)?).await.map_err(&failed)?;
            if refused.is_none() {
                break;
            }
        }
        transaction.rollback().await.map_err(&failed)?;
        Ok(refused)
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        let mut transaction = self.begin("assignment").await?;
        let (tick, _) = self.now(&mut transaction).await.map_err(failed("assignment"))?;
        let slots = slots(&mut transaction, "assignment").await?.into_iter().map(|(state, _)| state).collect();
        Ok(Assignment {
            installation: self.installation,
            tick,
            tick_length: self.layout.tick,
            range: SlotRange::ALL,
            slots,
            sessions: None,
        })
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        let query = "select slot, count(*) from work_items group by slot";
        let counts: Vec<(u32, u32)> = sqlx::query_as(query).fetch_all(&self.pool).await.map_err(failed("census"))?;
        Ok(SlotLoad::of_items(self.layout.slots, counts.into_iter().map(|(slot, items)| (Slot::new(slot), items))))
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        let failed = failed("commit");
        let mut transaction = self.begin("commit").await?;
        if !Leadership::read(&mut transaction).await.map_err(&failed)?.is_some_and(|latest| latest.is(term)) {
            return Ok(Outcome::Deposed);
        }
        let (tick, _) = self.now(&mut transaction).await.map_err(&failed)?;
        let (mut moved, mut refused) = (Vec::new(), Vec::new());
        for Transfer { slot, epoch, to, timing, cause } in transfers {
            let found: Option<(i64, i64)> = sqlx::query_as("select epoch, last_tick from slot where slot = ?")
                .bind(slot.number())
                .fetch_optional(&mut *transaction)
                .await
                .map_err(&failed)?;
            let why = match found {
                Some((present, last_tick)) if present.unsigned_abs() == epoch.0 => {
                    let waits = *timing == Timing::AfterTick && last_tick.unsigned_abs() < tick.0;
                    waits.then_some(RefusalReason::NotTickedYet)
                }
                _ => Some(RefusalReason::EpochPassed),
            };
            match why {
                Some(why) => refused.push(Refusal { slot: *slot, why }),
                None => {
                    give(&mut transaction, &json([*slot]), to, tick, *cause).await.map_err(&failed)?;
                    moved.push(*slot);
                }
            }
        }
        transaction.commit().await.map_err(&failed)?;
        Ok(Outcome::Committed { moved, refused })
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        let failed = failed("catch_up");
        let mut transaction = self.begin("catch_up").await?;
        let is_latest = Leadership::read(&mut transaction).await.map_err(&failed)?.is_some_and(|latest| latest.is(term));
        let (tick, _) = self.now(&mut transaction).await.map_err(&failed)?;
        let last: i64 =
            sqlx::query_scalar("select max(last_tick) from slot").fetch_one(&mut *transaction).await.map_err(&failed)?;
        let behind = Tick(last.unsigned_abs()).since(tick);
        if !is_latest || behind <= 1 {
            return Ok(0);
        }
        let query = sqlx::query("update meta set ahead = ahead + ?").bind((behind + 1).cast_signed());
        query.execute(&mut *transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(behind + 1)
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        let failed = failed("adopt");
        let mut transaction = self.begin("adopt").await?;
        let (tick, _) = self.now(&mut transaction).await.map_err(&failed)?;
        let slots: Vec<u32> = sqlx::query_scalar("select slot from slot where worker = ? and incarnation <> ?")
            .bind(owner.worker.as_str())
            .bind(owner.incarnation.uuid().to_string())
            .fetch_all(&mut *transaction)
            .await
            .map_err(&failed)?;
        give(&mut transaction, &json(slots.iter().copied().map(Slot::new)), owner, tick, Cause::Adopted)
            .await
            .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(Adoption { installation: self.installation, slots: slots.len() })
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        let failed = failed("claim_orphans");
        let mut transaction = self.begin("claim_orphans").await?;
        let Some(latest) = Leadership::read(&mut transaction).await.map_err(&failed)? else {
            return Ok(Claim::NotYet { wait: LEADERLESS_AFTER, unticked: self.layout.slots.len() });
        };
        let (tick, _) = self.now(&mut transaction).await.map_err(&failed)?;
        let (slots, moved): (Vec<_>, Vec<_>) = slots(&mut transaction, "claim_orphans").await?.into_iter().unzip();
        let leaderless_in = (latest.lease.ends + LEADERLESS_AFTER).saturating_sub(self.clock.now());
        let led_since = (!leaderless_in.is_zero()).then_some(latest.elected_in);
        match orphans(&slots, &moved, tick, led_since, well_since) {
            Orphans::NotYet { ticks, unticked } => {
                let wait = self.layout.tick * u32::try_from(ticks).unwrap_or(u32::MAX);
                Ok(Claim::NotYet { wait: wait.min(leaderless_in), unticked })
            }
            Orphans::Free(mut orphans) => {
                orphans.truncate(limit);
                let slots = orphans.len();
                give(&mut transaction, &json(orphans), owner, tick, Cause::Claimed).await.map_err(&failed)?;
                transaction.commit().await.map_err(&failed)?;
                Ok(Claim::Claimed { slots })
            }
        }
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        Ok(self.installation)
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        Ok(self.layout.slots)
    }

    fn wishes(&self) -> Option<&dyn Wishes> {
        Some(self)
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        Some(self)
    }

    fn membership(&self) -> Result<Option<Arc<dyn Membership>>, MembershipError> {
        Ok(Some(Arc::clone(&self.membership) as Arc<dyn Membership>))
    }
}

/// Returns the member with this name and incarnation, as stored.
fn member(during: &'static str, worker: &str, incarnation: &str) -> Result<MemberKey, StoreError> {
    let worker = WorkerId::new(worker).map_err(|error| StoreError::Misshapen { during, source: error.into() })?;
    let incarnation = incarnation.parse().map_err(|error: uuid::Error| StoreError::Misshapen { during, source: error.into() })?;
    Ok(MemberKey { worker, incarnation: Incarnation::new(incarnation) })
}
