//! Reasons for which nothing, or not everything, moves.

use scaler_core::{RecordedWish, Slot, StoreError, Wish, WorkerId};

use super::Sources;
use crate::view::{Situation, Timestamp};

/// Maximum number of workers named as waiting for their share.
const NAMED_WORKERS: usize = 5;

/// Returns all wishes; none if the store keeps none.
pub(super) async fn wishes(sources: &Sources<'_>) -> Result<Vec<RecordedWish>, StoreError> {
    match sources.store.wishes() {
        Some(wishes) => wishes.wishes().await,
        None => Ok(Vec::new()),
    }
}

/// Returns the reasons for which slots of this owner do not move, or this slot does not.
pub(super) fn reasons(
    slot: Option<Slot>,
    owner: Option<&WorkerId>,
    wishes: &[RecordedWish],
    situation: Option<&Situation>,
) -> Vec<String> {
    let concerns = |recorded: &&RecordedWish| match &recorded.wish {
        Wish::Pause => true,
        Wish::Pin(pinned, _) => slot == Some(*pinned),
        Wish::Cordon(worker) | Wish::Drain(worker) | Wish::Weigh(worker, _) => Some(worker) == owner,
    };
    let mut reasons: Vec<_> = wishes.iter().filter(concerns).map(sentence).collect();
    let Some(situation) = situation else {
        reasons.push("what the leader waits for, only its own page and API tell".to_owned());
        return reasons;
    };
    if let Some((silent, since)) = situation.held {
        let since = Timestamp::of(since);
        reasons.push(format!("the mass-failure guard pauses rebalancing since {since}: {silent} slots became silent at once"));
    }
    if situation.pending > 0 {
        let pending = situation.pending;
        reasons.push(format!(
            "{pending} planned moves are not committed yet: each waits for the tick of its slot, or for the move rate limit"
        ));
    }
    reasons.extend(waiting(slot.is_some(), owner, situation));
    if reasons.is_empty() {
        reasons.push("no move is planned: every worker that may have slots has its share within the tolerance".to_owned());
    }
    reasons
}

/// Returns why workers have no share of the slots: all of them, or `owner` only.
fn waiting(all: bool, owner: Option<&WorkerId>, situation: &Situation) -> Vec<String> {
    let concerned: Vec<_> = situation.waiting.iter().filter(|(worker, _)| all || Some(*worker) == owner).collect();
    let mut sentences: Vec<_> = concerned
        .iter()
        .take(NAMED_WORKERS)
        .map(|(worker, why)| format!("{worker} has no share of the slots, or receives none: {}", why.as_str()))
        .collect();
    let more = concerned.len().saturating_sub(NAMED_WORKERS);
    if more > 0 {
        sentences.push(format!("{more} more workers have no share of the slots, or receive none"));
    }
    sentences
}

/// Returns a wish in a sentence, with its operator and time.
fn sentence(recorded: &RecordedWish) -> String {
    let RecordedWish { wish, by, note, since } = recorded;
    let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
    format!("{wish}, by {by} since {}{note}", Timestamp::of(*since))
}
