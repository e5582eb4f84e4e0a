//! Look-up of items by their keys.

use std::fmt;

use async_trait::async_trait;
use scaler_core::{InvalidItemId, ItemId, StoreError};
use scaler_pg::PgStore;

/// Item that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundItem {
    /// Key of the item.
    pub item: ItemId,
    /// Number of its increments; `None` if the work is another.
    pub value: Option<i64>,
    /// Worker that worked on it last.
    pub worker: Option<String>,
}

/// Look-up of items by their keys.
#[async_trait]
pub trait ItemLookUp: fmt::Debug + Send + Sync {
    /// Returns the item with this key; `None` if there is none, or if the text is no key.
    ///
    /// # Errors
    /// If the store is unavailable, refuses the call, or does not answer.
    async fn find(&self, key: &str) -> Result<Option<FoundItem>, StoreError>;
}

/// Look-up that finds nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoItems;

#[async_trait]
impl ItemLookUp for NoItems {
    async fn find(&self, _: &str) -> Result<Option<FoundItem>, StoreError> {
        Ok(None)
    }
}

#[async_trait]
impl ItemLookUp for PgStore {
    async fn find(&self, key: &str) -> Result<Option<FoundItem>, StoreError> {
        match self.find_item(key).await {
            Ok(found) => Ok(found.map(|found| FoundItem { item: found.item, value: found.value, worker: found.worker })),
            // The text is no key of the table's type, so there is no such item.
            Err(StoreError::Refused { source, .. }) if source.is::<InvalidItemId>() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
