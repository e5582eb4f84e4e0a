//! Measurement of all contenders in one run: each once a round.

use std::time::Duration;

use scaler_benches::Table;
use scaler_core::SlotCount;

use crate::contender::{Class, Contender, Quality};
use crate::{ours, peers};

/// Size of a measurement.
#[derive(Clone, Copy)]
pub struct Scale {
    pub items: usize,
    /// Numbers of workers and of slots.
    pub sizes: &'static [(u32, u32)],
    pub rounds: usize,
}

impl Scale {
    pub const FULL: Self = Self { items: 1_000_000, sizes: &SIZES, rounds: 9 };
    pub const QUICK: Self = Self { items: 100_000, sizes: SIZES.split_at(2).0, rounds: 3 };
}

/// The slots that are advised for so many workers, at least 64 each and no fewer than the default; and the most that an
/// installation has, where that is another number.
const SIZES: [(u32, u32); 7] =
    [(10, 16_384), (100, 32_768), (10, 65_536), (100, 65_536), (1000, 65_536), (10_000, 65_536), (10_000, 1_048_576)];

/// One that took longer than this is not measured again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time limit of one contender's round of look-ups.
const LOOK_UPS: Duration = Duration::from_millis(100);
/// Number of ids that are looked up, in passes: few enough that they stay in the cache of a core, so that a look-up is measured and not
/// the memory that ids are read from.
const AT_HAND: usize = 16_384;
/// Maximum number of passes in a round.
const MOST_PASSES: usize = 1000;

/// Results for one pair of workers and slots.
pub struct Field {
    pub workers: u32,
    pub slots: u32,
    pub items: usize,
    /// Items in the heaviest slot.
    pub heaviest: u32,
    pub results: Vec<Found>,
}

/// Results of one contender.
pub struct Found {
    pub name: String,
    pub class: Class,
    pub look_up_ns: Option<f64>,
    pub join_us: Option<f64>,
    pub quality: Option<Moves>,
}

/// Balance of a placement, and its movement.
#[derive(Clone, Copy)]
pub struct Moves {
    pub even_built: f64,
    pub even_joined: f64,
    /// Items moved by a join over the joiner's fair share.
    pub join: f64,
    /// Items moved by a join over those that the joiner has then: the least that this assignment can cost.
    pub join_over_gain: f64,
    /// Items moved by a join to a worker that was there before.
    pub strays: usize,
    /// Items moved by a leave over those that the leaver had.
    pub leave: f64,
}

/// Measures all contenders with this many workers and slots.
pub fn measure(workers: u32, slots: u32, scale: Scale) -> Field {
    let table = Table::new(scale.items, SlotCount::new(slots).expect("a power of two within limits"));
    let mut contenders = vec![ours::sticky(workers, &table), ours::hash_ring(workers, &table)];
    contenders.push(ours::bounded_hash_ring(workers, &table));
    if u64::from(workers) * u64::from(slots) <= ours::MOST_HASHES {
        contenders.push(ours::rendezvous(workers, &table));
    }
    contenders.extend(ours::look_ups(workers, &table));
    contenders.extend(peers::all(workers, &table));

    let look_ups = rounds(scale.rounds, &contenders, look_up(&table));
    let joins = rounds(scale.rounds, &contenders, |contender| Some(contender.join(&table)?.as_secs_f64()));
    let results = contenders.iter().zip(look_ups).zip(joins).map(|((contender, look_up), join)| Found {
        name: contender.name(),
        class: contender.class(),
        look_up_ns: look_up.map(|seconds| seconds * 1e9),
        join_us: join.map(|seconds| seconds * 1e6),
        quality: contender.quality(&table).map(|quality| moves(&quality, workers)),
    });
    let results = results.collect();
    Field { workers, slots, items: scale.items, heaviest: table.load.heaviest(), results }
}

/// Seconds a look-up, over as many passes as a round has time for.
fn look_up(table: &Table) -> impl Fn(&dyn Contender) -> Option<f64> {
    let ids = &table.ids[..AT_HAND.min(table.ids.len())];
    move |contender| {
        let one = contender.look_up(ids, 1)?;
        let passes = usize::try_from(LOOK_UPS.as_nanos() / one.as_nanos().max(1)).unwrap_or(usize::MAX).clamp(1, MOST_PASSES);
        contender.look_up(ids, passes).map(|took| took.as_secs_f64() / (passes * ids.len()) as f64)
    }
}

/// The median of each contender.
fn rounds(count: usize, contenders: &[Box<dyn Contender>], measure: impl Fn(&dyn Contender) -> Option<f64>) -> Vec<Option<f64>> {
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    for _ in 0..count {
        for (contender, seconds) in contenders.iter().zip(&mut seconds) {
            if seconds.first().is_none_or(|first| *first < PATIENCE.as_secs_f64()) {
                seconds.extend(measure(&**contender));
            }
        }
    }
    seconds.into_iter().map(median).collect()
}

fn median(mut of: Vec<f64>) -> Option<f64> {
    of.sort_unstable_by(f64::total_cmp);
    of.get(of.len() / 2).copied()
}

fn moves(quality: &Quality, workers: u32) -> Moves {
    let Quality { built, joined, left, leaver } = quality;
    let moved = |after: &[u32]| built.iter().zip(after).filter(|(before, after)| before != after).count() as f64;
    let strays = built.iter().zip(joined).filter(|(before, after)| before != after && **after != workers).count();
    let owned = |owners: &[u32], worker| owners.iter().filter(|owner| **owner == worker).count() as f64;
    Moves {
        even_built: max_over_mean(built, workers),
        even_joined: max_over_mean(joined, workers + 1),
        join: moved(joined) * f64::from(workers + 1) / built.len() as f64,
        join_over_gain: moved(joined) / owned(joined, workers),
        strays,
        leave: moved(left) / owned(built, *leaver),
    }
}

fn max_over_mean(owners: &[u32], workers: u32) -> f64 {
    let mut counts = vec![0_u32; workers as usize];
    owners.iter().for_each(|owner| counts[*owner as usize] += 1);
    f64::from(counts.into_iter().max().unwrap_or(0)) * f64::from(workers) / owners.len() as f64
}
