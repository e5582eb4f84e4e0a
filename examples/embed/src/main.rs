//! Sends reminders: each tenant's are sent by one process at a time, however many run.

use std::time::Duration;

use async_trait::async_trait;
use scaler_core::node::{Handler, Lease, Node};
use scaler_core::{BoxError, ItemId};
use scaler_pg::PgStore;

/// Sends the reminders of a tenant once a minute, each with the fencing token.
struct Reminders<S>(S);

#[async_trait]
impl<S: Fn(&ItemId, String) + Send + Sync + 'static> Handler for Reminders<S> {
    async fn run(&self, tenant: ItemId, lease: Lease) -> Result<(), BoxError> {
        let mut every = tokio::time::interval(Duration::from_secs(60));
        while lease.next(&mut every).await {
            (self.0)(&tenant, lease.token().to_string());
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (url, name) = (std::env::var("DATABASE_URL")?, std::env::var("HOSTNAME")?);
    let store = PgStore::builder(url).group("reminders").table("public.tenants").key("id").build()?;
    let shutdown = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    let handler = Reminders(|tenant: &ItemId, token| println!("reminders of {tenant}: {token}"));
    Node::builder(store).name(name).handler(handler).run_until(shutdown).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use scaler_core::testing::Cluster;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_tenant_is_reminded_every_minute_by_one_process_though_one_is_killed() {
        let mut cluster = Cluster::new();
        (1..=20_i64).for_each(|tenant| assert!(cluster.insert(ItemId::from(tenant))));
        let sent = Arc::<Mutex<BTreeMap<ItemId, usize>>>::default();
        for process in ["a", "b", "c"] {
            let sent = Arc::clone(&sent);
            let count = move |tenant: &ItemId, _| *sent.lock().unwrap().entry(tenant.clone()).or_default() += 1;
            cluster.join(process, Reminders(count));
        }
        tokio::time::sleep(Duration::from_secs(600)).await;
        cluster.kill("a");
        tokio::time::sleep(Duration::from_secs(600)).await;
        let sent = sent.lock().unwrap();
        assert!(sent.len() == 20 && sent.values().all(|times| (18..=28).contains(times)), "{sent:?}");
    }
}
