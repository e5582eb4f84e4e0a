//! Hash functions of Postgres for the types of key columns, bit for bit, so that client and server agree on slots.
//!
//! The algorithm is Bob Jenkins' lookup3 (<http://burtleburtle.net/bob/c/lookup3.c>, 2006, public domain), with the seed and
//! the 64-bit result of `hash_bytes_extended` and `hash_bytes_uint32_extended` in Postgres 11 and later
//! (`src/common/hashfn.c`).
//!
//! Ids spread over slots as evenly as at random, whatever their kind: random, sequential in the trailing or the leading bytes,
//! by time and node (version 1), by time and random bits (version 7), with a constant prefix of 12 bytes, or different in 22
//! scattered bits only. With 64 ids per slot and 64 to 65,536 slots, chi-square is between 1.6 standard deviations below and
//! 2.8 above the value for independent random slots, over 28 trials; `tests/hash_quality.rs` allows 4.

use uuid::Uuid;

use crate::ItemId;

/// Initial state of the hash of a UUID.
const START: u32 = start(16);
/// Initial state of the hash of an integer.
const START_INTEGER: u32 = start(4);

/// Returns the initial state of the hash of this many bytes: the golden ratio, the length, and the constant of Postgres.
const fn start(len: u32) -> u32 {
    0x9e37_79b9_u32.wrapping_add(len).wrapping_add(3_923_095)
}

/// Seed of [`digest_of`]. It differs from that of the slots, so that the ids of one slot do not share leading bits.
const DIGEST_SEED: u64 = 1;

/// Returns the same value as `uuid_hash_extended(id, seed)` in Postgres.
#[must_use]
#[inline]
pub fn uuid_hash(id: Uuid, seed: u64) -> u64 {
    let [high, low] = halves(id, seed);
    u64::from(high) << 32 | u64::from(low)
}

/// Returns the same value as Postgres' extended hash function for the key's type: `uuid_hash_extended(id, seed)`,
/// `hashint8extended(id, seed)`, which equals `hashint4extended` for an `integer`, or `hashtextextended(id, seed)` under a
/// deterministic collation.
#[must_use]
#[inline]
pub fn item_hash(item: &ItemId, seed: u64) -> u64 {
    let [high, low] = match item {
        ItemId::Uuid(id) => halves(*id, seed),
        ItemId::Integer(id) => integer_halves(*id, seed),
        ItemId::Text(id) => text_halves(id, seed),
    };
    u64::from(high) << 32 | u64::from(low)
}

/// Returns the upper half of [`item_hash`] with seed 0: cheaper where only leading bits count.
#[inline]
pub(super) fn leading_half(item: &ItemId) -> u32 {
    match item {
        ItemId::Uuid(id) => halves(*id, 0)[0],
        ItemId::Integer(id) => integer_halves(*id, 0)[0],
        ItemId::Text(id) => text_halves(id, 0)[0],
    }
}

/// Number of ids that are hashed at once.
pub(super) const LANES: usize = 8;

/// Returns the [`leading_half`] of several UUIDs. The words of all are stored next to each other, so that the compiler generates
/// vector instructions. They are read from chunks of four bytes: from the bits of a `u128`, as for one id, the compiler would shift
/// scalars before it fills its vectors.
#[inline]
pub(super) fn leading_halves(ids: &[Uuid; LANES]) -> [u32; LANES] {
    let mut words = [[0; LANES]; 4];
    for (lane, id) in ids.iter().enumerate() {
        let (chunks, _) = id.as_bytes().as_chunks::<4>();
        words[0][lane] = u32::from_le_bytes(chunks[0]);
        words[1][lane] = u32::from_le_bytes(chunks[1]);
        words[2][lane] = u32::from_le_bytes(chunks[2]);
        words[3][lane] = u32::from_le_bytes(chunks[3]);
    }
    let [first, second, third, fourth] = words;
    let mut halves = [0; LANES];
    for (lane, half) in halves.iter_mut().enumerate() {
        *half = absorb([START; 3], [first[lane], second[lane], third[lane], fourth[lane]])[0];
    }
    halves
}

/// Returns the four words of an id, as Postgres reads them.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the id is taken apart into its words")]
const fn words_of(id: &Uuid) -> [u32; 4] {
    let bits = u128::from_le_bytes(*id.as_bytes());
    [bits as u32, (bits >> 32) as u32, (bits >> 64) as u32, (bits >> 96) as u32]
}

#[inline]
fn halves(id: Uuid, seed: u64) -> [u32; 2] {
    absorb(seeded(START, seed), words_of(&id))
}

/// Returns the halves of the hash of an integer. The upper half of its bits is folded into the lower one, so that numbers that
/// fit an `integer` hash alike in both types.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the number is taken apart into its two halves")]
fn integer_halves(id: i64, seed: u64) -> [u32; 2] {
    let bits = id.cast_unsigned();
    let (low, high) = (bits as u32, (bits >> 32) as u32);
    let word = low ^ if id >= 0 { high } else { !high };
    let [a, b, c] = seeded(START_INTEGER, seed);
    let [_, high, low] = finish([a.wrapping_add(word), b, c]);
    [high, low]
}

/// Returns the halves of the hash of a text: twelve bytes at a time, and the rest by its little-endian words. The lowest byte of
/// the third word belongs to the length.
#[expect(clippy::cast_possible_truncation, reason = "Postgres limits a text to 1 GB")]
fn text_halves(text: &str, seed: u64) -> [u32; 2] {
    let (chunks, rest) = text.as_bytes().as_chunks::<12>();
    let word = |bytes: &[u8; 12], at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut state = seeded(start(text.len() as u32), seed);
    for chunk in chunks {
        let [a, b, c] = state;
        state = mix([a.wrapping_add(word(chunk, 0)), b.wrapping_add(word(chunk, 4)), c.wrapping_add(word(chunk, 8))]);
    }
    let mut last = [0; 12];
    let head = rest.len().min(8);
    last[..head].copy_from_slice(&rest[..head]);
    last[head + usize::from(head == 8)..][..rest.len() - head].copy_from_slice(&rest[head..]);
    let [a, b, c] = state;
    let [_, high, low] = finish([a.wrapping_add(word(&last, 0)), b.wrapping_add(word(&last, 4)), c.wrapping_add(word(&last, 8))]);
    [high, low]
}

/// Returns the initial state with the seed.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the seed is taken apart into its two halves")]
const fn seeded(start: u32, seed: u64) -> [u32; 3] {
    if seed == 0 {
        return [start; 3];
    }
    mix([start.wrapping_add((seed >> 32) as u32), start.wrapping_add(seed as u32), start])
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
    ids.into_iter().fold(0, |digest, id| digest ^ item_hash(id, DIGEST_SEED))
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

    /// Reference values from PostgreSQL 15: `select id, hashint8extended(id, 0), hashint8extended(id, 1)`; those of
    /// `hashint4extended` are the same, where the number fits.
    const GOLDEN_INTEGERS: [(i64, i64, i64); 9] = [
        (0, 4_154_612_158_245_552_303, 434_346_878_670_890_809),
        (1, -3_670_598_878_359_251_130, -7_620_678_293_940_249_823),
        (-1, -1_888_257_769_727_981_238, 3_987_656_643_895_367_148),
        (42, 8_010_225_493_015_854_792, 3_812_564_155_960_986_560),
        (-42, 8_809_670_066_178_192_187, -6_366_388_251_206_941_686),
        (2_147_483_647, -9_109_110_466_470_504_941, 2_560_836_655_869_490_746),
        (-2_147_483_648, 1_977_219_185_673_256_887, 3_044_001_184_559_810_835),
        (i64::MAX, 1_977_219_185_673_256_887, 3_044_001_184_559_810_835),
        (i64::MIN, -9_109_110_466_470_504_941, 2_560_836_655_869_490_746),
    ];

    /// Reference values from PostgreSQL 15: `select id, hashtextextended(id, 0), hashtextextended(id, 1)`. Texts of 0 to 35 bytes, on both
    /// sides of each boundary of the algorithm.
    const GOLDEN_TEXTS: [(&str, i64, i64); 10] = [
        ("", -6_939_563_903_564_495_251, -150_071_773_020_461_347),
        ("a", 3_591_986_179_850_072_241, 3_325_245_193_489_759_299),
        ("feed-1", 6_941_170_894_622_177_112, 3_398_974_236_357_106_318),
        ("12345678", -2_672_274_306_434_209_449, 3_920_476_321_257_147_673),
        ("123456789", 5_342_912_370_613_372_840, 2_730_912_917_012_064_906),
        ("1234567890a", 7_457_720_794_137_056_936, 7_338_771_353_490_157_973),
        ("1234567890ab", 8_674_696_682_958_639_570, 8_714_170_988_332_280_789),
        ("1234567890abc", -3_020_899_598_083_736_440, -1_081_588_036_053_676_146),
        ("Müllers Büro", -1_812_029_291_008_245_806, -2_230_013_736_548_449_220),
        ("https://example.org/feeds/42?page=1", 6_910_086_904_647_366_692, 8_282_906_189_330_450_777),
    ];

    #[test]
    fn the_hash_of_each_key_type_is_that_of_postgres() {
        let integers = GOLDEN_INTEGERS.map(|(id, unseeded, seeded)| (ItemId::from(id), unseeded, seeded));
        let texts = GOLDEN_TEXTS.map(|(id, unseeded, seeded)| (ItemId::from(id), unseeded, seeded));
        for (id, unseeded, seeded) in integers.into_iter().chain(texts) {
            assert_eq!(item_hash(&id, 0), unseeded.cast_unsigned(), "{id}");
            assert_eq!(item_hash(&id, 1), seeded.cast_unsigned(), "{id} with seed 1");
            assert_eq!(u64::from(leading_half(&id)), item_hash(&id, 0) >> 32, "{id}");
        }
    }

    #[test]
    fn the_digest_knows_no_order() {
        let ids = GOLDEN.map(|(id, ..)| ItemId::Uuid(id.parse().unwrap()));
        let mut reversed = ids.clone();
        reversed.reverse();
        assert_eq!(digest_of(&ids), digest_of(&reversed));
        assert_ne!(digest_of(&ids), digest_of(&ids[1..]));
        assert_eq!(digest_of(&[]), 0);
    }
}
