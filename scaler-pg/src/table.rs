//! Checks and preparation of the user's table of work.

use scaler_core::{KeyType, StoreError};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::PgStore;
use crate::error::{Finding, Target};
use crate::installed::Installed;
use crate::key::key_type;
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
    Adoptable {
        key_type: KeyType,
    },
}

impl PgStore {
    /// Checks that the table of work is missing or fits as it is, for this role or, if `None`, for this user.
    pub(crate) async fn table(&self, role: Option<&str>) -> Result<Table, StoreError> {
        let group = &self.sql.group;
        let rows: Vec<ColumnRow> = self.link.rows(DURING, sqlx::query_as(&self.sql.shape)).await?;
        let Some(first) = rows.first() else {
            if group.is_increment() {
                return Ok(Table::Missing);
            }
            return Err(self.unworkable(|target| Finding::NoUsersTable { target, table: group.table() }));
        };
        let found = match &*first.kind {
            "r" => None,
            "p" if !group.is_increment() => None,
            "v" => Some("a view"),
            "m" => Some("a materialized view"),
            "f" => Some("a foreign table"),
            _ => Some("not a plain table"),
        };
        if let Some(found) = found {
            return Err(self.unworkable(|target| Finding::NotATable { target, table: group.table(), found }));
        }
        let key_type = if group.is_increment() { self.reference_columns(&rows)? } else { self.key(&rows).await? };
        let obstacles = sqlx::query_as(&self.sql.obstacles).bind(role);
        let obstacles: Vec<(String, String)> = self.link.rows(DURING, obstacles).await?;
        match obstacles.into_iter().next() {
            Some((what, remedy)) => {
                Err(self.unworkable(|target| Finding::Unworkable { target, table: group.table(), what, remedy }))
            }
            None => Ok(Table::Adoptable { key_type }),
        }
    }

    /// Checks the columns that the increment reads and changes.
    fn reference_columns(&self, rows: &[ColumnRow]) -> Result<KeyType, StoreError> {
        for (column, fits, expected) in [
            ("id", is_uuid as fn(&str) -> bool, "uuid"),
            ("value", is_integer, "integer"),
            ("currentworker", holds_worker_names, "text or varchar(253) or longer"),
        ] {
            let found = rows.iter().find(|row| row.column.as_deref() == Some(column)).and_then(|row| row.r#type.clone());
            if !found.as_deref().is_some_and(fits) {
                let found = found.unwrap_or_else(|| "missing".to_owned());
                return Err(self.unworkable(|target| Finding::Column { target, column, found, expected }));
            }
        }
        Ok(KeyType::Uuid)
    }

    /// Checks the key of a user's own table: its type, and that it names each row.
    async fn key(&self, rows: &[ColumnRow]) -> Result<KeyType, StoreError> {
        let group = &self.sql.group;
        let (table, key) = (group.table(), group.key());
        let found = rows.iter().find(|row| row.column.as_deref() == Some(group.key_name())).and_then(|row| row.r#type.clone());
        let Some(found) = found else {
            return Err(self.unworkable(|target| Finding::NoKey { target, table, key }));
        };
        let Some(key_type) = key_type(&found) else {
            return Err(self.unworkable(|target| Finding::KeyType { target, table, key, found }));
        };
        let (is_not_null, is_unique, is_deterministic): (bool, bool, bool) =
            self.link.row(DURING, sqlx::query_as(&self.sql.key)).await?;
        let fault = if !is_not_null {
            Some(("may be null", format!("run `alter table {table} alter column {key} set not null`, or choose another key")))
        } else if !is_unique {
            Some(("is not unique", format!("run `create unique index concurrently on {table} ({key})`, or choose another key")))
        } else if !is_deterministic {
            let remedy = "its collation takes different texts for equal: choose a deterministic collation, or another key";
            Some(("has a nondeterministic collation", remedy.to_owned()))
        } else {
            None
        };
        match fault {
            Some((what, remedy)) => Err(self.unworkable(|target| Finding::Key { target, table, key, what, remedy })),
            None => Ok(key_type),
        }
    }

    /// Checks that the table of work still fits and has its index on the slot. Changes nothing.
    ///
    /// # Errors
    /// If the table does not fit or lacks the index, with the remedy, or as for any other call.
    pub async fn check_table(&self) -> Result<(), StoreError> {
        self.unindexed().await?.map_or(Ok(()), |relation| Err(self.no_index(relation)))
    }

    /// Checks that the table of work still fits: its user may have replaced or changed it. Creates the index on the slot if it is missing, for
    /// example on a new partition, and this user may create it.
    ///
    /// # Errors
    /// As for [`check_table`](Self::check_table).
    pub async fn ensure_table(&self) -> Result<(), StoreError> {
        let Some(relation) = self.unindexed().await? else { return Ok(()) };
        let (_, may): (bool, bool) = self.link.row(DURING, sqlx::query_as(&self.sql.may_install)).await?;
        let installed: Vec<Installed> = self.link.rows(DURING, sqlx::query_as(&self.sql.installed)).await?;
        // Not with a filter or statement of an earlier configuration, which would replace the present one.
        if may && installed.iter().all(|installed| installed.other_setting(&self.sql.group).is_none()) {
            return self.install(None).await.map(drop);
        }
        Err(self.no_index(relation))
    }

    /// Checks that the table of work fits, and returns the first table or partition without an index on the slot.
    async fn unindexed(&self) -> Result<Option<String>, StoreError> {
        if self.table(None).await? == Table::Missing {
            let finding = Finding::NoTable { target: self.link.target().clone(), table: self.sql.group.table() };
            return Err(StoreError::NotInstalled { during: DURING, source: Box::new(finding) });
        }
        let (filter,): (Option<String>,) = self.link.row(DURING, sqlx::query_as(&self.sql.index_filter)).await?;
        let unindexed: Vec<(String, Option<String>)> =
            self.link.rows(DURING, sqlx::query_as(&self.sql.unindexed).bind(filter)).await?;
        Ok(unindexed.into_iter().next().map(|(relation, _)| relation))
    }

    fn no_index(&self, relation: String) -> StoreError {
        let finding = Finding::NoIndex { target: self.link.target().clone(), relation };
        StoreError::NotInstalled { during: DURING, source: Box::new(finding) }
    }

    fn unworkable(&self, finding: impl FnOnce(Target) -> Finding) -> StoreError {
        StoreError::Misshapen { during: DURING, source: Box::new(finding(self.link.target().clone())) }
    }
}

/// Prepares the table of work. The reference table is created with its first items if it is missing, and has a fillfactor, so that increments stay
/// in their pages. Each table, partition, and table that inherits gets an index on the slot. Nothing else is ever done to a user's own table.
/// `filter` is the condition of the index, as Postgres writes it.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    sql: &Sql,
    filter: Option<&str>,
    first_items: u32,
) -> Result<(), sqlx::Error> {
    // Checked again, since another installer may have held the lock until now.
    let there: bool = sqlx::query_scalar(&sql.table_exists).fetch_one(&mut *connection).await?;
    if there {
        if sql.group.is_increment() {
            sqlx::raw_sql(&sql.leave_room).execute(&mut *connection).await?;
        }
    } else {
        let mut creation = connection.begin().await?;
        sqlx::raw_sql(&sql.create_items).execute(&mut *creation).await?;
        sqlx::query(&sql.add_items).bind(i64::from(first_items)).execute(&mut *creation).await?;
        creation.commit().await?;
    }
    // Other sessions may be writing to an existing table.
    let concurrently = if there { "concurrently" } else { "" };
    let condition = filter.map_or_else(String::new, |filter| format!("where {filter}"));
    let slot = sql.group.render("{group}.slot_of({key})");
    let slot = slot.as_str();
    let unindexed: Vec<(String, Option<String>)> =
        sqlx::query_as(&sql.unindexed).bind(filter).fetch_all(&mut *connection).await?;
    for (relation, half_made) in unindexed {
        let drop = half_made.map(|index| format!("drop index {index}"));
        let create = format!("create index {concurrently} on {relation} ({slot}) {condition}");
        for statement in drop.into_iter().chain([create]) {
            // Postgres has quoted the names of the relations, and has written the condition.
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Drops the indexes on the slot with the condition of an earlier filter.
pub(crate) async fn drop_earlier(connection: &mut PgConnection, sql: &Sql, filter: Option<&str>) -> Result<(), sqlx::Error> {
    let earlier: Vec<String> = sqlx::query_scalar(&sql.earlier_indexes).bind(filter).fetch_all(&mut *connection).await?;
    for index in earlier {
        // Postgres has quoted the name.
        sqlx::raw_sql(AssertSqlSafe(format!("drop index concurrently {index}"))).execute(&mut *connection).await?;
    }
    Ok(())
}

/// True if an index is missing, and an open transaction that has written to the table prevents its creation.
pub(crate) async fn is_held_up(connection: &mut PgConnection, sql: &Sql, filter: Option<&str>) -> Result<bool, sqlx::Error> {
    let unindexed: Vec<(String, Option<String>)> =
        sqlx::query_as(&sql.unindexed).bind(filter).fetch_all(&mut *connection).await?;
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
