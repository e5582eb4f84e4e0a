//! Work on all shards.

use std::sync::Arc;

use async_trait::async_trait;

use super::ShardedStore;
use super::answers::{merged_assignments, merged_claims, merged_loads, merged_outcomes, merged_reports};
use super::store::{Mismatch, Shard, at_once};
use crate::hand_over::Acknowledgement;
use crate::{
    Adoption, Assignment, Claim, Election, EventLog, Holding, Incarnation, InstallationId, ItemId, MemberKey, Membership,
    MembershipError, Outcome, Refusal, RefusalReason, RefusedItem, SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick,
    TickReport, Transfer, Wishes, WorkStore,
};

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: WorkStore + Election> WorkStore for ShardedStore<S> {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        // A range after the last slot, which is in no shard, is asked of the first.
        let calls: Vec<_> = self.within(slots).collect();
        let calls = if calls.is_empty() { self.shards.iter().take(1).map(|shard| (shard, slots)).collect() } else { calls };
        let reports =
            at_once(calls.into_iter().map(|(shard, part)| async move { shard.attribute(shard.store.tick(owner, part).await) }));
        Ok(of_any(merged_reports(reports.await?)))
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        let calls = self.within(slots).map(|(shard, part)| async move { shard.attribute(shard.store.items(owner, part).await) });
        let mut items = at_once(calls).await?.concat();
        items.sort_unstable();
        Ok(items)
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        let calls =
            self.within(slots).map(|(shard, part)| async move { shard.attribute(shard.store.holdings(owner, part).await) });
        Ok(at_once(calls).await?.concat())
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        let calls = self.shards.iter().filter_map(|shard| {
            let part: Vec<_> = ended.iter().filter(|ended| shard.range.contains(ended.slot)).copied().collect();
            (!part.is_empty()).then_some(async move { shard.attribute(shard.store.acknowledge(owner, &part).await) })
        });
        at_once(calls).await.map(drop)
    }

    /// A write succeeded if it did in any shard. A shard without items can tell nothing.
    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        let tries = at_once(self.shards.iter().map(|shard| async {
            let refused = shard.attribute(shard.store.try_to_write(owner).await)?;
            let may_write = refused.is_none() && shard.attribute(shard.store.census().await)?.total() > 0;
            Ok((refused, may_write))
        }));
        let tries = tries.await?;
        let may_write = tries.iter().any(|(_, may_write)| *may_write);
        Ok(tries.into_iter().find_map(|(refused, _)| refused).filter(|_| !may_write))
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        let assignments =
            at_once(self.shards.iter().map(|shard| async { shard.attribute(shard.store.assignment().await) })).await?;
        Ok(of_any(merged_assignments(self.map.ranges(), assignments)))
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        let loads = at_once(self.shards.iter().map(|shard| async { shard.attribute(shard.store.census().await) })).await?;
        Ok(of_any(merged_loads(self.map.ranges(), &loads)))
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        let Some(terms) = self.terms_of(term) else { return Ok(Outcome::Deposed) };
        let calls = self.shards.iter().zip(&terms).filter_map(|(shard, term)| {
            let part: Vec<_> = transfers.iter().filter(|transfer| self.has(shard, transfer)).cloned().collect();
            // Without transfers, the first shard tells if the term is the latest.
            let is_asked = !part.is_empty() || (transfers.is_empty() && shard.range.first() == 0);
            is_asked.then_some(async move {
                let outcome = shard.attribute(shard.store.commit(term, &part).await)?;
                Ok((
                    outcome,
                    part.iter().map(|transfer| Refusal { slot: transfer.slot, why: RefusalReason::EpochPassed }).collect(),
                ))
            })
        });
        Ok(merged_outcomes(at_once(calls).await?))
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        let Some(terms) = self.terms_of(term) else { return Ok(0) };
        let calls = self.shards.iter().zip(&terms);
        let ticks = at_once(calls.map(|(shard, term)| async { shard.attribute(shard.store.catch_up(term).await) })).await?;
        Ok(ticks.into_iter().max().unwrap_or_default())
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        let adoptions =
            at_once(self.shards.iter().map(|shard| async { shard.attribute(shard.store.adopt(owner).await) })).await?;
        let both = |one: Adoption, other: Adoption| Adoption { slots: one.slots + other.slots, ..one };
        Ok(of_any(adoptions.into_iter().reduce(both)))
    }

    /// One shard after the other, so that no more is claimed than the limit allows.
    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        let (mut claims, mut left) = (Vec::with_capacity(self.shards.len()), limit);
        for shard in &self.shards {
            let claim = shard.attribute(shard.store.claim_orphans(owner, left, well_since).await)?;
            if let Claim::Claimed { slots } = claim {
                left = left.saturating_sub(slots);
            }
            claims.push(claim);
        }
        Ok(of_any(merged_claims(claims)))
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        let first = of_any(self.shards.first());
        first.attribute(first.store.installation().await)
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        Ok(self.map.slots())
    }

    /// Prepares all shards, and checks that they belong together.
    async fn prepare(&self) -> Result<(), StoreError> {
        at_once(self.shards.iter().map(|shard| async { shard.attribute(shard.store.prepare().await) })).await?;
        let expected = self.installation().await?;
        at_once(self.shards.iter().map(|shard| async {
            let found = shard.attribute(shard.store.slot_count().await)?;
            if found != self.map.slots() {
                return shard.attribute(Err(Mismatch::Slots { found, expected: self.map.slots() }.into()));
            }
            let found = shard.attribute(shard.store.installation().await)?;
            if found != expected {
                return shard.attribute(Err(Mismatch::Installation { found, expected }.into()));
            }
            Ok(())
        }))
        .await
        .map(drop)
    }

    fn take_incarnation(&self) -> Option<Incarnation> {
        self.shards.first().and_then(|shard| shard.store.take_incarnation())
    }

    fn membership(&self) -> Result<Option<Arc<dyn Membership>>, MembershipError> {
        self.shards.first().map_or(Ok(None), |shard| shard.store.membership())
    }

    fn wishes(&self) -> Option<&dyn Wishes> {
        None
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        None
    }
}

/// Returns what the shards answered together.
#[expect(clippy::expect_used, reason = "a shard map has at least one range, and each range a store")]
fn of_any<T>(answer: Option<T>) -> T {
    answer.expect("there is a shard")
}

impl<S: WorkStore + Election> ShardedStore<S> {
    /// True if the transfer is for this shard. One of a slot that does not exist goes to the last shard, which refuses it.
    fn has(&self, shard: &Shard<S>, transfer: &Transfer) -> bool {
        self.map.ranges()[self.map.shard_of_slot(transfer.slot)] == shard.range
    }
}
