//! Explanation of a worker.

use scaler_core::{EventFilter, EventKind, MemberState, StoreError, Wish, WorkerId};

use super::slot::MOST_HISTORY;
use super::{Explanation, Sources, Subject, steering};
use crate::view::{EventView, Timestamp};

/// Maximum number of moves named.
const MOST_MOVES: usize = 3;

/// Explains a worker; `None` if it neither is a member nor owns slots, and no event and no wish names it.
pub(super) async fn explain(
    subject: &Subject,
    name: &WorkerId,
    sources: &Sources<'_>,
) -> Result<Option<Explanation>, StoreError> {
    let assignment = sources.store.assignment().await?;
    let slots = assignment.slots.iter().filter(|slot| slot.owner.as_ref().is_some_and(|owner| owner.worker == *name)).count();
    let history = match sources.store.event_log() {
        Some(log) => log.events(&EventFilter { worker: Some(name.clone()), ..EventFilter::default() }, MOST_HISTORY).await?,
        None => Vec::new(),
    };
    let wishes = steering::wishes(sources).await?;
    let phase = sources.situation.and_then(|situation| situation.phases.get(name));
    let is_named = wishes.iter().any(|recorded| recorded.wish.worker() == Some(name));
    if phase.is_none() && slots == 0 && history.is_empty() && !is_named {
        return Ok(None);
    }
    let mut why_here = vec![format!("{name} owns {slots} of {} slots", assignment.slots.len())];
    if let Some(phase) = phase {
        why_here.push(format!("its phase is {phase}"));
    }
    let pins = wishes.iter().filter(|recorded| matches!(&recorded.wish, Wish::Pin(_, worker) if worker == name)).count();
    if pins > 0 {
        why_here.push(format!("{pins} slots are pinned to it"));
    }
    let moves = history.iter().filter(|event| event.event.kind == EventKind::Moved).take(MOST_MOVES);
    Ok(Some(Explanation {
        subject: subject.to_string(),
        why_here,
        why_moved: moves.map(|moved| format!("{}: {}", Timestamp::of(moved.at), moved.event.text)).collect(),
        why_not_moved: steering::reasons(None, Some(name), &wishes, sources.situation),
        refusal: refusal(name, sources).await,
        history: history.iter().map(EventView::of).collect(),
        ..Explanation::default()
    }))
}

/// Returns what the store refuses to a worker, as the worker reports it; `None` if that is not known.
pub(super) async fn refusal(name: &WorkerId, sources: &Sources<'_>) -> Option<String> {
    // Without the membership, the rest of the explanation still holds.
    let members = sources.members?.members().await.ok()?;
    let member = &members.iter().find(|record| record.member.key.worker == *name)?.member;
    let refusal = member.refusal.as_ref()?;
    Some(match member.state {
        MemberState::Barred => format!("the store refuses all writes of {name}: {refusal}"),
        _ => format!("the store refuses to change {} items of {name}; {refusal}", member.refused),
    })
}
