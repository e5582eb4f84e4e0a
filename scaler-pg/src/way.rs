//! By which way a worker reaches the items: by its own statements, or by functions, where its role may only execute those.

use std::sync::{Mutex, PoisonError};

use scaler_core::StoreError;

use crate::connection::Link;

/// The statements of a worker, by one way.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) tick: &'static str,
    pub(crate) tick_around: &'static str,
    pub(crate) try_to_write: &'static str,
    pub(crate) items: &'static str,
}

static BY_STATEMENTS: Way = Way {
    tick: include_str!("../sql/tick.sql"),
    tick_around: "select * from scaler.tick_around($1, $2, $3, $4, $5, $6)",
    try_to_write: "select * from scaler.try_to_write($1, $2)",
    items: include_str!("../sql/items.sql"),
};

static BY_FUNCTIONS: Way = Way {
    tick: "select * from scaler.tick($1, $2, $3, $4, $5, $6)",
    tick_around: "select * from scaler.tick_around_as_owner($1, $2, $3, $4, $5, $6)",
    try_to_write: "select * from scaler.try_to_write_as_owner($1, $2)",
    items: "select * from scaler.items($1, $2, $3, $4)",
};

/// The way that was found; it is looked for again when it is barred, since rights may change while a worker works.
#[derive(Debug, Default)]
pub(crate) struct FoundWay(Mutex<Option<&'static Way>>);

impl FoundWay {
    pub(crate) async fn get(&self, link: &Link, during: &'static str) -> Result<&'static Way, StoreError> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = known {
            return Ok(way);
        }
        let (direct,): (bool,) = link.row(during, sqlx::query_as(include_str!("../sql/way.sql"))).await?;
        let way = if direct { &BY_STATEMENTS } else { &BY_FUNCTIONS };
        self.set(Some(way));
        Ok(way)
    }

    /// Passes an answer on; after a refusal, or before all is installed, the way is looked for again.
    pub(crate) fn heed<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Denied { .. } | StoreError::NotInstalled { .. }) = answer {
            self.set(None);
        }
        answer
    }

    fn set(&self, way: Option<&'static Way>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = way;
    }
}
