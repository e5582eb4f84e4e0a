//! Builder of a [`PgStore`] for a group, a table, a key and a statement of one's own.

use scaler_core::{Incarnation, StoreError};
use sqlx::PgPool;
use uuid::Uuid;

use crate::group::{Description, Group};
use crate::{PgConfig, PgStore};

/// Builder of a [`PgStore`]: what a group of workers works on, and how it connects.
///
/// Without a table and a statement, the work is the increment of `public.work_items`, which is created if it is missing.
///
/// # Names in SQL
/// In a filter and a statement, names of other tables and of functions are written with their schema: they are checked, and run by
/// `SECURITY DEFINER` functions, on the search path `pg_catalog, pg_temp`.
#[derive(Clone, Debug)]
#[must_use]
pub struct PgStoreBuilder {
    config: PgConfig,
    pool: Option<PgPool>,
    described: Description,
}

impl PgStoreBuilder {
    pub(crate) fn new(url: String) -> Self {
        let incarnation = Incarnation::new(Uuid::new_v4());
        let application_name = PgConfig::for_worker("", incarnation).application_name;
        let config = PgConfig { application_name, ..PgConfig::new(url) };
        Self { config, pool: None, described: Description::default() }
    }

    /// Sets the schema that holds the slots; `scaler` by default. Created by [`PgStore::install`]. Groups of one database are independent of each
    /// other, each with its own schema.
    ///
    /// Lower-case letters, digits and underscores, 63 bytes at most.
    pub fn group(mut self, schema: impl Into<String>) -> Self {
        self.described.group = Some(schema.into());
        self
    }

    /// Sets the table whose rows are the items: `feeds`, `public.feeds` or `"My Schema"."My Table"`. The schema is `public` by default.
    ///
    /// It must exist, and may be partitioned or have tables that inherit from it. [`PgStore::install`] adds an index on the slot to each table,
    /// and nothing else. Without a [statement](Self::statement), no row is changed.
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.described.table = Some(table.into());
        self
    }

    /// Sets the key column of the table; `id` by default. Of type `uuid`, `bigint`, `integer`, `text` or `varchar`, not null, and with a primary
    /// key or unique index on it.
    pub fn key(mut self, column: impl Into<String>) -> Self {
        self.described.key = Some(column.into());
        self
    }

    /// Sets a condition over columns of the table, such as `enabled and not paused`: rows for which it is not true are no items.
    ///
    /// The index on the slot has only the rows for which it is true, if the condition is immutable; otherwise it has all rows, and ticks
    /// read those of a slot. If the statement changes a column of the condition in every tick, each of these updates writes to the index: write
    /// such a condition into the statement instead.
    pub fn filter(mut self, condition: impl Into<String>) -> Self {
        self.described.filter = Some(condition.into());
        self
    }

    /// Sets the statement that works on the items in every tick, for example `update {table} set polled = polled + 1 where {owned}`.
    ///
    /// One `update`, `insert`, `delete` or `with` that returns no rows. It runs in the transaction that checks and marks the slots, so it works on
    /// each item at most once a tick.
    ///
    /// | placeholder | meaning |
    /// |---|---|
    /// | `{table}` | the table, under the short name `item` |
    /// | `{owned}` | condition that is true for the items of this tick. It may stand more than once |
    /// | `{worker}` | name of the worker, as text |
    ///
    /// If the statement is `update {table} set ... where {owned}`, without `from`, it must change each item: items that it does not change count
    /// as refused. Any other statement chooses its rows itself; then every item counts as worked on, unless the statement fails on it.
    ///
    /// A role of workers with direct access may select and update the table, and delete from it if the statement deletes. What the statement needs
    /// of other tables is granted by their owner; functions run the statement with the privileges of the owner of the group.
    pub fn statement(mut self, statement: impl Into<String>) -> Self {
        self.described.statement = Some(statement.into());
        self
    }

    /// Sets the connection settings, in place of the URL and the defaults. For a [node](scaler_core::Node), take
    /// [`PgConfig::for_worker`], so that the control plane sees at once when the process ends; the default does so.
    pub fn config(mut self, config: PgConfig) -> Self {
        self.config = config;
        self
    }

    /// Uses the sessions of this pool, in place of the URL. Each call is a transaction with its own settings, and with the timeouts of
    /// the [configuration](Self::config), so that the pool's sessions keep theirs.
    ///
    /// The pool needs at least three sessions: for ticks, for other calls, and to check that the server works on a long statement. The
    /// control plane cannot see by such sessions that a worker has ended: its slots are taken over when its heartbeats stop. If the pool's
    /// sessions are those of a pooler in transaction mode, set [`PgConfig::pooler`].
    pub fn pool(mut self, pool: PgPool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Returns the store. It connects at first use.
    ///
    /// # Errors
    /// If a name, the filter or the statement is invalid, if the URL is invalid, or if the timeouts do not fit together. What only the database
    /// can tell is checked by [`PgStore::install`].
    pub fn build(self) -> Result<PgStore, StoreError> {
        PgStore::of(&self.config, self.pool.as_ref(), Group::new(&self.described)?)
    }
}
