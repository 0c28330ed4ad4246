//! When the next group of calls may be committed.
//!
//! A commit costs about as much as ten calls in it do. While few calls come each is committed at once; under load
//! commits are spread out, so that each carries more calls. That is a rate limit with a burst (the generic cell rate
//! algorithm, ITU-T I.371), on commits.

use std::time::{Duration, Instant};

/// The time between two commits under load.
const INTERVAL: Duration = Duration::from_micros(500);
/// How many commits may follow each other at once before the interval holds.
const BURST: u32 = 8;

/// The rate limit's state.
pub(crate) struct Pace {
    /// When the commits so far would have been made, had each taken its interval.
    due: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// How long to let calls gather before the next commit.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.due
            .saturating_duration_since(now)
            .saturating_sub(INTERVAL * BURST)
    }

    /// Notes that a commit is made now.
    pub(crate) fn committed(&mut self, now: Instant) {
        self.due = self.due.max(now) + INTERVAL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_commits_never_wait() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for n in 0..100 {
            let now = start + 2 * INTERVAL * n;
            assert_eq!(pace.wait(now), Duration::ZERO);
            pace.committed(now);
        }
    }

    #[test]
    fn after_a_burst_commits_keep_the_interval() {
        let start = Instant::now();
        let (mut pace, mut now) = (Pace::new(start), start);
        for _ in 0..1_000 {
            now += pace.wait(now);
            pace.committed(now);
        }
        assert_eq!(now - start, INTERVAL * (1_000 - 1 - BURST));
    }
}
