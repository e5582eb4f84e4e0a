//! Staggered, concurrent attempts, as in "Happy Eyeballs" (RFC 8305).

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

/// Delay after which the next attempt starts concurrently; RFC 8305 recommends 250 ms.
const STAGGER: Duration = Duration::from_millis(250);

/// Returns the first success of these attempts. Each starts when the one before it has failed or is slow.
///
/// # Errors
/// The last failure, once all attempts have failed; `None` if there was no attempt.
pub(super) async fn first_success<T, E, F>(attempts: impl IntoIterator<Item = F>) -> Result<T, Option<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut waiting: VecDeque<F> = attempts.into_iter().collect();
    let mut running = FuturesUnordered::new();
    let mut last_failure = None;
    loop {
        running.extend(waiting.pop_front());
        tokio::select! {
            result = running.next() => match result {
                Some(Ok(success)) => return Ok(success),
                Some(Err(failure)) => last_failure = Some(failure),
                None => return Err(last_failure),
            },
            () = sleep(STAGGER), if !waiting.is_empty() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use tokio::time::Instant;

    use super::*;

    type Attempt = Pin<Box<dyn Future<Output = Result<u8, u8>>>>;

    fn after(ms: u64, result: Result<u8, u8>) -> Attempt {
        Box::pin(async move {
            sleep(Duration::from_millis(ms)).await;
            result
        })
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "the clock is virtual")]
    async fn a_slow_attempt_is_overtaken_and_a_failed_one_followed_at_once() {
        for (attempts, expected, ms) in [
            (vec![after(10, Ok(1)), after(0, Ok(2))], Ok(1), 10),
            (vec![after(60_000, Ok(1)), after(10, Ok(2))], Ok(2), 260),
            (vec![after(10, Err(1)), after(10, Err(2)), after(10, Ok(3))], Ok(3), 30),
            (vec![after(500, Err(1)), after(10, Err(2))], Err(Some(1)), 500),
            (vec![], Err(None), 0),
        ] {
            let start = Instant::now();
            assert_eq!(first_success(attempts).await, expected);
            assert_eq!(start.elapsed(), Duration::from_millis(ms));
        }
    }
}
