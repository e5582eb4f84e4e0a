//! Place in which the leader publishes its view for the standbys.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::{Clock, StoreError};
use scaler_pg::PgStore;

/// Place in which the leader publishes its view for the standbys.
#[async_trait]
pub trait ViewBoard: fmt::Debug + Send + Sync {
    /// Publishes a view, as JSON, in place of the last one.
    ///
    /// # Errors
    /// If the store is unavailable, refuses the call, or does not answer.
    async fn publish(&self, body: &str) -> Result<(), StoreError>;

    /// Returns the last published view with its age; `None` if there is none.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    async fn published(&self) -> Result<Option<(Duration, String)>, StoreError>;
}

#[async_trait]
impl ViewBoard for PgStore {
    async fn publish(&self, body: &str) -> Result<(), StoreError> {
        self.publish_view(body).await
    }

    async fn published(&self) -> Result<Option<(Duration, String)>, StoreError> {
        self.published_view().await
    }
}

/// Board in memory, for tests.
#[derive(Clone, Debug)]
pub struct MemoryBoard {
    clock: Arc<dyn Clock>,
    published: Arc<Mutex<Option<(Duration, String)>>>,
}

impl MemoryBoard {
    /// Returns an empty board.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, published: Arc::default() }
    }
}

#[async_trait]
impl ViewBoard for MemoryBoard {
    async fn publish(&self, body: &str) -> Result<(), StoreError> {
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.clock.now(), body.to_owned()));
        Ok(())
    }

    async fn published(&self) -> Result<Option<(Duration, String)>, StoreError> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(published.map(|(at, body)| (self.clock.now().saturating_sub(at), body)))
    }
}
