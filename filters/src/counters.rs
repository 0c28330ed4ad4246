//! The seam behind which limits are counted: requests per minute and concurrent requests, per token and per user.
//!
//! In this process `governor` counts; on many nodes slices of each limit will be leased from a shared counter, and only
//! this file's trait stays.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use thiserror::Error;

/// A minute in nanoseconds, the window of the request rate.
const MINUTE_NS: u64 = 60_000_000_000;
/// Gauges kept for subjects nobody uses any more are swept when there are more than this many.
const GAUGES_BEFORE_SWEEP: usize = 65_536;

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One Weir token.
    Token,
    /// One user, over all of the user's tokens.
    User,
}

impl Scope {
    /// The scope's name in messages and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::User => "user",
        }
    }
}

/// A limit's two figures; `None` means unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Requests per minute.
    pub requests_per_minute: Option<u32>,
    /// Requests at the same time.
    pub concurrent: Option<u32>,
}

/// A limit that is used up.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Exceeded {
    /// Too many requests within the minute.
    #[error("the {} may make {limit} requests per minute", .scope.as_str())]
    Rate {
        /// Whose limit.
        scope: Scope,
        /// Requests per minute.
        limit: u32,
        /// When the next request will be let through.
        reset: Duration,
    },
    /// Too many requests at once.
    #[error("the {} may have {limit} requests in flight at once", .scope.as_str())]
    Concurrency {
        /// Whose limit.
        scope: Scope,
        /// Requests at once.
        limit: u32,
    },
}

/// What remains of the tightest request rate, for `x-ratelimit-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Requests per minute.
    pub limit: u32,
    /// Requests left now.
    pub remaining: u32,
    /// When the whole limit is free again.
    pub reset: Duration,
}

/// The slots a call holds; they are free again when it is dropped.
pub struct Lease {
    slots: [Option<Arc<Gauge>>; 2],
    remaining: Option<Remaining>,
}

impl Lease {
    /// What remains of the tightest request rate; `None` where no rate is limited.
    pub fn remaining(&self) -> Option<Remaining> {
        self.remaining
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        for gauge in self.slots.iter().flatten() {
            gauge.in_flight.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Counts requests against limits. A refused request consumes nothing.
#[async_trait]
pub trait Counters: Send + Sync {
    /// The gauge of one subject; the same subject and quotas give the same gauge.
    fn gauge(&self, scope: Scope, id: &str, quotas: Quotas) -> Arc<Gauge>;

    /// Takes one request from both gauges, or from neither.
    async fn reserve(&self, token: &Arc<Gauge>, user: &Arc<Gauge>) -> Result<Lease, Exceeded>;
}

/// One subject's counters.
pub struct Gauge {
    scope: Scope,
    quotas: Quotas,
    /// Shared with the gauge that new quotas replace this one by: what is in flight stays counted.
    in_flight: Arc<AtomicU32>,
    rate: Option<Rate>,
}

type Limiter = RateLimiter<NotKeyed, SharedArrival, DefaultClock, StateInformationMiddleware>;

struct Rate {
    limiter: Limiter,
    arrival: SharedArrival,
    limit: u32,
}

/// GCRA's one number (the theoretical arrival time), kept where a request that another limit refused can be given back:
/// `governor`'s own store cannot.
#[derive(Clone, Default)]
struct SharedArrival(Arc<AtomicU64>);

impl StateStore for SharedArrival {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let previous = (seen != 0).then(|| Nanos::from(seen));
            let (answer, next) = decide(previous)?;
            match self.0.compare_exchange_weak(
                seen,
                next.as_u64(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(answer),
                Err(now) => seen = now,
            }
        }
    }
}

impl Rate {
    fn new(limit: NonZeroU32) -> Self {
        let arrival = SharedArrival::default();
        let limiter = Limiter::new(
            Quota::per_minute(limit),
            arrival.clone(),
            DefaultClock::default(),
        );
        Self {
            limiter,
            arrival,
            limit: limit.get(),
        }
    }

    fn interval_ns(&self) -> u64 {
        MINUTE_NS / u64::from(self.limit)
    }

    fn take(&self, scope: Scope) -> Result<Remaining, Exceeded> {
        match self.limiter.check() {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = u64::from(self.limit.saturating_sub(remaining));
                Ok(Remaining {
                    limit: self.limit,
                    remaining,
                    reset: Duration::from_nanos(used * self.interval_ns()),
                })
            }
            Err(until) => Err(Exceeded::Rate {
                scope,
                limit: self.limit,
                reset: until.wait_time_from(DefaultClock::default().now()),
            }),
        }
    }

    fn give_back(&self) {
        let interval_ns = self.interval_ns();
        let _ = self
            .arrival
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |at| {
                Some(at.saturating_sub(interval_ns))
            });
    }
}

impl Gauge {
    fn new(scope: Scope, quotas: Quotas, in_flight: Arc<AtomicU32>) -> Self {
        let rate = quotas
            .requests_per_minute
            .and_then(NonZeroU32::new)
            .map(Rate::new);
        Self {
            scope,
            quotas,
            in_flight,
            rate,
        }
    }

    fn enter(self: &Arc<Self>) -> Result<Arc<Self>, Exceeded> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        match self.quotas.concurrent {
            Some(limit) if before >= limit => {
                self.in_flight.fetch_sub(1, Ordering::AcqRel);
                Err(Exceeded::Concurrency {
                    scope: self.scope,
                    limit,
                })
            }
            _ => Ok(Arc::clone(self)),
        }
    }
}

/// Counters of this process alone.
#[derive(Default)]
pub struct LocalCounters {
    gauges: Mutex<HashMap<(Scope, String), Arc<Gauge>>>,
}

#[async_trait]
impl Counters for LocalCounters {
    fn gauge(&self, scope: Scope, id: &str, quotas: Quotas) -> Arc<Gauge> {
        let mut gauges = self.gauges.lock();
        if gauges.len() > GAUGES_BEFORE_SWEEP {
            gauges.retain(|_, gauge| Arc::strong_count(gauge) > 1);
        }
        let key = (scope, id.to_owned());
        match gauges.get(&key) {
            Some(gauge) if gauge.quotas == quotas => Arc::clone(gauge),
            before => {
                let in_flight = before.map(|it| Arc::clone(&it.in_flight));
                let gauge = Gauge::new(scope, quotas, in_flight.unwrap_or_default());
                let gauge = Arc::new(gauge);
                gauges.insert(key, Arc::clone(&gauge));
                gauge
            }
        }
    }

    async fn reserve(&self, token: &Arc<Gauge>, user: &Arc<Gauge>) -> Result<Lease, Exceeded> {
        // Slots first: they can be given back, so a refusal further on leaves nothing behind.
        let mut lease = Lease {
            slots: [None, None],
            remaining: None,
        };
        lease.slots[0] = Some(token.enter()?);
        lease.slots[1] = Some(user.enter()?);
        let of_token = token.rate.as_ref().map(|rate| rate.take(Scope::Token));
        let of_token = of_token.transpose()?;
        let of_user = match user.rate.as_ref().map(|rate| rate.take(Scope::User)) {
            Some(Err(exceeded)) => {
                if let Some(rate) = &token.rate {
                    rate.give_back();
                }
                return Err(exceeded);
            }
            Some(Ok(remaining)) => Some(remaining),
            None => None,
        };
        lease.remaining = [of_token, of_user]
            .into_iter()
            .flatten()
            .min_by_key(|remaining| remaining.remaining);
        Ok(lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(requests_per_minute: Option<u32>, concurrent: Option<u32>) -> Quotas {
        Quotas {
            requests_per_minute,
            concurrent,
        }
    }

    async fn reserve(
        counters: &LocalCounters,
        token: Quotas,
        user: Quotas,
    ) -> Result<Lease, Exceeded> {
        let token = counters.gauge(Scope::Token, "t", token);
        let user = counters.gauge(Scope::User, "u", user);
        counters.reserve(&token, &user).await
    }

    #[tokio::test]
    async fn the_rate_is_counted_and_told() {
        let counters = LocalCounters::default();
        let (token, user) = (quotas(Some(3), None), Quotas::default());
        for left in [2, 1, 0] {
            let lease = reserve(&counters, token, user).await.unwrap();
            assert_eq!(lease.remaining().unwrap().remaining, left);
        }
        let refused = reserve(&counters, token, user).await.err().unwrap();
        assert!(
            matches!(refused, Exceeded::Rate { scope: Scope::Token, limit: 3, reset } if reset <= Duration::from_secs(20))
        );
    }

    #[tokio::test]
    async fn a_refused_request_consumes_nothing_of_the_other_limit() {
        let counters = LocalCounters::default();
        let (token, user) = (quotas(Some(10), Some(9)), quotas(Some(1), None));
        drop(reserve(&counters, token, user).await.unwrap());
        for _ in 0..20 {
            let refused = reserve(&counters, token, user).await.err().unwrap();
            assert!(matches!(
                refused,
                Exceeded::Rate {
                    scope: Scope::User,
                    ..
                }
            ));
        }
        // Only the one request that went through was taken from the token's ten, and no slot is held.
        let gauge = counters.gauge(Scope::Token, "t", token);
        assert_eq!(gauge.in_flight.load(Ordering::Relaxed), 0);
        let left = gauge.rate.as_ref().unwrap().take(Scope::Token).unwrap();
        assert_eq!(left.remaining, 8);
    }

    #[tokio::test]
    async fn slots_come_back_when_the_call_ends() {
        let counters = LocalCounters::default();
        let (token, user) = (Quotas::default(), quotas(None, Some(2)));
        let first = reserve(&counters, token, user).await.unwrap();
        let _second = reserve(&counters, token, user).await.unwrap();
        let refused = reserve(&counters, token, user).await.err().unwrap();
        assert_eq!(
            refused,
            Exceeded::Concurrency {
                scope: Scope::User,
                limit: 2
            }
        );
        drop(first);
        assert!(reserve(&counters, token, user).await.is_ok());
    }

    #[test]
    fn changed_quotas_give_a_fresh_gauge() {
        let counters = LocalCounters::default();
        let old = counters.gauge(Scope::Token, "t", quotas(Some(1), None));
        let same = counters.gauge(Scope::Token, "t", quotas(Some(1), None));
        let new = counters.gauge(Scope::Token, "t", quotas(Some(2), None));
        assert!(Arc::ptr_eq(&old, &same) && !Arc::ptr_eq(&old, &new));
    }
}
