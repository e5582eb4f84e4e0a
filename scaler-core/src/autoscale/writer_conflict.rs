//! Writer conflicts: detects whether another writer, such as a HorizontalPodAutoscaler, sets the number of replicas, too.

use std::time::Duration;

/// Origin of the number of replicas that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The number is as this autoscaler left it.
    Ours,
    /// The number is read for the first time, or again after standing back: scaling starts anew from it.
    NewStart,
    /// Another writer set it, once: scaling starts anew from it.
    Overruled {
        /// Number before the write.
        from: u32,
    },
    /// Another writer set it again: this autoscaler stops writing.
    Contested {
        /// Number before the write.
        from: u32,
    },
    /// This autoscaler writes nothing because of an earlier conflict.
    StandingBack,
}

/// Detector of conflicts with other writers: remembers the expected number of replicas.
#[derive(Clone, Debug)]
pub(super) struct WriterConflict {
    window: Duration,
    stand_back: Duration,
    /// Last number that was read, or written since and accepted.
    last: Option<u32>,
    /// Last number that this autoscaler wrote, accepted or not.
    written: Option<u32>,
    overruled_at: Option<Duration>,
    stands_back_until: Option<Duration>,
}

impl WriterConflict {
    /// Creates a detector that stands back for `stand_back` after two foreign writes within `window`.
    pub(super) const fn new(window: Duration, stand_back: Duration) -> Self {
        Self { window, stand_back, last: None, written: None, overruled_at: None, stands_back_until: None }
    }

    /// Records that this number is about to be written.
    pub(super) const fn writes(&mut self, replicas: u32) {
        self.written = Some(replicas);
    }

    /// Records that the number was accepted: if the previous number is read after that, another writer set it.
    pub(super) const fn wrote(&mut self, replicas: u32) {
        self.last = Some(replicas);
    }

    /// Records a number that was read and returns its origin.
    pub(super) fn read(&mut self, now: Duration, replicas: u32) -> Reading {
        let Some(from) = self.last.replace(replicas) else { return Reading::NewStart };
        if let Some(until) = self.stands_back_until {
            if now < until {
                return Reading::StandingBack;
            }
            self.stands_back_until = None;
            self.written = None;
            return Reading::NewStart;
        }
        if replicas == from || self.written == Some(replicas) {
            return Reading::Ours;
        }
        let again = self.overruled_at.replace(now).is_some_and(|at| now.saturating_sub(at) <= self.window);
        self.written = None;
        if !again {
            return Reading::Overruled { from };
        }
        self.stands_back_until = Some(now + self.stand_back);
        Reading::Contested { from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn writer() -> WriterConflict {
        let mut writer = WriterConflict::new(MINUTE * 10, MINUTE * 5);
        assert_eq!(writer.read(MINUTE, 3), Reading::NewStart);
        writer
    }

    #[test]
    fn our_own_write_is_no_conflict_even_if_its_answer_is_lost() {
        let mut writer = writer();
        writer.writes(7);
        assert_eq!(writer.read(MINUTE, 3), Reading::Ours, "it has not arrived yet");
        assert_eq!(writer.read(MINUTE, 7), Reading::Ours);
        assert_eq!(writer.read(MINUTE, 7), Reading::Ours);
    }

    #[test]
    fn the_earlier_number_is_foreign_once_our_write_was_seen() {
        let mut writer = writer();
        writer.writes(7);
        writer.wrote(7);
        assert_eq!(writer.read(MINUTE, 3), Reading::Overruled { from: 7 });
    }

    #[test]
    fn one_foreign_write_is_a_new_start_and_two_make_us_stand_back() {
        let mut writer = writer();
        writer.writes(7);
        assert_eq!(writer.read(MINUTE, 7), Reading::Ours);
        assert_eq!(writer.read(MINUTE * 2, 3), Reading::Overruled { from: 7 });
        writer.writes(7);
        assert_eq!(writer.read(MINUTE * 3, 7), Reading::Ours);
        assert_eq!(writer.read(MINUTE * 4, 4), Reading::Contested { from: 7 });
        assert_eq!(writer.read(MINUTE * 6, 9), Reading::StandingBack);
        assert_eq!(writer.read(MINUTE * 9, 9), Reading::NewStart);
        assert_eq!(writer.read(MINUTE * 10, 5), Reading::Contested { from: 9 }, "it is still at it");
    }

    #[test]
    fn foreign_writes_far_apart_are_new_starts() {
        let mut writer = writer();
        assert_eq!(writer.read(MINUTE * 2, 5), Reading::Overruled { from: 3 });
        assert_eq!(writer.read(MINUTE * 13, 6), Reading::Overruled { from: 5 });
    }
}
