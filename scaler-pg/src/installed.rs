//! Record of a group's table, key, filter and statement, made by its installation. The table and the key never change; each installation
//! replaces the filter and the statement.

use scaler_core::{KeyType, StoreError};
use sqlx::postgres::{PgStatement, PgTypeInfo};
use sqlx::{Column, Connection, Executor, PgConnection, SqlSafeStr, Statement as _, TypeInfo};

use crate::PgStore;
use crate::error::{Finding, classify};
use crate::group::Group;
use crate::key::sql_type;
use crate::row::row;
use crate::sql::Sql;
use crate::statement::Statement;
use crate::template::Rendered;

/// Search path on which filter and statement are checked, and on which the functions run them.
const PATH: &str = "set local search_path = pg_catalog, pg_temp";
/// SQLSTATEs of a condition that Postgres does not take for an index: not immutable, a subquery.
const NOT_FOR_AN_INDEX: [&str; 2] = ["42P17", "0A000"];

row! {
    /// Table, key, filter and statement of an installed group.
    #[derive(Debug)]
    pub(crate) struct Installed {
        table: String,
        key: String,
        key_type: String,
        filter: Option<String>,
        statement: Option<String>,
        is_unknown: bool,
    }
}

impl Installed {
    /// Reads the record of this group; `None` if it is not installed.
    pub(crate) async fn read(connection: &mut PgConnection, sql: &Sql) -> Result<Option<Self>, sqlx::Error> {
        let there: bool = sqlx::query_scalar(&sql.meta_exists).fetch_one(&mut *connection).await?;
        if there { sqlx::query_as(&sql.installed).fetch_optional(connection).await } else { Ok(None) }
    }

    /// Returns both as text if the group was installed for another table or key.
    pub(crate) fn other_table(&self, group: &Group) -> Option<(String, String)> {
        let installed = format!("table {} with key {}", self.table, self.key);
        let wanted = format!("table {} with key {}", group.table(), group.key());
        (installed != wanted).then_some((installed, wanted))
    }

    /// Returns both as text if the key had another type when the group was installed.
    fn other_type(&self, key_type: KeyType) -> Option<(String, String)> {
        let key = |key_type: &str| format!("table {} with key {} of type {key_type}", self.table, self.key);
        let now = sql_type(key_type);
        (self.key_type != now).then(|| (key(&self.key_type), key(now)))
    }

    /// Returns the name and both values of a setting that differs: the filter or the statement.
    pub(crate) fn other_setting(&self, group: &Group) -> Option<(&'static str, String, String)> {
        let shown = |value: Option<&str>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:?}"));
        let statement = group.statement().map(Statement::as_str);
        [("filter", self.filter.as_deref(), group.filter()), ("statement", self.statement.as_deref(), statement)]
            .into_iter()
            .find(|(_, installed, wanted)| installed != wanted && !self.is_unknown)
            .map(|(name, installed, wanted)| (name, shown(installed), shown(wanted)))
    }
}

/// Remembers what this group is installed for.
pub(crate) async fn remember(
    connection: &mut PgConnection,
    sql: &Sql,
    key_type: KeyType,
    index_filter: Option<&str>,
) -> Result<(), sqlx::Error> {
    let group = &sql.group;
    let query = sqlx::query(&sql.remember).bind(group.table()).bind(group.key()).bind(sql_type(key_type));
    let query = query.bind(group.filter()).bind(group.statement().map(Statement::as_str));
    query.bind(index_filter).execute(connection).await.map(drop)
}

/// Returns the filter as Postgres writes it in an index; `None` if an index cannot have it, or if there is none.
pub(crate) async fn index_filter(connection: &mut PgConnection, group: &Group) -> Result<Option<String>, sqlx::Error> {
    if group.filter().is_none() {
        return Ok(None);
    }
    // In a transaction that is rolled back, on an empty copy: the user's table may be large or partitioned.
    let mut trial = connection.begin().await?;
    sqlx::raw_sql(PATH).execute(&mut *trial).await?;
    sqlx::raw_sql(&group.render("create table {group}.trial (like {table})")).execute(&mut *trial).await?;
    let create = group.render("create index trial_index on {group}.trial ({key}) where true{and_filter}");
    let found = match sqlx::raw_sql(&create).execute(&mut *trial).await {
        Ok(_) => {
            let read = group
                .render("select pg_get_expr(indpred, indrelid) from pg_index where indexrelid = '{group}.trial_index'::regclass");
            sqlx::query_scalar(&read).persistent(false).fetch_one(&mut *trial).await
        }
        Err(error) if is_not_for_an_index(&error) => Ok(None),
        Err(error) => Err(error),
    };
    trial.rollback().await?;
    found
}

fn is_not_for_an_index(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| NOT_FOR_AN_INDEX.contains(&&*code))
}

impl PgStore {
    /// Checks filter and statement against the table, without running them.
    pub(crate) async fn check_sql(&self, during: &'static str, key_type: KeyType) -> Result<(), StoreError> {
        let group = &self.sql.group.with_key_type(key_type);
        let check = async |connection: &mut PgConnection| {
            let mut trial = connection.begin().await?;
            sqlx::raw_sql(PATH).execute(&mut *trial).await?;
            let checked = checked(&mut trial, group).await;
            trial.rollback().await?;
            Ok(checked)
        };
        let checked = self.link.call(during, check).await?;
        checked.map_err(|(what, said)| {
            let finding = Finding::BadSql { target: self.link.target().clone(), what, table: group.table(), said };
            StoreError::Misshapen { during, source: Box::new(finding) }
        })
    }

    /// Checks that the group was not installed for another table or key.
    pub(crate) async fn check_installed(
        &self,
        connection: &mut PgConnection,
        during: &'static str,
        key_type: KeyType,
    ) -> Result<(), StoreError> {
        let installed = Installed::read(connection, &self.sql).await;
        let installed = installed.map_err(|error| classify(during, self.link.target(), error))?;
        let other = |installed: Installed| installed.other_table(&self.sql.group).or_else(|| installed.other_type(key_type));
        match installed.and_then(other) {
            None => Ok(()),
            Some((installed, wanted)) => {
                let (target, group) = (self.link.target().clone(), self.sql.group.schema());
                let finding = Finding::OtherTable { target, group, installed, wanted };
                Err(StoreError::Misshapen { during, source: Box::new(finding) })
            }
        }
    }
}

/// Checks the filter and the statement. The error names which of them is invalid, with the message of Postgres.
async fn checked(connection: &mut PgConnection, group: &Group) -> Result<(), (&'static str, String)> {
    let told =
        |error: sqlx::Error| error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    if let Some(filter) = group.filter() {
        let fault = |said: String| ("filter", said);
        // Once without parentheses, so that the text cannot close ours, and once as it is used.
        let alone = Rendered::from(format!("select\n{filter}\nfrom {}", group.table()));
        let alone = connection.prepare(alone.into_sql_str()).await.map_err(|error| fault(told(error)))?;
        if parameters(&alone) > 0 {
            return Err(fault("it has parameters such as $1: write values".to_owned()));
        }
        let types: Vec<_> = alone.columns().iter().map(|column| column.type_info().name().to_owned()).collect();
        if types != ["BOOL"] {
            return Err(fault(format!("it is {} and not one boolean condition", types.join(", ").to_lowercase())));
        }
        let used = group.render("select from {table} w where true{and_filter}");
        connection.prepare(used.into_sql_str()).await.map_err(|error| fault(told(error)))?;
    }
    if group.statement().is_some() {
        let fault = |said: String| ("statement", said);
        let statement = Rendered::from(group.work(&format!("item.{} is not null", group.key())));
        let prepared = connection.prepare_with(statement.into_sql_str(), &[PgTypeInfo::with_name("text")]).await;
        let prepared = prepared.map_err(|error| fault(told(error)))?;
        if parameters(&prepared) > 1 {
            return Err(fault("it has parameters such as $2: write values, or {worker}".to_owned()));
        }
        if !prepared.columns().is_empty() {
            return Err(fault("it returns rows: remove `returning`, or the select at the end".to_owned()));
        }
    }
    Ok(())
}

fn parameters(statement: &PgStatement) -> usize {
    statement.parameters().map_or(0, |found| found.either(<[_]>::len, |count| count))
}
