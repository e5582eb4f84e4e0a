//! Checks and preparation of the user's table of work.

use scaler_core::StoreError;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::PgStore;
use crate::error::Finding;
use crate::row::row;
use crate::sql::Sql;

const DURING: &str = "check the table";

row! {
    struct ColumnRow {
        kind: String,
        column: Option<String>,
        r#type: Option<String>,
    }
}

/// State of the table of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Missing,
    /// It exists, and fits as it is.
    Adoptable,
}

impl PgStore {
    /// Checks that the table of work is missing or fits as it is, for this role or, if `None`, for this user.
    pub(crate) async fn table(&self, role: Option<&str>) -> Result<Table, StoreError> {
        let rows: Vec<ColumnRow> = self.link.rows(DURING, sqlx::query_as(&self.sql.shape)).await?;
        let Some(first) = rows.first() else { return Ok(Table::Missing) };
        let target = || self.link.target().clone();
        if first.kind != "r" {
            let found = if first.kind == "v" { "a view" } else { "not a plain table" };
            return Err(unworkable(Finding::NotATable { target: target(), found }));
        }
        for (column, fits, expected) in [
            ("id", is_uuid as fn(&str) -> bool, "uuid"),
            ("value", is_integer, "integer"),
            ("currentworker", holds_worker_names, "text or varchar(253) or longer"),
        ] {
            let found = rows.iter().find(|row| row.column.as_deref() == Some(column)).and_then(|row| row.r#type.clone());
            if !found.as_deref().is_some_and(fits) {
                let found = found.unwrap_or_else(|| "missing".to_owned());
                return Err(unworkable(Finding::Column { target: target(), column, found, expected }));
            }
        }
        let obstacles = sqlx::query_as(&self.sql.obstacles).bind(role);
        let obstacles: Vec<(String, String)> = self.link.rows(DURING, obstacles).await?;
        match obstacles.into_iter().next() {
            Some((what, remedy)) => Err(unworkable(Finding::Unworkable { target: target(), what, remedy })),
            None => Ok(Table::Adoptable),
        }
    }

    /// Checks that the table of work still fits: its user may have replaced or changed it. Creates the index on the slot if it is missing and
    /// this user may create it.
    ///
    /// # Errors
    /// If the table does not fit, with the remedy, or as for any other call.
    pub async fn ensure_table(&self) -> Result<(), StoreError> {
        let missing = |finding| StoreError::NotInstalled { during: DURING, source: Box::new(finding) };
        if self.table(None).await? == Table::Missing {
            return Err(missing(Finding::NoTable { target: self.link.target().clone() }));
        }
        let unindexed: Vec<(String, Option<String>)> = self.link.rows(DURING, sqlx::query_as(&self.sql.unindexed)).await?;
        let Some((relation, _)) = unindexed.into_iter().next() else { return Ok(()) };
        let (_, may): (bool, bool) = self.link.row(DURING, sqlx::query_as(&self.sql.may_install)).await?;
        if may {
            return self.install(None).await.map(drop);
        }
        Err(missing(Finding::NoIndex { target: self.link.target().clone(), relation }))
    }
}

fn unworkable(finding: Finding) -> StoreError {
    StoreError::Misshapen { during: DURING, source: Box::new(finding) }
}

/// Creates the table with its first items if it is missing. Sets a fillfactor, so that increments stay in their pages, and creates an index
/// on the slot, also for each table that inherits from it. Nothing else is ever done to a user's own table.
pub(crate) async fn prepare(connection: &mut PgConnection, sql: &Sql, first_items: u32) -> Result<(), sqlx::Error> {
    // Checked again, since another installer may have held the lock until now.
    let there: bool = sqlx::query_scalar(&sql.table_exists).fetch_one(&mut *connection).await?;
    if there {
        sqlx::raw_sql(&sql.leave_room).execute(&mut *connection).await?;
    } else {
        let mut creation = connection.begin().await?;
        sqlx::raw_sql(&sql.create_items).execute(&mut *creation).await?;
        sqlx::query(&sql.add_items).bind(i64::from(first_items)).execute(&mut *creation).await?;
        creation.commit().await?;
    }
    let slot = sql.names.render("{group}.slot_of({key})");
    let slot = slot.as_str();
    // Other sessions may be writing to an existing table.
    let concurrently = if there { "concurrently" } else { "" };
    let unindexed: Vec<(String, Option<String>)> = sqlx::query_as(&sql.unindexed).fetch_all(&mut *connection).await?;
    for (relation, half_made) in unindexed {
        let drop = half_made.map(|index| format!("drop index {index}"));
        let create = format!("create index {concurrently} on {relation} ({slot})");
        for statement in drop.into_iter().chain([create]) {
            // Postgres has quoted the names of the relations.
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// True if an index is missing, and an open transaction that has written to the table prevents its creation.
pub(crate) async fn is_held_up(connection: &mut PgConnection, sql: &Sql) -> Result<bool, sqlx::Error> {
    let unindexed: Vec<(String, Option<String>)> = sqlx::query_as(&sql.unindexed).fetch_all(&mut *connection).await?;
    if unindexed.is_empty() {
        return Ok(false);
    }
    sqlx::query_scalar(&sql.old_writer).fetch_one(connection).await
}

fn is_uuid(found: &str) -> bool {
    found == "uuid"
}

fn is_integer(found: &str) -> bool {
    found == "integer"
}

fn holds_worker_names(found: &str) -> bool {
    let length =
        found.strip_prefix("character varying(").and_then(|rest| rest.strip_suffix(')')).and_then(|n| n.parse::<u32>().ok());
    found == "text" || found == "character varying" || length.is_some_and(|length| length >= 253)
}
