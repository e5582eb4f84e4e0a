//! Items of the file, as their users see them.

use scaler_core::{ItemId, KeyType, Slot, StoreError, slot_of};
use sqlx::query::{Query, QueryScalar};
use sqlx::sqlite::{Sqlite, SqliteArguments};

use crate::SqliteStore;
use crate::error::failed;

/// Item, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Key of the item.
    pub id: ItemId,
    /// Number of times the item was incremented.
    pub value: u64,
    /// Worker that last incremented the item; `None` if none has.
    pub worker: Option<String>,
    /// Number of ticks of its slot since it was inserted.
    pub ticks: u64,
}

/// Query that returns `(id, value, currentworker, ticks)`.
const ROWS: &str =
    "select cast(i.id as text), i.value, i.currentworker, s.ticks - i.since from work_items i join slot s using (slot)";

impl SqliteStore {
    /// Inserts an item with value 0. Returns false if it exists already.
    ///
    /// # Errors
    /// If the key is not of the file's type, or if the file cannot be written.
    pub async fn insert(&self, id: &ItemId) -> Result<bool, StoreError> {
        let during = "insert";
        let is_of_type = matches!(
            (self.layout.key, id),
            (KeyType::Uuid, ItemId::Uuid(_))
                | (KeyType::BigInt | KeyType::Integer, ItemId::Integer(_))
                | (KeyType::Text, ItemId::Text(_))
        );
        if !is_of_type {
            let source = format!("{id:?} is not a key of type {}", self.layout.key).into();
            return Err(StoreError::Refused { during, source });
        }
        let insert =
            "insert into work_items (id, slot, since) select ?, slot, ticks from slot where slot = ? on conflict do nothing";
        let slot = slot_of(id, self.layout.slots).number();
        let inserted = id.bind(sqlx::query(insert)).bind(slot).execute(&self.pool).await.map_err(failed(during))?;
        Ok(inserted.rows_affected() > 0)
    }

    /// Removes an item. Returns false if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn remove(&self, id: &ItemId) -> Result<bool, StoreError> {
        let removed = id.bind(sqlx::query("delete from work_items where id = ?")).execute(&self.pool).await;
        Ok(removed.map_err(failed("remove"))?.rows_affected() > 0)
    }

    /// Returns an item; `None` if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn row(&self, id: &ItemId) -> Result<Option<Row>, StoreError> {
        Ok(self.rows().await?.into_iter().find(|row| row.id == *id))
    }

    /// Returns all items, in order.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn rows(&self) -> Result<Vec<Row>, StoreError> {
        let during = "rows";
        let rows: Vec<(String, i64, Option<String>, i64)> =
            sqlx::query_as(ROWS).fetch_all(&self.pool).await.map_err(failed(during))?;
        let row = |(id, value, worker, ticks): (String, i64, Option<String>, i64)| {
            Ok(Row { id: self.id(during, &id)?, value: value.unsigned_abs(), worker, ticks: ticks.unsigned_abs() })
        };
        let mut rows = rows.into_iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
        rows.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(rows)
    }

    /// Returns the key that this text stands for.
    pub(crate) fn id(&self, during: &'static str, text: &str) -> Result<ItemId, StoreError> {
        self.layout.key.parse(text).map_err(|error| StoreError::Misshapen { during, source: error.into() })
    }
}

/// Binds a key: integers as such, all others as text.
pub(crate) trait Bind<Q> {
    fn bind(&self, query: Q) -> Q;
}

impl<'q> Bind<Query<'q, Sqlite, SqliteArguments>> for ItemId {
    fn bind(&self, query: Query<'q, Sqlite, SqliteArguments>) -> Query<'q, Sqlite, SqliteArguments> {
        match self {
            Self::Integer(id) => query.bind(*id),
            id => query.bind(id.to_string()),
        }
    }
}

impl<'q, O> Bind<QueryScalar<'q, Sqlite, O, SqliteArguments>> for ItemId {
    fn bind(&self, query: QueryScalar<'q, Sqlite, O, SqliteArguments>) -> QueryScalar<'q, Sqlite, O, SqliteArguments> {
        match self {
            Self::Integer(id) => query.bind(*id),
            id => query.bind(id.to_string()),
        }
    }
}

/// Returns slots as a JSON array, for `json_each`.
pub(crate) fn json(slots: impl IntoIterator<Item = Slot>) -> String {
    serde_json::Value::from_iter(slots.into_iter().map(Slot::number)).to_string()
}
