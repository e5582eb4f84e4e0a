//! Conversion of the errors of sqlx to [`StoreError`].

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use scaler_core::{MembershipError, StoreError};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgSeverity};

use crate::group::Group;

/// SQLSTATE of a write in a read-only transaction.
const READ_ONLY: &str = "25006";
/// SQLSTATE of a server that has no free connection slot.
pub(crate) const TOO_MANY: &str = "53300";
/// Prefixes of the SQLSTATEs of a server that cannot serve now: out of resources, statement cancelled or server stopping, read-only.
const NOT_REFUSED: [&str; 3] = ["53", "57", READ_ONLY];

/// Hosts and database for messages, without user and password.
#[derive(Clone, Debug)]
pub(crate) struct Target(String);

impl Target {
    pub(crate) fn of(options: &PgConnectOptions) -> Self {
        let place = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None if options.get_host().contains(':') => format!("[{}]:{}", options.get_host(), options.get_port()),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        Self(format!("{place}/{}", options.get_database().unwrap_or(options.get_username())))
    }

    /// Returns the target of several hosts with one database.
    pub(crate) fn all<'a>(each: impl Iterator<Item = &'a Self>) -> Self {
        let split = |target: &'a Self| target.0.rsplit_once('/').unwrap_or((&target.0, ""));
        let (places, databases): (Vec<_>, Vec<_>) = each.map(split).unzip();
        Self(format!("{}/{}", places.join(","), databases.first().unwrap_or(&"")))
    }

    /// Returns the target of a URL that may be invalid, without the parts that may hold a secret.
    pub(crate) fn of_url(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let rest = rest.split('?').next().unwrap_or_default();
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        Self(if scheme.is_empty() { "(not a URL)".to_owned() } else { format!("{scheme}://{place}") })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Error of Postgres, or of the connection to it, with its target.
#[derive(Debug, thiserror::Error)]
#[error("Postgres at {target}: {}", said(source))]
pub(crate) struct PgError {
    target: Target,
    source: sqlx::Error,
}

/// Returns the message and SQLSTATE of Postgres without the library's prefix; for other errors, their text.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(answer) => {
            let code = answer.code().map(|code| format!(" (SQLSTATE {code})"));
            format!("{}{}", answer.message(), code.unwrap_or_default())
        }
        sqlx::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

impl PgError {
    pub(crate) const fn new(target: Target, source: sqlx::Error) -> Self {
        Self { target, source }
    }
}

/// Errors that this program detects itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Finding {
    #[error("{target} is not a Postgres URL: use one that starts with postgres:// or postgresql://")]
    OtherScheme { target: Target },
    #[error("{target}: target_session_attrs is {value:?}, but this program writes: use read-write, primary or any")]
    SessionAttrs { target: Target, value: String },
    #[error("Postgres at {target}: cannot connect to any host: {said}")]
    Nowhere { target: Target, said: String },
    #[error("Postgres at {target}: a connection pooler in transaction mode reports {said:?}: set POSTGRES_POOLER=transaction")]
    Pooler { target: Target, said: String },
    #[error(
        "Postgres at {target}: schema {group} is {how} and cannot be installed through a pooler in transaction mode: run \
         `notifi-scaler migrate` with a direct connection"
    )]
    PastThePooler { target: Target, group: String, how: &'static str },
    #[error(
        "Postgres at {target}: the user or password contains a character that SCRAM authentication prohibits (SASLprep, RFC 4013), such \
         as a control character or an emoji: use others"
    )]
    Unpreparable { target: Target },
    #[error("Postgres at {target}: no connection within {waited:?}")]
    NoConnection { target: Target, waited: Duration },
    #[error(
        "Postgres at {target}: too many connections, or the server does not answer; the next connection attempt is in {wait:?}"
    )]
    Full { target: Target, wait: Duration },
    #[error("Postgres at {target}: cannot read the password file {}: {source}", path.display())]
    PasswordFile { target: Target, path: PathBuf, source: std::io::Error },
    #[error("Postgres at {target}: no answer within {waited:?}")]
    NoAnswer { target: Target, waited: Duration },
    #[error("Postgres at {target}: the server or the connection was lost: the session of this statement is gone or idle")]
    Vanished { target: Target },
    #[error(
        "{target}: the statement timeout ({statement:?}) must be less than the command timeout ({command:?}), or a slow server could \
         not be told from a lost one"
    )]
    Timeouts { target: Target, statement: Duration, command: Duration },
    #[error(
        "Postgres at {target}: schema {group} is missing (SQLSTATE 3F000); start a control plane or run `notifi-scaler migrate`"
    )]
    NoSchema { target: Target, group: String },
    #[error(
        "Postgres at {target}: table {table} is missing (SQLSTATE 42P01); start a control plane or run `notifi-scaler migrate`"
    )]
    NoTable { target: Target, table: String },
    #[error(
        "Postgres at {target}: this role has no usage privilege on schema {group} yet (SQLSTATE 42501): the owner must run \
         `notifi-scaler migrate` with the option of this role"
    )]
    NotOpen { target: Target, group: String },
    #[error("Postgres at {target}: schema {group} has an older version (SQLSTATE 42883); run `notifi-scaler migrate`")]
    OldSchema { target: Target, group: String },
    #[error(
        "Postgres at {target}: {lacking} is not granted: grant it, or run `notifi-scaler migrate` as the owner with the option of this role"
    )]
    NotGranted { target: Target, lacking: String },
    #[error(
        "Postgres at {target}: schema {group} is {how}, and this role may not install it: run `notifi-scaler migrate` as its owner"
    )]
    OwnersTurn { target: Target, group: String, how: &'static str },
    #[error("Postgres at {target}: role {role} does not exist: create it first, with LOGIN")]
    NoRole { target: Target, role: String },
    #[error(
        "Postgres at {target}: role {role} is a superuser or a member of the schema owner, so its privileges cannot be \
         limited: use another role"
    )]
    OwnersRole { target: Target, role: String },
    #[error(
        "Postgres at {target}: role {role} is given for more than one of workers, control planes and readers: name different roles"
    )]
    SameRole { target: Target, role: String },
    #[error("Postgres at {target}: waiting for {what}: {holder}")]
    Held { target: Target, what: &'static str, holder: String },
    #[error("Postgres at {target}: {table}: {what}: {remedy}")]
    Unworkable { target: Target, table: String, what: String, remedy: String },
    #[error(
        "Postgres at {target}: {relation} has no index on the slot of its rows, so each tick scans the whole table: run `notifi-scaler \
         migrate` as its owner"
    )]
    NoIndex { target: Target, relation: String },
    #[error("Postgres at {target}: {table} is {found}, expected a table: name a table")]
    NotATable { target: Target, table: String, found: &'static str },
    #[error("Postgres at {target}: cannot delete and insert rows of {table} without side effects: {why}")]
    NotMovable { target: Target, table: String, why: String },
    #[error("Postgres at {target}: public.work_items.{column} is {found}, expected {expected}")]
    Column { target: Target, column: &'static str, found: String, expected: &'static str },
    #[error(
        "Postgres at {target}: installed with {installed} slots, but SLOTS is {wanted}: set SLOTS to the installed number, or unset it"
    )]
    OtherSlots { target: Target, installed: u32, wanted: u32 },
    #[error(
        "Postgres at {target}: group {group} is installed for {installed}, but {wanted} is asked for: name the installed table and key, or \
         another group"
    )]
    OtherTable { target: Target, group: String, installed: String, wanted: String },
    #[error(
        "Postgres at {target}: group {group} is installed with {setting} {installed}, but {wanted} is asked for: run `notifi-scaler migrate` \
         with the new {setting}, or set the installed one"
    )]
    OtherSetting { target: Target, group: String, setting: &'static str, installed: String, wanted: String },
    #[error(
        "Postgres at {target}: the {what} does not fit table {table}: {said}: correct the {what}, and write names of other tables and functions \
         with their schema"
    )]
    BadSql { target: Target, what: &'static str, table: String, said: String },
    #[error(
        "Postgres at {target}: {table} is not the table of the increment: its rows are added, changed and removed by their own programs"
    )]
    NotTheIncrement { target: Target, table: String },
    #[error("Postgres at {target}: table {table} does not exist: create it, or name another table")]
    NoUsersTable { target: Target, table: String },
    #[error("Postgres at {target}: column {key} of table {table} is missing: name the key column")]
    NoKey { target: Target, table: String, key: String },
    #[error("Postgres at {target}: key {table}.{key} is {found}: choose a column of type uuid, bigint, integer, text or varchar")]
    KeyType { target: Target, table: String, key: String, found: String },
    #[error("Postgres at {target}: key {table}.{key} {what}: {remedy}")]
    Key { target: Target, table: String, key: String, what: &'static str, remedy: String },
    #[error("Postgres at {target}: {wanted} slots: an installation has 256 to 65536")]
    SlotsOutOfRange { target: Target, wanted: u32 },
    #[error("Postgres at {target}: {what} has the invalid value {value:?}")]
    Value { target: Target, what: &'static str, value: String },
    #[error("Postgres at {target}: a migration failed: {source}")]
    Migration { target: Target, source: sqlx::migrate::MigrateError },
}

/// True if the server refused because it takes no writes: it is a standby, or has become one.
pub(crate) fn is_read_only(error: &(dyn std::error::Error + 'static)) -> bool {
    let said = error.downcast_ref::<PgError>().and_then(|error| error.source.as_database_error());
    said.and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == READ_ONLY)
}

/// True if Postgres answered and refused the statement, for example for lack of a privilege or because another session holds a lock. False if
/// the server takes no writes, lacks resources, cancelled the statement, or is not fully installed yet.
pub(crate) fn is_refusal(error: &StoreError) -> bool {
    let said = std::error::Error::source(error).and_then(|source| source.downcast_ref::<PgError>());
    let answer = said.and_then(|error| error.source.as_database_error());
    let Some(answer) = answer.and_then(|answer| answer.try_downcast_ref::<PgDatabaseError>()) else { return false };
    matches!(answer.severity(), PgSeverity::Error)
        && !matches!(error, StoreError::NotInstalled { .. })
        && !NOT_REFUSED.iter().any(|code| answer.code().starts_with(code))
}

/// True if the server has no free connection slot.
pub(crate) fn is_full(error: &StoreError) -> bool {
    let Some(source) = std::error::Error::source(error) else { return false };
    let said = source.downcast_ref::<PgError>().and_then(|error| error.source.as_database_error());
    let is_full = said.and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == TOO_MANY);
    is_full || matches!(source.downcast_ref(), Some(Finding::Full { .. }))
}

/// Returns the message of an error that shows a pooler; `None` for any other error.
///
/// Either the pooler itself refuses our settings; its messages are in English, whatever the language of the server. Or it ignores them and
/// lends one session to many clients, which then find each other's prepared statements there, or miss their own.
fn of_a_pooler(answer: &dyn sqlx::error::DatabaseError) -> Option<String> {
    let prepared = answer.code().is_some_and(|code| code == "26000" || code == "42P05");
    (prepared || answer.message().starts_with("unsupported startup parameter")).then(|| answer.message().to_owned())
}

/// Missing part of an installation, as `sql/missing.sql` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The schema.
    Schema,
    /// The privilege to use the schema: its owner creates it first and grants the privilege then.
    Use,
    /// A part of the schema that this version needs.
    Version,
    /// The privilege to use the schema of the table of work.
    Public,
    /// The table of work.
    Table,
}

impl Missing {
    pub(crate) fn of(word: &str) -> Option<Self> {
        match word {
            "schema" => Some(Self::Schema),
            "use" => Some(Self::Use),
            "version" => Some(Self::Version),
            "public" => Some(Self::Public),
            "table" => Some(Self::Table),
            _ => None,
        }
    }

    /// Returns the error of a call that failed because of this.
    pub(crate) fn failure(self, during: &'static str, target: Target, of: &Group) -> StoreError {
        let group = of.schema();
        let finding = match self {
            Self::Schema => Finding::NoSchema { target, group },
            Self::Table => Finding::NoTable { target, table: of.table() },
            Self::Use => Finding::NotOpen { target, group },
            Self::Version => Finding::OldSchema { target, group },
            Self::Public => {
                let finding = Finding::NotGranted { target, lacking: format!("usage on schema {}", of.schema_of_table()) };
                return StoreError::Denied { during, source: Box::new(finding) };
            }
        };
        StoreError::NotInstalled { during, source: Box::new(finding) }
    }
}

/// True if a part of the installation may be missing: an undefined table, schema or function, or insufficient privilege. A user's trigger may
/// lack a table of its own, so the catalog must be asked.
pub(crate) fn may_be_missing(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["42P01", "3F000", "42883", "42501"].contains(&&*code))
}

/// Converts an error to a [`StoreError`] by its SQLSTATE; see appendix A of the Postgres manual.
pub(crate) fn classify(during: &'static str, target: &Target, error: sqlx::Error) -> StoreError {
    let answer = error.as_database_error();
    let code = answer.and_then(|error| error.code()).map(|code| code.into_owned());
    if let Some(said) = answer.and_then(of_a_pooler) {
        let source = Box::new(Finding::Pooler { target: target.clone(), said });
        return StoreError::Refused { during, source };
    }
    let away = matches!(error, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed);
    let source = Box::new(PgError::new(target.clone(), error));
    match code.as_deref() {
        // Insufficient privilege; invalid authorization.
        Some("42501" | "28000" | "28P01") => StoreError::Denied { during, source },
        // Undefined column; wrong type.
        Some("42703" | "42804") => StoreError::Misshapen { during, source },
        // Lock not available, deadlock, serialization, statement cancelled: rolled back. Read-only: a standby, before promotion.
        Some("55P03" | "40P01" | "40001" | "57014" | READ_ONLY) => StoreError::Busy { during, source },
        // Starting up or shutting down, too many connections, out of memory or disk.
        Some(code) if code.starts_with("57P") || code.starts_with("53") => StoreError::Unavailable { during, source },
        // The connection broke while it was used.
        Some(code) if code.starts_with("08") => StoreError::Unanswered { during, source },
        Some(_) => StoreError::Refused { during, source },
        None if away => StoreError::Unavailable { during, source },
        None => StoreError::Unanswered { during, source },
    }
}

/// Converts the error of a call of a membership.
pub(crate) fn of_membership(error: StoreError) -> MembershipError {
    match error {
        StoreError::Denied { during, source } => MembershipError::Denied { during, source },
        StoreError::Misshapen { during, source } => MembershipError::Misshapen { during, source },
        StoreError::Unanswered { during, source } => MembershipError::Unanswered { during, source },
        StoreError::Refused { during, source } => MembershipError::Refused { during, source },
        // The schema may be installed later, and a lock is held for a moment: nothing was changed.
        StoreError::NotInstalled { during, source }
        | StoreError::Unavailable { during, source }
        | StoreError::Busy { during, source } => MembershipError::Unavailable { during, source },
        error => MembershipError::Unanswered { during: "calling Postgres", source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_never_shows_a_secret() {
        for (url, shown) in [
            ("postgres://me:secret@db:5432/work?password=secret", "postgres://db:5432/work"),
            ("postgres://me:sec@ret@db/work", "postgres://db/work"),
            ("me:secret", "(not a URL)"),
        ] {
            assert_eq!(Target::of_url(url).to_string(), shown);
        }
        let options = "postgres://me:secret@db:5432/work".parse().unwrap();
        assert_eq!(Target::of(&options).to_string(), "db:5432/work");
    }
}
