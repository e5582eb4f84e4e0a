//! Explanation of a slot, or of an item by its slot.

use scaler_core::{
    Cause, EventFilter, EventKind, EventLog, Holding, MemberKey, RecordedEvent, Slot, SlotRange, SlotState, StoreError,
};

use super::{Explanation, FoundItem, Sources, Subject, steering, worker};
use crate::view::{EventView, Timestamp};

/// Maximum number of events in the history.
pub(super) const MOST_HISTORY: usize = 20;
/// Maximum number of later rebalances among which the one of the last move is looked for.
const MOST_REBALANCES: usize = 100;

/// Explains a slot, or an item in it; `None` if the slot does not exist.
pub(super) async fn explain(
    subject: &Subject,
    slot: Slot,
    item: Option<&FoundItem>,
    sources: &Sources<'_>,
) -> Result<Option<Explanation>, StoreError> {
    let assignment = sources.store.assignment().await?;
    let Some(SlotState { owner, epoch, .. }) = assignment.slots.get(slot.index()) else { return Ok(None) };
    let (mut history, mut rebalance) = (Vec::new(), None);
    if let Some(log) = sources.store.event_log() {
        history = log.events(&EventFilter { slot: Some(slot), ..EventFilter::default() }, MOST_HISTORY).await?;
        if let Some(moved) = last_move(&history) {
            rebalance = rebalance_after(log, moved.id).await?;
        }
    }
    let holding = match owner {
        Some(owner) => holding(owner, slot, sources).await?,
        None => None,
    };
    let wishes = steering::wishes(sources).await?;
    let worker = owner.as_ref().map(|owner| &owner.worker);
    let moved = last_move(&history);
    Ok(Some(Explanation {
        subject: subject.to_string(),
        slot: Some(slot.number()),
        owner: worker.map(ToString::to_string),
        epoch: Some(epoch.0),
        cause: holding.map(|holding| holding.cause.to_string()),
        why_here: why_here(slot, item, owner.as_ref(), holding, moved),
        why_moved: why_moved(moved, rebalance.as_ref()),
        why_not_moved: steering::reasons(Some(slot), worker, &wishes, sources.situation),
        refusal: match worker {
            Some(worker) => worker::refusal(worker, sources).await,
            None => None,
        },
        history: history.iter().map(EventView::of).collect(),
    }))
}

fn last_move(history: &[RecordedEvent]) -> Option<&RecordedEvent> {
    history.iter().find(|event| event.event.kind == EventKind::Moved)
}

/// Returns the slot as its owner holds it.
async fn holding(owner: &MemberKey, slot: Slot, sources: &Sources<'_>) -> Result<Option<Holding>, StoreError> {
    let range = SlotRange::new(slot.number()..slot.number() + 1);
    Ok(sources.store.holdings(owner, range).await?.into_iter().next())
}

/// Returns the rebalance that a move belongs to: the first that ended after it.
async fn rebalance_after(log: &dyn EventLog, id: u64) -> Result<Option<RecordedEvent>, StoreError> {
    let filter = EventFilter { after: Some(id), kind: Some(EventKind::Rebalance), ..EventFilter::default() };
    let mut later = log.events(&filter, MOST_REBALANCES).await?;
    Ok(if later.len() < MOST_REBALANCES { later.pop() } else { None })
}

fn why_here(
    slot: Slot,
    item: Option<&FoundItem>,
    owner: Option<&MemberKey>,
    holding: Option<Holding>,
    moved: Option<&RecordedEvent>,
) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(FoundItem { item, worker, .. }) = item {
        let last = worker.as_ref().map_or(String::new(), |worker| format!("; {worker} worked on it last"));
        sentences.push(format!("item {item} hashes to slot {slot}{last}"));
    }
    let Some(owner) = owner else {
        sentences.push(format!("slot {slot} has no owner: no worker works on its items"));
        return sentences;
    };
    // A move to an earlier owner says nothing about this one, which has adopted or claimed the slot itself.
    let since = match moved.filter(|moved| moved.event.worker.as_ref() == Some(&owner.worker)) {
        Some(moved) => format!("since {}", Timestamp::of(moved.at)),
        None => "since before the oldest event kept, or without an event".to_owned(),
    };
    sentences.push(format!("{} owns slot {slot} {since}", owner.worker));
    if let Some(holding) = holding {
        sentences.push(format!("{}: {}", holding.cause, in_words(holding.cause)));
    }
    sentences
}

fn why_moved(moved: Option<&RecordedEvent>, rebalance: Option<&RecordedEvent>) -> Vec<String> {
    let Some(moved) = moved else { return vec!["no move of it is among the events kept".to_owned()] };
    let mut sentences = vec![format!("{}: {}", Timestamp::of(moved.at), moved.event.text)];
    if let Some(rebalance) = rebalance {
        let cause = rebalance.event.cause.as_ref().map_or(String::new(), |cause| format!("{cause}: "));
        sentences.push(format!("{cause}{}", rebalance.event.text));
    }
    sentences
}

/// Returns the cause of an ownership in a sentence.
const fn in_words(cause: Cause) -> &'static str {
    match cause {
        Cause::Unowned => "the slot had no owner",
        Cause::Joined => "the owner joined and took its share",
        Cause::Left => "the former owner is no longer a member",
        Cause::Dead => "the former owner was dead, paused, or cut off from the store",
        Cause::Barred => "the store refused all writes of the former owner",
        Cause::Drained => "the former owner was drained",
        Cause::Rebalance => "the slot was moved for an even load",
        Cause::Pinned => "the slot is pinned to the owner",
        Cause::Adopted => "the owner took over the slots of an earlier process of its name",
        Cause::Claimed => "the owner claimed the slot, which no worker ticked",
        _ => "the cause is of another version",
    }
}
