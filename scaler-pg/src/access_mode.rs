//! Access mode of a worker: direct SQL, or `SECURITY DEFINER` functions, where its role may only execute those.

use std::sync::{Mutex, PoisonError};

use scaler_core::StoreError;

use crate::connection::Link;

/// SQL of a worker in one access mode.
#[derive(Debug)]
pub(crate) struct AccessMode {
    pub(crate) tick: &'static str,
    pub(crate) tick_around: &'static str,
    pub(crate) try_to_write: &'static str,
    pub(crate) items: &'static str,
}

static DIRECT: AccessMode = AccessMode {
    tick: include_str!("../sql/tick.sql"),
    tick_around: "select * from scaler.tick_around($1, $2, $3, $4, $5, $6)",
    try_to_write: "select * from scaler.try_to_write($1, $2)",
    items: include_str!("../sql/items.sql"),
};

static DEFINER: AccessMode = AccessMode {
    tick: "select * from scaler.tick($1, $2, $3, $4, $5, $6)",
    tick_around: "select * from scaler.tick_around_as_owner($1, $2, $3, $4, $5, $6)",
    try_to_write: "select * from scaler.try_to_write_as_owner($1, $2)",
    items: "select * from scaler.items($1, $2, $3, $4)",
};

/// Access mode in use. It is determined again after a refusal, since privileges may change while a worker runs.
#[derive(Debug, Default)]
pub(crate) struct FoundAccessMode(Mutex<Option<&'static AccessMode>>);

impl FoundAccessMode {
    pub(crate) async fn get(&self, link: &Link, during: &'static str) -> Result<&'static AccessMode, StoreError> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mode) = known {
            return Ok(mode);
        }
        let (direct,): (bool,) = link.row(during, sqlx::query_as(include_str!("../sql/access_mode.sql"))).await?;
        let mode = if direct { &DIRECT } else { &DEFINER };
        self.set(Some(mode));
        Ok(mode)
    }

    /// Returns the answer unchanged. After `Denied` or `NotInstalled`, the access mode is determined again.
    pub(crate) fn heed<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Denied { .. } | StoreError::NotInstalled { .. }) = answer {
            self.set(None);
        }
        answer
    }

    fn set(&self, mode: Option<&'static AccessMode>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }
}
