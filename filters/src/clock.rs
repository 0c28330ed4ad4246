//! Where time and chance come from, so that tests can move the clock and repeat a draw.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use uuid::{Builder, Uuid};

/// Random bytes drawn from the operating system at once, so that a request does not cost a system call.
const CHANCE_POOL_BYTES: usize = 4096;

/// The wall clock. Cheap to clone; every clone of a manual clock moves together.
#[derive(Clone, Default)]
pub struct Clock {
    manual_us: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still at `now_us` until it is moved.
    pub fn manual(now_us: i64) -> Self {
        Self {
            manual_us: Some(Arc::new(AtomicI64::new(now_us))),
        }
    }

    /// Microseconds since the Unix epoch.
    pub fn now_us(&self) -> i64 {
        match &self.manual_us {
            Some(at) => at.load(Ordering::Relaxed),
            None => system_now_us(),
        }
    }

    /// Milliseconds since the Unix epoch, never negative.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.now_us() / 1_000).unwrap_or(0)
    }

    /// Moves a manual clock; the system's clock stays as it is.
    pub fn advance_us(&self, by_us: i64) {
        if let Some(at) = &self.manual_us {
            at.fetch_add(by_us, Ordering::Relaxed);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the wall clock is read"
)]
fn system_now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Makes call ids: UUIDv7 (RFC 9562), so that ids sort by time and inserts append.
pub struct CallIds {
    pool: Mutex<Pool>,
}

struct Pool {
    bytes: Box<[u8; CHANCE_POOL_BYTES]>,
    next: usize,
}

impl Default for CallIds {
    fn default() -> Self {
        Self {
            pool: Mutex::new(Pool {
                bytes: Box::new([0; CHANCE_POOL_BYTES]),
                next: CHANCE_POOL_BYTES,
            }),
        }
    }
}

impl CallIds {
    /// A new id for a call that starts at `now_ms`.
    pub fn next(&self, now_ms: u64) -> Uuid {
        let mut random = [0_u8; 10];
        let mut pool = self.pool.lock();
        if pool.next + random.len() > CHANCE_POOL_BYTES {
            refill(&mut pool.bytes[..]);
            pool.next = 0;
        }
        let from = pool.next;
        random.copy_from_slice(&pool.bytes[from..from + 10]);
        pool.next = from + random.len();
        drop(pool);
        Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate where the operating system's randomness is read"
)]
fn refill(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        // The ids stay unique by their time and by the bytes left from before; they are no secret.
        for byte in bytes {
            *byte = byte.wrapping_add(1);
        }
    }
}

/// A draw in `0..=max` that depends on the call and the attempt alone: jitter needs spread, not secrecy,
/// and the random bits of the call id are spread already.
pub fn jitter(call: Uuid, attempt: u32, max: u64) -> u64 {
    let mut x = call.as_u128() as u64 ^ u64::from(attempt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 30;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    if max == u64::MAX { x } else { x % (max + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let ids = CallIds::default();
        let many: HashSet<Uuid> = (0..10_000).map(|_| ids.next(1_700_000_000_000)).collect();
        assert_eq!(many.len(), 10_000);
        assert!(ids.next(1_700_000_000_001) > ids.next(1_700_000_000_000));
    }

    #[test]
    fn jitter_stays_in_its_range_and_spreads() {
        let ids = CallIds::default();
        let draws: HashSet<u64> = (0..200).map(|n| jitter(ids.next(n), 1, 999)).collect();
        assert!(draws.iter().all(|draw| *draw <= 999));
        assert!(draws.len() > 100);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(5_000);
        let other = clock.clone();
        other.advance_us(1_000);
        assert_eq!((clock.now_us(), clock.now_ms()), (6_000, 6));
    }
}
