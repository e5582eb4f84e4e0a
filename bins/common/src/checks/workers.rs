//! Checks of the work: workers, slots, refused rows, and doubles.

use scaler_core::Slot;
use scaler_core::control::{Change, ControlConfig, MemberPhase};

use super::{Check, Facts, named};
use crate::overview::{Overview, WorkerState};

const UNREAD: &str = "slots and items cannot be read";
/// Number of ticks after which a slot with items is late.
const LATE_TICKS: u64 = 4;

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let overview = facts.overview.as_ref();
    let of = |name, check: fn(&'static str, &Overview) -> Check| match overview {
        Some(overview) => check(name, overview),
        None => Check::unknown(name, UNREAD),
    };
    vec![of("workers", workers), slots(facts), of("rebalancing", rebalancing), of("refused-rows", refused_rows), doubles(facts)]
}

fn workers(name: &'static str, overview: &Overview) -> Check {
    let workers = overview.workers();
    let is_lost = |state: &WorkerState| matches!(state.phase, MemberPhase::Dead | MemberPhase::CutOff | MemberPhase::Barred);
    let those = |is_one: &dyn Fn(&WorkerState) -> bool| {
        let found = workers.iter().filter(|(_, state)| is_one(state));
        found.map(|(worker, state)| format!("{worker} ({})", state.phase)).collect::<Vec<_>>()
    };
    let with_slots = those(&|state| is_lost(state) && state.slots > 0);
    let without = those(&|state| is_lost(state) && state.slots == 0);
    let unheard = those(&|state| state.phase == MemberPhase::Unheard);
    if !with_slots.is_empty() {
        Check::failed(name, format!("workers own slots and do not work: {}", named(with_slots)))
    } else if workers.is_empty() {
        Check::failed(name, "there are no workers")
    } else if !without.is_empty() {
        Check::warning(name, format!("workers without slots do not work: {}", named(without)))
    } else if !unheard.is_empty() {
        Check::warning(name, format!("workers tick without a fresh heartbeat: {}", named(unheard)))
    } else {
        Check::ok(name, format!("{} workers", workers.len()))
    }
}

fn slots(facts: &Facts) -> Check {
    let name = "slots";
    let (Some(overview), Some(later)) = (&facts.overview, &facts.later) else { return Check::unknown(name, UNREAD) };
    let with_items = || overview.load.slots().iter().filter(|slot| overview.load.of(*slot) > 0);
    let unowned = with_items().filter(|slot| overview.owner(*slot).is_none()).count();
    let is_late = |slot: &Slot| {
        let state = later.slots.get(slot.index());
        state.is_some_and(|state| state.owner.is_some() && later.tick.since(state.last_tick) >= LATE_TICKS)
    };
    let late = with_items().filter(is_late).count();
    if (unowned, late) == (0, 0) {
        return Check::ok(name, format!("each of the {} slots that hold items is ticked", with_items().count()));
    }
    let text = format!("{unowned} slots with items have no owner, and {late} have not been ticked for {LATE_TICKS} ticks");
    Check::failed(name, text)
}

fn rebalancing(name: &'static str, overview: &Overview) -> Check {
    match overview.preview(&ControlConfig::default(), &Change::default()).silent {
        Some(silent) => Check::failed(
            name,
            format!(
                "the mass-failure guard holds rebalancing: {silent} slots are silent at once, so the reason is likely Postgres"
            ),
        ),
        None => Check::ok(name, "slots may move"),
    }
}

fn refused_rows(name: &'static str, overview: &Overview) -> Check {
    let Some(members) = &overview.members else {
        return Check::unknown(name, "the members, which report them, cannot be read");
    };
    let refusals: Vec<_> = members.iter().filter_map(crate::overview::refusal).collect();
    match refusals.first() {
        Some(first) if refusals.len() > 1 => Check::warning(name, format!("{first}; and {} more workers", refusals.len() - 1)),
        Some(first) => Check::warning(name, first.clone()),
        None => Check::ok(name, "Postgres refuses no row"),
    }
}

fn doubles(facts: &Facts) -> Check {
    let name = "doubles";
    match &facts.audit {
        Some(audit) if audit.doubled > 0 => {
            Check::failed(name, format!("{} items of a sample gained more than one per tick: run `verify`", audit.doubled))
        }
        Some(audit) => Check::ok(name, format!("no double in a sample of {} items", audit.items)),
        None => Check::unknown(name, "the items cannot be audited: only the increment shows how often an item was worked on"),
    }
}
