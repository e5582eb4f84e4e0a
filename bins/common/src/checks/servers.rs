//! Checks of the servers: schema, privileges, leader, members, and the database.

use std::time::Duration;

use scaler_core::StoreError;

use super::{Check, Facts};

/// Age at which a transaction slows ticks down.
const OLD_TRANSACTION: Duration = Duration::from_secs(10);
/// Age at which a transaction endangers them.
const VERY_OLD_TRANSACTION: Duration = Duration::from_secs(60);
/// Time for which a session may be idle in a transaction.
const IDLE: Duration = Duration::from_secs(10);
/// Dead rows for each live one at which vacuum does not keep up: autovacuum comes at two.
const DEAD_ROWS_PER_LIVE: u64 = 4;
/// Number of dead rows below which a table is read fast, whatever their share.
const FEW_DEAD_ROWS: u64 = 10_000;

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![
        schema(facts),
        table(facts),
        privileges(facts),
        server(facts),
        clock(facts),
        transactions(facts),
        idle_sessions(facts),
        vacuum(facts),
        sessions(facts),
        leader(facts),
        hearing(facts),
        members(facts),
        strangers(facts),
    ]
}

fn schema(facts: &Facts) -> Check {
    let name = "schema";
    match (&facts.probe, &facts.health) {
        (Some(Err(error @ (StoreError::NotInstalled { .. } | StoreError::Misshapen { .. }))), _) => {
            Check::failed(name, format!("the schema cannot be used: {error}"))
        }
        (_, Some(health)) if health.schema.0 < health.schema.1 => {
            let (installed, needed) = health.schema;
            Check::warning(name, format!("the schema has version {installed}, and this program needs {needed}: run `migrate`"))
        }
        (_, Some(health)) if health.schema.0 > health.schema.1 => {
            let (installed, needed) = health.schema;
            Check::warning(name, format!("the schema has version {installed}, and this program knows {needed}: it is too old"))
        }
        (Some(Ok(())), Some(health)) => Check::ok(name, format!("the schema has version {}", health.schema.0)),
        _ => Check::unknown(name, "the version of the schema cannot be read"),
    }
}

fn table(facts: &Facts) -> Check {
    let name = "table";
    match &facts.table {
        Some(Ok(())) => Check::ok(name, "ticks can update the table, and it has its index on the slot"),
        Some(Err(error @ (StoreError::NotInstalled { .. } | StoreError::Misshapen { .. }))) => {
            Check::failed(name, format!("ticks cannot use the table as it is: {error}"))
        }
        Some(Err(error)) => Check::unknown(name, format!("the table cannot be checked: {error}")),
        None => Check::unknown(name, "the table cannot be checked"),
    }
}

fn privileges(facts: &Facts) -> Check {
    let name = "privileges";
    let role = facts.health.as_ref().map_or("this role", |health| &health.role);
    match &facts.probe {
        Some(Err(error @ StoreError::Denied { .. })) => Check::failed(name, format!("{role} lacks a privilege: {error}")),
        Some(Ok(())) => Check::ok(name, format!("{role} may read slots and items")),
        _ => Check::unknown(name, "the privileges of this role cannot be read"),
    }
}

fn server(facts: &Facts) -> Check {
    let name = "server";
    match &facts.health {
        Some(health) if health.is_standby => {
            Check::failed(name, "this Postgres is a standby, which takes no writes: connect to the primary")
        }
        Some(health) => Check::ok(name, format!("Postgres {}", health.server_version)),
        None => Check::unknown(name, "Postgres does not tell its version"),
    }
}

fn clock(facts: &Facts) -> Check {
    let name = "clock";
    match &facts.overview {
        Some(overview) if overview.assignment.is_behind() => Check::failed(
            name,
            "the clock of Postgres is behind the last tick, and no item is ticked until the leader has caught up",
        ),
        Some(overview) => Check::ok(name, format!("tick {}", overview.assignment.tick)),
        None => Check::unknown(name, "the present tick cannot be read"),
    }
}

fn transactions(facts: &Facts) -> Check {
    let name = "transactions";
    let text = |age: Duration| format!("the oldest transaction has been open for {} s, and keeps dead rows", age.as_secs());
    match facts.oldest_transaction {
        Some(age) if age >= VERY_OLD_TRANSACTION => Check::failed(name, text(age)),
        Some(age) if age >= OLD_TRANSACTION => Check::warning(name, text(age)),
        Some(age) => Check::ok(name, format!("the oldest transaction has been open for {} s", age.as_secs())),
        None => Check::unknown(name, "this role may not see the transactions of others: grant it pg_read_all_stats"),
    }
}

fn idle_sessions(facts: &Facts) -> Check {
    let name = "idle-sessions";
    match facts.health.as_ref().and_then(|health| health.idle_in_transaction) {
        Some((sessions, longest)) if sessions > 0 && longest >= IDLE => Check::warning(
            name,
            format!(
                "{sessions} sessions are idle in a transaction that has used the table, the first for {} s",
                longest.as_secs()
            ),
        ),
        Some(_) => Check::ok(name, "no session is idle in a transaction that has used the table"),
        None => Check::unknown(name, "this role may not see the sessions of others: grant it pg_read_all_stats"),
    }
}

fn vacuum(facts: &Facts) -> Check {
    let name = "vacuum";
    match &facts.health {
        Some(health) if !health.autovacuums => Check::warning(name, "autovacuum is off for the table"),
        Some(health) => {
            let (dead, live) = (health.dead_rows, health.live_rows);
            let text = format!("the table has about {dead} dead rows beside {live} live ones");
            let is_behind = dead >= FEW_DEAD_ROWS && dead > live.saturating_mul(DEAD_ROWS_PER_LIVE);
            if is_behind { Check::warning(name, text) } else { Check::ok(name, text) }
        }
        None => Check::unknown(name, "the statistics of the table cannot be read"),
    }
}

fn sessions(facts: &Facts) -> Check {
    let name = "sessions";
    match &facts.overview {
        None => Check::unknown(name, "the sessions of workers cannot be read"),
        Some(_) if facts.behind_pooler => Check::ok(name, "a connection pooler hides the sessions of workers, as configured"),
        Some(overview) if overview.assignment.sessions.is_none() && overview.unowned() < overview.assignment.slots.len() => {
            Check::warning(
                name,
                "no session of a worker is visible: a connection pooler hides them, so a killed worker is noticed after 3 s instead of 1 s",
            )
        }
        Some(_) => Check::ok(name, "the sessions of workers are visible"),
    }
}

fn leader(facts: &Facts) -> Check {
    let name = "leader";
    match &facts.leader {
        None => Check::unknown(name, "the leader cannot be read"),
        Some(None) => Check::failed(name, "no control plane has been elected leader yet"),
        Some(Some(leader)) if leader.expires_in.is_zero() => {
            Check::failed(name, format!("no control plane leads; the last leader was {}", leader.term.holder))
        }
        Some(Some(leader)) => Check::ok(name, format!("{} leads, {}", leader.term.holder, leader.term)),
    }
}

fn hearing(facts: &Facts) -> Check {
    let name = "hearing";
    match facts.leader.flatten() {
        Some(leader) if leader.expires_in.is_zero() => Check::unknown(name, "no control plane leads"),
        Some(leader) => match leader.deaf_for {
            Some(time) => Check::failed(
                name,
                format!("the leader has received no heartbeat for {} s, so workers that join get no slots", time.as_secs()),
            ),
            None => Check::ok(name, "the leader receives heartbeats"),
        },
        None => Check::unknown(name, "no leader is known"),
    }
}

fn members(facts: &Facts) -> Check {
    let name = "members";
    match (&facts.members_error, facts.overview.as_ref().and_then(|overview| overview.members.as_ref())) {
        (Some(error), _) => Check::failed(name, format!("the members cannot be read: {error}")),
        (None, None) => Check::unknown(name, "the members were not read"),
        (None, Some(members)) if members.is_empty() => Check::failed(name, "there are no members of this installation"),
        (None, Some(members)) => Check::ok(name, format!("{} members", members.len())),
    }
}

fn strangers(facts: &Facts) -> Check {
    let name = "strangers";
    match &facts.overview {
        Some(overview) if !overview.strangers.is_empty() => {
            let names = overview.strangers.iter().map(|record| &record.member.key.worker);
            Check::warning(name, format!("members of other installations share the Redis key: {}", super::named(names)))
        }
        Some(overview) if overview.members.is_some() => Check::ok(name, "no other installation shares the Redis key"),
        _ => Check::unknown(name, "the members cannot be read"),
    }
}
