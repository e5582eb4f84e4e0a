//! Who is told that something changed.

use std::time::Duration;

use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Clients, MembershipFixture, active, joiner};
use crate::testing::{CaseResult, ensure};

/// A nudge that is longer on its way is as good as lost.
const NUDGED_WITHIN: Duration = Duration::from_secs(5);
/// Nudges may come late and twice; after so much silence none is on its way.
const QUIET: Duration = Duration::from_millis(100);

/// A member nobody has seen is worth a look.
pub async fn a_new_member_is_followed_by_a_nudge(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect_nudge("a joiner").await?;
    clients[1].heartbeat(&active("worker-2", 2)?).await?;
    listeners.expect_nudge("an active member on a free name").await
}

/// A member with a new state is worth a look.
pub async fn a_new_state_is_followed_by_a_nudge(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect_nudge("a joiner").await?;
    clients[0].heartbeat(&active("worker-1", 1)?).await?;
    listeners.expect_nudge("a new state").await
}

/// A new incarnation is worth a look, even if it says the same.
pub async fn a_take_over_is_followed_by_a_nudge(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect_nudge("a joiner").await?;
    clients[1].heartbeat(&joiner("worker-1", 2)?).await?;
    listeners.expect_nudge("a new incarnation").await
}

/// Who leaves leaves work to others.
pub async fn a_leave_is_followed_by_a_nudge(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    let member = joiner("worker-1", 1)?;
    clients[0].heartbeat(&member).await?;
    listeners.expect_nudge("a joiner").await?;
    clients[0].leave(&member.key).await?;
    listeners.expect_nudge("a leave").await
}

/// A plain nudge reaches everybody, the sender too.
pub async fn a_nudge_reaches_all_who_listen(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    for client in &clients {
        client.nudge().await?;
        listeners.expect_nudge("a nudge").await?;
    }
    Ok(())
}

/// Two listeners at each client.
struct Listeners(Vec<BoxStream<'static, ()>>);

impl Listeners {
    fn of(clients: &Clients) -> Self {
        Self(clients.iter().flat_map(|client| [client.nudges(), client.nudges()]).collect())
    }

    /// All hear a nudge, and then there is quiet.
    async fn expect_nudge(&mut self, after: &str) -> CaseResult {
        for listener in &mut self.0 {
            let nudge = timeout(NUDGED_WITHIN, listener.next()).await.ok().flatten();
            ensure(nudge.is_some(), format!("{after} is followed by a nudge to all who listen"))?;
            while let Ok(Some(())) = timeout(QUIET, listener.next()).await {}
        }
        Ok(())
    }
}
