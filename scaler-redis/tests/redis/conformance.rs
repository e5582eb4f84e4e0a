//! Redis keeps every rule of a membership.

use crate::help::{Pair, shared_config};

scaler_core::membership_suite!(redis);

async fn redis() -> Pair {
    Pair::of(&shared_config().await).await
}
