//! One answer from the answers of several shards.

use crate::{Assignment, Claim, Outcome, SlotLoad, SlotRange, SlotState, TickReport};

/// Merges tick reports. The present tick is the lowest, so that no merged tick is ahead of a shard; `None` without reports.
pub(super) fn merged_reports(reports: Vec<TickReport>) -> Option<TickReport> {
    reports.into_iter().reduce(|mut merged, report| {
        if report.tick < merged.tick {
            (merged.tick, merged.into_tick, merged.tick_length) = (report.tick, report.into_tick, report.tick_length);
        }
        merged.owned += report.owned;
        merged.fence ^= report.fence;
        merged.ticked += report.ticked;
        merged.left += report.left;
        merged.items += report.items;
        merged.digest ^= report.digest;
        merged.locked += report.locked;
        merged.refused += report.refused;
        merged.refusal = [merged.refusal, report.refusal].into_iter().flatten().min_by(|one, other| one.item.cmp(&other.item));
        merged.took = merged.took.max(report.took);
        merged
    })
}

/// Merges the assignments of shards with these ranges: each slot has the state that its shard knows. `None` without answers.
pub(super) fn merged_assignments(ranges: &[SlotRange], assignments: Vec<Assignment>) -> Option<Assignment> {
    let mut merged: Option<Assignment> = None;
    for (range, mut shard) in ranges.iter().zip(assignments) {
        let slots = std::mem::take(&mut shard.slots).into_iter().skip(range.first() as usize);
        let slots: Vec<SlotState> = slots.take((range.end() - range.first()) as usize).collect();
        let whole = merged.get_or_insert_with(|| Assignment { range: SlotRange::ALL, ..shard.clone() });
        if shard.tick < whole.tick {
            (whole.tick, whole.tick_length) = (shard.tick, shard.tick_length);
        }
        // A session is open if one shard sees it. If one cannot tell, none of the missing sessions is known to be closed.
        whole.sessions = match (whole.sessions.take(), shard.sessions) {
            (Some(mut open), Some(more)) => {
                open.extend(more);
                Some(open)
            }
            _ => None,
        };
        whole.slots.extend(slots);
    }
    merged
}

/// Merges the loads of shards with these ranges; `None` without answers.
pub(super) fn merged_loads(ranges: &[SlotRange], loads: &[SlotLoad]) -> Option<SlotLoad> {
    let slots = loads.first()?.slots();
    let shard_of = ranges.iter().zip(loads);
    let counts =
        shard_of.flat_map(|(range, load)| slots.iter().filter(|slot| range.contains(*slot)).map(|slot| (slot, load.of(slot))));
    Some(SlotLoad::of_items(slots, counts))
}

/// Merges the outcomes of commits. If a later term has begun in some shards only, the transfers there count as refused.
pub(super) fn merged_outcomes(outcomes: Vec<(Outcome, Vec<crate::Refusal>)>) -> Outcome {
    let is_deposed = outcomes.iter().any(|(outcome, _)| *outcome == Outcome::Deposed);
    let (mut all_moved, mut all_refused) = (Vec::new(), Vec::new());
    for (outcome, if_deposed) in outcomes {
        match outcome {
            Outcome::Committed { moved, refused } => {
                all_moved.extend(moved);
                all_refused.extend(refused);
            }
            Outcome::Deposed => all_refused.extend(if_deposed),
        }
    }
    if is_deposed && all_moved.is_empty() {
        Outcome::Deposed
    } else {
        Outcome::Committed { moved: all_moved, refused: all_refused }
    }
}

/// Merges answers to claims: what was claimed, or else the shortest wait and all slots that no worker ticks.
pub(super) fn merged_claims(claims: impl IntoIterator<Item = Claim>) -> Option<Claim> {
    claims.into_iter().reduce(|merged, claim| match (merged, claim) {
        (Claim::Claimed { slots }, Claim::Claimed { slots: more }) => Claim::Claimed { slots: slots + more },
        (Claim::NotYet { wait, unticked }, Claim::NotYet { wait: other, unticked: more }) => {
            Claim::NotYet { wait: wait.min(other), unticked: unticked + more }
        }
        (claimed @ Claim::Claimed { .. }, Claim::NotYet { .. }) | (Claim::NotYet { .. }, claimed @ Claim::Claimed { .. }) => {
            claimed
        }
    })
}
