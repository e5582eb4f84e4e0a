//! Effect of making or withdrawing a wish, as text.

use notifi_scaler_common::overview::{Overview, WorkerState, made};
use scaler_core::control::MemberPhase;
use scaler_core::{Slot, Wish, WishKind, WishSubject, WorkerId};

use super::Action;

/// Describes the state that the action leads to, and what will happen; or that nothing will.
pub(super) fn text(action: &Action, overview: &Overview) -> String {
    if action.is_done(overview) {
        return unchanged(action, overview);
    }
    format!("{}: {}", action.state(), consequence(action, overview))
}

fn unchanged(action: &Action, overview: &Overview) -> String {
    let kept = match action {
        Action::Make(wish) => overview.wishes.iter().find(|kept| kept.wish == *wish),
        Action::Withdraw(_) => None,
    };
    match kept {
        Some(kept) => format!("{} already, {}; nothing was changed", action.state(), made(kept, overview.store_time())),
        None => format!("{}; nothing was changed", action.state()),
    }
}

fn consequence(action: &Action, overview: &Overview) -> String {
    let state = |worker: &WorkerId| overview.workers().remove(worker);
    let owned = |worker: &WorkerId| owned(state(worker).as_ref());
    match action {
        Action::Make(Wish::Pause) => "no slot moves while its owner works, except away from workers that drain; \
            slots that no worker ticks still get an owner"
            .into(),
        Action::Withdraw(WishSubject::Rebalancing) => "control planes rebalance again, and make up for what was put off".into(),
        Action::Make(Wish::Cordon(worker)) => format!("it keeps its {} and receives no others", owned(worker)),
        Action::Make(Wish::Drain(worker)) => {
            format!("it hands over its {}, and its process goes on without work{}", owned(worker), takers(worker, overview))
        }
        Action::Make(Wish::Weigh(worker, _)) => {
            format!("it has {} now, and slots move until its share fits its weight", owned(worker))
        }
        Action::Make(Wish::Pin(slot, worker)) => pinned(*slot, worker, overview),
        Action::Withdraw(WishSubject::Worker(WishKind::Weight, _)) => "slots move until its share is that of the others".into(),
        Action::Withdraw(WishSubject::Worker(..)) => "it may be given slots again".into(),
        Action::Withdraw(WishSubject::Slot(slot)) => {
            let owner = overview.owner(*slot).map_or_else(|| "nobody".to_owned(), ToString::to_string);
            format!("it belongs to {owner} now, and may move like all others")
        }
    }
}

fn owned(state: Option<&WorkerState>) -> String {
    let (slots, items) = state.map_or((0, 0), |state| (state.slots, state.items));
    format!("{slots} slots with {items} items")
}

/// Says so if no other worker could take over what this one hands over.
fn takers(leaving: &WorkerId, overview: &Overview) -> String {
    let steering = overview.steering();
    let takes = |worker: &WorkerId, state: &WorkerState| {
        let works = matches!(state.phase, MemberPhase::Healthy | MemberPhase::Unheard);
        worker != leaving && works && !steering.drained.contains(worker) && !steering.cordoned.contains(worker)
    };
    match overview.workers().iter().filter(|(worker, state)| takes(worker, state)).count() {
        0 => "; no other worker may receive them now, so they stay until one may".into(),
        1 => "; 1 worker takes them over".into(),
        count => format!("; {count} workers take them over"),
    }
}

fn pinned(slot: Slot, worker: &WorkerId, overview: &Overview) -> String {
    let items = overview.load.of(slot);
    match overview.owner(slot) {
        Some(owner) if owner == worker => format!("it stays there, with {items} items, as long as the worker may receive slots"),
        Some(owner) => format!("it moves there from {owner}, with {items} items"),
        None => format!("it moves there, with {items} items; it has no owner now"),
    }
}

#[cfg(test)]
mod tests {
    use scaler_core::Weight;

    use super::*;
    use crate::commands::testing::{World, worker};

    #[tokio::test]
    async fn each_action_says_what_will_happen() {
        let world = World::of(&[("worker-1", 3), ("worker-2", 1)]).await;
        let overview = world.overview().await;
        let one = || worker("worker-1");
        let of_worker = |kind| Action::Withdraw(WishSubject::Worker(kind, one()));
        for (action, expected) in [
            (Action::Make(Wish::Cordon(one())), "worker-1 is cordoned: it keeps its 3 slots with 3 items and receives no others"),
            (
                Action::Make(Wish::Drain(one())),
                "worker-1 is drained: it hands over its 3 slots with 3 items, and its process goes on without work; 1 worker takes them over",
            ),
            (
                Action::Make(Wish::Weigh(one(), Weight::new(2).unwrap())),
                "worker-1 has weight 2: it has 3 slots with 3 items now, and slots move until its share fits its weight",
            ),
            (
                Action::Make(Wish::Pin(Slot::new(3), one())),
                "slot 3 is pinned to worker-1: it moves there from worker-2, with 1 items",
            ),
            (
                Action::Make(Wish::Pin(Slot::new(7), one())),
                "slot 7 is pinned to worker-1: it moves there, with 1 items; it has no owner now",
            ),
            (of_worker(WishKind::Cordon), "worker-1 is no longer cordoned; nothing was changed"),
            (Action::Withdraw(WishSubject::Rebalancing), "rebalancing is no longer paused; nothing was changed"),
        ] {
            assert_eq!(text(&action, &overview), expected);
        }
    }

    #[tokio::test]
    async fn a_repeated_wish_names_who_made_it() {
        let world = World::of(&[]).await;
        world.wish(&Wish::Pause).await;
        let text = text(&Action::Make(Wish::Pause), &world.overview().await);
        assert!(text.starts_with("rebalancing is paused already, since 1970-"), "{text}");
        assert!(text.ends_with(" by alice; nothing was changed"), "{text}");
    }

    #[tokio::test]
    async fn a_drain_of_the_only_worker_warns() {
        let world = World::of(&[("worker-1", 3)]).await;
        let text = text(&Action::Make(Wish::Drain(worker("worker-1"))), &world.overview().await);
        assert!(text.ends_with("so they stay until one may"), "{text}");
    }
}
