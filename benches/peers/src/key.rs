//! Items as keys of the peers.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use scaler_core::uuid_hash;
use uuid::Uuid;

/// A hash of ids.
pub trait IdHash {
    /// Suffix for the name of a contender that uses this hash.
    const SUFFIX: &'static str;

    fn hash(id: Uuid) -> u64;
}

/// The hash of Postgres, by which slots are chosen where Postgres and its clients must agree.
pub struct Postgres;

impl IdHash for Postgres {
    const SUFFIX: &'static str = ", by the hash of Postgres";

    #[inline]
    fn hash(id: Uuid) -> u64 {
        uuid_hash(id, 0)
    }
}

/// A hash as users of a crate choose it: one multiplication to 128 bits, folded, as in wyhash and foldhash.
pub struct Fast;

impl IdHash for Fast {
    const SUFFIX: &'static str = "";

    #[inline]
    fn hash(id: Uuid) -> u64 {
        let (high, low) = id.as_u64_pair();
        let product = u128::from(high ^ 0x9e37_79b9_7f4a_7c15) * u128::from(low ^ 0xe703_7ed1_a0b4_28db);
        (product ^ product >> 64) as u64
    }
}

/// An item with its hash.
#[derive(Clone, Copy)]
pub struct Item {
    pub id: Uuid,
    pub hash: u64,
}

/// The hash of an item as a key of a peer, which takes it as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub u64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // By a method of its own, so that what is hashed already is told from numbers that crates hash.
        state.write_u128(u128::from(self.0));
    }
}

/// Passes a hash of 64 bits through, and mixes what is no hash yet: names of workers and numbers of points.
#[derive(Clone, Copy, Default)]
pub struct Through(u64);

pub type BuildThrough = BuildHasherDefault<Through>;

impl Hasher for Through {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0.wrapping_add(number));
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = self.0.rotate_left(5) ^ hash as u64;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

/// The next number of SplitMix64.
pub fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
