//! Hash functions for the rings that compute their owners. Frozen: another hash would move every slot.

use super::{Slot, SlotCount};
use crate::WorkerId;

/// Increment of SplitMix64: the odd number nearest to 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Returns the hash of a worker's name: FNV-1a (Fowler, Noll and Vo), followed by [`mix`].
pub(super) fn seed_of(worker: &WorkerId) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(worker.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// Returns the number at index `place` of the stream of SplitMix64 (Steele, Lea and Flood 2014) that starts from `seed`.
pub(super) const fn nth(seed: u64, place: u64) -> u64 {
    mix(seed.wrapping_add(STEP.wrapping_mul(place.wrapping_add(1))))
}

/// Returns the lowest item hash of a slot.
pub(super) fn position_of(slot: Slot, slots: SlotCount) -> u64 {
    u64::from(slot.number()) << (u64::BITS - slots.bits())
}

/// Applies the finaliser of SplitMix64: every input bit affects every output bit.
pub(super) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_splitmix64() {
        let published = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([0, 1, 2].map(|place| nth(1_234_567, place)), published);
    }

    #[test]
    fn a_slot_begins_where_its_first_item_hashes_to() {
        let slots = SlotCount::new(4096).unwrap();
        assert_eq!(position_of(Slot::new(4095), slots), 0xfff << 52);
        assert_eq!(position_of(Slot::new(5), slots), position_of(Slot::new(10), SlotCount::new(8192).unwrap()));
    }
}
