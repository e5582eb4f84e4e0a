//! Stores with one fault each, and the case that must find it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::Acknowledgement;
use scaler_core::memory::MemoryStore;
use scaler_core::testing::Violation;
use scaler_core::testing::store::{self as cases, StoreFixture};
use scaler_core::{
    Adoption, Assignment, Cause, Claim, Election, Hearing, Holding, InstallationId, ItemId, LEADERLESS_AFTER, MemberKey, Outcome,
    RefusedItem, SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick, TickReport, Timing, Transfer, WorkStore, WorkerId,
};
use uuid::Uuid;

use super::{Memory, memory};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Ticks whatever the tick's number: a retry counts twice.
    ForgetsTheTick,
    /// Looks at the name only.
    IgnoresTheIncarnation,
    /// Moves from whatever epoch there is.
    IgnoresTheEpoch,
    /// Hands over at any time.
    IgnoresTheTiming,
    /// Commits for any term.
    IgnoresTheTerm,
    /// Elects every candidate.
    ElectsAnybody,
    /// Adopts nothing.
    AdoptsNothing,
    /// Leaves owners of empty slots without a trace.
    SkipsEmptySlots,
    /// Lists items as they come.
    ListsUnsorted,
    /// Reports what it did not do.
    Boasts,
    /// Shows the same fence always.
    FreezesTheFence,
    /// Ticks all slots, whatever the range.
    IgnoresTheRange,
    /// Lets workers claim in spite of a leader.
    ClaimsBesideALeader,
    /// Lets workers claim from owners that tick.
    ClaimsFromTheLiving,
    /// Claims all that there is.
    ClaimsBeyondTheLimit,
    /// Leaves orphans alone.
    ClaimsNothing,
    /// Ticks the first slot after the range, too.
    OverstepsTheRange,
    /// Leaves ticks behind where the clock falls.
    NeverCatchesUp,
    /// Catches up anew each time.
    CatchesUpTwice,
    /// Waits for a lease however long it lasts.
    WaitsForAnyLease,
    /// Treats every candidate as one that hears no members.
    IgnoresHearing,
    /// Takes every candidate for one that hears members.
    ElectsTheDeaf,
    /// Lets workers claim only without a leader.
    ClaimsNothingBesideALeader,
    /// Believes any worker that it was well.
    BelievesAnybodyWell,
    /// Says that all slots are ticked.
    HidesTheUnticked,
    /// Says nothing of items that were refused.
    HidesRefusals,
    /// Reports to every worker that it may write.
    LetsAnybodyWrite,
    /// Reports to every worker that it may not write.
    LetsNobodyWrite,
    /// Names itself differently each time.
    ChangesIdentity,
    /// Lets a member hold the slots of any incarnation of its name.
    HoldsForANamesake,
    /// Returns all slots that a member holds, whatever the range.
    HoldsInAnyRange,
    /// Forgets what is acknowledged.
    LosesAcknowledgements,
    /// Lets any member end the epoch of the present owner.
    EndsTheEpochOfOthers,
    /// Keeps no cause of a move.
    LosesCauses,
}

#[derive(Debug)]
struct Broken {
    store: Arc<MemoryStore>,
    fault: Fault,
}

struct BrokenFixture {
    memory: Memory,
    broken: Arc<Broken>,
}

fn broken(fault: Fault) -> BrokenFixture {
    let memory = memory();
    let broken = Arc::new(Broken { store: memory.0.clone(), fault });
    BrokenFixture { memory, broken }
}

impl Broken {
    /// Returns the true owner under this name, which some faults use to pass the fence.
    async fn owner_named(&self, owner: &MemberKey) -> Result<MemberKey, StoreError> {
        let slots = self.store.assignment().await?.slots;
        let named = slots.into_iter().filter_map(|slot| slot.owner).find(|other| other.worker == owner.worker);
        Ok(named.unwrap_or_else(|| owner.clone()))
    }

    async fn latest_term(&self) -> Result<Option<Term>, StoreError> {
        for number in 0..10 {
            for holder in [1, 2].map(Uuid::from_u128) {
                let term = Term { number, holder };
                if matches!(self.store.commit(&term, &[]).await?, Outcome::Committed { .. }) {
                    return Ok(Some(term));
                }
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl WorkStore for Broken {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        let slots = match self.fault {
            Fault::IgnoresTheRange => SlotRange::ALL,
            Fault::OverstepsTheRange => SlotRange::new(slots.first()..slots.end() + 1),
            _ => slots,
        };
        let owner = if self.fault == Fault::IgnoresTheIncarnation { self.owner_named(owner).await? } else { owner.clone() };
        let mut report = self.store.tick(&owner, slots).await?;
        if self.fault == Fault::ForgetsTheTick {
            // Doing the next tick in this one's name is the same as doing this one twice.
            tokio::time::advance(super::SECOND).await;
            let twice = self.store.tick(&owner, slots).await?;
            return Ok(TickReport { tick: Tick(1), ..twice });
        }
        match self.fault {
            Fault::SkipsEmptySlots if report.items == 0 => report.ticked = 0,
            Fault::Boasts => report.items += 1,
            Fault::FreezesTheFence => report.fence = 0,
            Fault::HidesRefusals => (report.refused, report.refusal) = (0, None),
            _ => {}
        }
        Ok(report)
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        let mut items = self.store.items(owner, slots).await?;
        if self.fault == Fault::ListsUnsorted {
            items.reverse();
        }
        Ok(items)
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        match self.fault {
            Fault::HoldsForANamesake => self.store.holdings(&self.owner_named(owner).await?, slots).await,
            Fault::HoldsInAnyRange => self.store.holdings(owner, SlotRange::ALL).await,
            _ => self.store.holdings(owner, slots).await,
        }
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        match self.fault {
            Fault::LosesAcknowledgements => Ok(()),
            Fault::EndsTheEpochOfOthers => {
                let slots = self.store.assignment().await?.slots;
                let holders = ended.iter().filter_map(|ended| slots.get(ended.slot.index())?.owner.clone());
                for holder in holders {
                    self.store.acknowledge(&holder, ended).await?;
                }
                Ok(())
            }
            _ => self.store.acknowledge(owner, ended).await,
        }
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        match self.fault {
            Fault::LetsAnybodyWrite => Ok(None),
            Fault::LetsNobodyWrite => {
                let item = ItemId::Uuid(Uuid::nil());
                Ok(Some(RefusedItem { item, why: "nobody may".to_owned() }))
            }
            _ => self.store.try_to_write(owner).await,
        }
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        self.store.assignment().await
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.store.census().await
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        let latest = self.latest_term().await?;
        let term = latest.filter(|_| self.fault == Fault::IgnoresTheTerm).unwrap_or(*term);
        let mut transfers = transfers.to_vec();
        let slots = self.store.assignment().await?.slots;
        for transfer in &mut transfers {
            match self.fault {
                Fault::IgnoresTheEpoch => transfer.epoch = slots[transfer.slot.index()].epoch,
                Fault::IgnoresTheTiming => transfer.timing = Timing::Now,
                Fault::LosesCauses => transfer.cause = Cause::Unowned,
                _ => {}
            }
        }
        self.store.commit(&term, &transfers).await
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        let latest = self.latest_term().await?;
        let term = latest.filter(|_| self.fault == Fault::IgnoresTheTerm).unwrap_or(*term);
        if self.fault == Fault::NeverCatchesUp {
            return Ok(0);
        }
        let ticks = self.store.catch_up(&term).await?;
        if self.fault == Fault::CatchesUpTwice && ticks == 0 {
            // To do so once more is the same as time that goes by.
            tokio::time::advance(10_000 * super::SECOND).await;
        }
        Ok(ticks + u64::from(self.fault == Fault::Boasts))
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        if self.fault == Fault::AdoptsNothing {
            Ok(Adoption { installation: self.installation().await?, slots: 0 })
        } else {
            self.store.adopt(owner).await
        }
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        match self.fault {
            Fault::ClaimsBesideALeader => {
                tokio::time::advance(10 * LEADERLESS_AFTER).await;
                self.store.claim_orphans(owner, limit, well_since).await
            }
            Fault::ClaimsFromTheLiving => {
                tokio::time::advance(10 * super::SECOND).await;
                self.store.claim_orphans(owner, limit, well_since).await
            }
            Fault::ClaimsBeyondTheLimit => self.store.claim_orphans(owner, usize::MAX, well_since).await,
            Fault::ClaimsNothingBesideALeader => self.store.claim_orphans(owner, limit, Tick(u64::MAX)).await,
            Fault::BelievesAnybodyWell => self.store.claim_orphans(owner, limit, Tick(0)).await,
            Fault::HidesTheUnticked => match self.store.claim_orphans(owner, limit, well_since).await? {
                Claim::NotYet { wait, .. } => Ok(Claim::NotYet { wait, unticked: 0 }),
                claimed => Ok(claimed),
            },
            Fault::ClaimsNothing => Ok(Claim::Claimed { slots: 0 }),
            _ => self.store.claim_orphans(owner, limit, well_since).await,
        }
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        let ours = self.store.installation().await?;
        Ok(if self.fault == Fault::ChangesIdentity { InstallationId::new(Uuid::from_u128(7)) } else { ours })
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.store.slot_count().await
    }
}

#[async_trait]
impl Election for Broken {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        if self.fault == Fault::ElectsAnybody
            && let Some(term) = self.latest_term().await?
        {
            self.store.resign(&term).await?;
        }
        let longest = if self.fault == Fault::WaitsForAnyLease { lease.max(3600 * super::SECOND) } else { lease };
        let hearing = match self.fault {
            Fault::IgnoresHearing => Hearing::NoMembers,
            Fault::ElectsTheDeaf => Hearing::Members,
            _ => hearing,
        };
        self.store.campaign(candidate, longest, hearing).await
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        self.store.renew(term, lease, hearing).await
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        self.store.resign(term).await
    }
}

#[async_trait]
impl StoreFixture for BrokenFixture {
    fn store(&self) -> Arc<dyn WorkStore> {
        self.broken.clone()
    }

    fn election(&self) -> Arc<dyn Election> {
        self.broken.clone()
    }

    async fn insert(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.memory.insert(items).await
    }

    async fn remove(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.memory.remove(items).await
    }

    async fn refuse(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.memory.refuse(items).await
    }

    async fn refuse_worker(&self, worker: &WorkerId) -> Result<(), Violation> {
        self.memory.refuse_worker(worker).await
    }

    async fn accept_all(&self) -> Result<(), Violation> {
        self.memory.accept_all().await
    }

    async fn value(&self, item: &ItemId) -> Result<Option<(u64, Option<String>)>, Violation> {
        self.memory.value(item).await
    }

    async fn outlast_the_leader(&self) -> Result<(), Violation> {
        self.memory.outlast_the_leader().await
    }

    async fn let_the_lease_end_later(&self, by: Duration) -> Result<(), Violation> {
        self.memory.let_the_lease_end_later(by).await
    }

    async fn outlast_deafness(&self) -> Result<(), Violation> {
        self.memory.outlast_deafness().await
    }

    async fn let_the_clock_fall(&self, ticks: u64) -> Result<(), Violation> {
        self.memory.let_the_clock_fall(ticks).await
    }

    async fn pass_a_moment(&self) {
        self.memory.pass_a_moment().await;
    }
}

macro_rules! rejected {
    ($($name:ident: $fault:ident by $case:ident;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                let violation = cases::$case(&broken(Fault::$fault)).await;
                assert!(violation.is_err(), "{:?} passes {}", Fault::$fault, stringify!($case));
            }
        )+
    };
}

rejected! {
    a_store_that_ignores_ranges_at_once: IgnoresTheRange by concurrent_ranges_are_one_tick;
    a_store_that_oversteps_ranges_at_once: OverstepsTheRange by concurrent_ranges_are_one_tick;
    a_store_that_forgets_the_tick: ForgetsTheTick by a_repeated_tick_changes_nothing;
    a_store_that_forgets_the_tick_after_a_move: ForgetsTheTick by a_moved_slot_is_not_ticked_twice;
    a_store_that_ignores_the_incarnation: IgnoresTheIncarnation by another_incarnation_ticks_nothing;
    a_store_that_ignores_the_epoch: IgnoresTheEpoch by an_old_epoch_is_refused;
    a_store_that_ignores_the_timing: IgnoresTheTiming by a_hand_over_waits_for_the_tick;
    a_store_that_ignores_the_term: IgnoresTheTerm by an_old_term_moves_nothing;
    a_store_that_ignores_the_holder: IgnoresTheTerm by a_forged_holder_moves_nothing;
    a_store_that_elects_anybody: ElectsAnybody by one_leader_at_a_time;
    a_store_that_adopts_nothing: AdoptsNothing by adoption_takes_the_slots_of_its_name;
    a_store_that_skips_empty_slots: SkipsEmptySlots by an_owner_of_empty_slots_ticks_one;
    a_store_that_lists_unsorted: ListsUnsorted by items_are_listed_in_order;
    a_store_that_boasts: Boasts by a_tick_increments_each_owned_item_once;
    a_store_that_freezes_the_fence: FreezesTheFence by the_fence_shows_every_change_of_slots;
    a_store_that_claims_beside_a_leader: ClaimsBesideALeader by nothing_is_claimed_while_there_is_a_leader;
    a_store_that_claims_from_the_living: ClaimsFromTheLiving by a_live_owner_keeps_its_slots;
    a_store_that_claims_beyond_the_limit: ClaimsBeyondTheLimit by claims_keep_within_their_limit;
    a_store_that_claims_nothing: ClaimsNothing by orphans_are_claimed_without_a_leader;
    a_store_that_never_catches_up: NeverCatchesUp by ticks_continue_after_the_clock_fell;
    a_store_that_catches_up_twice: CatchesUpTwice by concurrent_catch_ups_advance_once;
    a_store_that_boasts_of_catching_up: Boasts by a_correct_clock_is_not_advanced;
    a_store_that_catches_up_for_any_term: IgnoresTheTerm by an_old_term_advances_no_ticks;
    a_store_that_waits_for_any_lease: WaitsForAnyLease by a_lease_of_a_fallen_clock_can_be_taken;
    a_store_that_never_replaces_a_deaf_leader: IgnoresHearing by a_deaf_leader_gives_way_to_a_candidate_that_hears;
    a_store_that_lets_the_deaf_replace_the_deaf: ElectsTheDeaf by a_deaf_leader_gives_way_to_a_candidate_that_hears;
    a_store_that_elects_the_deaf_first: ElectsTheDeaf by a_candidate_that_hears_no_members_waits_longer;
    a_store_that_claims_nothing_beside_a_leader: ClaimsNothingBesideALeader by abandoned_slots_are_claimed_in_spite_of_a_leader;
    a_store_that_believes_anybody_well: BelievesAnybodyWell by a_worker_with_a_gap_claims_nothing_beside_a_leader;
    a_store_that_hides_what_nobody_ticks: HidesTheUnticked by an_empty_claim_reports_unticked_slots;
    a_store_that_hides_refusals: HidesRefusals by a_refused_item_keeps_no_other_from_being_ticked;
    a_store_that_lets_anybody_write: LetsAnybodyWrite by a_worker_refused_everywhere_is_told;
    a_store_that_lets_nobody_write: LetsNobodyWrite by slots_are_ticked_if_all_items_are_refused;
    a_store_that_changes_its_identity: ChangesIdentity by a_store_has_one_installation_id;
    a_store_that_ignores_the_range: IgnoresTheRange by only_the_slots_in_range_are_ticked;
    a_store_that_holds_for_a_namesake: HoldsForANamesake by holdings_are_the_slots_of_the_owner;
    a_store_that_holds_in_any_range: HoldsInAnyRange by holdings_are_the_slots_of_the_owner;
    a_store_that_loses_acknowledgements: LosesAcknowledgements by an_acknowledgement_reaches_the_next_owner;
    a_store_that_loses_causes: LosesCauses by a_holding_has_the_cause_of_its_change_of_owner;
    a_store_that_ends_the_epoch_of_others: EndsTheEpochOfOthers by only_the_owner_ends_its_own_epoch;
}
