//! Each role sets every column that it may write to what cannot be, and calls every function with hostile arguments: whatever it does, the leader goes
//! on, and workers tick.

use std::fmt::Write;
use std::time::{Duration, Instant};

use scaler_core::testing::store::StoreFixture;
use scaler_core::{Hearing, MemberKey, Outcome, Slot, SlotRange, StoreError, Term, Timing, Transfer};
use scaler_pg::WorkerAccess;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::role_desk::{RoleDesk, with_roles};
use crate::support::member;

const LEASE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);
/// Random attacks of each role, besides each column and function with each extreme.
const RANDOM: u64 = 60;

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

/// What values of this type are tried.
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
        "boolean" => of(&["true", "false", "null"]),
        other => unreachable!("no values are known for {other}"),
    }
}

/// What a role may do: each column that it may update, by table, and each function that it may execute, with the types of what it takes.
struct Surface {
    columns: Vec<(String, String, String)>,
    functions: Vec<(String, Vec<String>)>,
}

impl Surface {
    async fn of(role: &PgPool) -> Self {
        let columns = "select c.oid::regclass::text, a.attname::text, format_type(a.atttypid, null)
            from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where c.relnamespace = 'scaler'::regnamespace and c.relkind = 'r'
              and has_column_privilege(c.oid, a.attnum, 'update') order by 1, 2";
        let functions = "select p.oid::regproc::text, array(select format_type(t, null) from unnest(p.proargtypes) t)
            from pg_proc p where p.pronamespace = 'scaler'::regnamespace and p.prorettype <> 'trigger'::regtype
              and has_function_privilege(p.oid, 'execute') order by 1, 2";
        Self {
            columns: sqlx::query_as(columns).fetch_all(role).await.unwrap(),
            functions: sqlx::query_as(functions).fetch_all(role).await.unwrap(),
        }
    }

    /// Each column and each argument with each extreme; the other arguments are a worker's.
    fn attacks(&self) -> Vec<String> {
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

    /// Several columns at once, of one row, with any extremes.
    fn random_attack(&self, seed: u64) -> Option<String> {
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

/// An argument as a worker may give it.
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

/// A leader and a worker that must go on.
struct Victims<'a> {
    desk: &'a RoleDesk,
    worker: MemberKey,
    term: Term,
}

impl Victims<'_> {
    /// Whether the leader does all that it does in a turn, and the worker ticks. A leader that was deposed is followed by another.
    async fn go_on(&mut self) -> Result<(), StoreError> {
        let (store, election) = (self.desk.store(), self.desk.election());
        if !election.renew(&self.term, LEASE, Hearing::Members).await? {
            self.term = loop {
                if let Some(term) = election.campaign(Uuid::new_v4(), LEASE, Hearing::Members).await? {
                    break term;
                }
                // What an hour from now would end is by a clock that has fallen.
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
        }
        store.catch_up(&self.term).await?;
        let assignment = store.assignment().await?;
        store.census().await?;
        let mine = |slot: &Slot| assignment.slots[slot.index()].owner.as_ref() == Some(&self.worker);
        let lost: Vec<_> = (0..256).map(Slot::new).filter(|slot| !mine(slot)).collect();
        let epoch = |slot: Slot| assignment.slots[slot.index()].epoch;
        let transfer = |slot| Transfer { slot, epoch: epoch(slot), to: self.worker.clone(), timing: Timing::Now };
        let outcome = store.commit(&self.term, &lost.into_iter().map(transfer).collect::<Vec<_>>()).await?;
        assert!(matches!(&outcome, Outcome::Committed { refused, .. } if refused.is_empty()), "{outcome:?}");
        let begun = Instant::now();
        while store.tick(&self.worker, SlotRange::ALL).await?.items == 0 {
            assert!(begun.elapsed() < PATIENCE, "nothing is ticked any more");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// The attack after which somebody stood still, and what failed then.
async fn attacked(desk: &RoleDesk, role: &PgPool) -> Result<(), String> {
    desk.owner.store.add_items(10).await.unwrap();
    let worker = member("victim");
    let term = desk.election().campaign(Uuid::new_v4(), LEASE, Hearing::Members).await.unwrap();
    let mut victims = Victims { desk, worker, term: term.unwrap() };
    victims.go_on().await.unwrap();
    let surface = Surface::of(role).await;
    assert!(!surface.columns.is_empty() || !surface.functions.is_empty(), "it may do something");
    let random = (0..RANDOM).filter_map(|seed| surface.random_attack(seed));
    for attack in surface.attacks().into_iter().chain(random) {
        // It may be refused, or change what may be changed.
        let _ = sqlx::raw_sql(AssertSqlSafe(attack.clone())).execute(role).await;
        victims.go_on().await.map_err(|error| format!("after {attack}: {error}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_that_may_write_tables_stops_nobody() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    attacked(&desk, &desk.worker).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_may_call_functions_stops_nobody() {
    let desk = with_roles(50, WorkerAccess::Functions).await;
    attacked(&desk, &desk.worker).await.unwrap();
}

#[tokio::test]
async fn a_control_plane_stops_nobody() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    attacked(&desk, &desk.control).await.unwrap();
}

#[tokio::test]
async fn one_that_only_looks_stops_nobody() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    attacked(&desk, &desk.looker).await.unwrap();
}

#[tokio::test]
async fn without_its_guards_the_schema_is_brought_to_a_stop() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    desk.owner
        .run(
            "drop trigger guard_ticks on scaler.slot;
             alter table scaler.slot drop constraint slot_counts_can_be",
        )
        .await;
    let stopped = attacked(&desk, &desk.worker).await.unwrap_err();
    assert!(stopped.contains("last_tick"), "{stopped}");
}
