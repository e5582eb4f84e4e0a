//! Rate limit of requests: one token bucket per client address, so that the load of one client does not affect another.
//!
//! `governor` has the same algorithm, but does not limit the number of addresses, and has its own clock trait.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scaler_core::Clock;

/// Maximum number of addresses with a bucket of their own; all others share one.
const MOST_PEERS: usize = 256;
const OTHERS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Token buckets that hold `burst` tokens and gain one every `interval`.
#[derive(Debug)]
pub struct RateLimit {
    clock: Arc<dyn Clock>,
    interval: Duration,
    burst: u32,
    /// Time when each bucket is full again (generic cell rate algorithm, ITU-T I.371). A bucket without an entry is full.
    full_at: Mutex<BTreeMap<IpAddr, Duration>>,
}

impl RateLimit {
    /// Returns a rate limit whose buckets are full.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, interval: Duration, burst: u32) -> Self {
        Self { clock, interval, burst, full_at: Mutex::default() }
    }

    /// Takes a token from the bucket of an address.
    ///
    /// # Errors
    /// The time until the bucket has a token again, if it is empty.
    pub fn take(&self, peer: IpAddr) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_PEERS {
            buckets.retain(|_, full_at| *full_at > now);
        }
        let peer = if buckets.len() >= MOST_PEERS && !buckets.contains_key(&peer) { OTHERS } else { peer };
        let full_at = buckets.get(&peer).copied().unwrap_or(now).max(now) + self.interval;
        match (full_at - now).checked_sub(self.interval * self.burst) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                buckets.insert(peer, full_at);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use scaler_core::TokioClock;

    use super::*;

    const INTERVAL: Duration = Duration::from_millis(500);

    fn peer(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_and_then_one_each_interval() {
        let limit = RateLimit::new(Arc::new(TokioClock::start()), INTERVAL, 3);
        assert_eq!([(); 3].map(|()| limit.take(peer(1))), [Ok(()); 3]);
        assert_eq!(limit.take(peer(1)), Err(INTERVAL));
        tokio::time::advance(INTERVAL / 5).await;
        assert_eq!(limit.take(peer(1)), Err(INTERVAL * 4 / 5), "a refusal costs nothing");
        tokio::time::advance(INTERVAL * 4 / 5).await;
        assert_eq!([limit.take(peer(1)), limit.take(peer(1))], [Ok(()), Err(INTERVAL)]);
        tokio::time::advance(INTERVAL * 100).await;
        assert_eq!([(); 4].map(|()| limit.take(peer(1)).is_ok()), [true, true, true, false], "it holds no more than the burst");
    }

    #[tokio::test(start_paused = true)]
    async fn clients_have_separate_buckets() {
        let limit = RateLimit::new(Arc::new(TokioClock::start()), INTERVAL, 1);
        assert!(limit.take(peer(1)).is_ok() && limit.take(peer(1)).is_err());
        assert!(limit.take(peer(2)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_buckets_is_bounded() {
        let limit = RateLimit::new(Arc::new(TokioClock::start()), INTERVAL, 1);
        let let_through = (0..10_000).filter(|number| limit.take(peer(*number)).is_ok()).count();
        assert_eq!(let_through, MOST_PEERS + 1);
        assert!(limit.full_at.lock().unwrap().len() <= MOST_PEERS + 1);
        tokio::time::advance(INTERVAL).await;
        assert!(limit.take(peer(9_999)).is_ok(), "who was refused has its own again");
    }
}
