//! A few connections for reading, opened when they are needed and lent to one caller at a time.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use crate::StoreError;
use crate::store::connect_reader;

/// The most connections for reading.
const READERS_MAX: usize = 4;
/// How long a caller waits for a connection.
const BORROW_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one read may take. A read keeps the WAL from starting anew, so that this bounds the WAL too.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How many steps of SQLite's machine pass between two looks at the clock.
const STEPS_PER_LOOK: i32 = 10_000;

pub(crate) struct Readers {
    path: PathBuf,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    open: usize,
    closed: bool,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    /// Runs `function` on one of the connections.
    pub(crate) fn with<T>(
        &self,
        function: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let conn = self.borrow()?;
        let deadline = Instant::now() + READ_TIMEOUT;
        conn.progress_handler(STEPS_PER_LOOK, Some(move || Instant::now() > deadline));
        let outcome = function(&conn);
        drop(conn);
        match outcome {
            Err(StoreError::Database(error))
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
            {
                Err(StoreError::ReadTimeout(READ_TIMEOUT.as_secs()))
            }
            outcome => outcome,
        }
    }

    /// Closes the connections that are not lent out and lends no more; waits a bounded time for the others.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.returned.notify_all();
        let deadline = Instant::now() + BORROW_TIMEOUT;
        loop {
            state.open -= state.idle.len();
            state.idle.clear();
            if state.open == 0 || self.returned.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }

    fn borrow(&self) -> Result<Lent<'_>, StoreError> {
        let deadline = Instant::now() + BORROW_TIMEOUT;
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Err(StoreError::Closed);
            }
            if let Some(conn) = state.idle.pop() {
                return Ok(Lent {
                    readers: self,
                    conn: Some(conn),
                });
            }
            if state.open < READERS_MAX {
                state.open += 1;
                break;
            }
            if self.returned.wait_until(&mut state, deadline).timed_out() {
                return Err(StoreError::Busy("all connections for reading are in use"));
            }
        }
        drop(state);
        // From here on `Lent` gives the place back, also if opening fails.
        let mut lent = Lent {
            readers: self,
            conn: None,
        };
        lent.conn = Some(connect_reader(&self.path)?);
        Ok(lent)
    }
}

/// A connection on loan; returned when dropped, in whatever way its user ends.
struct Lent<'r> {
    readers: &'r Readers,
    conn: Option<Connection>,
}

impl std::ops::Deref for Lent<'_> {
    type Target = Connection;

    #[expect(
        clippy::expect_used,
        reason = "`borrow` lends out only what holds a connection"
    )]
    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect("a lent connection is open")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.readers.state.lock();
        match self.conn.take() {
            Some(conn) => state.idle.push(conn),
            None => state.open -= 1,
        }
        drop(state);
        self.readers.returned.notify_all();
    }
}
