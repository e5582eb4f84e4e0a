//! Cases for wake-up notifications: changes that all listeners are told.

use std::time::Duration;

use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Clients, MembershipFixture, active, joiner};
use crate::testing::{CaseResult, Violation, ensure};
use crate::{WakeUp, WorkerId};

/// Maximum time for a notification to arrive; a later one counts as lost.
const NOTIFIED_WITHIN: Duration = Duration::from_secs(5);
/// Time without a notification after which none is under way: they may arrive late and twice.
const QUIET: Duration = Duration::from_millis(100);

/// A new member is followed by a wake-up notification.
pub async fn a_new_member_is_followed_by_a_wake_up(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect("a joiner", &WakeUp::Members).await?;
    clients[1].heartbeat(&active("worker-2", 2)?).await?;
    listeners.expect("an active member on a free name", &WakeUp::Members).await
}

/// A new state of a member is followed by a wake-up notification.
pub async fn a_new_state_is_followed_by_a_wake_up(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect("a joiner", &WakeUp::Members).await?;
    clients[0].heartbeat(&active("worker-1", 1)?).await?;
    listeners.expect("a new state", &WakeUp::Members).await
}

/// A new incarnation is followed by a wake-up notification, even if its record is otherwise the same.
pub async fn a_take_over_is_followed_by_a_wake_up(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    clients[0].heartbeat(&joiner("worker-1", 1)?).await?;
    listeners.expect("a joiner", &WakeUp::Members).await?;
    clients[1].heartbeat(&joiner("worker-1", 2)?).await?;
    listeners.expect("a new incarnation", &WakeUp::Members).await
}

/// A leave is followed by a wake-up notification.
pub async fn a_leave_is_followed_by_a_wake_up(fixture: &dyn MembershipFixture) -> CaseResult {
    let clients = fixture.clients();
    let mut listeners = Listeners::of(&clients);
    let member = joiner("worker-1", 1)?;
    clients[0].heartbeat(&member).await?;
    listeners.expect("a joiner", &WakeUp::Members).await?;
    clients[0].leave(&member.key).await?;
    listeners.expect("a leave", &WakeUp::Members).await
}

/// A notification reaches all listeners unchanged, the sender's too.
pub async fn a_wake_up_reaches_all_listeners(fixture: &dyn MembershipFixture) -> CaseResult {
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

/// Two listeners on each client.
struct Listeners(Vec<BoxStream<'static, WakeUp>>);

impl Listeners {
    fn of(clients: &Clients) -> Self {
        Self(clients.iter().flat_map(|client| [client.wake_ups(), client.wake_ups()]).collect())
    }

    /// Waits until all listeners have received this notification, and then until no more arrive. A listener that may have lost
    /// notifications receives [`WakeUp::Everyone`] instead.
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
