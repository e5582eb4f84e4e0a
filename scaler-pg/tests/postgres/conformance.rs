//! The store's contract, on a real Postgres.

use crate::support::{Desk, installed};

async fn fixture() -> Desk {
    installed(300).await
}

scaler_core::store_suite!(fixture);
scaler_core::operations_suite!(fixture);
