//! Wishes of operators, the log of events, and the leader's published view.

use std::time::Duration;

use async_trait::async_trait;
use scaler_core::{
    EVENT_KEPT_FOR, EVENTS_KEPT, EVENTS_PER_PAGE, Event, EventFilter, EventKind, EventLog, Rebalance, RecordedEvent,
    RecordedWish, Slot, StoreError, Weight, Wish, WishKind, WishSubject, Wishes, WorkStore, WorkerId, event_text, wish_text,
};

use crate::PgStore;
use crate::row::row;
use crate::store::{number, signed, unsigned};

/// Kind, worker, slot, weight, operator, note, and time.
type WishRow = (String, Option<String>, Option<i32>, Option<i64>, String, String, i64);

row! {
    struct EventRow {
        id: i64,
        at_us: i64,
        kind: String,
        worker: Option<String>,
        former: Option<String>,
        cause: Option<String>,
        made_by: Option<String>,
        said: String,
        slots: Vec<i32>,
        planned_slots: Option<i64>,
        planned_items: Option<i64>,
        minimum_slots: Option<i64>,
        minimum_items: Option<i64>,
        moved_slots: Option<i64>,
        took_ms: Option<i64>,
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Wishes for PgStore {
    async fn wishes(&self) -> Result<Vec<RecordedWish>, StoreError> {
        let rows: Vec<WishRow> = self.link.rows("wishes", sqlx::query_as(&self.sql.wishes)).await?;
        let mut wishes: Vec<_> = rows.into_iter().filter_map(recorded_wish).collect();
        wishes.sort_by_cached_key(|recorded| recorded.wish.subject());
        Ok(wishes)
    }

    async fn wish(&self, wish: &Wish, by: &str, note: &str) -> Result<(), StoreError> {
        let during = "wish";
        wish.check(self.slot_count().await?).map_err(|error| StoreError::Refused { during, source: error.into() })?;
        let (by, note) = (wish_text(by), wish_text(note));
        let (slot, weight) = match wish {
            Wish::Pin(slot, _) => (Some(signed(slot.number())), None),
            Wish::Weigh(_, weight) => (None, Some(i64::from(weight.get()))),
            Wish::Pause | Wish::Cordon(_) | Wish::Drain(_) => (None, None),
        };
        let event = wish.event(&by, &note);
        let query = sqlx::query(&self.sql.wish).bind(wish.kind().as_str()).bind(key_of(&wish.subject()));
        let query = query.bind(wish.worker().map(WorkerId::as_str)).bind(slot).bind(weight);
        self.link.change(during, query.bind(by).bind(note).bind(event_text(&event.text))).await.map(drop)
    }

    async fn withdraw(&self, subject: &WishSubject, by: &str) -> Result<bool, StoreError> {
        let by = wish_text(by);
        let event = subject.event(None, &by);
        let query = sqlx::query_as(&self.sql.withdraw).bind(subject.kind().as_str()).bind(key_of(subject));
        let (gone,): (i64,) = self.link.row("withdraw", query.bind(by).bind(event_text(&event.text))).await?;
        Ok(gone > 0)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventLog for PgStore {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let texts = |text: fn(&Event) -> Option<String>| events.iter().map(text).collect::<Vec<_>>();
        let figures = |figure: fn(&Rebalance) -> u64| {
            let signed = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
            events.iter().map(|event| event.rebalance.as_ref().map(figure).map(signed)).collect::<Vec<_>>()
        };
        let query = sqlx::query(&self.sql.append_events)
            .bind(texts(|event| Some(event.kind.as_str().to_owned())))
            .bind(texts(|event| event.worker.as_ref().map(ToString::to_string)))
            .bind(texts(|event| event.from.as_ref().map(ToString::to_string)))
            .bind(texts(|event| event.cause.as_deref().map(event_text)))
            .bind(texts(|event| event.by.as_deref().map(wish_text)))
            .bind(texts(|event| Some(event_text(&event.text))))
            .bind(texts(|event| Some(array_of(&event.slots))))
            .bind(figures(|rebalance| rebalance.planned.slots))
            .bind(figures(|rebalance| rebalance.planned.items))
            .bind(figures(|rebalance| rebalance.minimum.slots))
            .bind(figures(|rebalance| rebalance.minimum.items))
            .bind(figures(|rebalance| rebalance.moved))
            .bind(figures(|rebalance| u64::try_from(rebalance.took.as_millis()).unwrap_or(u64::MAX)))
            .bind(EVENTS_KEPT.cast_signed())
            .bind(EVENT_KEPT_FOR.as_secs_f64());
        self.link.change("append events", query).await.map(drop)
    }

    async fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        let id = |id: Option<u64>| id.map(|id| i64::try_from(id).unwrap_or(i64::MAX));
        let query = sqlx::query_as(&self.sql.events)
            .bind(id(filter.before))
            .bind(id(filter.after))
            .bind(filter.worker.as_ref().map(WorkerId::as_str))
            .bind(filter.slot.map(|slot| signed(slot.number())))
            .bind(filter.kind.map(EventKind::as_str))
            .bind(i64::try_from(limit.min(EVENTS_PER_PAGE)).unwrap_or(i64::MAX));
        let rows: Vec<EventRow> = self.link.rows("events", query).await?;
        Ok(rows.into_iter().filter_map(recorded_event).collect())
    }
}

impl PgStore {
    /// Replaces the view of the leader, which standbys show.
    ///
    /// # Errors
    /// If the store is unavailable, refuses the call, or does not answer.
    pub async fn publish_view(&self, body: &str) -> Result<(), StoreError> {
        self.link.change("publish view", sqlx::query(&self.sql.publish_view).bind(body)).await.map(drop)
    }

    /// Returns the age of the leader's view, and the view; `None` if none was published, or a crash of the server has emptied the table.
    ///
    /// # Errors
    /// As for [`publish_view`](Self::publish_view).
    pub async fn published_view(&self) -> Result<Option<(Duration, String)>, StoreError> {
        let rows: Vec<(f64, String)> = self.link.rows("published view", sqlx::query_as(&self.sql.published_view)).await?;
        Ok(rows.into_iter().next().map(|(age_s, body)| (Duration::try_from_secs_f64(age_s).unwrap_or_default(), body)))
    }
}

/// Returns a wish from its row; `None` for a row that another version wrote and this one cannot read.
fn recorded_wish((kind, worker, slot, weight, by, note, since_us): WishRow) -> Option<RecordedWish> {
    let worker = || WorkerId::new(worker.as_deref()?).ok();
    let wish = match WishKind::parse(&kind)? {
        WishKind::Pause => Wish::Pause,
        WishKind::Cordon => Wish::Cordon(worker()?),
        WishKind::Drain => Wish::Drain(worker()?),
        WishKind::Weight => Wish::Weigh(worker()?, Weight::new(u32::try_from(weight?).ok()?)?),
        WishKind::Pin => Wish::Pin(number(slot?), worker()?),
    };
    Some(RecordedWish { wish, by, note, since: Duration::from_micros(unsigned(since_us)) })
}

/// Returns an event from its row; `None` for a kind of another version.
fn recorded_event(row: EventRow) -> Option<RecordedEvent> {
    let worker = |name: Option<String>| name.and_then(|name| WorkerId::new(name).ok());
    let figure = |figure: Option<i64>| unsigned(figure.unwrap_or(0));
    let rebalance = row.moved_slots.map(|moved| Rebalance {
        planned: scaler_core::Cost { slots: figure(row.planned_slots), items: figure(row.planned_items) },
        minimum: scaler_core::Cost { slots: figure(row.minimum_slots), items: figure(row.minimum_items) },
        moved: unsigned(moved),
        took: Duration::from_millis(figure(row.took_ms)),
    });
    let event = Event {
        kind: EventKind::parse(&row.kind)?,
        worker: worker(row.worker),
        from: worker(row.former),
        cause: row.cause,
        by: row.made_by,
        text: row.said,
        slots: row.slots.into_iter().map(number).collect(),
        rebalance,
    };
    Some(RecordedEvent { id: unsigned(row.id), at: Duration::from_micros(unsigned(row.at_us)), event })
}

/// Returns what tells the wishes of one kind apart.
fn key_of(subject: &WishSubject) -> String {
    match subject {
        WishSubject::Rebalancing => String::new(),
        WishSubject::Worker(_, worker) => worker.to_string(),
        WishSubject::Slot(slot) => slot.to_string(),
    }
}

/// Returns slots as the text of an array.
fn array_of(slots: &[Slot]) -> String {
    let numbers: Vec<_> = slots.iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
