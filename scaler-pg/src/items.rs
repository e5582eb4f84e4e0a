//! Access of an operator to the table of work: adds, removes and lists items.

use scaler_core::{ItemId, KeyType, StoreError};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};

use crate::PgStore;
use crate::error::Finding;
use crate::key::{Key, Keys};
use crate::table::Table;

/// A row of the table of work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemRow {
    /// Id of the item.
    pub id: ItemId,
    /// Number of its increments; `None` if an adopted table holds a row without a value.
    pub value: Option<i32>,
    /// Worker that incremented it last.
    pub worker: Option<String>,
}

/// Item that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundItem {
    /// Id of the item.
    pub item: ItemId,
    /// Number of its increments; `None` if the work is not the increment.
    pub value: Option<i64>,
    /// Worker that incremented it last.
    pub worker: Option<String>,
}

impl PgStore {
    /// Returns the item with this key; `None` if there is none.
    ///
    /// # Errors
    /// If the text is no key of the table's type, or if the store is unavailable, refuses, or does not answer.
    pub async fn find_item(&self, key: &str) -> Result<Option<FoundItem>, StoreError> {
        let during = "find item";
        let key_type = match self.table(None).await? {
            Table::Adoptable { key_type } => key_type,
            Table::Missing => KeyType::Uuid,
        };
        let refused = |source| StoreError::Refused { during, source: Box::new(source) };
        let item = key_type.parse(key).map_err(refused)?;
        let sql = if self.sql.group.is_increment() { &self.sql.find_item } else { &self.sql.find_id };
        let query = sqlx::query_as(sql).bind(Keys::new(&[item]));
        let rows: Vec<(Key, Option<i32>, Option<String>)> = self.link.rows(during, query).await?;
        let found = |(Key(item), value, worker): (Key, Option<i32>, Option<String>)| FoundItem {
            item,
            value: value.map(i64::from),
            worker,
        };
        Ok(rows.into_iter().next().map(found))
    }

    /// Adds `count` new items with value 0 and returns their ids.
    ///
    /// # Errors
    /// If the table is not that of the increment, whose rows this crate does not know; or if the store is unavailable, refuses, or does not
    /// answer.
    pub async fn add_items(&self, count: u32) -> Result<Vec<ItemId>, StoreError> {
        self.must_increment("add items")?;
        let query = sqlx::query_as(&self.sql.add_items).bind(i64::from(count));
        let add = async |transaction: &mut PgConnection| Ok(query.fetch_all(transaction).await?);
        let rows: Vec<(Key,)> = self.link.lasting("add items", None, add).await?;
        Ok(rows.into_iter().map(|(Key(id),)| id).collect())
    }

    /// Removes these items and returns how many of them existed.
    ///
    /// # Errors
    /// As for [`add_items`](Self::add_items).
    pub async fn remove_items(&self, items: &[ItemId]) -> Result<u64, StoreError> {
        self.remove(sqlx::query(&self.sql.remove_items).bind(Keys::new(items))).await
    }

    /// Removes any `count` items and returns how many were removed.
    ///
    /// # Errors
    /// As for [`add_items`](Self::add_items).
    pub async fn remove_any_items(&self, count: u32) -> Result<u64, StoreError> {
        self.remove(sqlx::query(&self.sql.remove_any_items).bind(i64::from(count))).await
    }

    /// Returns the first `limit` items, by id. Values and workers only if the work is the increment.
    ///
    /// # Errors
    /// If the store is unavailable, refuses, or does not answer.
    pub async fn list_items(&self, limit: u32) -> Result<Vec<ItemRow>, StoreError> {
        let query = sqlx::query_as(if self.sql.group.is_increment() { &self.sql.list_items } else { &self.sql.list_ids })
            .bind(i64::from(limit));
        let list = async |transaction: &mut PgConnection| Ok(query.fetch_all(transaction).await?);
        let rows: Vec<(Key, Option<i32>, Option<String>)> = self.link.lasting("list items", None, list).await?;
        Ok(rows.into_iter().map(|(Key(id), value, worker)| ItemRow { id, value, worker }).collect())
    }

    /// Returns the ids and values of the first `limit` items, by id.
    ///
    /// # Errors
    /// As for [`add_items`](Self::add_items).
    pub async fn list_values(&self, limit: u32) -> Result<Vec<(ItemId, i32)>, StoreError> {
        self.must_increment("list values")?;
        let query = sqlx::query_as(&self.sql.list_values).bind(i64::from(limit));
        let list = async |transaction: &mut PgConnection| Ok(query.fetch_all(transaction).await?);
        let rows: Vec<(Key, i32)> = self.link.lasting("list values", None, list).await?;
        Ok(rows.into_iter().map(|(Key(id), value)| (id, value)).collect())
    }

    async fn remove(&self, query: Query<'_, Postgres, PgArguments>) -> Result<u64, StoreError> {
        self.must_increment("remove items")?;
        let remove = async |transaction: &mut PgConnection| Ok(query.execute(transaction).await?);
        Ok(self.link.lasting("remove items", None, remove).await?.rows_affected())
    }

    /// Checks that the work is the increment: of a user's own table, neither the columns nor the rows are ours.
    pub(crate) fn must_increment(&self, during: &'static str) -> Result<(), StoreError> {
        if self.sql.group.is_increment() {
            return Ok(());
        }
        let finding = Finding::NotTheIncrement { target: self.link.target().clone(), table: self.sql.group.table() };
        Err(StoreError::Refused { during, source: Box::new(finding) })
    }
}
