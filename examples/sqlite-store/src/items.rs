//! Items of the file, as their users see them.

use scaler_core::{ItemId, KeyType, Slot, StoreError, slot_of};
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteTypeInfo};
use sqlx::{Database, Type};

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

/// Key, value, worker and ticks of an item, as they are read.
type Columns = (String, i64, Option<String>, i64);

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
        let inserted = sqlx::query(insert).bind(Key(id)).bind(slot).execute(&self.pool).await.map_err(failed(during))?;
        Ok(inserted.rows_affected() > 0)
    }

    /// Removes an item. Returns false if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn remove(&self, id: &ItemId) -> Result<bool, StoreError> {
        let removed = sqlx::query("delete from work_items where id = ?").bind(Key(id)).execute(&self.pool).await;
        Ok(removed.map_err(failed("remove"))?.rows_affected() > 0)
    }

    /// Returns an item; `None` if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn row(&self, id: &ItemId) -> Result<Option<Row>, StoreError> {
        let query =
            "select cast(id as text), value, currentworker, ticks - since from work_items join slot using (slot) where id = ?";
        let found = sqlx::query_as(query).bind(Key(id)).fetch_optional(&self.pool).await.map_err(failed("row"))?;
        found.map(|columns| self.row_of("row", columns)).transpose()
    }

    /// Returns all items, in order.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn rows(&self) -> Result<Vec<Row>, StoreError> {
        let query =
            "select cast(id as text), value, currentworker, ticks - since from work_items join slot using (slot) order by id";
        let found: Vec<Columns> = sqlx::query_as(query).fetch_all(&self.pool).await.map_err(failed("rows"))?;
        found.into_iter().map(|columns| self.row_of("rows", columns)).collect()
    }

    fn row_of(&self, during: &'static str, (id, value, worker, ticks): Columns) -> Result<Row, StoreError> {
        Ok(Row { id: self.id(during, &id)?, value: value.unsigned_abs(), worker, ticks: ticks.unsigned_abs() })
    }

    /// Returns the key that this text stands for.
    pub(crate) fn id(&self, during: &'static str, text: &str) -> Result<ItemId, StoreError> {
        self.layout.key.parse(text).map_err(|error| StoreError::Misshapen { during, source: error.into() })
    }
}

/// A key as a parameter: an integer as such, any other as text. So keys are ordered in the file as [`ItemId`] orders them.
pub(crate) struct Key<'a>(pub(crate) &'a ItemId);

impl Type<Sqlite> for Key<'_> {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }
}

impl<'q> Encode<'q, Sqlite> for Key<'_> {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self.0 {
            ItemId::Integer(id) => Encode::<Sqlite>::encode_by_ref(id, buffer),
            id => Encode::<Sqlite>::encode(id.to_string(), buffer),
        }
    }
}

/// Returns slots as a JSON array, for `json_each`.
pub(crate) fn json(slots: impl IntoIterator<Item = Slot>) -> String {
    serde_json::Value::from_iter(slots.into_iter().map(Slot::number)).to_string()
}
