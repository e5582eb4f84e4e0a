//! Leadership in all shards at once.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::ShardedStore;
use super::store::at_once;
use crate::{Election, Hearing, StoreError, Term, WorkStore};

#[async_trait]
impl<S: WorkStore + Election> Election for ShardedStore<S> {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        let mut won = Vec::with_capacity(self.shards.len());
        for shard in &self.shards {
            match shard.attribute(shard.store.campaign(candidate, lease, hearing).await) {
                Ok(Some(term)) => won.push(term),
                answer => {
                    // A lease that is not given back expires by itself.
                    let _ = self.give_back(&won).await;
                    return answer;
                }
            }
        }
        let term = won.first().map(|first| Term { number: first.number, holder: candidate });
        self.terms().insert(candidate, won);
        Ok(term)
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        let Some(terms) = self.terms_of(term) else { return Ok(false) };
        let renewals = self.shards.iter().zip(&terms);
        let renewals = renewals.map(|(shard, term)| async { shard.attribute(shard.store.renew(term, lease, hearing).await) });
        let is_renewed = at_once(renewals).await?.into_iter().all(|renewed| renewed);
        if !is_renewed {
            // The next candidate must not wait for the leases of the other shards. They expire if they cannot be given back.
            let _ = self.give_back(&terms).await;
        }
        Ok(is_renewed)
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        let Some(terms) = self.terms_of(term) else { return Ok(()) };
        self.give_back(&terms).await
    }
}

impl<S: WorkStore + Election> ShardedStore<S> {
    /// Resigns from these terms of the first shards.
    async fn give_back(&self, terms: &[Term]) -> Result<(), StoreError> {
        let shards = self.shards.iter().zip(terms);
        at_once(shards.map(|(shard, term)| async { shard.attribute(shard.store.resign(term).await) })).await.map(drop)
    }
}
