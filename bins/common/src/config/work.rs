//! Group, table, key, filter and statement of the work.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use scaler_pg::PgStoreBuilder;

/// Table, statement and schema of the work; the same for all programs of one group.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Work")]
pub struct WorkArgs {
    /// Schema that holds the slots; each group of workers in a database has its own
    #[arg(long, env, default_value = "scaler", value_parser = NonEmptyStringValueParser::new())]
    pub group: String,
    /// Table whose rows are the items, such as `public.feeds` [default: public.work_items, which is created, and whose values are incremented]
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub table: Option<String>,
    /// Key column of TABLE, of type uuid, bigint, integer, text or varchar [default: id]
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub key: Option<String>,
    /// SQL condition over columns of the table, such as `enabled`: rows for which it is not true are no items
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub filter: Option<String>,
    /// SQL statement that works on the items in each tick, such as `update {table} set polled = polled + 1 where {owned}` [default: the increment
    /// without TABLE, otherwise none]
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub statement: Option<String>,
}

impl WorkArgs {
    /// Describes the work to the builder of a store.
    pub(crate) fn describe(&self, mut builder: PgStoreBuilder) -> PgStoreBuilder {
        builder = builder.group(&self.group);
        if let Some(table) = &self.table {
            builder = builder.table(table);
        }
        if let Some(key) = &self.key {
            builder = builder.key(key);
        }
        if let Some(filter) = &self.filter {
            builder = builder.filter(filter);
        }
        if let Some(statement) = &self.statement {
            builder = builder.statement(statement);
        }
        builder
    }
}
