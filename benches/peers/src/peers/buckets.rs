//! Functions from a hash and a number of buckets to a bucket: they keep no state, and only the last bucket can leave.

use rand_core::RngCore;

use crate::contender::Peer;
use crate::key::{Item, mix};

macro_rules! bucket_function {
    ($type:ident, $name:literal, $bucket:expr) => {
        #[derive(Clone, Copy)]
        pub struct $type {
            workers: u32,
        }

        impl Peer for $type {
            const NAME: &'static str = $name;
            const MOST_WORKERS: u32 = u32::MAX;

            fn build(workers: u32) -> Self {
                Self { workers }
            }

            fn owner(&self, item: Item) -> u32 {
                $bucket(item.hash, self.workers)
            }

            fn join(&mut self, workers: u32) {
                self.workers = workers + 1;
            }

            fn leave(&mut self, workers: u32, _leaver: u32) {
                self.workers = workers - 1;
            }

            fn leaver(workers: u32) -> u32 {
                workers - 1
            }
        }
    };
}

bucket_function!(JumpBack, "jump-back-hash", |hash, workers| jump_back_hash::bucket(&mut SplitMix(hash), workers));
bucket_function!(Flip, "fliphash", |hash, workers: u32| fliphash::fliphash_64(hash, ..=u64::from(workers - 1)) as u32);
bucket_function!(Jump, "jump-consistent-hash", |hash, workers: u32| jump_consistent_hash::hash(hash, workers as usize));

/// The generator that is cheapest to seed.
struct SplitMix(u64);

impl RngCore for SplitMix {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        let next = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        next
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}
