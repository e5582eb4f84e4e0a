//! A store of one's own: items, slots and leadership in an SQLite file, which one process opens at a time.
//!
//! It shows what an adapter needs: [`WorkStore`](scaler_core::WorkStore) and [`Election`](scaler_core::Election), each method one
//! transaction, and a test that passes `scaler_core::store_suite!`; and [`Wishes`](scaler_core::Wishes) and
//! [`EventLog`](scaler_core::EventLog), so that operators can steer it. With it, a program and its tests need no server, and what was done
//! outlives the process, even after `kill -9`.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use scaler_core::{ItemId, Node};
//! # use sqlite_store::{Layout, SqliteStore, WallClock};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("items.db");
//! # let shutdown = tokio::time::sleep(Duration::from_secs(4));
//! let store = SqliteStore::open(&path, Layout::default(), Arc::new(WallClock)).await?;
//! let item = ItemId::Uuid(uuid::Uuid::new_v4());
//! store.insert(&item).await?;
//! Node::builder(store.clone()).name("node-1").run_until(shutdown).await?;
//! assert!(store.row(&item).await?.is_some_and(|row| row.value > 0 && row.worker.as_deref() == Some("node-1")));
//! # Ok(())
//! # }
//! ```

mod clock;
mod election;
mod error;
mod items;
mod open;
mod operations;
mod work;

pub use clock::WallClock;
pub use error::OpenError;
pub use items::Row;
pub use open::{Layout, SqliteStore};
