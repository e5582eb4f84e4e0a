//! Failure episode: reported when it begins, when its reason changes, and again at growing intervals until it ends.

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

/// Intervals between two reports of the same reason; the last one repeats.
const REPEAT_AFTER: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(600)];
/// Maximum number of reasons that are told apart within one episode. The one that was reported longest ago is forgotten first.
const MOST_REASONS: usize = 8;

/// Failure episode: lasts from the first failed call to the next one that succeeds.
///
/// A reason is the text of an error and its sources, without numbers: waits, ports and process ids change from one attempt to the next
/// although the reason stays the same.
#[derive(Debug, Default)]
pub struct Episode {
    began_at: Option<Duration>,
    reasons: Vec<Reason>,
}

#[derive(Debug)]
struct Reason {
    text: String,
    reported_at: Duration,
    reports: usize,
}

impl Episode {
    /// Records a failure at `now`, a time of the caller's own clock. Returns true if it should be reported: it is the first one, it has another
    /// reason than those before, or the same reason was last reported 10 s, 1 min, or 10 min ago.
    pub fn failed(&mut self, now: Duration, error: &dyn Error) -> bool {
        self.began_at.get_or_insert(now);
        let text = reason_of(error);
        if let Some(reason) = self.reasons.iter_mut().find(|reason| reason.text == text) {
            let wait = REPEAT_AFTER[reason.reports.min(REPEAT_AFTER.len()) - 1];
            let due = now.saturating_sub(reason.reported_at) >= wait;
            if due {
                *reason = Reason { reported_at: now, reports: reason.reports + 1, text };
            }
            return due;
        }
        if self.reasons.len() == MOST_REASONS {
            self.reasons.sort_by_key(|reason| reason.reported_at);
            self.reasons.remove(0);
        }
        self.reasons.push(Reason { text, reported_at: now, reports: 1 });
        true
    }

    /// Records a success. Returns true if it ends an episode.
    pub fn recovered(&mut self) -> bool {
        self.reasons.clear();
        self.began_at.take().is_some()
    }

    /// Returns the time at which the present episode began; `None` if there is none.
    #[must_use]
    pub const fn began_at(&self) -> Option<Duration> {
        self.began_at
    }
}

/// Returns the text of an error and of all its sources, without words that contain digits.
fn reason_of(error: &dyn Error) -> String {
    let mut whole = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        // Writing to a `String` never fails.
        let _ = write!(whole, "{error}: ");
        next = error.source();
    }
    let words = whole.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.contains(|letter: char| letter.is_ascii_digit())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Failure(&'static str);

    /// Returns the seconds at which a failure that happens once a second, with the text of that second, is reported.
    fn reported(seconds: u64, text: impl Fn(u64) -> &'static str) -> Vec<u64> {
        let mut episode = Episode::default();
        (0..seconds).filter(|second| episode.failed(Duration::from_secs(*second), &Failure(text(*second)))).collect()
    }

    #[test]
    fn the_same_reason_is_reported_at_growing_intervals() {
        assert_eq!(reported(1300, |_| "connection refused"), [0, 10, 70, 670, 1270]);
    }

    #[test]
    fn another_reason_is_reported_at_once_and_each_at_its_own_intervals() {
        let text = |second| if second < 5 { "connection refused" } else { "certificate expired" };
        assert_eq!(reported(30, text), [0, 5, 15]);
        let alternating = |second| if second % 2 == 0 { "refused" } else { "timed out" };
        assert_eq!(reported(30, alternating), [0, 1, 10, 11]);
    }

    #[test]
    fn numbers_are_no_other_reason() {
        let text = |second| if second % 2 == 0 { "no answer within 1.5s, pid 4711" } else { "no answer within 3s, pid 12" };
        assert_eq!(reported(9, text), [0]);
    }

    #[test]
    fn a_success_ends_the_episode() {
        let mut episode = Episode::default();
        assert!(!episode.recovered() && episode.began_at().is_none());
        assert!(episode.failed(Duration::from_secs(3), &Failure("a")));
        assert_eq!(episode.began_at(), Some(Duration::from_secs(3)));
        assert!(episode.recovered() && !episode.recovered());
        assert!(episode.failed(Duration::from_secs(4), &Failure("a")), "it begins anew");
    }

    #[test]
    fn memory_is_bounded() {
        let mut episode = Episode::default();
        for number in 0..100_u8 {
            let text: String = (0..=number).map(|_| 'x').collect();
            episode.failed(Duration::ZERO, &Failure(Box::leak(text.into_boxed_str())));
        }
        assert_eq!(episode.reasons.len(), MOST_REASONS);
    }
}
