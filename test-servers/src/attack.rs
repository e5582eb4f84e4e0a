//! SQL that attacks a schema as one of its roles.

use std::fmt::Write;

use sqlx::PgPool;

const NUMBERS: &[&str] = &[
    "-9223372036854775808",
    "-1",
    "0",
    "1",
    "2147483647",
    "9007199254740992",
    "9223372036854775806",
    "9223372036854775807",
    "null",
];
const SMALL_NUMBERS: &[&str] = &["-2147483648", "-1", "0", "1", "2147483647", "null"];
const TEXTS: &[&str] = &["''", "' '", "'a b'", "repeat('x', 300)", "E'a\\nb'", "'\u{fc}'", "'someone-else'", "null"];
const UUIDS: &[&str] = &["gen_random_uuid()", "'00000000-0000-0000-0000-000000000000'", "null"];
const TIMES: &[&str] = &[
    "'infinity'",
    "'-infinity'",
    "'294276-12-31'",
    "'4713-01-01 BC'",
    "clock_timestamp()",
    "clock_timestamp() + interval '1 hour'",
    "null",
];

/// Returns extreme values of this type.
fn extremes(kind: &str) -> Vec<String> {
    let of = |values: &[&str]| values.iter().map(|value| format!("({value})::{kind}")).collect();
    match kind {
        "bigint" => of(NUMBERS),
        "integer" => of(SMALL_NUMBERS),
        "text" | "character varying" => of(TEXTS),
        "uuid" => of(UUIDS),
        "timestamp with time zone" => of(TIMES),
        "interval" => of(&["'0'", "'-1 day'", "'23 hours'", "'1000000 years'", "null"]),
        "bigint[]" => of(&["'{}'", "'{9223372036854775807,-1,9223372036854775807}'", "null"]),
        "integer[]" => of(&["'{}'", "'{-1,2147483647}'", "null"]),
        "uuid[]" => of(&["'{}'", "array[gen_random_uuid()]", "null"]),
        "text[]" => of(&["'{}'", "'{\"\",someone-else,null}'", "array_fill('x'::text, array[10000])", "null"]),
        "boolean" => of(&["true", "false", "null"]),
        other => unreachable!("no values are known for {other}"),
    }
}

/// Attack surface of a role in a schema: each column that it may update, by table, and each function that it may execute, with
/// the types of its arguments.
#[derive(Debug)]
pub struct AttackSurface {
    columns: Vec<(String, String, String)>,
    functions: Vec<(String, Vec<String>)>,
}

impl AttackSurface {
    /// Returns the attack surface of the role that this pool logs in as.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn of(role: &PgPool, schema: &str) -> Result<Self, sqlx::Error> {
        let columns = "select c.oid::regclass::text, a.attname::text, format_type(a.atttypid, null)
            from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where c.relnamespace = $1::regnamespace and c.relkind = 'r'
              and has_column_privilege(c.oid, a.attnum, 'update') order by 1, 2";
        let functions = "select p.oid::regproc::text, array(select format_type(t, null) from unnest(p.proargtypes) t)
            from pg_proc p where p.pronamespace = $1::regnamespace and p.prorettype <> 'trigger'::regtype
              and has_function_privilege(p.oid, 'execute') order by 1, 2";
        Ok(Self {
            columns: sqlx::query_as(columns).bind(schema).fetch_all(role).await?,
            functions: sqlx::query_as(functions).bind(schema).fetch_all(role).await?,
        })
    }

    /// Returns true if the role may neither update a column nor execute a function.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.functions.is_empty()
    }

    /// Returns statements that set each column to each extreme value, and call each function with each extreme argument beside
    /// ordinary ones.
    #[must_use]
    pub fn attacks(&self) -> Vec<String> {
        let mut attacks = Vec::new();
        for (table, column, kind) in &self.columns {
            attacks.extend(extremes(kind).iter().map(|value| format!("update {table} set {column} = {value}")));
        }
        for (function, takes) in &self.functions {
            for (place, kind) in takes.iter().enumerate() {
                for value in extremes(kind) {
                    let mut arguments: Vec<_> = takes.iter().map(|kind| usual(kind).to_owned()).collect();
                    arguments[place] = value;
                    attacks.push(format!("select * from {function}({})", arguments.join(", ")));
                }
            }
        }
        attacks
    }

    /// Returns a statement that sets several columns of a table to extreme values chosen by this seed; `None` if the role may
    /// update no column, or if the seed selects none.
    #[must_use]
    pub fn random_attack(&self, seed: u64) -> Option<String> {
        let mut random = fastrand::Rng::with_seed(seed);
        let (table, ..) = self.columns.get(random.usize(..self.columns.len().max(1)))?;
        let mut changes = String::new();
        for (_, column, kind) in self.columns.iter().filter(|(other, ..)| other == table) {
            if random.bool() {
                let values = extremes(kind);
                let _ = write!(changes, ", {column} = {}", values[random.usize(..values.len())]);
            }
        }
        (!changes.is_empty()).then(|| format!("update {table} set {}", &changes[2..]))
    }
}

/// Returns an ordinary argument of this type.
fn usual(kind: &str) -> &'static str {
    match kind {
        "bigint" => "1::bigint",
        "integer" => "1",
        "text" => "'attacker'",
        "uuid" => "'00000000-0000-0000-0000-00000000000a'::uuid",
        "timestamp with time zone" => "clock_timestamp() + interval '1 second'",
        "bigint[]" => "'{}'::bigint[]",
        "integer[]" => "'{1}'::integer[]",
        _ => "null",
    }
}
