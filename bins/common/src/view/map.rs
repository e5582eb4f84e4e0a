//! Map of the slots: the worker that owns most of each cell, with a colour.

use scaler_core::WorkerId;

use super::{MOST_CELLS, SlotMap};

/// Maximum number of workers whose names are in the map.
const MOST_NAMED: usize = 64;
/// Maximum length of all names in the map, in bytes.
const MOST_NAME_BYTES: usize = 10_000;
/// Hues that follow each other by this angle stay far apart (golden angle).
const GOLDEN_ANGLE: f64 = 137.507_764;

impl SlotMap {
    /// Returns the map of these cells.
    pub(super) fn of(slots: usize, cells: &[Option<WorkerId>], workers: usize) -> Self {
        let hue = |owner: &Option<WorkerId>| owner.as_ref().map_or(-1, hue_of);
        let name = |owner: &Option<WorkerId>| owner.as_ref().map_or("", WorkerId::as_str).to_owned();
        let bytes: usize = cells.iter().flatten().map(|worker| worker.as_str().len()).sum();
        let is_named = workers <= MOST_NAMED && bytes <= MOST_NAME_BYTES;
        Self {
            slots_per_cell: slots_per_cell(slots) as u64,
            hues: cells.iter().map(hue).collect(),
            owners: if is_named { cells.iter().map(name).collect() } else { Vec::new() },
        }
    }
}

/// Returns the number of slots in a cell, at least 1.
pub(super) fn slots_per_cell(slots: usize) -> usize {
    slots.div_ceil(MOST_CELLS).max(1)
}

/// Returns the hue of a worker, from 0 to 359. It depends on the name alone, so that it stays when others join; numbered workers such as
/// `worker-1` and `worker-2` have hues far apart.
fn hue_of(worker: &WorkerId) -> i16 {
    let name = worker.as_str();
    let prefix = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number: u32 = name[prefix.len()..].parse().unwrap_or(0);
    // FNV-1a.
    let hash = prefix.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let hue = (f64::from(hash % 360) + f64::from(number) * GOLDEN_ANGLE) % 360.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is from 0 to 359")]
    let hue = hue as i16;
    hue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_workers_have_hues_far_apart() {
        let hues: Vec<_> = (1..=8).map(|n| hue_of(&WorkerId::new(format!("worker-{n}")).unwrap())).collect();
        for (i, a) in hues.iter().enumerate() {
            assert!((0..360).contains(a));
            for b in &hues[i + 1..] {
                let apart = (a - b).rem_euclid(360).min((b - a).rem_euclid(360));
                assert!(apart >= 30, "{hues:?}");
            }
        }
    }

    #[test]
    fn names_are_left_out_when_they_are_many_or_long() {
        let cells = |name: &str| vec![Some(WorkerId::new(name).unwrap()); 256];
        assert_eq!(SlotMap::of(4096, &cells("worker-1"), 64).owners.len(), 256);
        assert_eq!(SlotMap::of(4096, &cells("worker-1"), 65).owners.len(), 0);
        assert_eq!(SlotMap::of(4096, &cells(&"w".repeat(253)), 1).owners.len(), 0);
        assert_eq!((slots_per_cell(2), slots_per_cell(256), slots_per_cell(65_536)), (1, 1, 256));
    }
}
