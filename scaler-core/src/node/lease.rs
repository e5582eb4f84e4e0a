//! Leases: the right to work on an item, and its withdrawal.

use tokio::sync::watch;
use tokio::time::Interval;

use crate::Cause;
use crate::hand_over::Token;

/// Right to work on an item, or on the items of a slot. It holds until it is [withdrawn](Self::withdrawn). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lease {
    token: Token,
    withdrawal: watch::Receiver<Option<Cause>>,
}

/// Withdraws the lease that it was made with. Dropped, it withdraws with [`Cause::Stopped`].
#[derive(Debug)]
pub(super) struct LeaseHolder(watch::Sender<Option<Cause>>);

impl Lease {
    /// Returns a lease, and what withdraws it.
    pub(super) fn new(token: Token) -> (Self, LeaseHolder) {
        let (sender, withdrawal) = watch::channel(None);
        (Self { token, withdrawal }, LeaseHolder(sender))
    }

    /// Returns the fencing token: pass it on with each effect outside of this process. A system that rejects a token below the highest
    /// that it has seen for the slot is safe even from a process that stood still for longer than the hand-over limit.
    #[must_use]
    pub const fn token(&self) -> Token {
        self.token
    }

    /// Returns why the lease was withdrawn; `None` while it holds.
    #[must_use]
    pub fn withdrawal(&self) -> Option<Cause> {
        let told = *self.withdrawal.borrow();
        told.or_else(|| self.withdrawal.has_changed().is_err().then_some(Cause::Stopped))
    }

    /// Waits until the lease is withdrawn, and returns why. Cancel safe.
    pub async fn withdrawn(&self) -> Cause {
        let mut withdrawal = self.withdrawal.clone();
        let told = withdrawal.wait_for(Option::is_some).await.ok().and_then(|cause| *cause);
        told.unwrap_or(Cause::Stopped)
    }

    /// Waits for the next tick of the interval and returns true, or returns false as soon as the lease is withdrawn. Cancel safe.
    pub async fn next(&self, interval: &mut Interval) -> bool {
        tokio::select! {
            biased;
            _ = self.withdrawn() => false,
            _ = interval.tick() => true,
        }
    }
}

impl LeaseHolder {
    /// Withdraws the lease, unless it was withdrawn before.
    pub(super) fn withdraw(&self, cause: Cause) {
        self.0.send_if_modified(|told| {
            let is_first = told.is_none();
            told.get_or_insert(cause);
            is_first
        });
    }
}
