//! Writer conflicts: detects whether another writer, such as a HorizontalPodAutoscaler, sets the number of replicas, too.

use std::time::Duration;

/// How the number that was read came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// It is as we left it.
    Ours,
    /// It is read for the first time, or again after standing back: all begins with it.
    NewStart,
    /// Somebody else wrote it, once: all begins with it.
    Overruled {
        /// What it was before.
        from: u32,
    },
    /// Somebody else wrote it, again: from now on we do not.
    Contested {
        /// What it was before.
        from: u32,
    },
    /// Somebody else writes it; we do not.
    StandingBack,
}

/// Remembers what the number should be.
#[derive(Clone, Debug)]
pub(super) struct WriterConflict {
    window: Duration,
    stand_back: Duration,
    /// What was read last, or written since and taken.
    last: Option<u32>,
    /// What we wrote last, whether or not it was taken.
    written: Option<u32>,
    overruled_at: Option<Duration>,
    stands_back_until: Option<Duration>,
}

impl WriterConflict {
    /// Two foreign writes within `window` make it stand back for this long.
    pub(super) const fn new(window: Duration, stand_back: Duration) -> Self {
        Self { window, stand_back, last: None, written: None, overruled_at: None, stands_back_until: None }
    }

    /// We are about to write this number.
    pub(super) const fn writes(&mut self, replicas: u32) {
        self.written = Some(replicas);
    }

    /// The number that we wrote was taken: from now on, what was there before is somebody else's.
    pub(super) const fn wrote(&mut self, replicas: u32) {
        self.last = Some(replicas);
    }

    /// This number was read.
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
    fn what_we_wrote_is_ours_whether_it_arrived_or_not() {
        let mut writer = writer();
        writer.writes(7);
        assert_eq!(writer.read(MINUTE, 3), Reading::Ours, "it has not arrived yet");
        assert_eq!(writer.read(MINUTE, 7), Reading::Ours);
        assert_eq!(writer.read(MINUTE, 7), Reading::Ours);
    }

    #[test]
    fn what_was_there_before_is_foreign_once_ours_was_taken() {
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
