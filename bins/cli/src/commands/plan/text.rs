//! A plan as text, and as a document.

use std::collections::BTreeMap;

use notifi_scaler_common::overview::Overview;
use scaler_core::control::Share;
use scaler_core::{Cost, Move, Plan, WorkerId};
use serde_json::{Value, json};

use super::Planned;
use crate::table::{Align, Table};

/// Returns the plan for people: what moves between which workers, and the loads before and after.
pub(super) fn text(planned: &Planned, overview: &Overview, with_slots: bool) -> String {
    let preview = &planned.preview;
    if let Some(silent) = preview.silent {
        return format!("nothing would move: the mass-failure guard holds rebalancing, since {silent} slots are silent at once");
    }
    let (cost, minimum) = (preview.cost(), preview.minimum);
    let mut parts = vec![format!(
        "{} slots with {} items move; the minimum for these loads is {} slots with {} items",
        cost.slots, cost.items, minimum.slots, minimum.items
    )];
    if preview.pending > 0 {
        parts.push(format!("before that, {} slots move that are under way without the change", preview.pending));
    }
    if preview.plans.len() > 1 {
        parts.push(format!("they move in {} rebalances, since joins and drains wait for the debounce", preview.plans.len()));
    }
    for (worker, why) in &preview.waiting {
        parts.push(format!("{worker} gets none of them: {}", why.as_str()));
    }
    let mut text = parts.join("\n");
    if cost.slots > 0 {
        text = format!("{text}\n\n{}", pairs_text(planned, overview));
    }
    text = format!("{text}\n\n{}", shares_text(planned));
    if with_slots {
        text = format!("{text}\n\n{}", moves_text(planned, overview));
    }
    format!("{text}\n\n{}", how(planned))
}

/// Says what was applied.
pub(super) fn applied(planned: &Planned) -> String {
    let cost = planned.preview.cost();
    format!(
        "applied: control planes move {} slots with {} items now; see `notifi-scaler events --follow`",
        cost.slots, cost.items
    )
}

/// Says how the change is made.
fn how(planned: &Planned) -> String {
    match planned.change.join.len() {
        0 => format!("apply it by: notifi-scaler apply '{}'", planned.id),
        count => format!(
            "start {count} workers to make it so, by `kubectl scale` or the autoscaler; the names new-1 ... stand for theirs"
        ),
    }
}

/// Returns what moves between each pair of workers.
fn pairs(planned: &Planned, overview: &Overview) -> BTreeMap<(Option<WorkerId>, WorkerId), Cost> {
    let mut pairs: BTreeMap<_, Cost> = BTreeMap::new();
    for Move { slot, from, to, .. } in planned.preview.plans.iter().flat_map(Plan::moves) {
        let cost = pairs.entry((from.clone(), to.clone())).or_default();
        cost.slots += 1;
        cost.items += u64::from(overview.load.of(*slot));
    }
    pairs
}

fn pairs_text(planned: &Planned, overview: &Overview) -> String {
    let mut table = Table::new([("from", Align::Left), ("to", Align::Left), ("slots", Align::Right), ("items", Align::Right)]);
    for ((from, to), cost) in pairs(planned, overview) {
        let from = from.map_or_else(|| "no owner".to_owned(), |from| from.to_string());
        table.row([from, to.to_string(), cost.slots.to_string(), cost.items.to_string()]);
    }
    table.to_string()
}

fn shares_text(planned: &Planned) -> String {
    let mut table = Table::new([
        ("worker", Align::Left),
        ("slots before", Align::Right),
        ("after", Align::Right),
        ("items before", Align::Right),
        ("after", Align::Right),
    ]);
    for (worker, (before, after)) in &planned.preview.shares {
        let numbers = [before.slots, after.slots, before.items, after.items].map(|number| number.to_string());
        let [slots_before, slots_after, items_before, items_after] = numbers;
        table.row([worker.to_string(), slots_before, slots_after, items_before, items_after]);
    }
    let [before, after] = most_over_mean(planned);
    format!("{table}\n\nthe most loaded worker has {before:.3} times the mean before, and {after:.3} times after")
}

/// Returns the items of the most loaded worker relative to the mean, before and after.
fn most_over_mean(planned: &Planned) -> [f64; 2] {
    let ratio = |pick: fn(&(Share, Share)) -> Share, counts: &dyn Fn(&WorkerId, Share) -> bool| {
        let shares = planned.preview.shares.iter().map(|(worker, both)| (worker, pick(both)));
        let items: Vec<_> = shares.filter(|(worker, share)| counts(worker, *share)).map(|(_, share)| share.items).collect();
        ratio(&items)
    };
    let before = ratio(|both| both.0, &|worker, share| share.slots > 0 || planned.preview.before.contains(worker));
    let after = ratio(|both| both.1, &|worker, share| {
        let stays = planned.preview.before.contains(worker) && !planned.change.leave.contains(worker);
        share.slots > 0 || stays || planned.change.join.contains(worker)
    });
    [before, after]
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to look at")]
fn ratio(items: &[u64]) -> f64 {
    let (most, total) = (items.iter().max().copied().unwrap_or(0), items.iter().sum::<u64>());
    if total == 0 { 1.0 } else { most as f64 * items.len() as f64 / total as f64 }
}

fn moves_text(planned: &Planned, overview: &Overview) -> String {
    let mut table = Table::new([
        ("slot", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
        ("items", Align::Right),
        ("reason", Align::Left),
    ]);
    for Move { slot, from, to, why } in planned.preview.plans.iter().flat_map(Plan::moves) {
        let from = from.as_ref().map_or_else(|| "no owner".to_owned(), ToString::to_string);
        table.row([slot.to_string(), from, to.to_string(), overview.load.of(*slot).to_string(), why.to_string()]);
    }
    table.to_string()
}

/// Returns the plan for programs.
pub(super) fn document(planned: &Planned, overview: &Overview, with_slots: bool) -> Value {
    let preview = &planned.preview;
    let (cost, minimum, [before, after]) = (preview.cost(), preview.minimum, most_over_mean(planned));
    let pair = |((from, to), cost): ((Option<WorkerId>, WorkerId), Cost)| {
        let from = from.map(|from| from.to_string());
        json!({"from": from, "to": to.as_str(), "slots": cost.slots, "items": cost.items})
    };
    let share = |(worker, (before, after)): (&WorkerId, &(Share, Share))| {
        json!({
            "name": worker.as_str(), "slots_before": before.slots, "slots_after": after.slots, "items_before": before.items,
            "items_after": after.items,
        })
    };
    let slot_move = |Move { slot, from, to, why }: &Move| {
        json!({
            "slot": slot.number(), "from": from.as_ref().map(WorkerId::as_str), "to": to.as_str(),
            "items": overview.load.of(*slot), "reason": why.to_string(),
        })
    };
    let waiting = preview.waiting.iter().map(|(worker, why)| (worker.to_string(), json!(why.as_str())));
    let moves = with_slots.then(|| preview.plans.iter().flat_map(Plan::moves).map(slot_move).collect::<Vec<_>>());
    json!({
        "id": planned.id.to_string(), "silent_slots": preview.silent, "slots": cost.slots, "slots_minimum": minimum.slots,
        "items": cost.items, "items_minimum": minimum.items, "pending_slots": preview.pending,
        "pairs": pairs(planned, overview).into_iter().map(pair).collect::<Vec<_>>(),
        "workers": preview.shares.iter().map(share).collect::<Vec<_>>(),
        "waiting": waiting.collect::<serde_json::Map<_, _>>(),
        "most_over_mean_before": before, "most_over_mean_after": after, "moves": moves,
    })
}

#[cfg(test)]
mod tests {
    use scaler_core::RingKind;
    use scaler_core::control::Change;

    use super::*;
    use crate::commands::testing::{World, worker};

    #[tokio::test]
    async fn a_plan_shows_moves_by_pair_and_loads() {
        let overview = World::of(&[("worker-1", 4), ("worker-2", 4)]).await.overview().await;
        let leave = Change { leave: [worker("worker-2")].into(), ..Change::default() };
        let planned = Planned::of(&overview, leave, RingKind::Sticky);
        let expected = "\
4 slots with 4 items move; the minimum for these loads is 4 slots with 4 items
worker-2 gets none of them: an operator drains it

from      to        slots  items
--------  --------  -----  -----
worker-2  worker-1      4      4

worker    slots before  after  items before  after
--------  ------------  -----  ------------  -----
worker-1             4      8             4      8
worker-2             4      0             4      0

the most loaded worker has 1.000 times the mean before, and 1.000 times after

apply it by: notifi-scaler apply 'leave=worker-2@";
        let text = text(&planned, &overview, false);
        assert!(text.starts_with(expected), "{text}");
        let document = document(&planned, &overview, true);
        assert_eq!((&document["slots"], &document["slots_minimum"]), (&json!(4), &json!(4)));
        assert_eq!(
            document["moves"][0],
            json!({"slot": 4, "from": "worker-2", "to": "worker-1", "items": 1, "reason": "owner left"})
        );
    }

    #[tokio::test]
    async fn a_join_is_up_to_the_deployment() {
        let overview = World::of(&[("worker-1", 8)]).await.overview().await;
        let join = Change { join: [worker("new-1")].into(), ..Change::default() };
        let text = text(&Planned::of(&overview, join, RingKind::Sticky), &overview, true);
        assert!(text.starts_with("4 slots with 4 items move;"), "{text}");
        assert!(text.contains("start 1 workers to make it so, by `kubectl scale`"), "{text}");
        assert_eq!(text.matches("worker joined").count(), 4, "{text}");
    }
}
