//! Time: a clock that two processes can compare, and an alarm finer than a millisecond.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds on `CLOCK_MONOTONIC`, which every process of one machine reads alike: the mock stamps
/// an event with it, and the load generator subtracts.
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // The monotonic clock counts up from the machine's start, so neither part is ever negative.
    now.tv_sec.unsigned_abs() * NS_PER_S + now.tv_nsec.unsigned_abs()
}

/// A `timerfd` that wakes a [`mio::Poll`] at an exact time. The timeout of a poll is rounded up to
/// whole milliseconds, which would count the generator's own lateness as the gateway's latency.
pub struct Alarm {
    timer: OwnedFd,
}

impl Alarm {
    /// Makes an alarm that is not set.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self { timer })
    }

    /// Wakes the poll once at `at_ns` on the monotonic clock, in place of any earlier setting. A time
    /// in the past wakes it at once. Setting also clears an expiry that nobody read, so the descriptor
    /// never needs reading.
    ///
    /// # Errors
    /// When the kernel refuses the time.
    pub fn set_at(&self, at_ns: u64) -> io::Result<()> {
        // Zero would disarm the timer instead of firing it.
        let at_ns = at_ns.max(1);
        let value = Timespec {
            tv_sec: (at_ns / NS_PER_S).cast_signed(),
            tv_nsec: (at_ns % NS_PER_S).cast_signed(),
        };
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: value,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }
}

impl Source for Alarm {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        SourceFd(&self.timer.as_raw_fd()).register(registry, token, interest)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        SourceFd(&self.timer.as_raw_fd()).reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.timer.as_raw_fd()).deregister(registry)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    #[test]
    fn an_alarm_fires_again_without_being_read_and_never_early() {
        let mut poll = Poll::new().unwrap();
        let mut alarm = Alarm::new().unwrap();
        poll.registry()
            .register(&mut alarm, Token(7), Interest::READABLE)
            .unwrap();
        let mut events = Events::with_capacity(4);
        for _ in 0..3 {
            let due_ns = monotonic_ns() + 300_000;
            alarm.set_at(due_ns).unwrap();
            poll.poll(&mut events, Some(Duration::from_secs(10)))
                .unwrap();
            assert_eq!(
                events.iter().map(|event| event.token()).next(),
                Some(Token(7))
            );
            assert!(monotonic_ns() >= due_ns);
        }
    }
}
