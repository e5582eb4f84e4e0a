//! Making or withdrawing one wish.

use notifi_scaler_common::Failure;
use notifi_scaler_common::overview::Overview;
use scaler_core::{StoreError, Wish, WishKind, WishSubject, Wishes, WorkerId};

/// Change of one wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Action {
    /// Makes it.
    Make(Wish),
    /// Withdraws the one with this subject.
    Withdraw(WishSubject),
}

impl Action {
    pub(super) const fn kind(&self) -> WishKind {
        match self {
            Self::Make(wish) => wish.kind(),
            Self::Withdraw(subject) => subject.kind(),
        }
    }

    pub(super) const fn worker(&self) -> Option<&WorkerId> {
        match self {
            Self::Make(wish) => wish.worker(),
            Self::Withdraw(subject) => subject.worker(),
        }
    }

    /// Returns the state that it leads to: `worker-1 is cordoned`.
    pub(super) fn state(&self) -> String {
        match self {
            Self::Make(wish) => wish.to_string(),
            Self::Withdraw(subject) => subject.to_string(),
        }
    }

    /// True if it changes nothing.
    pub(super) fn is_done(&self, overview: &Overview) -> bool {
        match self {
            Self::Make(wish) => overview.wishes.iter().any(|kept| kept.wish == *wish),
            Self::Withdraw(subject) => !overview.wishes.iter().any(|kept| kept.wish.subject() == *subject),
        }
    }

    /// Refuses a worker that is not known, unless a wish about it is withdrawn.
    pub(super) fn check_worker(&self, overview: &Overview) -> Result<(), Failure> {
        let withdraws = matches!(self, Self::Withdraw(_)) && !self.is_done(overview);
        let Some(worker) = self.worker().filter(|worker| !withdraws && !overview.knows(worker)) else { return Ok(()) };
        let why = match overview.members {
            Some(_) => "it is no member and owns no slot",
            None => "it owns no slot, and the members cannot be read",
        };
        let remedy = "check the name by `notifi-scaler workers`, or add --even-if-unknown";
        Err(Failure::Arguments(format!("worker {worker} is not known: {why}; {remedy}")))
    }

    pub(in crate::commands) async fn carry_out(&self, wishes: &dyn Wishes, by: &str, note: &str) -> Result<(), StoreError> {
        match self {
            Self::Make(wish) => wishes.wish(wish, by, note).await,
            Self::Withdraw(subject) => wishes.withdraw(subject, by).await.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use scaler_core::Slot;

    use super::*;
    use crate::commands::testing::{World, worker};

    #[tokio::test]
    async fn an_unknown_worker_is_refused() {
        let world = World::of(&[("worker-1", 1)]).await;
        let overview = world.overview().await;
        for action in [
            Action::Make(Wish::Cordon(worker("worker-9"))),
            Action::Make(Wish::Pin(Slot::new(0), worker("worker-9"))),
            Action::Withdraw(WishSubject::Worker(WishKind::Drain, worker("worker-9"))),
        ] {
            let failure = action.check_worker(&overview).unwrap_err();
            assert_eq!(failure.code(), 64);
            let text = failure.to_string();
            assert!(text.contains("worker-9") && text.contains("no member") && text.contains("--even-if-unknown"), "{text}");
        }
        assert!(Action::Make(Wish::Drain(worker("worker-1"))).check_worker(&overview).is_ok());
        assert!(Action::Make(Wish::Pause).check_worker(&overview).is_ok());
        let unread = Overview { members: None, ..overview };
        let text = Action::Make(Wish::Cordon(worker("worker-9"))).check_worker(&unread).unwrap_err().to_string();
        assert!(text.contains("the members cannot be read"), "{text}");
    }

    #[tokio::test]
    async fn a_wish_about_a_worker_that_is_gone_can_be_withdrawn() {
        let world = World::of(&[]).await;
        world.wish(&Wish::Cordon(worker("worker-9"))).await;
        let action = Action::Withdraw(WishSubject::Worker(WishKind::Cordon, worker("worker-9")));
        assert!(action.check_worker(&world.overview().await).is_ok());
        action.carry_out(&*world.store, "alice", "").await.unwrap();
        let overview = world.overview().await;
        assert!(action.is_done(&overview) && overview.wishes.is_empty());
    }
}
