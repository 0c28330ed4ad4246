//! Keeping the write-ahead log short: copying its pages into the database, beside the writer.

use std::cell::Cell;
use std::ffi::c_int;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// Past this many pages (of 4 KiB) the thread here is asked to copy them: 4 MiB.
const COPY_AFTER_PAGES: u32 = 1_024;
/// Past this many the writer itself copies the rest, so that the log can begin anew: 64 MiB.
const STOP_AND_COPY_AFTER_PAGES: u32 = 16_384;

thread_local! {
    /// How long the log was after the last commit of this thread. The hook takes a plain function, which can leave
    /// its news nowhere else; the writer's thread has one connection.
    static LOG_PAGES: Cell<u32> = const { Cell::new(0) };
}

/// The writer's side: knows how long the log is and when to have it copied.
pub(crate) struct LogWatch {
    /// At which length to act next.
    copy_at: u32,
    stop_at: u32,
}

impl LogWatch {
    /// Watches the log of the connection, which belongs to this thread.
    pub(crate) fn new(conn: &Connection) -> Self {
        conn.wal_hook(Some(|_: &Wal, pages: c_int| {
            LOG_PAGES.set(u32::try_from(pages).unwrap_or(0));
            Ok(())
        }));
        Self {
            copy_at: COPY_AFTER_PAGES,
            stop_at: STOP_AND_COPY_AFTER_PAGES,
        }
    }

    /// Has the log copied if it has grown long. A reader under way may prevent that, so that the next try comes only
    /// after the log has grown again.
    pub(crate) fn look(&mut self, conn: &Connection, checkpointer: &Checkpointer) {
        let pages = LOG_PAGES.get();
        if pages < COPY_AFTER_PAGES {
            *self = Self {
                copy_at: COPY_AFTER_PAGES,
                stop_at: STOP_AND_COPY_AFTER_PAGES,
            };
        } else if pages >= self.stop_at {
            self.stop_at = pages + COPY_AFTER_PAGES;
            copy(conn);
        } else if pages >= self.copy_at {
            self.copy_at = pages + COPY_AFTER_PAGES;
            checkpointer.ask();
        }
    }
}

/// The thread that copies.
#[derive(Default)]
pub(crate) struct Checkpointer {
    wanted: Mutex<Wanted>,
    asked: Condvar,
}

#[derive(Default)]
struct Wanted {
    copy: bool,
    stop: bool,
}

impl Checkpointer {
    /// The thread's body: copies whenever it is asked, until it is stopped.
    pub(crate) fn run(&self, conn: &Connection) {
        loop {
            let mut wanted = self.wanted.lock();
            while !wanted.copy && !wanted.stop {
                self.asked.wait(&mut wanted);
            }
            if wanted.stop {
                return;
            }
            wanted.copy = false;
            drop(wanted);
            copy(conn);
        }
    }

    pub(crate) fn stop(&self) {
        self.wanted.lock().stop = true;
        self.asked.notify_one();
    }

    fn ask(&self) {
        self.wanted.lock().copy = true;
        self.asked.notify_one();
    }
}

/// Copies what no reader still needs, and waits for nobody. Once all is copied the next commit begins the log anew.
fn copy(conn: &Connection) {
    if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log could not be copied into the database; it is tried again");
    }
}
