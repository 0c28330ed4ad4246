//! Who is known, from memory: tokens with their users, gauges and provider keys, filled from the store on first use and
//! emptied by the store's sequence of changes.
//!
//! While the store is away, what is known stays known for [`STALE_MAX`]; what is not known cannot be judged, which is our
//! fault and not the caller's (`Unavailable`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Semaphore;
use weir_store::{ChangeKind, OpenKey, Sealer, Store, StoreError, TokenRecord};

use crate::clock::Clock;
use crate::counters::{Counters, Gauge, Quotas, Scope};
use crate::plan::{Holder, Plan};

/// How often the store is asked for changes; a revocation holds after this and one look-up.
pub const CHANGES_POLL: Duration = Duration::from_millis(250);
/// How long known callers are served while the store cannot be asked for changes.
pub const STALE_MAX: Duration = Duration::from_secs(3_600);
/// Tokens kept in memory.
const TOKENS_MAX: u64 = 100_000;
/// Public ids remembered as unknown, so that guesses do not reach the store each time.
const UNKNOWN_MAX: u64 = 10_000;
/// How long an unknown id stays unknown without a look, a bound should a change be missed.
const UNKNOWN_TTL: Duration = Duration::from_secs(5);
/// Look-ups in the store at the same time.
const LOOKUPS_MAX: usize = 16;
/// How long a caller waits for its turn to be looked up.
const LOOKUP_WAIT: Duration = Duration::from_secs(5);
/// Changes taken from the store at once.
const CHANGES_BATCH: usize = 1_000;
/// Plans remembered for one token.
const PLANS_MAX: usize = 64;

/// A token and everything about its holder that a request needs.
pub struct Known {
    /// The token, its limits and its user.
    pub token: TokenRecord,
    /// The user's own provider keys, opened.
    pub keys: Vec<OpenKey>,
    /// The name of the token in rows.
    pub token_id: Arc<str>,
    /// The user's id in rows.
    pub user_id: Arc<str>,
    pub(crate) token_gauge: Arc<Gauge>,
    pub(crate) user_gauge: Arc<Gauge>,
    pub(crate) plans: PlanCache,
}

impl Known {
    /// What of this caller decides which targets it may use.
    pub fn holder(&self) -> Holder<'_> {
        Holder {
            keys: &self.keys,
            is_admin: self.token.user.admin,
            models: &self.token.models,
        }
    }
}

/// The plans of one token by the model asked for, of one generation of the configuration.
#[derive(Default)]
pub struct PlanCache {
    plans: Mutex<Plans>,
}

#[derive(Default)]
struct Plans {
    generation: u64,
    by_model: HashMap<Arc<str>, Arc<Plan>>,
}

impl PlanCache {
    pub(crate) fn get(&self, generation: u64, model: &str) -> Option<Arc<Plan>> {
        let plans = self.plans.lock();
        (plans.generation == generation)
            .then(|| plans.by_model.get(model).cloned())
            .flatten()
    }

    pub(crate) fn put(&self, generation: u64, model: Arc<str>, plan: Arc<Plan>) {
        let mut plans = self.plans.lock();
        if plans.generation != generation || plans.by_model.len() >= PLANS_MAX {
            *plans = Plans {
                generation,
                by_model: HashMap::new(),
            };
        }
        plans.by_model.insert(model, plan);
    }
}

/// Why a public id could not be looked up.
#[derive(Debug, Error)]
pub enum LookupError {
    /// The store did not answer, or too many look-ups wait.
    #[error("callers cannot be looked up at the moment")]
    Unavailable,
}

/// The limits that hold where a token or user has none of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultQuotas {
    /// For tokens.
    pub token: Quotas,
    /// For users.
    pub user: Quotas,
}

/// Everyone known to this process.
pub struct Directory {
    store: Store,
    sealer: Arc<Sealer>,
    counters: Arc<dyn Counters>,
    clock: Clock,
    defaults: arc_swap::ArcSwap<DefaultQuotas>,
    tokens: Cache<String, Arc<Known>>,
    unknown: Cache<String, ()>,
    lookups: Semaphore,
    seen_change: AtomicI64,
    /// Counts how often everyone was forgotten, so that a load that began before puts nobody back.
    epoch: AtomicU64,
    checked_us: AtomicI64,
}

impl Directory {
    /// An empty directory over `store`; changes from now on are watched by [`Self::watch`].
    pub fn new(
        store: Store,
        sealer: Arc<Sealer>,
        counters: Arc<dyn Counters>,
        clock: Clock,
        defaults: DefaultQuotas,
    ) -> Result<Self, StoreError> {
        let seen_change = store.latest_change()?;
        let checked_us = AtomicI64::new(clock.now_us());
        Ok(Self {
            store,
            sealer,
            counters,
            clock,
            defaults: arc_swap::ArcSwap::from_pointee(defaults),
            tokens: Cache::new(TOKENS_MAX),
            unknown: Cache::builder()
                .max_capacity(UNKNOWN_MAX)
                .time_to_live(UNKNOWN_TTL)
                .build(),
            lookups: Semaphore::new(LOOKUPS_MAX),
            seen_change: AtomicI64::new(seen_change),
            epoch: AtomicU64::new(0),
            checked_us,
        })
    }

    /// Takes new defaults and forgets everyone, so that each is met with them.
    pub fn set_defaults(&self, defaults: DefaultQuotas) {
        self.defaults.store(Arc::new(defaults));
        self.forget_everyone();
    }

    /// The holder of a public id; `Ok(None)` where there is none.
    pub async fn find(
        self: &Arc<Self>,
        public_id: &str,
    ) -> Result<Option<Arc<Known>>, LookupError> {
        if let Some(known) = self.tokens.get(public_id) {
            return if self.is_stale() {
                Err(LookupError::Unavailable)
            } else {
                Ok(Some(known))
            };
        }
        if self.unknown.contains_key(public_id) {
            return Ok(None);
        }
        self.look_up(public_id.to_owned()).await
    }

    async fn look_up(
        self: &Arc<Self>,
        public_id: String,
    ) -> Result<Option<Arc<Known>>, LookupError> {
        let turn = tokio::time::timeout(LOOKUP_WAIT, self.lookups.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(LookupError::Unavailable);
        };
        if let Some(known) = self.tokens.get(&public_id) {
            return Ok(Some(known));
        }
        let before = self.version();
        let this = Arc::clone(self);
        let id = public_id.clone();
        let loaded = tokio::task::spawn_blocking(move || this.load(&id)).await;
        match loaded {
            Ok(Ok(Some(known))) => {
                self.tokens.insert(public_id.clone(), Arc::clone(&known));
                // A change that was read between the load and the insert did not find this entry: drop it again.
                if self.version() != before {
                    self.tokens.invalidate(&public_id);
                }
                Ok(Some(known))
            }
            Ok(Ok(None)) => {
                self.unknown.insert(public_id, ());
                Ok(None)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "a caller could not be looked up");
                Err(LookupError::Unavailable)
            }
            Err(_) => Err(LookupError::Unavailable),
        }
    }

    fn load(&self, public_id: &str) -> Result<Option<Arc<Known>>, StoreError> {
        let Some(token) = self.store.find_token(public_id)? else {
            return Ok(None);
        };
        let keys = match self.store.open_provider_keys(&token.user.id, &self.sealer) {
            Ok(keys) => keys,
            Err(error) => {
                // A key that cannot be opened must not lock its owner out of everything else.
                tracing::error!(user = %token.user.name, %error, "provider keys cannot be opened");
                Vec::new()
            }
        };
        let defaults = self.defaults.load();
        let token_quotas = Quotas {
            requests_per_minute: token
                .limits
                .requests_per_minute
                .or(defaults.token.requests_per_minute),
            concurrent: token.limits.concurrent.or(defaults.token.concurrent),
        };
        let of_user = token.user.limits;
        let user_quotas = Quotas {
            requests_per_minute: of_user
                .requests_per_minute
                .or(defaults.user.requests_per_minute),
            concurrent: of_user.concurrent.or(defaults.user.concurrent),
        };
        Ok(Some(Arc::new(Known {
            token_id: Arc::from(token.public_id.as_str()),
            user_id: Arc::from(token.user.id.as_str()),
            token_gauge: self
                .counters
                .gauge(Scope::Token, &token.public_id, token_quotas),
            user_gauge: self
                .counters
                .gauge(Scope::User, &token.user.id, user_quotas),
            plans: PlanCache::default(),
            keys,
            token,
        })))
    }

    fn is_stale(&self) -> bool {
        let age_us = self.clock.now_us() - self.checked_us.load(Ordering::Relaxed);
        age_us > i64::try_from(STALE_MAX.as_micros()).unwrap_or(i64::MAX)
    }

    fn version(&self) -> (i64, u64) {
        (
            self.seen_change.load(Ordering::Acquire),
            self.epoch.load(Ordering::Acquire),
        )
    }

    fn forget_everyone(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.tokens.invalidate_all();
        self.unknown.invalidate_all();
    }

    /// Reads the store's changes once and forgets whom they concern.
    pub fn poll_changes(&self) -> Result<(), StoreError> {
        loop {
            let seen = self.seen_change.load(Ordering::Acquire);
            let changes = self.store.changes_since(seen, CHANGES_BATCH)?;
            self.checked_us
                .store(self.clock.now_us(), Ordering::Relaxed);
            let Some(last) = changes.last().map(|change| change.seq) else {
                return Ok(());
            };
            if changes.first().is_some_and(|first| first.seq != seen + 1) {
                // Older changes are pruned: what they were about is not known any more, so nobody is.
                self.forget_everyone();
            }
            // The mark moves first: a load that began before this change sees it moved and drops what it inserts.
            self.seen_change.store(last, Ordering::Release);
            for change in &changes {
                match change.kind {
                    ChangeKind::Token => {
                        self.tokens.invalidate(&change.key);
                        self.unknown.invalidate(&change.key);
                    }
                    ChangeKind::User | ChangeKind::ProviderKey => self.forget_everyone(),
                }
            }
        }
    }

    /// Watches for changes until the process ends.
    pub async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(CHANGES_POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let this = Arc::clone(&self);
            let polled = tokio::task::spawn_blocking(move || this.poll_changes()).await;
            if let Ok(Err(error)) = polled {
                tracing::warn!(%error, "the store's changes cannot be read; known callers are still served");
            }
        }
    }
}
