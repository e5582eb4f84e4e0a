//! Access mode of a worker: direct SQL, or `SECURITY DEFINER` functions, where its role may only execute those.

use std::sync::{Mutex, PoisonError};

use scaler_core::StoreError;

use crate::connection::Link;
use crate::sql::Sql;
use crate::template::Rendered;

/// SQL of a worker in one access mode.
#[derive(Debug)]
pub(crate) struct AccessMode {
    pub(crate) tick: Rendered,
    pub(crate) tick_around: Rendered,
    pub(crate) try_to_write: Rendered,
    pub(crate) items: Rendered,
}

impl AccessMode {
    fn direct(sql: &Sql) -> Self {
        Self {
            tick: sql.tick.clone(),
            tick_around: sql.group.render("select * from {group}.tick_around($1, $2, $3, $4, $5, $6)"),
            try_to_write: sql.group.render("select * from {group}.try_to_write($1, $2)"),
            items: sql.items.clone(),
        }
    }

    fn definer(sql: &Sql) -> Self {
        Self {
            tick: sql.group.render("select * from {group}.tick($1, $2, $3, $4, $5, $6)"),
            tick_around: sql.group.render("select * from {group}.tick_around_as_owner($1, $2, $3, $4, $5, $6)"),
            try_to_write: sql.group.render("select * from {group}.try_to_write_as_owner($1, $2)"),
            items: sql.group.render("select * from {group}.items($1, $2, $3, $4)"),
        }
    }
}

/// Access mode in use. It is determined again after a refusal, since privileges may change while a worker runs.
#[derive(Debug)]
pub(crate) struct FoundAccessMode {
    direct: AccessMode,
    definer: AccessMode,
    ask: Rendered,
    is_direct: Mutex<Option<bool>>,
}

impl FoundAccessMode {
    pub(crate) fn new(sql: &Sql) -> Self {
        Self {
            direct: AccessMode::direct(sql),
            definer: AccessMode::definer(sql),
            ask: sql.access_mode.clone(),
            is_direct: Mutex::default(),
        }
    }

    pub(crate) async fn get(&self, link: &Link, during: &'static str) -> Result<&AccessMode, StoreError> {
        let known = *self.is_direct.lock().unwrap_or_else(PoisonError::into_inner);
        let is_direct = match known {
            Some(is_direct) => is_direct,
            None => {
                let (is_direct,): (bool,) = link.row(during, sqlx::query_as(&self.ask)).await?;
                self.set(Some(is_direct));
                is_direct
            }
        };
        Ok(if is_direct { &self.direct } else { &self.definer })
    }

    /// Returns the answer unchanged. After `Denied` or `NotInstalled`, the access mode is determined again.
    pub(crate) fn heed<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Denied { .. } | StoreError::NotInstalled { .. }) = answer {
            self.set(None);
        }
        answer
    }

    fn set(&self, is_direct: Option<bool>) {
        *self.is_direct.lock().unwrap_or_else(PoisonError::into_inner) = is_direct;
    }
}
