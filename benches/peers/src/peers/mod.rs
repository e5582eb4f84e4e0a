//! The crates, each behind one small trait.

mod buckets;
mod circles;
mod deltas;
mod scores;
mod tables;

use scaler_benches::Table;

use crate::contender::{Class, Contender, LooksUp, Peer};
use crate::key::{Fast, Postgres};

/// Those that can serve so many workers, ready to be measured.
pub fn all(workers: u32, table: &Table) -> Vec<Box<dyn Contender>> {
    let looking_up = [
        ready::<tables::Maglev>,
        ready::<tables::MaglevAsItComes>,
        ready::<buckets::JumpBack>,
        ready::<buckets::Flip>,
        ready::<buckets::Jump>,
        ready::<tables::Anchor>,
        ready::<circles::Popular>,
        ready::<circles::Weighted>,
        ready::<circles::Tree>,
        ready::<circles::Ketama>,
        ready::<scores::Candidates>,
        ready::<scores::Sorted>,
    ];
    let mut all: Vec<Box<dyn Contender>> = looking_up.into_iter().flat_map(|ready| ready(workers, table)).collect();
    if workers <= deltas::MOST_WORKERS {
        all.push(Box::new(deltas::Ranges::build(workers, table)));
        all.push(Box::new(deltas::Points::build(workers, table)));
    }
    all
}

/// The crate with a fast hash, as its users run it, and with the hash of Postgres.
fn ready<P: Peer + 'static>(workers: u32, table: &Table) -> Vec<Box<dyn Contender>> {
    if workers > P::MOST_WORKERS {
        return Vec::new();
    }
    let as_users_do = LooksUp::<P, Fast>::build(workers, table, Class::Peer);
    vec![Box::new(as_users_do), Box::new(LooksUp::<P, Postgres>::build(workers, table, Class::PeerByOurHash))]
}
