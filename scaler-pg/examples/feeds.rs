//! Shares the rows of a table among the processes of a service, each item with a future of its own: `public.feeds`, with a key `id` and a column
//! `enabled`. Postgres is the only server.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use async_trait::async_trait;
use scaler_core::node::{Handler, Lease, Node};
use scaler_core::{BoxError, ItemId};
use scaler_pg::PgStore;

struct Poller;

#[async_trait]
impl Handler for Poller {
    async fn run(&self, feed: ItemId, lease: Lease) -> Result<(), BoxError> {
        let mut every = tokio::time::interval(Duration::from_secs(60));
        while lease.next(&mut every).await {
            println!("poll {feed}; fencing token: {}", lease.token());
        }
        Ok(()) // The next owner may begin.
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (url, name) = (std::env::var("DATABASE_URL")?, std::env::var("HOSTNAME")?);
    let store = PgStore::builder(url).group("feeds").table("public.feeds").key("id").filter("enabled").build()?;
    let shutdown = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    Node::builder(store).name(name).handler(Poller).run_until(shutdown).await?;
    Ok(())
}
