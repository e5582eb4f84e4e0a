//! Postgres as the place in which the leader publishes its view.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use notifi_scaler_common::api::ViewBoard;
use scaler_core::StoreError;
use scaler_pg::PgStore;

/// Postgres as the place in which the leader publishes its view.
#[derive(Clone, Debug)]
pub(crate) struct PgBoard(pub(crate) Arc<PgStore>);

#[async_trait]
impl ViewBoard for PgBoard {
    async fn publish(&self, body: &str) -> Result<(), StoreError> {
        self.0.publish_view(body).await
    }

    async fn published(&self) -> Result<Option<(Duration, String)>, StoreError> {
        self.0.published_view().await
    }
}
