//! The table of work in the hands of an operator.

use scaler_core::{ItemId, StoreError};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use crate::PgStore;

/// A row of the table of work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemRow {
    /// The item.
    pub id: ItemId,
    /// How often it was incremented; an adopted table may hold rows without a value.
    pub value: Option<i32>,
    /// Who incremented it last.
    pub worker: Option<String>,
}

impl PgStore {
    /// Puts `count` new items in, with value 0; their ids.
    ///
    /// # Errors
    /// When the store is away, refuses, or does not answer.
    pub async fn add_items(&self, count: u32) -> Result<Vec<ItemId>, StoreError> {
        let query = sqlx::query_as(include_str!("../sql/add_items.sql")).bind(i64::from(count));
        let add = async |transaction: &mut PgConnection| Ok(query.fetch_all(transaction).await?);
        let rows: Vec<(Uuid,)> = self.link.lasting("add items", None, add).await?;
        Ok(rows.into_iter().map(|(id,)| ItemId::new(id)).collect())
    }

    /// Takes these items out; how many of them were there.
    ///
    /// # Errors
    /// As for [`add_items`](Self::add_items).
    pub async fn remove_items(&self, items: &[ItemId]) -> Result<u64, StoreError> {
        let ids: Vec<Uuid> = items.iter().map(|item| item.uuid()).collect();
        self.remove(sqlx::query(include_str!("../sql/remove_items.sql")).bind(ids)).await
    }

    /// Takes any `count` items out; how many there were.
    ///
    /// # Errors
    /// As for [`add_items`](Self::add_items).
    pub async fn remove_any_items(&self, count: u32) -> Result<u64, StoreError> {
        self.remove(sqlx::query(include_str!("../sql/remove_any_items.sql")).bind(i64::from(count))).await
    }

    /// The first `limit` items, by id.
    ///
    /// # Errors
    /// As for [`add_items`](Self::add_items).
    pub async fn list_items(&self, limit: u32) -> Result<Vec<ItemRow>, StoreError> {
        let query = sqlx::query_as(include_str!("../sql/list_items.sql")).bind(i64::from(limit));
        let list = async |transaction: &mut PgConnection| Ok(query.fetch_all(transaction).await?);
        let rows: Vec<(Uuid, Option<i32>, Option<String>)> = self.link.lasting("list items", None, list).await?;
        Ok(rows.into_iter().map(|(id, value, worker)| ItemRow { id: ItemId::new(id), value, worker }).collect())
    }

    /// The ids and values of the first `limit` items, by id.
    ///
    /// # Errors
    /// As for [`add_items`](Self::add_items).
    pub async fn list_values(&self, limit: u32) -> Result<Vec<(ItemId, i32)>, StoreError> {
        let query = sqlx::query_as(include_str!("../sql/list_values.sql")).bind(i64::from(limit));
        let list = async |transaction: &mut PgConnection| Ok(query.fetch_all(transaction).await?);
        let rows: Vec<(Uuid, i32)> = self.link.lasting("list values", None, list).await?;
        Ok(rows.into_iter().map(|(id, value)| (ItemId::new(id), value)).collect())
    }

    async fn remove(&self, query: Query<'_, Postgres, PgArguments>) -> Result<u64, StoreError> {
        let remove = async |transaction: &mut PgConnection| Ok(query.execute(transaction).await?);
        Ok(self.link.lasting("remove items", None, remove).await?.rows_affected())
    }
}
