//! `weir serve`: settings, store, gateway, listeners, drain. The only place where everything meets.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;
use weir_config::{Server, Settings, Source, Synchronous};
use weir_filters::clock::{CallIds, Clock};
use weir_filters::gateway::{Gateway, SetupError};
use weir_store::{MasterKey, MasterKeyError, OpenOptions, Sealer, Store, StoreError};

use crate::door::app::{App, Entrance};
use crate::door::connection::Bounds;
use crate::door::listen::{self, Doors, ListenError};

/// How often a draining process looks whether the last request has ended.
const DRAIN_POLL: Duration = Duration::from_millis(10);
/// How long tasks have to let go of their calls when the grace period is over.
const LET_GO: Duration = Duration::from_secs(2);
/// How often the lease is renewed, intents of processes that died are looked for, and idle connections are closed.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(20);
/// The name of the file that holds the first administrator's token.
const ADMIN_TOKEN_FILE: &str = "admin-token";

/// Why the gateway cannot be served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The listeners.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The gateway.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A file or the runtime.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServeError {
    let what = what.into();
    |source| ServeError::Io { what, source }
}

/// Makes the data folder, for nobody but this user.
pub fn make_data_dir(path: &Path) -> Result<(), ServeError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(io_error(format!(
        "cannot make the folder {}",
        path.display()
    )))
}

/// Opens the store of these settings.
pub fn open_store(settings: &Settings, exclusive: bool) -> Result<Store, ServeError> {
    make_data_dir(&settings.data_dir)?;
    let clock = Clock::system();
    let options = OpenOptions {
        path: settings.database_path(),
        synchronous_full: settings.database.synchronous == Synchronous::Full,
        node_id: settings.node_id.clone(),
        boot_id: CallIds::default().next(clock.now_ms()),
        exclusive,
    };
    Ok(Store::open(&options)?)
}

/// The sealer of these settings: the master key from the environment or a file, made at the first start.
pub fn open_sealer(settings: &Settings) -> Result<Sealer, ServeError> {
    if let Some(key) = &settings.master_key {
        return Ok(Sealer::new(MasterKey::from_base64(key.expose())?));
    }
    let path = settings
        .master_key_file
        .clone()
        .unwrap_or_else(|| settings.data_dir.join("master-key"));
    make_data_dir(&settings.data_dir)?;
    Ok(Sealer::new(MasterKey::load_or_create(&path)?))
}

/// Serves until a signal ends it.
pub fn serve(settings: Settings, source: Source) -> Result<(), ServeError> {
    let settings = Arc::new(settings);
    let store = open_store(&settings, true)?;
    let sealer = Arc::new(open_sealer(&settings)?);
    store.check_master_key(&sealer)?;
    first_start(&settings, &store)?;
    warn_of_idle_keys(&settings, &store)?;
    let workers = match settings.server.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        workers => workers,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(io_error("cannot start the runtime"))?;
    let served = runtime.block_on(run(&settings, &store, sealer, source));
    // Whatever is still running lets go of its call here; what it used is in the ledger's queue before the store closes.
    runtime.shutdown_timeout(LET_GO);
    store.close();
    served
}

async fn run(
    settings: &Arc<Settings>,
    store: &Store,
    sealer: Arc<Sealer>,
    source: Source,
) -> Result<(), ServeError> {
    let clock = Clock::system();
    let server = &settings.server;
    let doors = listen::bind_all(server)?;
    let gateway = Gateway::new(store, sealer, Arc::clone(settings), clock.clone())?;
    let gateway = Arc::new(gateway);
    reconcile(store, &clock).await;
    tokio::spawn(Arc::clone(&gateway.directory).watch());
    tokio::spawn(keep_house(Arc::clone(&gateway), store.clone(), clock));
    let bounds = Bounds {
        per_ip: server.connections_per_ip,
        in_all: server.max_connections,
        first_bytes: Duration::from_millis(server.header_timeout_ms),
    };
    let app = App::new(Arc::clone(&gateway), Entrance::Main, server);
    let signals = Signals::new().map_err(io_error("cannot listen for signals"))?;
    let (stop, stopping) = watch::channel(false);
    let (main, ops) = (doors.main.address, doors.ops.as_ref().map(|it| it.address));
    tell_addresses(server, &doors)?;
    let tasks = listen::open(doors, server, &app, bounds, &stopping)?;
    let ops = ops.map_or_else(|| "none".to_owned(), |it| it.to_string());
    tracing::info!(listen = %main, %ops, version = env!("CARGO_PKG_VERSION"), "weir is serving");
    signals.wait(&gateway, &source).await;
    drain(&gateway, &stop, tasks, server.grace_period_ms).await;
    Ok(())
}

/// Stops accepting, ends what is idle, and waits for requests under way, but not for ever.
async fn drain(
    gateway: &Gateway,
    stop: &watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    grace_ms: u64,
) {
    gateway.stop();
    let under_way = gateway.metrics.in_flight();
    tracing::info!(
        under_way,
        grace_ms,
        "stopping: no new connections are taken"
    );
    let deadline = Instant::now() + Duration::from_millis(grace_ms);
    let _ = stop.send(true);
    for task in tasks {
        let _ = task.await;
    }
    while gateway.metrics.in_flight() > 0 && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_POLL).await;
    }
    let cut = gateway.metrics.in_flight();
    if cut > 0 {
        tracing::warn!(cut, "the grace period is over; requests under way are cut");
    }
    if let Err(error) = gateway.ledger.flush().await {
        tracing::error!(%error, "the ledger could not be flushed");
    }
}

/// The signals a gateway answers to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the end, reloading on SIGHUP meanwhile.
    async fn wait(mut self, gateway: &Gateway, source: &Source) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => reload(gateway, source),
            }
        }
    }
}

/// Takes new settings whole, or keeps the old ones whole.
fn reload(gateway: &Gateway, source: &Source) {
    match weir_config::load(source) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                tracing::warn!("{warning}");
            }
            gateway.reload(Arc::new(loaded.settings));
            tracing::info!(
                "settings reloaded; listeners, workers and the database keep what they started with"
            );
        }
        Err(errors) => tracing::error!("settings not reloaded, the old ones stay:\n{errors}"),
    }
}

async fn reconcile(store: &Store, clock: &Clock) {
    let (store, now_us) = (store.clone(), clock.now_us());
    match tokio::task::spawn_blocking(move || store.reconcile(now_us)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(calls)) => tracing::warn!(
            calls,
            "calls of a process that died are recorded as interrupted"
        ),
        Ok(Err(error)) => {
            tracing::error!(%error, "calls of a process that died cannot be recorded yet")
        }
        Err(_) => {}
    }
}

/// What must be done now and then, whatever the requests do.
async fn keep_house(gateway: Arc<Gateway>, store: Store, clock: Clock) {
    loop {
        tokio::time::sleep(HOUSEKEEPING_EVERY).await;
        gateway.sweep();
        // Calls longer than a lease are under way as long as this process says so.
        store.ledger().renew_lease(clock.now_us());
        reconcile(&store, &clock).await;
    }
}

/// On an empty database: makes the administrator. The token is the configured one; else it goes into a file that only
/// this user can read, and onto the screen only if there is one, since a log keeps what it is given.
fn first_start(settings: &Settings, store: &Store) -> Result<(), ServeError> {
    let given = settings.admin_token.as_ref().map(|token| token.expose());
    let path = settings.data_dir.join(ADMIN_TOKEN_FILE);
    if given.is_none() && store.list_users()?.is_empty() {
        // Before the administrator is made: a token that cannot be written down must not exist.
        write_private(&path, "")?;
    }
    let made = store.bootstrap_admin(given, Clock::system().now_us())?;
    let Some((user, _, token)) = made else {
        return Ok(());
    };
    if given.is_some() {
        tracing::info!(user = %user.name, "first start: the administrator's token is the configured one");
        return Ok(());
    }
    write_private(&path, token.expose())?;
    let mut out = std::io::stdout();
    if out.is_terminal() {
        let _ = writeln!(
            out,
            "\n  First start. Your token (also in {}):\n\n    {}\n",
            path.display(),
            token.expose()
        );
    } else {
        tracing::info!(user = %user.name, file = %path.display(), "first start: the administrator's token is in this file");
    }
    Ok(())
}

/// Says which providers are left out although somebody has stored a key for them.
fn warn_of_idle_keys(settings: &Settings, store: &Store) -> Result<(), ServeError> {
    if settings.left_out.is_empty() {
        return Ok(());
    }
    let keys = store.list_provider_keys(None)?;
    for (provider, why) in &settings.left_out {
        let count = keys.iter().filter(|key| key.provider == *provider).count();
        if count > 0 {
            tracing::warn!(%provider, keys = count, "users' keys are of no use, as the provider is left out: {why}");
        }
    }
    Ok(())
}

fn write_private(path: &Path, text: &str) -> Result<(), ServeError> {
    use std::os::unix::fs::OpenOptionsExt;
    let write = || -> std::io::Result<()> {
        // A file that is there already would keep its mode.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        writeln!(file, "{text}")
    };
    write().map_err(io_error(format!("cannot write {}", path.display())))
}

/// Tells whoever started us which addresses were bound, where `server.ready_file` asks for it: with port 0 nobody else
/// knows. Written whole and then renamed, so that a reader never sees half of it.
fn tell_addresses(server: &Server, doors: &Doors) -> Result<(), ServeError> {
    let Some(path) = &server.ready_file else {
        return Ok(());
    };
    let told = serde_json::json!({
        "listen": doors.main.address.to_string(),
        "ops": doors.ops.as_ref().map(|ops| ops.address.to_string()),
        "pid": std::process::id(),
    });
    let part = path.with_extension("part");
    let written = std::fs::write(&part, format!("{told}\n"));
    written
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(io_error(format!("cannot write {}", path.display())))
}
