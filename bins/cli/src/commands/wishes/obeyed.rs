//! Wait until the control plane has carried out a wish.

use std::time::Duration;

use notifi_scaler_common::Failure;
use notifi_scaler_common::overview::Overview;
use scaler_core::control::{Change, ControlConfig};
use scaler_core::{Clock, TokioClock, Wish};

use super::{Action, WishArgs};
use crate::commands::servers::Servers;

/// Interval between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Waits until nothing is left to do for any of these.
///
/// # Errors
/// [`Failure::Check`] if something is left after the time-out.
pub(in crate::commands) async fn wait_for_all(servers: &Servers, actions: &[Action], args: &WishArgs) -> Result<(), Failure> {
    let config = ControlConfig { ring: args.ring.into(), ..ControlConfig::default() };
    let clock = TokioClock::start();
    let end = clock.now() + args.timeout;
    loop {
        let overview = servers.overview().await?;
        let Some(left) = actions.iter().find_map(|action| left(action, &overview, &config)) else { return Ok(()) };
        if clock.now() >= end {
            let after = args.timeout.as_secs();
            return Err(Failure::Check(vec![format!("after {after} s, {left}; control planes go on with it")]));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Describes what is left to do; `None` if nothing is.
fn left(action: &Action, overview: &Overview, config: &ControlConfig) -> Option<String> {
    match action {
        // A leader plans no move any more from its next look on.
        Action::Make(Wish::Pause | Wish::Cordon(_)) => None,
        Action::Make(Wish::Drain(worker)) => {
            let slots = overview.workers().get(worker).map_or(0, |state| state.slots);
            (slots > 0).then(|| format!("{worker} still owns {slots} slots"))
        }
        Action::Make(Wish::Pin(slot, worker)) => {
            (overview.owner(*slot) != Some(worker)).then(|| format!("slot {slot} does not belong to {worker} yet"))
        }
        Action::Make(Wish::Weigh(..)) | Action::Withdraw(_) => {
            let preview = overview.preview(config, &Change::default());
            match preview.silent {
                Some(silent) => Some(format!("the mass-failure guard holds rebalancing, since {silent} slots are silent")),
                None => (preview.pending > 0).then(|| format!("{} slots still have to move", preview.pending)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use scaler_core::{Slot, WishSubject};

    use super::*;
    use crate::commands::testing::{World, worker};

    fn left_of(action: &Action, overview: &Overview) -> Option<String> {
        left(action, overview, &ControlConfig::default())
    }

    #[tokio::test]
    async fn a_drain_is_done_when_the_worker_owns_nothing() {
        let world = World::of(&[("worker-1", 3), ("worker-2", 0)]).await;
        let drain = |name| Action::Make(Wish::Drain(worker(name)));
        let overview = world.overview().await;
        assert_eq!(left_of(&drain("worker-1"), &overview).unwrap(), "worker-1 still owns 3 slots");
        assert_eq!(left_of(&drain("worker-2"), &overview), None);
    }

    #[tokio::test]
    async fn a_pin_is_done_when_the_slot_is_there() {
        let world = World::of(&[("worker-1", 3)]).await;
        let pin = |slot| Action::Make(Wish::Pin(Slot::new(slot), worker("worker-1")));
        let overview = world.overview().await;
        assert_eq!(left_of(&pin(2), &overview), None);
        assert_eq!(left_of(&pin(3), &overview).unwrap(), "slot 3 does not belong to worker-1 yet");
    }

    #[tokio::test]
    async fn a_resume_is_done_when_nothing_is_left_to_move() {
        let resume = Action::Withdraw(WishSubject::Rebalancing);
        let even = World::of(&[("worker-1", 4), ("worker-2", 4)]).await;
        assert_eq!(left_of(&resume, &even.overview().await), None);
        let uneven = World::of(&[("worker-1", 8), ("worker-2", 0)]).await;
        assert_eq!(left_of(&resume, &uneven.overview().await).unwrap(), "4 slots still have to move");
    }
}
