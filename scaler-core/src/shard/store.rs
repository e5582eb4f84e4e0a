//! All shards as one store.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use uuid::Uuid;

use super::ShardMap;
use crate::{Assignment, Election, InstallationId, SlotCount, SlotRange, StoreError, Term, WorkStore};

/// Store that is made of shards. A call goes to all shards that it concerns, at once.
///
/// - **Partial failure**: if one of the shards fails, the call fails with a [`ShardError`], which names the range, as source. What the other
///   shards have done stays done: every call may be repeated, and a call for one range never waits for another shard.
///   [`assignment`](WorkStore::assignment) needs all shards; [`assignment_by_shard`](Self::assignment_by_shard) returns the answer or the
///   error of each.
/// - **Clocks**: each shard counts ticks by its own clock. A merged answer has the lowest present tick, and slots keep the ticks of their
///   shard.
/// - **Leadership**: a candidate leads if it leads in every shard, and gives up all when it loses one. It campaigns in slot order, so that
///   two candidates do not block each other. The number of a term is that of the first shard.
///
/// Wishes and events are not merged yet: [`wishes`](WorkStore::wishes) and [`event_log`](WorkStore::event_log) return `None`.
#[derive(Debug)]
pub struct ShardedStore<S> {
    pub(super) map: ShardMap,
    /// In slot order.
    pub(super) shards: Vec<Shard<S>>,
    /// Terms that were won here, by holder: those of all shards, in slot order.
    terms: Mutex<BTreeMap<Uuid, Vec<Term>>>,
}

/// A shard.
#[derive(Debug)]
pub(super) struct Shard<S> {
    pub(super) range: SlotRange,
    pub(super) store: Arc<S>,
}

/// Failure of a shard: the source of the [`StoreError`] of a [`ShardedStore`].
#[derive(Debug, thiserror::Error)]
#[error("shard {}..{}: {source}", range.first(), range.end())]
pub struct ShardError {
    /// Slots of the shard.
    pub range: SlotRange,
    /// Reason, in the words of the shard's store.
    pub source: crate::BoxError,
}

/// Error of [`ShardedStore::new`]: stores and ranges do not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{stores} stores for {ranges} ranges: each shard needs one store")]
pub struct InvalidShardedStore {
    /// Number of stores.
    pub stores: usize,
    /// Number of ranges.
    pub ranges: usize,
}

/// Shard that does not belong to the others: found when the store is prepared.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mismatch {
    #[error("it is installed with {found} slots, and the shards together have {expected}: install it with {expected}")]
    Slots { found: SlotCount, expected: SlotCount },
    #[error(
        "it belongs to the installation {found}, and the first shard to {expected}: it is a shard of another system; check its URL and schema"
    )]
    Installation { found: InstallationId, expected: InstallationId },
}

impl From<Mismatch> for StoreError {
    fn from(mismatch: Mismatch) -> Self {
        Self::Misshapen { during: "prepare", source: mismatch.into() }
    }
}

impl<S: WorkStore + Election> ShardedStore<S> {
    /// Returns the store of these shards, `stores` in slot order. Nothing is called yet.
    ///
    /// # Errors
    /// If there are not as many stores as ranges.
    pub fn new(map: ShardMap, stores: Vec<Arc<S>>) -> Result<Self, InvalidShardedStore> {
        if stores.len() != map.ranges().len() {
            return Err(InvalidShardedStore { stores: stores.len(), ranges: map.ranges().len() });
        }
        let shards = map.ranges().iter().zip(stores).map(|(range, store)| Shard { range: *range, store }).collect();
        Ok(Self { map, shards, terms: Mutex::default() })
    }

    /// Returns the division of the slots.
    #[must_use]
    pub const fn map(&self) -> &ShardMap {
        &self.map
    }

    /// Returns the shards' ranges and stores, in slot order.
    pub fn shards(&self) -> impl Iterator<Item = (SlotRange, &Arc<S>)> {
        self.shards.iter().map(|shard| (shard.range, &shard.store))
    }

    /// Returns the answer of each shard, in slot order: the state of its slots, or its error. Slots outside the range of a shard have no
    /// owner in its answer.
    pub async fn assignment_by_shard(&self) -> Vec<(SlotRange, Result<Assignment, StoreError>)> {
        let answers =
            join_all(self.shards.iter().map(|shard| async move { shard.attribute(shard.store.assignment().await) })).await;
        self.map.ranges().iter().copied().zip(answers).collect()
    }

    /// Returns the shards that have slots in this range, each with the part that it has.
    pub(super) fn within(&self, slots: SlotRange) -> impl Iterator<Item = (&Shard<S>, SlotRange)> {
        self.shards.iter().filter_map(move |shard| Some((shard, shard.part_of(slots)?)))
    }

    /// Returns the terms of all shards if this one was won here and is the last of its holder.
    pub(super) fn terms_of(&self, term: &Term) -> Option<Vec<Term>> {
        self.terms().get(&term.holder).filter(|terms| terms.first().is_some_and(|first| first.number == term.number)).cloned()
    }

    pub(super) fn terms(&self) -> MutexGuard<'_, BTreeMap<Uuid, Vec<Term>>> {
        // No code panics while it holds the lock, so a poisoned state is consistent.
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes these calls at once, and returns the answers in order, or the first error in this order.
pub(super) async fn at_once<T>(
    calls: impl IntoIterator<Item = impl Future<Output = Result<T, StoreError>>>,
) -> Result<Vec<T>, StoreError> {
    join_all(calls).await.into_iter().collect()
}

impl<S> Shard<S> {
    /// Returns the part of the range that this shard has; `None` if it has none.
    fn part_of(&self, slots: SlotRange) -> Option<SlotRange> {
        let (first, end) = (slots.first().max(self.range.first()), slots.end().min(self.range.end()));
        (first < end).then(|| SlotRange::new(first..end))
    }

    /// Returns the answer with an error that names this shard.
    pub(super) fn attribute<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        answer.map_err(|error| error.map_source(|source| Box::new(ShardError { range: self.range, source })))
    }
}
