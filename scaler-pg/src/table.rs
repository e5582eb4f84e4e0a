//! The table of work as its user made it: whether it can be worked on as it is, and what is added to it.

use scaler_core::StoreError;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::PgStore;
use crate::error::Finding;
use crate::row::row;

const DURING: &str = "check the table";

row! {
    struct ColumnRow {
        kind: String,
        column: Option<String>,
        r#type: Option<String>,
    }
}

/// Whether there is a table of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Missing,
    /// It is there, and can be worked on as it is.
    Adoptable,
}

impl PgStore {
    /// Whether the table of work is missing, or can be worked on as it is by this role, or by this user.
    pub(crate) async fn table(&self, role: Option<&str>) -> Result<Table, StoreError> {
        let rows: Vec<ColumnRow> = self.link.rows(DURING, sqlx::query_as(include_str!("../sql/shape.sql"))).await?;
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
        let obstacles = sqlx::query_as(include_str!("../sql/obstacles.sql")).bind(role);
        let obstacles: Vec<(String, String)> = self.link.rows(DURING, obstacles).await?;
        match obstacles.into_iter().next() {
            Some((what, remedy)) => Err(unworkable(Finding::Unworkable { target: target(), what, remedy })),
            None => Ok(Table::Adoptable),
        }
    }

    /// Checks that the table of work can still be worked on: its user may have replaced it, or changed it. The index on the slot is made where it is
    /// missing, if this user may make it.
    ///
    /// # Errors
    /// What is wrong, and its remedy, or as for any other call.
    pub async fn ensure_table(&self) -> Result<(), StoreError> {
        let missing = |finding| StoreError::NotInstalled { during: DURING, source: Box::new(finding) };
        if self.table(None).await? == Table::Missing {
            return Err(missing(Finding::NoTable { target: self.link.target().clone() }));
        }
        let unindexed: Vec<(String, Option<String>)> =
            self.link.rows(DURING, sqlx::query_as(include_str!("../sql/unindexed.sql"))).await?;
        let Some((relation, _)) = unindexed.into_iter().next() else { return Ok(()) };
        let (_, may): (bool, bool) = self.link.row(DURING, sqlx::query_as(include_str!("../sql/may_install.sql"))).await?;
        if may {
            return self.install(None).await.map(drop);
        }
        Err(missing(Finding::NoIndex { target: self.link.target().clone(), relation }))
    }
}

fn unworkable(finding: Finding) -> StoreError {
    StoreError::Misshapen { during: DURING, source: Box::new(finding) }
}

/// A table with its first items, if there is none; room in the pages, so that increments stay within them, and an index on the
/// slot, of each table that inherits from it, too: all that is ever done to a user's own table.
pub(crate) async fn prepare(connection: &mut PgConnection, first_items: u32) -> Result<(), sqlx::Error> {
    // Asked again, since another installer may have held the lock until now.
    let there: bool =
        sqlx::query_scalar("select to_regclass('public.work_items') is not null").fetch_one(&mut *connection).await?;
    if there {
        sqlx::raw_sql(include_str!("../sql/leave_room.sql")).execute(&mut *connection).await?;
    } else {
        let mut creation = connection.begin().await?;
        sqlx::raw_sql(include_str!("../sql/create_items.sql")).execute(&mut *creation).await?;
        sqlx::query(include_str!("../sql/add_items.sql")).bind(i64::from(first_items)).execute(&mut *creation).await?;
        creation.commit().await?;
    }
    // Others may be writing to a table that was there.
    let concurrently = if there { "concurrently" } else { "" };
    let unindexed: Vec<(String, Option<String>)> =
        sqlx::query_as(include_str!("../sql/unindexed.sql")).fetch_all(&mut *connection).await?;
    for (relation, half_made) in unindexed {
        let drop = half_made.map(|index| format!("drop index {index}"));
        let create = format!("create index {concurrently} on {relation} (scaler.slot_of(id))");
        for statement in drop.into_iter().chain([create]) {
            // The catalog has quoted the names.
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Whether an index is to be made beside a transaction that has written to the table, and stays open.
pub(crate) async fn is_held_up(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let unindexed: Vec<(String, Option<String>)> =
        sqlx::query_as(include_str!("../sql/unindexed.sql")).fetch_all(&mut *connection).await?;
    if unindexed.is_empty() {
        return Ok(false);
    }
    sqlx::query_scalar(include_str!("../sql/old_writer.sql")).fetch_one(connection).await
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
