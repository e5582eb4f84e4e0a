//! A group: the schema that holds the slots, and the table, the key and the work that they are about.
//!
//! Values of the placeholders in `sql/` and `migrations/`:
//!
//! | placeholder | for the reference group | meaning |
//! |---|---|---|
//! | `{group}` | `scaler` | schema of the slots |
//! | `{schema}`, `{table}` | `public`, `public.work_items` | schema of the table of work; the table with its schema |
//! | `{key}` | `id` | key column of the table |
//! | `{key_type}`, `{key_hash}` | `uuid`, `uuid_hash_extended` | type of the key, an integer widened; the function of Postgres that hashes it; only for the installer |
//! | `{and_filter}` | nothing | `and (...)` with the filter |
//! | `{group_name}`, `{schema_name}`, `{table_name}`, `{key_name}` | `'scaler'` and so on | the bare name, as a string literal |
//! | `{schema_text}`, `{table_text}` | `'public'`, `'public.work_items'` | the identifier, as a string literal, for `to_regclass` and the like |
//! | `{session_name}` | `'scaler-worker '` | start of the name of a worker's sessions, as a string literal |
//! | `{table_size}` | `pg_relation_size(...)` | size of the table in bytes, with its partitions |
//! | `{is_increment}` | `true` | true if the work is the increment of the reference table |
//! | `{work_on_slots}`, `{work_on_slots_but}`, `{work_on_items}` | the increment | the work; see `sql/work_functions.sql` |
//! | `{changed}` | `changed` | number of items that the work has changed; `null` if it need not change each |
//! | `{lock_items}` | `for no key update of w skip locked` | lock on rows that the work is about to change |
//! | `{worker_right}` | `'update'` | greatest privilege on the table that the work itself needs |
//! | `{worker_rights}`, `{control_rights}`, `{look_rights}` | `select (id, value)` and so on | privileges of a role on the table |
//!
//! In a string literal of a template, only `{group}` may stand: any other identifier may need quotes.

use scaler_core::{BoxError, KeyType, StoreError};

use crate::identifier::{BODY, IdentifierError, parts, quoted, single};
use crate::key::{hash_function, sql_type};
use crate::statement::{Statement, StatementError};
use crate::template::{Rendered, render};

/// Prefix of the `application_name` of a worker's sessions, by which the control plane sees that the worker is connected.
pub(crate) const WORKER_SESSION: &str = "scaler-worker ";

/// Identifiers that stand in a statement without quotes. The text of a released migration must not change, since databases hold its
/// checksum.
const BARE: [&str; 4] = ["scaler", "public", "work_items", "id"];

/// The schema that holds the slots, and the table, the key and the work that they are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    name: String,
    schema: String,
    table: String,
    key: String,
    key_type: KeyType,
    filter: Option<String>,
    work: Work,
}

/// Form of work of a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    /// The increment of the reference table, which is created if it is missing.
    Increment,
    /// A statement of the user.
    Statement(Statement),
    /// No row is changed: handlers do the work.
    None,
}

/// Description of a group, as the builder of a store collects it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    pub(crate) group: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) filter: Option<String>,
    pub(crate) statement: Option<String>,
}

/// Reason for which a description is not that of a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DescriptionError {
    #[error(
        "group {0:?}: it is a schema of lower-case letters, digits and underscores, begins with a letter, has 63 bytes at most, and \
             does not begin with pg_"
    )]
    Group(String),
    #[error("table {table:?}: {source}: write it as table or schema.table")]
    Table { table: String, source: IdentifierError },
    #[error("table {table:?} lies in the schema of the group: that schema is for slots only; choose another group")]
    Inside { table: String },
    #[error("key {key:?}: {source}: it is the name of one column")]
    Key { key: String, source: IdentifierError },
    #[error("key {0:?} without a table: name the table, too")]
    KeyAlone(String),
    #[error(
        "filter {0:?}: it is a condition over columns of the table, such as `enabled`, and must not contain {BODY} or a zero byte"
    )]
    Filter(String),
    #[error("statement {statement:?}: {source}")]
    Statement { statement: String, source: StatementError },
}

impl Default for Group {
    /// Returns the reference group.
    fn default() -> Self {
        let [name, schema, table, key] = BARE.map(str::to_owned);
        Self { name, schema, table, key, key_type: KeyType::Uuid, filter: None, work: Work::Increment }
    }
}

impl Group {
    /// Checks what can be checked without a database.
    pub(crate) fn new(described: &Description) -> Result<Self, StoreError> {
        Self::described(described)
            .map_err(|error| StoreError::Refused { during: "build the store", source: Box::new(error) as BoxError })
    }

    fn described(described: &Description) -> Result<Self, DescriptionError> {
        let mut group = Self::default();
        if let Some(name) = &described.group {
            group.name = group_name(name)?;
        }
        if let Some(table) = &described.table {
            (group.schema, group.table) = table_name(table)?;
            group.work = Work::None;
        }
        if group.schema == group.name {
            return Err(DescriptionError::Inside { table: format!("{}.{}", group.schema, group.table) });
        }
        if let Some(key) = &described.key {
            if described.table.is_none() {
                return Err(DescriptionError::KeyAlone(key.clone()));
            }
            group.key = single(key).map_err(|source| DescriptionError::Key { key: key.clone(), source })?;
        }
        if let Some(filter) = &described.filter {
            if filter.trim().is_empty() || filter.contains(BODY) || filter.contains('\0') {
                return Err(DescriptionError::Filter(filter.clone()));
            }
            group.filter = Some(filter.trim().to_owned());
        }
        if let Some(text) = &described.statement {
            let statement = Statement::new(text);
            group.work =
                Work::Statement(statement.map_err(|source| DescriptionError::Statement { statement: text.clone(), source })?);
        }
        Ok(group)
    }

    /// Returns the same group with keys of this type, as its table has them. Until then, only statements that name no type can be rendered.
    pub(crate) fn with_key_type(&self, key_type: KeyType) -> Self {
        Self { key_type, ..self.clone() }
    }

    /// Returns the schema of the slots, as an identifier.
    pub(crate) fn schema(&self) -> String {
        identifier(&self.name)
    }

    /// Returns the table of work with its schema, as an identifier.
    pub(crate) fn table(&self) -> String {
        format!("{}.{}", self.schema_of_table(), identifier(&self.table))
    }

    /// Returns the schema of the table of work, as an identifier.
    pub(crate) fn schema_of_table(&self) -> String {
        identifier(&self.schema)
    }

    /// Returns the key column, as an identifier.
    pub(crate) fn key(&self) -> String {
        identifier(&self.key)
    }

    /// Returns the name of the key column.
    pub(crate) fn key_name(&self) -> &str {
        &self.key
    }

    pub(crate) fn filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }

    /// Returns the user's statement; `None` for the increment and for no work.
    pub(crate) const fn statement(&self) -> Option<&Statement> {
        match &self.work {
            Work::Statement(statement) => Some(statement),
            Work::Increment | Work::None => None,
        }
    }

    /// True if the work is the increment of the reference table.
    pub(crate) const fn is_increment(&self) -> bool {
        matches!(self.work, Work::Increment)
    }

    /// Returns the channel of wake-up notifications, which is the bare name of the schema of the slots.
    pub(crate) fn channel(&self) -> &str {
        &self.name
    }

    /// Returns the start of the name of a worker's sessions. Groups of one database have different ones: a session of one group says nothing
    /// about another.
    pub(crate) fn session_name(&self) -> String {
        if self.name == BARE[0] { WORKER_SESSION.to_owned() } else { format!("scaler-worker-{:08x} ", hash(&self.name)) }
    }

    /// Returns the key of the advisory lock of installers, different for each group.
    pub(crate) fn lock(&self) -> i64 {
        const REFERENCE: i64 = 0x7363_616c_6572;
        if self.name == BARE[0] { REFERENCE } else { REFERENCE ^ (i64::from(hash(&self.name)) << 16) }
    }

    /// Renders a template.
    pub(crate) fn render(&self, template: &str) -> Rendered {
        render(template, |placeholder| self.value(placeholder))
    }

    /// Renders the statements that grant privileges to this role.
    pub(crate) fn render_for(&self, role: &str, template: &str) -> Rendered {
        render(template, |placeholder| if placeholder == "role" { Some(quoted(role, '"')) } else { self.value(placeholder) })
    }

    /// Renders the work on these rows of the table, `item`.
    pub(crate) fn work(&self, owned: &str) -> String {
        let owned = format!("{owned}{}", self.and_filter());
        match &self.work {
            Work::Increment => Statement::increment().render(&self.table(), &owned),
            Work::Statement(statement) => statement.render(&self.table(), &owned),
            Work::None => "null".to_owned(),
        }
    }

    fn value(&self, placeholder: &str) -> Option<String> {
        let (key, slot) = (self.key(), format!("{}.slot_of(item.{})", self.schema(), self.key()));
        let in_slots = format!("{slot} = any (array(select unnest($2)))");
        Some(match placeholder {
            "group" => self.schema(),
            "schema" => self.schema_of_table(),
            "table" => self.table(),
            "key" => key,
            "key_type" => sql_type(self.key_type).to_owned(),
            "key_hash" => hash_function(self.key_type).to_owned(),
            "and_filter" => self.and_filter(),
            "group_name" => literal(&self.name),
            "schema_name" => literal(&self.schema),
            "table_name" => literal(&self.table),
            "key_name" => literal(&self.key),
            "schema_text" => literal(&identifier(&self.schema)),
            "table_text" => literal(&self.table()),
            "session_name" => literal(&self.session_name()),
            "table_size" => self.table_size(),
            "is_increment" => self.is_increment().to_string(),
            "work_on_slots" => self.work(&in_slots),
            "work_on_slots_but" => self.work(&format!("{in_slots} and item.{key} not in (select unnest($3))")),
            "work_on_items" => self.work(&format!("{in_slots} and item.{key} = any ($3)")),
            "changed" => if self.changes_each() { "changed" } else { "null" }.to_owned(),
            "lock_items" => if matches!(self.work, Work::None) { "" } else { "for no key update of w skip locked" }.to_owned(),
            "worker_right" => literal(if matches!(self.work, Work::None) { "select" } else { "update" }),
            "worker_rights" => self.worker_rights().to_owned(),
            "control_rights" => if self.is_increment() { "select (id, value)" } else { "select" }.to_owned(),
            "look_rights" => if self.is_increment() { "select (id, value, currentworker)" } else { "select" }.to_owned(),
            _ => return None,
        })
    }

    fn and_filter(&self) -> String {
        // On a line of its own, since it may end with a comment.
        self.filter.as_ref().map_or_else(String::new, |filter| format!(" and ({filter}\n)"))
    }

    fn table_size(&self) -> String {
        let table = literal(&self.table());
        if self.is_increment() {
            return format!("pg_relation_size({table})");
        }
        format!(
            "coalesce((select sum(pg_relation_size(t.relid)) from pg_partition_tree({table}) t), pg_relation_size({table}))::bigint"
        )
    }

    fn changes_each(&self) -> bool {
        self.is_increment() || self.statement().is_some_and(Statement::changes_each)
    }

    fn worker_rights(&self) -> &'static str {
        match &self.work {
            Work::Increment => "select (id, value, currentworker), update (value, currentworker)",
            Work::Statement(statement) if statement.deletes() => "select, update, delete",
            Work::Statement(_) => "select, update",
            Work::None => "select",
        }
    }
}

fn group_name(name: &str) -> Result<String, DescriptionError> {
    let fits = name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= 63
        && !name.starts_with("pg_");
    if fits { Ok(name.to_owned()) } else { Err(DescriptionError::Group(name.to_owned())) }
}

/// Returns the schema and the name of a table.
fn table_name(table: &str) -> Result<(String, String), DescriptionError> {
    let failed = |source| DescriptionError::Table { table: table.to_owned(), source };
    let parts = parts(table).map_err(failed)?;
    match parts.as_slice() {
        [name] => Ok((BARE[1].to_owned(), name.clone())),
        [schema, name] => Ok((schema.clone(), name.clone())),
        _ => Err(failed(IdentifierError::Parts { found: parts.len(), expected: "one or two" })),
    }
}

fn identifier(name: &str) -> String {
    if BARE.contains(&name) { name.to_owned() } else { quoted(name, '"') }
}

fn literal(text: &str) -> String {
    // A backslash is an ordinary character, since `standard_conforming_strings` is on by default.
    quoted(text, '\'')
}

/// FNV-1a. Two groups with one hash only hide each other's sessions, and wait for each other's installers.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(group: &str, table: &str, key: &str) -> Result<Group, DescriptionError> {
        let [group, table, key] = [group, table, key].map(|text| (!text.is_empty()).then(|| text.to_owned()));
        Group::described(&Description { group, table, key, ..Description::default() })
    }

    #[test]
    fn the_reference_group_needs_no_quotes_and_every_other_name_has_them() {
        let reference = "select {key} from {table} where c.oid = {table_text}::regclass{and_filter} -- {group} {schema_name}";
        let rendered = Group::default().render(reference);
        assert_eq!(
            rendered.as_str(),
            "select id from public.work_items where c.oid = 'public.work_items'::regclass -- scaler 'public'"
        );
        let group = described("order", "\"My \"\"Schema\"\"\".\"it's\"", "\"{table}\"").unwrap();
        let rendered = group.render("{group} {table} {key} {table_text} {schema_name} {table_name}");
        let expected = r#""order" "My ""Schema"""."it's" "{table}" '"My ""Schema"""."it''s"' 'My "Schema"' 'it''s'"#;
        assert_eq!(rendered.as_str(), expected);
        assert_eq!(group.render_for("a\"b", "{role}").as_str(), "\"a\"\"b\"");
    }

    #[test]
    fn a_description_that_is_none_is_refused_with_the_reason() {
        for (group, table, key, expected) in [
            ("Feeds", "", "", "group \"Feeds\""),
            ("pg_feeds", "", "", "group \"pg_feeds\""),
            ("a-b", "", "", "group \"a-b\""),
            ("", "a.b.c", "id", "table \"a.b.c\": it has 3 parts, expected one or two"),
            ("", "a b", "id", "table \"a b\": character ' '"),
            ("feeds", "feeds.item", "id", "choose another group"),
            ("", "", "id", "key \"id\" without a table"),
            ("", "feeds", "a.b", "key \"a.b\": it has 2 parts"),
        ] {
            let error = described(group, table, key).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn groups_have_session_names_and_locks_of_their_own() {
        let [one, other] = ["feeds", "mails"].map(|name| described(name, "feeds", "id").unwrap());
        assert!(one.session_name() != other.session_name() && one.lock() != other.lock());
        assert!(!one.session_name().starts_with(WORKER_SESSION), "that would be a session of the reference group");
        // With an incarnation, within the 63 bytes of an application_name.
        assert_eq!(one.session_name().len() + 36, 59);
    }
}
