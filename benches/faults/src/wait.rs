//! Waiting for conditions.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::error::{PlayError, Result};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Polls a condition until it holds. An error counts as not holding: the server may be unavailable.
///
/// # Errors
/// If the condition does not hold within `within`; the error names the last state.
pub async fn eventually<T, E: Debug>(
    within: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<std::result::Result<T, E>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        let asked = Instant::now();
        let last = match ask().await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(last)) => format!("{last:?}"),
            Err(trouble) => trouble.to_string(),
        };
        if begun.elapsed() > within {
            return Err(PlayError::Never { waited: within, what: what.to_owned(), last });
        }
        // An expensive check must not become the load.
        tokio::time::sleep(LOOK_EVERY.max(asked.elapsed() * 4)).await;
    }
}
