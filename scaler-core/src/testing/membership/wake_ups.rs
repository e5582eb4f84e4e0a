//! Wake-up notifications: who is told what has changed.

use std::time::Duration;

use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Clients, MembershipFixture, active, joiner};
use crate::testing::{CaseResult, Violation, ensure};
use crate::{WakeUp, WorkerId};

/// A notification that is longer on its way is as good as lost.
const NOTIFIED_WITHIN: Duration = Duration::from_secs(5);
/// They may come late and twice; after so much silence none is on its way.
const QUIET: Duration = Duration::from_millis(100);

/// A member nobody has seen is worth a look.
pub async fn a_new_member_is_followed_by_a_wake_up(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect("a joiner", &WakeUp::Members).await?;
    clients[1].heartbeat(&active("worker-2", 2)?).await?;
    listeners.expect("an active member on a free name", &WakeUp::Members).await
}

/// A member with a new state is worth a look.
pub async fn a_new_state_is_followed_by_a_wake_up(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect("a joiner", &WakeUp::Members).await?;
    clients[0].heartbeat(&active("worker-1", 1)?).await?;
    listeners.expect("a new state", &WakeUp::Members).await
}

/// A new incarnation is worth a look, even if it says the same.
pub async fn a_take_over_is_followed_by_a_wake_up(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect("a joiner", &WakeUp::Members).await?;
    clients[1].heartbeat(&joiner("worker-1", 2)?).await?;
    listeners.expect("a new incarnation", &WakeUp::Members).await
}

/// Who leaves leaves work to others.
pub async fn a_leave_is_followed_by_a_wake_up(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    let member = joiner("worker-1", 1)?;
    clients[0].heartbeat(&member).await?;
    listeners.expect("a joiner", &WakeUp::Members).await?;
    clients[0].leave(&member.key).await?;
    listeners.expect("a leave", &WakeUp::Members).await
}

/// What is sent reaches everybody, the sender too, and says the same.
pub async fn a_wake_up_reaches_all_who_listen(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    let named = [r#""\"{}[]%s%d:*?,"#, "worker-1"].into_iter().map(WorkerId::new).collect::<Result<_, _>>()?;
    for wake_up in [WakeUp::Members, WakeUp::Slots(named), WakeUp::Everyone] {
        for client in &clients {
            client.wake_up(&wake_up).await?;
            listeners.expect("a notification", &wake_up).await?;
        }
    }
    Ok(())
}

/// Two listeners at each client.
struct Listeners(Vec<BoxStream<'static, WakeUp>>);

impl Listeners {
    fn of(clients: &Clients) -> Self {
        Self(clients.iter().flat_map(|client| [client.wake_ups(), client.wake_ups()]).collect())
    }

    /// All are told this, and then there is quiet. One that may have lost something is told that, and looks as well.
    async fn expect(&mut self, after: &str, expected: &WakeUp) -> CaseResult {
        for listener in &mut self.0 {
            let told = timeout(NOTIFIED_WITHIN, listener.next()).await.ok().flatten();
            let told = told.ok_or_else(|| Violation::new(format!("{after} is followed by a notification to all who listen")))?;
            ensure(told == *expected || told == WakeUp::Everyone, format!("{after} is followed by {expected:?}, not {told:?}"))?;
            while let Ok(Some(_)) = timeout(QUIET, listener.next()).await {}
        }
        Ok(())
    }
}
