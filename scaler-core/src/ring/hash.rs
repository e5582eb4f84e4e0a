//! Hash function of Postgres for partitioning by UUID, bit for bit, so that client and server agree on slots.
//!
//! The algorithm is Bob Jenkins' lookup3 (<http://burtleburtle.net/bob/c/lookup3.c>, 2006, public domain), with the seed and
//! the 64-bit result of `uuid_hash_extended` in Postgres 11 and later.
//!
//! Ids spread over slots as evenly as at random, whatever their kind: random, sequential in the trailing or the leading bytes,
//! by time and node (version 1), by time and random bits (version 7), with a constant prefix of 12 bytes, or different in 22
//! scattered bits only. With 64 ids per slot and 64 to 65,536 slots, chi-square is between 1.6 standard deviations below and
//! 2.8 above the value for independent random slots, over 28 trials; `tests/hash_quality.rs` allows 4.

use uuid::Uuid;

use crate::ItemId;

/// Initial state of the hash: the golden ratio, the length of a UUID in bytes, and the constant of Postgres'
/// `hash_bytes_extended`.
const START: u32 = 0x9e37_79b9_u32.wrapping_add(16).wrapping_add(3_923_095);

/// Seed of [`digest_of`]. It differs from that of the slots, so that the ids of one slot do not share leading bits.
const DIGEST_SEED: u64 = 1;

/// Returns the same value as `uuid_hash_extended(id, seed)` in Postgres.
#[must_use]
#[inline]
pub fn uuid_hash(id: Uuid, seed: u64) -> u64 {
    let [high, low] = halves(id, seed);
    u64::from(high) << 32 | u64::from(low)
}

/// Returns the upper half of [`uuid_hash`] with seed 0: cheaper where only leading bits count.
#[inline]
pub(super) fn leading_half(id: Uuid) -> u32 {
    halves(id, 0)[0]
}

/// Number of ids that are hashed at once.
pub(super) const LANES: usize = 16;

/// Returns the [`leading_half`] of several ids. The words of all ids are stored next to each other, so that the compiler
/// generates vector instructions.
#[inline]
pub(super) fn leading_halves(ids: &[ItemId; LANES]) -> [u32; LANES] {
    let mut words = [[0; LANES]; 4];
    for (lane, id) in ids.iter().enumerate() {
        for (words, word) in words.iter_mut().zip(words_of(id.uuid())) {
            words[lane] = word;
        }
    }
    let mut halves = [0; LANES];
    for (lane, half) in halves.iter_mut().enumerate() {
        *half = absorb([START; 3], words.map(|words| words[lane]))[0];
    }
    halves
}

/// Returns the four words of an id, as Postgres reads them.
#[inline]
fn words_of(id: Uuid) -> [u32; 4] {
    let bytes = id.as_bytes();
    [0, 4, 8, 12].map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the seed is taken apart into its two halves")]
fn halves(id: Uuid, seed: u64) -> [u32; 2] {
    let mut state = [START; 3];
    if seed != 0 {
        state[0] = state[0].wrapping_add((seed >> 32) as u32);
        state[1] = state[1].wrapping_add(seed as u32);
        state = mix(state);
    }
    absorb(state, words_of(id))
}

/// Returns the upper and the lower half of the hash of four words.
#[inline]
const fn absorb([a, b, c]: [u32; 3], words: [u32; 4]) -> [u32; 2] {
    let state = mix([a.wrapping_add(words[0]), b.wrapping_add(words[1]), c.wrapping_add(words[2])]);
    let [_, high, low] = finish([state[0].wrapping_add(words[3]), state[1], state[2]]);
    [high, low]
}

/// Returns a digest of a set of ids that does not depend on their order: equal sets have equal digests.
#[must_use]
pub fn digest_of<'a>(ids: impl IntoIterator<Item = &'a ItemId>) -> u64 {
    ids.into_iter().fold(0, |digest, id| digest ^ uuid_hash(id.uuid(), DIGEST_SEED))
}

#[inline]
const fn mix([mut a, mut b, mut c]: [u32; 3]) -> [u32; 3] {
    a = a.wrapping_sub(c) ^ c.rotate_left(4);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(6);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(8);
    b = b.wrapping_add(a);
    a = a.wrapping_sub(c) ^ c.rotate_left(16);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(19);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(4);
    b = b.wrapping_add(a);
    [a, b, c]
}

#[inline]
const fn finish([mut a, mut b, mut c]: [u32; 3]) -> [u32; 3] {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference values from PostgreSQL 15: `select id, uuid_hash_extended(id, 0), uuid_hash_extended(id, 1)`.
    const GOLDEN: [(&str, i64, i64); 6] = [
        ("00000000-0000-0000-0000-000000000000", -6_859_010_066_814_654_381, -865_649_419_113_463_301),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", 293_445_543_803_463_785, -8_212_000_089_874_860_457),
        ("00010203-0405-0607-0809-0a0b0c0d0e0f", -2_148_041_578_476_338_960, -3_700_347_038_597_973_699),
        ("0b0e5b54-7a3c-4a3f-9b35-0a6b8f0f3d11", -7_592_981_364_962_858_240, 7_078_266_801_596_031_612),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", -7_660_212_938_568_749_411, -3_613_271_069_670_221_770),
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 2_585_209_917_827_279_994, 6_314_881_898_222_787_044),
    ];

    #[test]
    fn the_hash_is_that_of_postgres() {
        for (id, unseeded, seeded) in GOLDEN {
            let id: Uuid = id.parse().unwrap();
            assert_eq!(uuid_hash(id, 0), unseeded.cast_unsigned(), "{id}");
            assert_eq!(uuid_hash(id, 1), seeded.cast_unsigned(), "{id} with seed 1");
            assert_ne!(uuid_hash(id, 0xfedc_ba98_7654_3210), uuid_hash(id, 0x7654_3210), "both halves of the seed count");
        }
        let wide: Uuid = "00010203-0405-0607-0809-0a0b0c0d0e0f".parse().unwrap();
        assert_eq!(uuid_hash(wide, (-81_985_529_216_486_896_i64).cast_unsigned()), 1_044_546_471_980_865_778);
    }

    #[test]
    fn the_digest_knows_no_order() {
        let ids = GOLDEN.map(|(id, ..)| id.parse::<ItemId>().unwrap());
        let mut reversed = ids;
        reversed.reverse();
        assert_eq!(digest_of(&ids), digest_of(&reversed));
        assert_ne!(digest_of(&ids), digest_of(&ids[1..]));
        assert_eq!(digest_of(&[]), 0);
    }
}
