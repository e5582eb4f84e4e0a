//! Checks of what operators asked for, and may have forgotten.

use std::time::Duration;

use scaler_core::{RecordedWish, Wish};

use super::{Check, Facts, named};
use crate::overview::{Overview, made};

/// Age at which a wish may have been forgotten.
const OLD: Duration = Duration::from_secs(24 * 3600);

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let of = |name, check: fn(&'static str, &Overview) -> Check| match &facts.overview {
        Some(overview) => check(name, overview),
        None => Check::unknown(name, "what operators asked for cannot be read"),
    };
    vec![of("pins", pins), of("unknown-workers", unknown_workers), of("old-wishes", old_wishes)]
}

fn pins(name: &'static str, overview: &Overview) -> Check {
    let is_void = |wish: &&RecordedWish| matches!(&wish.wish, Wish::Pin(_, worker) if !overview.knows(worker));
    let void: Vec<_> = overview.wishes.iter().filter(is_void).map(|wish| &wish.wish).collect();
    if void.is_empty() {
        return Check::ok(name, "no slot is pinned to a worker that is not there");
    }
    Check::warning(name, format!("pins to workers that are not there have no effect: {}", named(void)))
}

fn unknown_workers(name: &'static str, overview: &Overview) -> Check {
    let is_void = |wish: &&RecordedWish| {
        let worker = wish.wish.worker().filter(|_| !matches!(wish.wish, Wish::Pin(..)));
        worker.is_some_and(|worker| !overview.knows(worker))
    };
    let void: Vec<_> = overview.wishes.iter().filter(is_void).map(|wish| &wish.wish).collect();
    if void.is_empty() {
        return Check::ok(name, "each cordon, drain and weight is of a worker that is there");
    }
    Check::warning(name, format!("of workers that are not there: {}", named(void)))
}

fn old_wishes(name: &'static str, overview: &Overview) -> Check {
    let now = overview.store_time();
    let is_old = |wish: &&RecordedWish| {
        matches!(wish.wish, Wish::Pause | Wish::Cordon(_) | Wish::Drain(_)) && now.saturating_sub(wish.since) > OLD
    };
    let old: Vec<_> = overview.wishes.iter().filter(is_old).map(|wish| format!("{} {}", wish.wish, made(wish, now))).collect();
    if old.is_empty() {
        return Check::ok(name, "no pause, cordon or drain is older than a day");
    }
    Check::warning(name, format!("older than a day: {}", named(old)))
}
