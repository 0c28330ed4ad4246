//! What is set aside for a while: targets that fail again and again, and keys a provider refuses.
//!
//! One switch serves both. It opens after some failures in a row, or at once for a stated time; when the time is over one
//! request is let through as a probe, and its outcome closes the switch or opens it again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::credential::TokenCells;

/// How long a probe may stay out before another is let through, microseconds.
const PROBE_LEASE_US: i64 = 60_000_000;
/// Switches kept before those nobody holds any more are swept.
const SWITCHES_BEFORE_SWEEP: usize = 8_192;

/// One target's or key's state.
#[derive(Default)]
pub struct Switch {
    failures: AtomicU32,
    /// Zero while closed; else the moment from which a probe may go, microseconds since the Unix epoch.
    open_until_us: AtomicI64,
}

/// Leave to go, given by a switch.
pub struct Pass {
    /// Zero where the switch is closed; else what the probe has put in the switch's place.
    lease_us: i64,
}

impl Switch {
    /// Lets a request through, or not. One that goes as a probe keeps others waiting until it reports, or for a while.
    pub fn admits(&self, now_us: i64) -> Option<Pass> {
        let until = self.open_until_us.load(Ordering::Acquire);
        if until == 0 {
            return Some(Pass { lease_us: 0 });
        }
        let lease_us = now_us + PROBE_LEASE_US;
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let is_first = now_us >= until
            && self
                .open_until_us
                .compare_exchange(until, lease_us, order.0, order.1)
                .is_ok();
        is_first.then_some(Pass { lease_us })
    }

    /// A request that was let through learned nothing: another may probe at once.
    pub fn give_up(&self, pass: &Pass, now_us: i64) {
        if pass.lease_us != 0 {
            let _ = self.open_until_us.compare_exchange(
                pass.lease_us,
                now_us.max(1),
                Ordering::AcqRel,
                Ordering::Acquire,
            );
        }
    }

    /// Whether the switch is open, without asking to be let through.
    pub fn is_open(&self, now_us: i64) -> bool {
        now_us < self.open_until_us.load(Ordering::Acquire)
    }

    /// A success closes the switch.
    pub fn succeed(&self) {
        // Reads first: the usual case must not write to a cache line that every request shares.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.open_until_us.load(Ordering::Relaxed) != 0 {
            self.open_until_us.store(0, Ordering::Release);
        }
    }

    /// A failure opens the switch for `cooldown` once `threshold` came in a row, or if the failure was a probe's.
    /// True where it opened; a threshold of 0 never does.
    pub fn fail(&self, now_us: i64, threshold: u32, cooldown: Duration) -> bool {
        if threshold == 0 {
            return false;
        }
        let failures = self.failures.fetch_add(1, Ordering::AcqRel) + 1;
        let was_probe = self.open_until_us.load(Ordering::Acquire) != 0;
        if failures >= threshold || was_probe {
            self.open_for(now_us, cooldown);
            return true;
        }
        false
    }

    /// Opens the switch at once.
    pub fn open_for(&self, now_us: i64, time: Duration) {
        let until = now_us.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
        self.open_until_us.store(until.max(1), Ordering::Release);
    }
}

/// All switches by name, so that they outlive a reload of the configuration.
#[derive(Default)]
pub struct Switchboard {
    switches: Mutex<HashMap<String, Arc<Switch>>>,
    /// The tokens of keys that need one, kept for the same reason.
    pub(crate) tokens: TokenCells,
}

impl Switchboard {
    /// The switch of that name.
    pub fn switch(&self, name: String) -> Arc<Switch> {
        let mut switches = self.switches.lock();
        if switches.len() > SWITCHES_BEFORE_SWEEP {
            switches.retain(|_, switch| Arc::strong_count(switch) > 1);
        }
        Arc::clone(switches.entry(name).or_default())
    }

    /// How many are open now.
    pub fn open_count(&self, now_us: i64) -> usize {
        let switches = self.switches.lock();
        switches.values().filter(|it| it.is_open(now_us)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Duration = Duration::from_secs(30);

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_probe_through() {
        let switch = Switch::default();
        assert!(!switch.fail(1, 3, COOLDOWN) && !switch.fail(2, 3, COOLDOWN));
        switch.succeed();
        assert!(!switch.fail(3, 3, COOLDOWN) && !switch.fail(4, 3, COOLDOWN));
        assert!(switch.fail(5, 3, COOLDOWN));
        assert!(switch.admits(6).is_none());
        let later = 5 + 30_000_000;
        assert!(switch.admits(later).is_some(), "the probe goes");
        assert!(
            switch.admits(later + 1).is_none(),
            "nobody else goes beside it"
        );
        switch.succeed();
        assert!(switch.admits(later + 2).is_some());
    }

    #[test]
    fn a_failed_probe_opens_it_again_at_once() {
        let switch = Switch::default();
        switch.open_for(0, COOLDOWN);
        assert!(switch.admits(30_000_000).is_some());
        assert!(switch.fail(30_000_001, 3, COOLDOWN));
        assert!(switch.admits(59_000_000).is_none());
    }

    #[test]
    fn a_probe_that_never_reports_does_not_block_for_ever() {
        let switch = Switch::default();
        switch.open_for(0, COOLDOWN);
        assert!(switch.admits(30_000_000).is_some());
        assert!(switch.admits(30_000_000 + PROBE_LEASE_US).is_some());
    }

    #[test]
    fn a_probe_that_learned_nothing_makes_room_for_the_next() {
        let switch = Switch::default();
        switch.open_for(0, COOLDOWN);
        let pass = switch.admits(30_000_000).unwrap();
        switch.give_up(&pass, 30_000_001);
        assert!(switch.admits(30_000_002).is_some());
        // Once somebody has reported, a late one changes nothing.
        switch.succeed();
        switch.give_up(&pass, 30_000_003);
        assert!(switch.admits(30_000_004).is_some());
    }
}
