//! The hash spreads ids over the slots as evenly as chance would, however the ids were made.
//!
//! The measure is chi-square over the slots, and from it how many standard deviations it lies from what independent random
//! slots would give (Wilson and Hilferty, *The distribution of chi-square*, 1931). Chance stays within 4 in all but one of
//! 16,000 trials; a hash that keeps any pattern of its ids is off by tens.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it has measured")]

use scaler_core::{ItemId, SlotCount, slot_of, uuid_hash};
use uuid::Uuid;

/// Per slot: enough for every slot to be expected often.
const IDS_PER_SLOT: u32 = 64;
const MOST_DEVIATIONS: f64 = 4.0;

/// Deviation of the slots' counts from chance, in standard deviations: below 0 more even, above 0 less.
fn deviations(slots: SlotCount, ids: impl Iterator<Item = u128>) -> f64 {
    let mut counts = vec![0_u32; slots.len()];
    for id in ids {
        counts[slot_of(&ItemId::Uuid(Uuid::from_u128(id)), slots).index()] += 1;
    }
    let expected = f64::from(counts.iter().sum::<u32>()) / f64::from(slots.get());
    let chi_square: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    let freedom = f64::from(slots.get() - 1);
    let spread = 2.0 / (9.0 * freedom);
    ((chi_square / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

/// Numbers that look random, always the same.
fn random(number: u32, seed: u64) -> u128 {
    let half = |seed| u128::from(uuid_hash(Uuid::from_u128(u128::from(number)), seed));
    half(seed) << 64 | half(seed + 1)
}

/// The ids whose version and variant are those of a UUID of this version.
fn versioned(bits: u128, version: u128) -> u128 {
    bits & !(0xf << 76) & !(0x3 << 62) | version << 76 | 0x2 << 62
}

#[track_caller]
fn spreads_evenly(make: impl Fn(u32) -> u128) {
    for count in [64, 256, 4096, 65_536] {
        let slots = SlotCount::new(count).unwrap();
        let off = deviations(slots, (0..IDS_PER_SLOT * count).map(&make));
        println!("{count} slots: {off:+.2} standard deviations");
        assert!(off.abs() <= MOST_DEVIATIONS, "{count} slots: {off} standard deviations");
    }
}

#[test]
fn random_ids() {
    spreads_evenly(|number| versioned(random(number, 11), 4));
}

#[test]
fn sequential_ids() {
    spreads_evenly(u128::from);
}

#[test]
fn sequential_ids_in_the_leading_bytes() {
    spreads_evenly(|number| u128::from(number) << 96);
}

/// Ticks of 100 ns in the leading bytes, the lower ones first; clock sequence and node stay.
#[test]
fn ids_by_time_and_node() {
    spreads_evenly(|number| {
        let ticks = 0x01ee_0b5a_1234_5678_u128 + 10_000 * u128::from(number);
        let (low, middle, high) = (ticks & 0xffff_ffff, ticks >> 32 & 0xffff, ticks >> 48 & 0xfff);
        versioned(low << 96 | middle << 80 | high << 64 | 0x1a2b_0242_ac12_0002, 1)
    });
}

/// A thousand ids a millisecond: the time in the leading 48 bits, the rest random.
#[test]
fn ids_by_time_and_chance() {
    spreads_evenly(|number| {
        let milliseconds = 0x0192_f0c4_5000_u128 + u128::from(number / 1000);
        versioned(milliseconds << 80 | random(number, 23) >> 48, 7)
    });
}

#[test]
fn ids_with_a_constant_prefix() {
    spreads_evenly(|number| 0x6ba7_b810_9dad_11d1_80b4_00c0 << 32 | u128::from(number));
}

#[test]
fn ids_that_differ_in_few_bits() {
    spreads_evenly(|number| {
        let spread = |bit: u32| u128::from(number >> bit & 1) << (bit * 5 + 3);
        (0..22).map(spread).fold(0, |id, bit| id | bit)
    });
}

#[test]
fn a_hash_that_keeps_a_pattern_would_be_found() {
    let slots = SlotCount::new(256).unwrap();
    let patterned = (0..IDS_PER_SLOT * 256).map(|number| u128::from(number / 2));
    assert!(deviations(slots, patterned) > MOST_DEVIATIONS);
}
