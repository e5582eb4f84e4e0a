//! Two memberships on a database of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use scaler_core::testing::membership::{Clients, MembershipFixture};
use scaler_core::{Incarnation, InstallationId, Member, MemberKey, MemberState, Membership, MembershipError, WakeUp, WorkerId};
use scaler_pg::{PgConfig, PgMembership};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// A generous limit, for a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Two clients, and what must live as long as they are used.
pub(super) struct Pair<Kept> {
    pub(super) clients: Clients,
    pub(super) _kept: Kept,
}

#[async_trait]
impl<Kept: Send + Sync> MembershipFixture for Pair<Kept> {
    fn clients(&self) -> Clients {
        self.clients.clone()
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }
}

pub(super) fn open(config: &PgConfig) -> Arc<PgMembership> {
    Arc::new(PgMembership::new(config).unwrap())
}

/// An active member with a new incarnation.
pub(super) fn active(name: &str) -> Member {
    let key = MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::new_v4()) };
    Member { state: MemberState::Active, ..Member::joining(key, InstallationId::new(Uuid::from_u128(1))) }
}

/// Repeats a call until it succeeds.
pub(super) async fn eventually<T>(mut call: impl AsyncFnMut() -> Result<T, MembershipError>) -> T {
    let begun = Instant::now();
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for this notification; skips others.
pub(super) async fn heard(stream: &mut BoxStream<'static, WakeUp>, expected: &WakeUp) {
    let found = async { while stream.next().await.unwrap() != *expected {} };
    assert!(timeout(PATIENCE, found).await.is_ok(), "no {expected:?} within {PATIENCE:?}");
}

/// Waits until the stream listens: everyone is woken up then.
pub(super) async fn listening(membership: &dyn Membership) -> BoxStream<'static, WakeUp> {
    let mut stream = membership.wake_ups();
    heard(&mut stream, &WakeUp::Everyone).await;
    stream
}
