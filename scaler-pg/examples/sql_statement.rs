//! Work that is a write to the same database: a statement of one's own, fenced by the store. Each invoice that is due is reminded of once a
//! tick, by one process. Postgres is the only server.
//!
//! ```sh
//! psql "$DATABASE_URL" -c "create table if not exists public.invoices (id bigint primary key, paid bool not null default false,
//!     reminders integer not null default 0)"
//! DATABASE_URL=postgres://user:password@localhost/mydatabase HOSTNAME=one cargo run -p scaler-pg --example sql_statement
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use scaler_core::node::NodeEvent;
use scaler_core::worker::WorkerEvent;
use scaler_core::{BoxError, Node};
use scaler_pg::PgStore;

/// `{table}` and `{owned}` are filled in by the store: the condition holds for the rows of the slots that this process owns in this tick.
const REMIND: &str = "update {table} set reminders = reminders + 1 where {owned}";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (url, name) = (std::env::var("DATABASE_URL")?, std::env::var("HOSTNAME")?);
    let store = PgStore::builder(url)
        .group("invoices")
        .table("public.invoices")
        .key("id")
        .filter("not paid")
        .statement(REMIND)
        .build()?;
    let shutdown = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    let observe = |event| {
        if let NodeEvent::Worker(WorkerEvent::Ticked { report, .. }) = event {
            println!("tick {}: {} reminders by {} slots", report.tick.0, report.items, report.ticked);
        }
    };
    // A statement needs no handler, and no hand-over: each tick is fenced by itself.
    Node::builder(store).name(name).observe(observe).run_until(shutdown).await?;
    Ok(())
}
