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

/// Access mode in use. Found out anew after a refusal, since rights may change while a worker works.
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

    /// Passes an answer on; after a refusal, or before all is installed, the mode is found out anew.
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
