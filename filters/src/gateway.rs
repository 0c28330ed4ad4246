//! Everything the way of a request shares, and the way itself.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weir_config::Settings;
use weir_store::{Ledger, Sealer, Store, StoreError};

use crate::ask::{Admitted, Ask, Inbound};
use crate::attempt::attempt;
use crate::catalogue::Lists;
use crate::clock::{CallIds, Clock};
use crate::counters::{Counters, LocalCounters, Quotas};
use crate::directory::{DefaultQuotas, Directory};
use crate::health::Switchboard;
use crate::identify::Credential;
use crate::link::Connectors;
use crate::metrics::{Levels, Metrics};
use crate::refusal::Refusal;
use crate::routes::Routes;
use crate::session::Session;
use crate::sink::Sink;
use crate::spool::Spools;
use crate::tunnel::Tunnels;
use crate::upload::Places;
use crate::{admit, allow, count, fit, identify, pass, plan, read, realtime, reserve};

/// Memory for bodies is handed out in pieces of this size.
const MEMORY_UNIT_BYTES: usize = 1024;

/// What the requests of this process share.
pub struct Gateway {
    /// Callers in memory.
    pub directory: Arc<Directory>,
    /// The ledger of calls.
    pub ledger: Ledger,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Clock,
    /// Ids for calls.
    pub ids: CallIds,
    /// The memory all bodies share.
    pub body_memory: BodyMemory,
    pub(crate) connectors: Connectors,
    pub(crate) lists: Lists,
    pub(crate) tunnels: Tunnels,
    pub(crate) spools: Spools,
    counters: Arc<dyn Counters>,
    switchboard: Arc<Switchboard>,
    routes: ArcSwap<Routes>,
    stopping: AtomicBool,
}

/// Why a gateway cannot be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The metrics.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The certificates by which providers are trusted.
    #[error(
        "the certificate authorities to trust cannot be loaded: {0}; see SSL_CERT_FILE and SSL_CERT_DIR"
    )]
    Authorities(String),
}

/// A client's request as the way reads it: its body on demand, so that a refused caller's body is never read.
pub trait Client: Sink {
    /// The whole body, bounded in size, in time and in the memory that all bodies share.
    fn read_body(&mut self) -> impl Future<Output = Result<Body, Refusal>> + Send;
}

/// A body and the share of memory it holds.
pub struct Body {
    /// The bytes as they came.
    pub bytes: Bytes,
    /// Its share, given back when the body is dropped.
    pub memory: Option<OwnedSemaphorePermit>,
}

/// The memory for request bodies, one bound over all of them.
#[derive(Clone)]
pub struct BodyMemory {
    units: Arc<Semaphore>,
    most_units: u32,
}

impl BodyMemory {
    /// A bound of `max_bytes` over all bodies.
    pub fn new(max_bytes: usize) -> Self {
        let most_units = u32::try_from(max_bytes / MEMORY_UNIT_BYTES).unwrap_or(u32::MAX);
        Self {
            units: Arc::new(Semaphore::new(most_units as usize)),
            most_units,
        }
    }

    /// The bound.
    pub(crate) fn max_bytes(&self) -> usize {
        self.most_units as usize * MEMORY_UNIT_BYTES
    }

    /// Takes a share for `bytes`, or tells that there is none.
    pub fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT_BYTES))
            .unwrap_or(u32::MAX)
            .clamp(1, self.most_units.max(1));
        Arc::clone(&self.units)
            .try_acquire_many_owned(units)
            .map_err(|_| Refusal::BodiesFull)
    }
}

fn default_quotas(settings: &Settings) -> DefaultQuotas {
    let quotas = |limit: &weir_config::Limit| Quotas {
        requests_per_minute: limit.requests_per_minute,
        concurrent: limit.concurrent,
    };
    DefaultQuotas {
        token: quotas(&settings.limits.token),
        user: quotas(&settings.limits.user),
    }
}

impl Gateway {
    /// A gateway over a store, with the settings of its first generation.
    pub fn new(
        store: &Store,
        sealer: Arc<Sealer>,
        settings: Arc<Settings>,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let counters: Arc<dyn Counters> = Arc::new(LocalCounters::default());
        let directory = Directory::new(
            store.clone(),
            sealer,
            Arc::clone(&counters),
            clock.clone(),
            default_quotas(&settings),
        )?;
        let switchboard = Arc::new(Switchboard::default());
        let body_memory = BodyMemory::new(settings.server.max_bodies_memory_bytes);
        let spools = Spools::new(settings.data_dir.clone(), settings.server.max_spool_bytes);
        let routes = Routes::new(settings, 1, Arc::clone(&switchboard));
        // Before the tunnels, which panic where the authorities cannot be loaded.
        let connectors = Connectors::new()
            .map_err(|error| SetupError::Authorities(error.root_cause().to_string()))?;
        Ok(Self {
            spools,
            directory: Arc::new(directory),
            ledger: store.ledger().clone(),
            metrics: Arc::new(Metrics::new()?),
            clock,
            ids: CallIds::default(),
            body_memory,
            connectors,
            lists: Lists::default(),
            tunnels: Tunnels::new(),
            counters,
            switchboard,
            routes: ArcSwap::from_pointee(routes),
            stopping: AtomicBool::new(false),
        })
    }

    /// The routes of the present generation.
    pub fn routes(&self) -> Arc<Routes> {
        self.routes.load_full()
    }

    /// Swaps in new settings, whole; requests under way end with the old ones.
    pub fn reload(&self, settings: Arc<Settings>) {
        let generation = self.routes.load().generation + 1;
        self.directory.set_defaults(default_quotas(&settings));
        let routes = Routes::new(settings, generation, Arc::clone(&self.switchboard));
        self.routes.store(Arc::new(routes));
    }

    /// Lets go of what nobody used for a while; called now and then.
    pub fn sweep(&self) {
        self.connectors.sweep();
    }

    /// Tells the readiness page that the process is stopping.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether the process is stopping.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// What a scrape of the metrics needs beside the counters.
    pub fn levels(&self) -> Levels {
        Levels {
            ledger_depth: self.ledger.depth(),
            unrecorded: self.ledger.unrecorded(),
            cooling: self.switchboard.open_count(self.clock.now_us()),
        }
    }

    /// The way of one request, top to bottom. A refusal is the caller's to answer; everything after `reserve` is
    /// answered and settled here, but for a session that is about to become a WebSocket: that is given back.
    pub async fn carry<C: Client>(
        &self,
        inbound: Inbound,
        credential: Option<&Credential>,
        client: &mut C,
    ) -> Result<Option<Box<Session>>, Refusal> {
        let caller = identify::identify(&self.directory, &self.clock, credential).await?;
        let admitted = admit::admit(&*self.counters, caller).await?;
        let routes = self.routes();
        let ask = self.read(&routes, admitted, inbound, client).await?;
        let planned = if ask.inbound.pass.is_some() {
            plan::plan_pass(&routes, pass::allow(&routes, ask)?)?
        } else {
            plan::plan(&routes, allow::allow(&routes, ask)?)?
        };
        if let Some((head, body)) = count::estimated(&planned) {
            let told = client.reply(head, body).await;
            return told.map(|()| None).map_err(|_| Refusal::Gone);
        }
        let fitted = fit::fit(planned, &self.body_memory)?;
        let held = reserve::reserve(&self.ledger, &self.metrics, fitted).await?;
        Ok(attempt(self, held, client).await)
    }

    async fn read<C: Client>(
        &self,
        routes: &Routes,
        admitted: Admitted,
        inbound: Inbound,
        client: &mut C,
    ) -> Result<Ask, Refusal> {
        let server = &routes.settings.server;
        let places = Places {
            memory: &self.body_memory,
            spools: &self.spools,
            max_bytes: server.max_upload_bytes,
        };
        if inbound.handshake.is_some() {
            return Ok(realtime::read(admitted, inbound)?);
        }
        if let Some(pass) = inbound.pass.clone() {
            return Box::pin(pass::read(admitted, inbound, &pass, client, places)).await;
        }
        if let Some(form_type) = inbound.form_type.clone() {
            return Box::pin(read::read_form(
                admitted, inbound, form_type, client, places,
            ))
            .await;
        }
        let body = client.read_body().await?;
        let max_bytes = server.max_body_bytes;
        read::read(admitted, inbound, body, &self.body_memory, max_bytes).await
    }

    /// How long a body may take to arrive: a floor, and beyond it the time its size takes at the lowest rate.
    pub fn body_time(&self, settings: &Settings, bytes: usize) -> Duration {
        let server = &settings.server;
        let floor = Duration::from_millis(server.body_timeout_floor_ms);
        let at_rate_s = bytes as u64 / u64::from(server.min_body_rate_bytes_s.max(1));
        floor + Duration::from_secs(at_rate_s)
    }
}
