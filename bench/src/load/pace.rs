//! When requests begin, and which part of the run is measured.

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// A connection sends its next request as soon as it has an answer.
    Closed,
    /// So many requests begin each second, whatever became of those before.
    Fixed {
        /// Requests per second; at least 1.
        per_second: u64,
    },
}

/// The times of one run, in nanoseconds on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pace: Pace,
    start_ns: u64,
    /// Nothing that begins before this is measured.
    pub measure_ns: u64,
    /// Nothing begins after this.
    pub end_ns: u64,
    begun: u64,
    begun_max: u64,
}

impl Schedule {
    /// Begins at `start_ns`, measures after `warmup_ns`, and stops after `measured_ns` more or when
    /// `begun_max` requests have begun.
    pub fn new(
        pace: Pace,
        start_ns: u64,
        warmup_ns: u64,
        measured_ns: u64,
        begun_max: Option<u64>,
    ) -> Self {
        let measure_ns = start_ns + warmup_ns;
        Self {
            pace,
            start_ns,
            measure_ns,
            end_ns: measure_ns + measured_ns,
            begun: 0,
            begun_max: begun_max.unwrap_or(u64::MAX),
        }
    }

    /// When the next request of a fixed rate must begin; `None` when there is none to come.
    pub fn next_due_ns(&self) -> Option<u64> {
        let Pace::Fixed { per_second } = self.pace else {
            return None;
        };
        // Multiplying before dividing keeps a rate that does not divide a second exact.
        let offset_ns = u128::from(self.begun) * 1_000_000_000 / u128::from(per_second.max(1));
        let due_ns = self.start_ns + u64::try_from(offset_ns).unwrap_or(u64::MAX / 2);
        (due_ns < self.end_ns && self.begun < self.begun_max).then_some(due_ns)
    }

    /// Takes the next request of a fixed rate if it is due: the time it was to begin.
    pub fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.next_due_ns().filter(|due_ns| *due_ns <= now_ns)?;
        self.begun += 1;
        Some(due_ns)
    }

    /// Takes the next request of a closed loop if there is to be one.
    pub fn take_follower(&mut self, now_ns: u64) -> bool {
        let goes_on =
            self.pace == Pace::Closed && now_ns < self.end_ns && self.begun < self.begun_max;
        self.begun += u64::from(goes_on);
        goes_on
    }

    /// Whether any request is still to begin.
    pub fn goes_on(&self, now_ns: u64) -> bool {
        match self.pace {
            Pace::Closed => now_ns < self.end_ns && self.begun < self.begun_max,
            Pace::Fixed { .. } => self.next_due_ns().is_some(),
        }
    }

    /// Requests that have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_rate_keeps_its_times_however_late_it_is_asked() {
        let mut schedule =
            Schedule::new(Pace::Fixed { per_second: 3 }, 100, 0, 1_000_000_000, None);
        assert_eq!(schedule.take_due(99), None);
        let mut taken = Vec::new();
        while let Some(due_ns) = schedule.take_due(5_000_000_000) {
            taken.push(due_ns);
        }
        assert_eq!(taken, [100, 333_333_433, 666_666_766]);
        assert!(!schedule.goes_on(0));
        assert_eq!(schedule.begun(), 3);
    }

    #[test]
    fn a_closed_loop_ends_with_its_time_or_its_count() {
        let mut schedule = Schedule::new(Pace::Closed, 0, 10, 20, Some(2));
        assert!(schedule.take_follower(29));
        assert!(!schedule.take_follower(30));
        assert!(schedule.take_follower(0));
        assert!(!schedule.take_follower(0));
        assert_eq!(schedule.next_due_ns(), None);
    }
}
