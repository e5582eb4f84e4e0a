//! Rate limit of requests by address: a bucket of tokens for each, so that one client's load refuses no other.
//!
//! `governor` has the same algorithm, but no bound on the number of addresses, and its own kind of clock.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scaler_core::Clock;

/// The most addresses that have buckets of their own; all others share one.
const MOST_PEERS: usize = 256;
const OTHERS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Buckets that hold `burst` tokens and gain one every `interval`.
#[derive(Debug)]
pub struct RateLimit {
    clock: Arc<dyn Clock>,
    interval: Duration,
    burst: u32,
    /// When each bucket will be full again (the generic cell rate algorithm: ITU-T I.371); one that is full has no entry.
    full_at: Mutex<BTreeMap<IpAddr, Duration>>,
}

impl RateLimit {
    /// All buckets are full.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, interval: Duration, burst: u32) -> Self {
        Self { clock, interval, burst, full_at: Mutex::default() }
    }

    /// Takes a token of this address.
    ///
    /// # Errors
    /// When its bucket is empty: how long until it has one again.
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
    async fn nobody_is_refused_for_another() {
        let limit = RateLimit::new(Arc::new(TokioClock::start()), INTERVAL, 1);
        assert!(limit.take(peer(1)).is_ok() && limit.take(peer(1)).is_err());
        assert!(limit.take(peer(2)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn very_many_share_a_bucket_and_cost_no_memory() {
        let limit = RateLimit::new(Arc::new(TokioClock::start()), INTERVAL, 1);
        let let_through = (0..10_000).filter(|number| limit.take(peer(*number)).is_ok()).count();
        assert_eq!(let_through, MOST_PEERS + 1);
        assert!(limit.full_at.lock().unwrap().len() <= MOST_PEERS + 1);
        tokio::time::advance(INTERVAL).await;
        assert!(limit.take(peer(9_999)).is_ok(), "who was refused has its own again");
    }
}
