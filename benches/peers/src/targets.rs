//! Targets of the comparison, and their results.

use serde_json::{Value, json};

use crate::contender::Class;
use crate::measure::{Field, Found, Moves};
use crate::ours::{MANY_AT_ONCE, OWN_HASH, STICKY};

/// A target, with what was found. Less is better.
pub struct Target {
    pub name: String,
    pub value: f64,
    pub limit: f64,
    /// The contender that it is measured against, if there is one.
    pub peer: Option<String>,
}

impl Target {
    pub fn is_met(&self) -> bool {
        self.value <= self.limit
    }

    pub fn json(&self) -> Value {
        json!({ "name": self.name, "value": self.value, "limit": self.limit, "peer": self.peer, "ok": self.is_met() })
    }
}

/// The fraction of the time of the best crate that looks every item up again, by the workers.
const LOOKING_UP: [(u32, f64); 4] = [(10, 1.0 / 7.0), (100, 1.0 / 20.0), (1000, 1.0 / 50.0), (10_000, 1.0 / 100.0)];
/// The fraction of the time of the best delta that a crate has of its own.
const OWN_DELTA: [(u32, f64); 3] = [(10, 1.0), (100, 0.4), (1000, 0.3)];
/// The fraction of the time of the fastest crate's look-up: by which way of ours, against which class of crates, and the limit.
const LOOK_UPS: [(&str, &str, Class, f64); 3] = [
    ("look-up by a fast hash over the fastest crate's", OWN_HASH, Class::Peer, 0.8),
    ("many look-ups by the hash of Postgres over the fastest crate's by a fast one", MANY_AT_ONCE, Class::Peer, 1.0),
    ("look-up over the fastest crate's, both by the hash of Postgres", STICKY, Class::PeerByOurHash, 0.8),
];

/// The targets at so many workers.
pub fn of(field: &Field) -> Vec<Target> {
    let named = |name: &str| field.results.iter().find(|found| found.name == name);
    let Some(ours) = named(STICKY) else { return Vec::new() };
    let mut targets = Vec::new();
    let mut add = |what: &str, value: f64, limit: f64, peer: Option<&str>| {
        let peer = peer.map(str::to_owned);
        targets.push(Target { name: format!("{what}, {} workers, {} slots", field.workers, field.slots), value, limit, peer });
    };
    let of_class = |class| field.results.iter().filter(move |found| found.class == class);
    let fastest = |looks_up: bool| {
        let of_kind = of_class(Class::Peer).filter(move |found| found.look_up_ns.is_some() == looks_up);
        fastest_by(of_kind, |found| found.join_us)
    };
    for (what, name, class, limit) in LOOK_UPS {
        let own = named(name).and_then(|found| found.look_up_ns);
        if let (Some(own), Some((peer, ns))) = (own, fastest_by(of_class(class), |found| found.look_up_ns)) {
            add(what, own / ns, limit, Some(peer));
        }
    }
    if let Some(moves) = &ours.quality {
        even_and_minimal(field, moves, &mut add);
    }
    for (what, looks_up, limits) in [
        ("planning a join over the best that looks all up again", true, &LOOKING_UP[..]),
        ("planning a join over the best delta of a crate's own", false, &OWN_DELTA[..]),
    ] {
        let limit = limits.iter().find(|(workers, _)| *workers == field.workers);
        if let (Some((_, limit)), Some((peer, best)), Some(own)) = (limit, fastest(looks_up), ours.join_us) {
            add(what, own / best, *limit, Some(peer));
        }
    }
    targets
}

fn even_and_minimal(field: &Field, moves: &Moves, add: &mut impl FnMut(&str, f64, f64, Option<&str>)) {
    let items_a_worker = field.items / field.workers as usize;
    let even = if items_a_worker >= 10_000 { Some(1.001) } else { (items_a_worker >= 1000).then_some(1.005) };
    if let Some(limit) = even {
        add("max/mean after build", moves.even_built, limit, None);
        add("max/mean after a join", moves.even_joined, limit, None);
    }
    let limit = 1.0 + f64::from(field.heaviest) * f64::from(field.workers + 1) / field.items as f64;
    add("items moved by a join over the joiner's fair share", moves.join, limit, None);
    add("items moved by a join between old workers", moves.strays as f64, 0.0, None);
    add("items moved by a leave over the leaver's", moves.leave, 1.0, None);
}

fn fastest_by<'a>(peers: impl Iterator<Item = &'a Found>, time: fn(&Found) -> Option<f64>) -> Option<(&'a str, f64)> {
    let timed = peers.filter_map(|found| Some((found.name.as_str(), time(found)?)));
    timed.min_by(|one, other| one.1.total_cmp(&other.1))
}
