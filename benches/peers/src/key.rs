//! Items as keys of the peers.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use scaler_core::uuid_hash;
use uuid::Uuid;

/// An item as a key of a peer. All hash it alike, and as we do: only what comes after that is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub Uuid);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // By a method of its own, so that what is hashed already is told from numbers that crates hash.
        state.write_u128(u128::from(uuid_hash(self.0, 0)));
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
