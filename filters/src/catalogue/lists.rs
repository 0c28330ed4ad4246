//! The providers' lists that were fetched, each by the provider's address and the key it was fetched with: what one key may
//! use says nothing about another. A list that has grown old serves on while it is fetched again, and after that has failed.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use weir_wire::model_catalogue::Listed;

use super::fetch::{self, FetchError};
use super::place;
use crate::gateway::Gateway;
use crate::health::Switch;
use crate::provider::{Upstream, UpstreamKey};

/// Models in memory, over all lists.
const MODELS_MAX: u64 = 100_000;
/// What a list counts beside its models.
const SLOT_WEIGHT: usize = 16;
/// How long a list that nobody asks for is kept.
const IDLE: Duration = Duration::from_secs(6 * 3_600);
/// Fetches at the same time.
const FETCHES_MAX: usize = 8;
/// How long a provider that did not give its list is left alone.
const RETRY_US: i64 = 30_000_000;

/// All lists.
pub(crate) struct Lists {
    slots: Cache<Place, Arc<Slot>>,
    fetches: Semaphore,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            slots: Cache::builder()
                .max_capacity(MODELS_MAX)
                .weigher(|_, slot: &Arc<Slot>| slot.weight())
                .time_to_idle(IDLE)
                .build(),
            fetches: Semaphore::new(FETCHES_MAX),
        }
    }
}

/// Where a list comes from.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    provider: Arc<str>,
    /// The address, so that a list does not outlive a change of it.
    url: String,
    /// The switch of the key, of which there is one for each key and secret. The slot keeps it, so that the number cannot
    /// come to stand for another.
    key: usize,
}

/// One list, or the wish for it.
pub(crate) struct Slot {
    state: Mutex<State>,
    /// Counts the fetches that have ended.
    ended: watch::Sender<u64>,
    _key: Arc<Switch>,
}

#[derive(Clone, Default)]
struct State {
    models: Option<Arc<[Listed]>>,
    fetched_us: i64,
    /// When the last fetch ended; none where there was none.
    tried_us: Option<i64>,
    error: Option<FetchError>,
    is_fetching: bool,
}

/// What is known of a list now.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// The newest list there was.
    pub models: Option<Arc<[Listed]>>,
    /// When it was fetched, microseconds since the Unix epoch.
    pub fetched_us: i64,
    /// Why the last fetch failed, if it did.
    pub error: Option<FetchError>,
    /// Whether nobody knows yet: the first fetch is under way.
    pub is_pending: bool,
}

impl Slot {
    fn weight(&self) -> u32 {
        let models = self.state.lock().models.as_ref().map_or(0, |it| it.len());
        u32::try_from(models + SLOT_WEIGHT).unwrap_or(u32::MAX)
    }

    /// What is known now.
    pub(crate) fn seen(&self) -> Seen {
        let state = self.state.lock().clone();
        Seen {
            is_pending: state.tried_us.is_none(),
            models: state.models,
            fetched_us: state.fetched_us,
            error: state.error,
        }
    }

    /// Waits until the first fetch has ended, or `until`.
    pub(crate) async fn wait(&self, until: Instant) {
        let mut ended = self.ended.subscribe();
        let first = ended.wait_for(|count| *count > 0);
        let _ = tokio::time::timeout_at(until, first).await;
    }

    /// Takes it upon the caller to fetch, if that is due.
    fn begin(&self, now_us: i64, ttl_us: i64) -> bool {
        let mut state = self.state.lock();
        let age_us = now_us - state.tried_us.unwrap_or(i64::MIN / 2);
        let due_us = match state.error {
            Some(_) => ttl_us.min(RETRY_US),
            None => ttl_us,
        };
        let is_due = !state.is_fetching && age_us >= due_us;
        state.is_fetching |= is_due;
        is_due
    }

    fn end(&self, fetched: Result<Arc<[Listed]>, FetchError>, now_us: i64) {
        let mut state = self.state.lock();
        state.is_fetching = false;
        state.tried_us = Some(now_us);
        match fetched {
            Ok(models) => {
                state.models = Some(models);
                state.fetched_us = now_us;
                state.error = None;
            }
            Err(why) => state.error = Some(why),
        }
        drop(state);
        self.ended.send_modify(|count| *count += 1);
    }
}

/// Sees to it that a fetch ends for those who wait, should it be torn down.
struct Ending {
    slot: Arc<Slot>,
    started_us: i64,
    has_ended: bool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.has_ended {
            self.slot.end(Err(FetchError::Abandoned), self.started_us);
        }
    }
}

impl Lists {
    /// The list of a provider for a key; where it is missing or old, its fetch begins in the background.
    pub(crate) fn of(
        &self,
        gateway: &Arc<Gateway>,
        upstream: &Arc<Upstream>,
        key: &Arc<UpstreamKey>,
    ) -> Arc<Slot> {
        let place = Place {
            provider: Arc::clone(&upstream.name),
            url: place::address(upstream, key),
            key: Arc::as_ptr(&key.switch) as usize,
        };
        let slot = self.slots.get_with_by_ref(&place, || {
            Arc::new(Slot {
                state: Mutex::default(),
                ended: watch::channel(0).0,
                _key: Arc::clone(&key.switch),
            })
        });
        let ttl_ms = gateway.routes().settings.catalogue.ttl_ms;
        let ttl_us = i64::try_from(ttl_ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        if slot.begin(gateway.clock.now_us(), ttl_us) {
            let fetching = fetch_into(
                Arc::clone(gateway),
                Arc::clone(upstream),
                Arc::clone(key),
                place,
                Arc::clone(&slot),
            );
            tokio::spawn(fetching);
        }
        slot
    }
}

async fn fetch_into(
    gateway: Arc<Gateway>,
    upstream: Arc<Upstream>,
    key: Arc<UpstreamKey>,
    place: Place,
    slot: Arc<Slot>,
) {
    let mut ending = Ending {
        slot: Arc::clone(&slot),
        started_us: gateway.clock.now_us(),
        has_ended: false,
    };
    let Ok(_turn) = gateway.lists.fetches.acquire().await else {
        return;
    };
    let fetched = Box::pin(fetch::fetch(&gateway, &upstream, &key)).await;
    match &fetched {
        Err(why) if !(why.is_absence() && upstream.provider().local) => {
            tracing::info!(provider = %upstream.name, %why, "the provider's list of models is not to be had");
        }
        _ => {}
    }
    slot.end(fetched, gateway.clock.now_us());
    ending.has_ended = true;
    // Put in again, so that it is weighed anew.
    gateway.lists.slots.insert(place, slot);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot {
            state: Mutex::default(),
            ended: watch::channel(0).0,
            _key: Arc::default(),
        }
    }

    fn list() -> Arc<[Listed]> {
        vec![Listed::default()].into()
    }

    #[test]
    fn one_fetches_at_a_time_and_again_only_when_the_list_is_old() {
        let slot = slot();
        assert!(slot.seen().is_pending);
        assert!(slot.begin(1_000, 100));
        assert!(!slot.begin(1_000, 100), "somebody fetches already");
        slot.end(Ok(list()), 1_000);
        assert!(!slot.begin(1_099, 100));
        assert!(slot.begin(1_100, 100));
    }

    #[test]
    fn a_failure_keeps_the_old_list_and_is_soon_tried_again() {
        let slot = slot();
        let ttl_us = 10 * RETRY_US;
        assert!(slot.begin(0, ttl_us));
        slot.end(Ok(list()), 0);
        assert!(slot.begin(ttl_us, ttl_us));
        slot.end(Err(FetchError::Abandoned), ttl_us);
        let seen = slot.seen();
        assert_eq!(seen.models, Some(list()));
        assert_eq!(
            (seen.error, seen.fetched_us),
            (Some(FetchError::Abandoned), 0)
        );
        assert!(!slot.begin(ttl_us + RETRY_US - 1, ttl_us));
        assert!(slot.begin(ttl_us + RETRY_US, ttl_us));
        slot.end(Ok(list()), ttl_us + RETRY_US);
        assert_eq!(slot.seen().error, None);
    }

    #[test]
    fn a_fetch_that_is_torn_down_ends_for_those_who_wait() {
        let slot = Arc::new(slot());
        assert!(slot.begin(5, 100));
        drop(Ending {
            slot: Arc::clone(&slot),
            started_us: 5,
            has_ended: false,
        });
        assert!(!slot.seen().is_pending);
        assert_eq!(*slot.ended.borrow(), 1);
    }
}
