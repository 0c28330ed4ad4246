//! Opening, sharing and closing the database.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use uuid::Uuid;

use crate::StoreError;
use crate::files;
use crate::ledger::Ledger;
use crate::migrate::{MigrationReport, migrate};
use crate::readers::Readers;
use crate::writer::{Identity, Job, Threads, transact};

/// How long a statement waits for another process's write to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after a failed try to open a database that is being made or closed the next one comes.
const OPEN_RETRY_AFTER: Duration = Duration::from_millis(10);
/// How long the caller of a write waits for its answer: longer than a locked database makes the writer wait.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The page cache of one connection, in KiB.
const CACHE_KIB: u32 = 8 * 1024;
/// What the WAL file is cut to, in bytes, if a long read made it grow past its usual bound (see checkpoint.rs). Cutting
/// takes tens of milliseconds of a commit, so that it must not happen every time the log begins anew.
const WAL_FILE_KEPT_BYTES: u32 = 128 * 1024 * 1024;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The database file. It and its folder are made if missing.
    pub path: PathBuf,
    /// Wait for the disk at every commit: survives a power cut without losing the last calls, at a cost.
    pub synchronous_full: bool,
    /// The name of this node, recorded with every call.
    pub node_id: String,
    /// A new id for every start of the process.
    pub boot_id: Uuid,
    /// Hold the lock file `<path>.lock`, so that no second such process runs on the database.
    pub exclusive: bool,
}

/// The store. Clones share one database; dropping the last one closes it as well as it can.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    identity: Identity,
    path: PathBuf,
    ledger: Ledger,
    readers: Readers,
    threads: Mutex<Option<Threads>>,
    /// The open file is the lock.
    lock: Mutex<Option<File>>,
    report: MigrationReport,
}

impl Store {
    /// Opens the database, makes it if it is missing, and brings it to this release's schema. Blocks; fails if the
    /// database belongs to a newer release, or with `exclusive` if another process holds the lock.
    pub fn open(options: &OpenOptions) -> Result<Self, StoreError> {
        let path = &options.path;
        files::prepare_database(path)?;
        let lock = options.exclusive.then(|| files::lock(path)).transpose()?;
        let (conn, report) = connect_and_migrate(path, options.synchronous_full)?;

        let identity = Identity {
            node_id: options.node_id.as_str().into(),
            boot_id: options.boot_id.to_string().into(),
            exclusive: options.exclusive,
        };
        let checkpoints = connect(path, options.synchronous_full)?;
        let threads = Threads::start(conn, checkpoints, identity.clone())
            .map_err(|source| files::file_error(path, "start a thread for", source))?;
        Ok(Self(Arc::new(Inner {
            identity,
            path: path.clone(),
            ledger: Ledger::new(threads.queue()),
            readers: Readers::new(path.clone()),
            threads: Mutex::new(Some(threads)),
            lock: Mutex::new(lock),
            report,
        })))
    }

    /// The ledger of calls.
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The schema version, and what opening did to get there.
    pub fn migration_report(&self) -> &MigrationReport {
        &self.0.report
    }

    /// Records all that was handed in, copies the WAL into the database, and ends the threads. Blocks; everything
    /// asked of the store from then on fails with "closed". Closing again does nothing.
    pub fn close(&self) {
        self.0.close();
    }

    /// Runs a blocking function of the store where it holds no async worker up.
    pub async fn run_blocking<T, F>(&self, function: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || function(&store))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// Runs `function` in one transaction on the writer's connection and waits until it is committed.
    pub(crate) fn write<T, F>(&self, function: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let job: Job = Box::new(move |conn| {
            // The caller may have given up waiting; then there is nobody to tell.
            let _ = answer.send(transact(conn, function));
        });
        self.0.ledger.queue().push_job(job)?;
        match answered.recv_timeout(WRITE_TIMEOUT) {
            Ok(outcome) => outcome,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                Err(StoreError::WriteTimeout(WRITE_TIMEOUT.as_secs()))
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Err(StoreError::Closed),
        }
    }

    /// Runs `function` on a connection that can only read.
    pub(crate) fn read<T>(
        &self,
        function: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.readers.with(function)
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }
}

impl Inner {
    fn close(&self) {
        let Some(threads) = self.threads.lock().take() else {
            return;
        };
        // Readers first: a read under way would keep the last checkpoint from emptying the WAL.
        self.readers.close();
        threads.stop();
        if let Some(lock) = self.lock.lock().take() {
            // Said aloud, as closing the file is not enough while a process that is just being started has it too.
            let _ = lock.unlock();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// A connection that writes, to a database of the present schema.
fn connect_and_migrate(
    path: &Path,
    synchronous_full: bool,
) -> Result<(Connection, MigrationReport), StoreError> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        let attempt = connect(path, synchronous_full).and_then(|conn| {
            let report = transact(&conn, |conn| migrate(conn, path))?;
            Ok((conn, report))
        });
        match attempt {
            // While another process makes the database or closes it as its last user, SQLite answers so at once.
            Err(StoreError::Database(error))
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::park_timeout(OPEN_RETRY_AFTER);
            }
            outcome => return outcome,
        }
    }
}

/// A connection that writes.
fn connect(path: &Path, synchronous_full: bool) -> Result<Connection, StoreError> {
    let conn = open_connection(path)?;
    let synchronous = if synchronous_full { "FULL" } else { "NORMAL" };
    // Checkpoints are made by a thread of their own: an automatic one would hold a commit up.
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {WAL_FILE_KEPT_BYTES}; PRAGMA foreign_keys = ON"
    ))?;
    Ok(conn)
}

/// A connection that only reads.
pub(crate) fn connect_reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = open_connection(path)?;
    conn.execute_batch("PRAGMA query_only = ON")?;
    Ok(conn)
}

fn open_connection(path: &Path) -> Result<Connection, StoreError> {
    // Each connection is used by one thread at a time, so that SQLite need not lock it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.execute_batch(&format!(
        "PRAGMA cache_size = -{CACHE_KIB}; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF"
    ))?;
    Ok(conn)
}
