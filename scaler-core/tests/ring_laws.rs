//! The rings of this crate keep the laws, and each broken ring fails the laws meant for it.

use std::num::NonZeroU32;

use scaler_core::testing::ring::{BrokenRing, Failure, Fault, Law, check, ring_laws};
use scaler_core::{HashRing, Rendezvous, SlotCount, StickyRing};

ring_laws!(sticky, StickyRing::new);
ring_laws!(rendezvous, Rendezvous::new);
ring_laws!(hash_ring, hash_ring);
ring_laws!(bounded_hash_ring, |slots| hash_ring(slots).bounded(25));
ring_laws!(tightly_bounded_hash_ring, |slots| hash_ring(slots).bounded(0));

/// With so few points that chance has its say.
fn hash_ring(slots: SlotCount) -> HashRing {
    HashRing::new(slots).with_points(NonZeroU32::MIN)
}

macro_rules! broken_rings {
    ($($name:ident: $fault:ident,)+) => {
        const LISTED: &[Fault] = &[$(Fault::$fault),+];
        const _: () = assert!(LISTED.len() == Fault::ALL.len(), "a fault has no test");

        $(
            #[test]
            fn $name() {
                must_be_found(Fault::$fault);
            }
        )+
    };
}

broken_rings! {
    a_ring_whose_plans_depend_on_how_often_it_was_asked: Moody,
    a_ring_of_slots_modulo_workers: Modulo,
    a_leave_that_moves_a_survivors_slot: Disturbing,
    survivors_that_swap_slots: Swapping,
    a_joiner_that_takes_one_slot_too_many: Greedy,
    orphans_dumped_on_one_worker: Dumping,
    a_bound_that_is_not_kept: Overfilling,
    a_ring_blind_to_weights: BlindToWeights,
    a_ring_blind_to_items: BlindToItems,
    a_changed_weight_that_moves_others: Meddling,
    a_plan_applied_in_part: Forgetful,
    a_ring_that_settles_unasked: Restless,
    a_ring_where_an_item_moves_others: Fickle,
    a_ring_that_never_settles: Idle,
    a_ring_that_gives_to_the_cordoned: BlindToCordons,
    a_ring_that_applies_any_plan: Credulous,
    a_join_that_shares_all_slots_anew: Reseeding,
    shares_by_the_quota_rule: Quota,
    a_donor_that_gives_first_what_it_got_last: LastInFirstOut,
    a_donor_that_gives_its_lightest_slots: LightFirst,
}

#[track_caller]
fn must_be_found(fault: Fault) {
    for &meant in fault.breaks() {
        let found = check(meant, |slots| BrokenRing::new(slots, fault));
        assert!(matches!(found, Err(Failure::Broken { law, .. }) if law == meant), "{found:?}");
    }
}

#[test]
fn every_law_finds_some_fault() {
    for law in Law::ALL {
        assert!(Fault::ALL.iter().any(|fault| fault.breaks().contains(&law)), "{law}");
    }
}
