//! A web service that caches what it owns: each process answers for its own keys, and for others with 421 (misdirected request), so that a
//! caller tries the next process. What it loses is dropped from the cache.
//!
//! ```sh
//! psql -c 'create table public.tenants (id text primary key)' -c "insert into public.tenants select 'tenant-' || generate_series(1, 100)"
//! DATABASE_URL=postgres://... HOSTNAME=one cargo run -p scaler-pg --example cache_owner 127.0.0.1:8001
//! curl -i 127.0.0.1:8001/tenant-7
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::StreamExt;
use scaler_core::node::{Node, NodeHandle};
use scaler_core::{BoxError, ItemId};
use scaler_pg::PgStore;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Cache {
    node: NodeHandle,
    /// Number of answers for each key: what is worth keeping in one process.
    answers: Arc<Mutex<HashMap<ItemId, u64>>>,
}

impl Cache {
    fn answers<T>(&self, look: impl FnOnce(&mut HashMap<ItemId, u64>) -> T) -> T {
        look(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(Path(key): Path<String>, State(cache): State<Cache>) -> Result<String, StatusCode> {
    let key = ItemId::from(key);
    let lease = cache.node.owns(&key).ok_or(StatusCode::MISDIRECTED_REQUEST)?;
    let count = cache.answers(|answers| {
        let count = answers.entry(key.clone()).or_default();
        *count += 1;
        *count
    });
    // The token goes with whatever this answer writes elsewhere.
    Ok(format!("answer {count} for {key} by {}, {}\n", cache.node.name(), lease.token()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (url, name) = (std::env::var("DATABASE_URL")?, std::env::var("HOSTNAME")?);
    let address = std::env::args().nth(1).ok_or("name the address to listen on, such as 127.0.0.1:8001")?;
    let node = Node::builder(PgStore::builder(url).group("tenants").table("public.tenants").build()?).name(name).build()?;
    let cache = Cache { node: node.handle(), answers: Arc::default() };

    let mut changes = node.handle().changes();
    let dropping = cache.clone();
    tokio::spawn(async move {
        while let Some(change) = changes.next().await {
            println!("{} keys gained, {} lost", change.gained.len(), change.lost.len());
            dropping.answers(|answers| change.lost.iter().for_each(|(key, _)| _ = answers.remove(key)));
        }
    });
    let listener = TcpListener::bind(&address).await?;
    let routes = Router::new().route("/{key}", get(answer)).with_state(cache);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    node.run_until(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await?;
    Ok(())
}
