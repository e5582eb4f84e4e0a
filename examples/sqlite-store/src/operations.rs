//! Wishes of operators, and the log of events.

use std::time::Duration;

use async_trait::async_trait;
use scaler_core::{
    Cost, EVENT_KEPT_FOR, EVENTS_KEPT, EVENTS_PER_PAGE, Event, EventFilter, EventKind, EventLog, Rebalance, RecordedEvent,
    RecordedWish, Slot, StoreError, Weight, Wish, WishKind, WishSubject, Wishes, WorkerId, event_text, wish_text,
};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::failed;
use crate::open::millis;

/// Kind, worker, slot, weight, operator, note, and time.
type WishRow = (String, Option<String>, Option<u32>, Option<u32>, String, String, i64);

/// Number, time, kind, worker, former owner, cause, operator, text, slots, and figures.
type EventRow =
    (i64, i64, String, Option<String>, Option<String>, Option<String>, Option<String>, String, String, Option<String>);

#[async_trait]
impl Wishes for SqliteStore {
    async fn wishes(&self) -> Result<Vec<RecordedWish>, StoreError> {
        let failed = failed("wishes");
        let query = "select kind, worker, slot, weight, made_by, note, since_ms from wish";
        let rows: Vec<WishRow> = sqlx::query_as(query).fetch_all(&self.pool).await.map_err(&failed)?;
        let mut wishes: Vec<_> = rows.into_iter().filter_map(recorded_wish).collect();
        wishes.sort_by_cached_key(|recorded| recorded.wish.subject());
        Ok(wishes)
    }

    async fn wish(&self, wish: &Wish, by: &str, note: &str) -> Result<(), StoreError> {
        let failed = failed("wish");
        let (slot, weight) = match wish {
            Wish::Pin(slot, _) => (Some(slot.number()), None),
            Wish::Weigh(_, weight) => (None, Some(weight.get())),
            Wish::Pause | Wish::Cordon(_) | Wish::Drain(_) => (None, None),
        };
        wish.check(self.layout.slots).map_err(|error| StoreError::Refused { during: "wish", source: error.into() })?;
        let (by, note, now) = (wish_text(by), wish_text(note), self.clock.now());
        let mut transaction = self.begin("wish").await?;
        let query =
            "insert into wish (kind, subject, worker, slot, weight, made_by, note, since_ms) values (?, ?, ?, ?, ?, ?, ?, ?)
            on conflict (kind, subject) do update set worker = excluded.worker, weight = excluded.weight,
                made_by = excluded.made_by, note = excluded.note, since_ms = excluded.since_ms
            where wish.worker is not excluded.worker or wish.weight is not excluded.weight";
        let kept = sqlx::query(query)
            .bind(wish.kind().as_str())
            .bind(key_of(&wish.subject()))
            .bind(wish.worker().map(WorkerId::as_str))
            .bind(slot)
            .bind(weight)
            .bind(&by)
            .bind(&note)
            .bind(millis(now))
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        if kept.rows_affected() > 0 {
            insert(&mut transaction, now, &wish.event(&by, &note)).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    async fn withdraw(&self, subject: &WishSubject, by: &str) -> Result<bool, StoreError> {
        let failed = failed("withdraw");
        let mut transaction = self.begin("withdraw").await?;
        let query = "delete from wish where kind = ? and subject = ? returning worker";
        let query = sqlx::query_scalar(query).bind(subject.kind().as_str()).bind(key_of(subject));
        let gone: Option<Option<String>> = query.fetch_optional(&mut *transaction).await.map_err(&failed)?;
        let Some(worker) = gone else { return Ok(false) };
        let worker = worker.and_then(|worker| WorkerId::new(worker).ok());
        let event = subject.event(worker.as_ref(), &wish_text(by));
        insert(&mut transaction, self.clock.now(), &event).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(true)
    }
}

#[async_trait]
impl EventLog for SqliteStore {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        let failed = failed("append events");
        let now = self.clock.now();
        let mut transaction = self.begin("append events").await?;
        for event in events {
            insert(&mut transaction, now, event).await.map_err(&failed)?;
        }
        sqlx::query("delete from event where id <= (select max(id) from event) - ? or at_ms < ?")
            .bind(EVENTS_KEPT.cast_signed())
            .bind(millis(now.saturating_sub(EVENT_KEPT_FOR)))
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    async fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        let query = "select id, at_ms, kind, worker, former, cause, made_by, said, slots, figures from event
            where (?1 is null or id < ?1) and (?2 is null or id > ?2) and (?3 is null or worker = ?3 or former = ?3)
              and (?4 is null or exists (select 1 from json_each(slots) where value = ?4)) and (?5 is null or kind = ?5)
            order by id desc limit ?6";
        let number = |number: Option<u64>| number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        let rows: Vec<EventRow> = sqlx::query_as(query)
            .bind(number(filter.before))
            .bind(number(filter.after))
            .bind(filter.worker.as_ref().map(WorkerId::as_str))
            .bind(filter.slot.map(Slot::number))
            .bind(filter.kind.map(EventKind::as_str))
            .bind(i64::try_from(limit.min(EVENTS_PER_PAGE)).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(failed("events"))?;
        Ok(rows.into_iter().filter_map(recorded_event).collect())
    }
}

async fn insert(connection: &mut SqliteConnection, now: Duration, event: &Event) -> sqlx::Result<()> {
    let slots: Vec<u32> = event.slots.iter().map(|slot| slot.number()).collect();
    let figures = event.rebalance.as_ref().map(|Rebalance { planned, minimum, moved, took }| {
        [planned.slots, planned.items, minimum.slots, minimum.items, *moved, u64::try_from(took.as_millis()).unwrap_or(u64::MAX)]
    });
    let query = "insert into event (at_ms, kind, worker, former, cause, made_by, said, slots, figures) values (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(query)
        .bind(millis(now))
        .bind(event.kind.as_str())
        .bind(event.worker.as_ref().map(WorkerId::as_str))
        .bind(event.from.as_ref().map(WorkerId::as_str))
        .bind(event.cause.as_deref().map(event_text))
        .bind(event.by.as_deref().map(wish_text))
        .bind(event_text(&event.text))
        .bind(serde_json::json!(slots).to_string())
        .bind(figures.map(|figures| serde_json::json!(figures).to_string()))
        .execute(connection)
        .await
        .map(drop)
}

/// Returns a wish from its row; `None` for a row that another version wrote and this one cannot read.
fn recorded_wish((kind, worker, slot, weight, by, note, since_ms): WishRow) -> Option<RecordedWish> {
    let worker = || WorkerId::new(worker.as_deref()?).ok();
    let wish = match WishKind::parse(&kind)? {
        WishKind::Pause => Wish::Pause,
        WishKind::Cordon => Wish::Cordon(worker()?),
        WishKind::Drain => Wish::Drain(worker()?),
        WishKind::Weight => Wish::Weigh(worker()?, Weight::new(weight?)?),
        WishKind::Pin => Wish::Pin(Slot::new(slot?), worker()?),
    };
    Some(RecordedWish { wish, by, note, since: Duration::from_millis(since_ms.unsigned_abs()) })
}

/// Returns an event from its row; `None` for a row that another version wrote and this one cannot read.
fn recorded_event((id, at_ms, kind, worker, former, cause, by, text, slots, figures): EventRow) -> Option<RecordedEvent> {
    let named = |name: Option<String>| name.and_then(|name| WorkerId::new(name).ok());
    let slots: Vec<u32> = serde_json::from_str(&slots).ok()?;
    let figures: Option<[u64; 6]> = figures.map(|figures| serde_json::from_str(&figures)).transpose().ok()?;
    let rebalance = figures.map(|[planned_slots, planned_items, minimum_slots, minimum_items, moved, took_ms]| Rebalance {
        planned: Cost { slots: planned_slots, items: planned_items },
        minimum: Cost { slots: minimum_slots, items: minimum_items },
        moved,
        took: Duration::from_millis(took_ms),
    });
    let event = Event {
        kind: EventKind::parse(&kind)?,
        worker: named(worker),
        from: named(former),
        cause,
        by,
        text,
        slots: slots.into_iter().map(Slot::new).collect(),
        rebalance,
    };
    Some(RecordedEvent { id: id.unsigned_abs(), at: Duration::from_millis(at_ms.unsigned_abs()), event })
}

/// Returns what tells the wishes of one kind apart.
fn key_of(subject: &WishSubject) -> String {
    match subject {
        WishSubject::Rebalancing => String::new(),
        WishSubject::Worker(_, worker) => worker.to_string(),
        WishSubject::Slot(slot) => slot.to_string(),
    }
}
