//! Redis keeps every rule of a membership.

use std::sync::Arc;
use std::time::Duration;

use crate::help::{connect, shared_config};
use async_trait::async_trait;
use scaler_core::testing::membership::{Clients, MembershipFixture};

scaler_core::membership_suite!(redis);

struct Fixture(Clients);

#[async_trait]
impl MembershipFixture for Fixture {
    fn clients(&self) -> Clients {
        self.0.clone()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

async fn redis() -> Fixture {
    let config = shared_config().await;
    Fixture([Arc::new(connect(&config).await), Arc::new(connect(&config).await)])
}
