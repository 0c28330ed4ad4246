//! Copies of the database made while it is in use, and its check.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::files::{beside, create_private, file_error, sync_folder_of};
use crate::store::connect_reader;
use crate::{Store, StoreError};

/// How often a copy is begun anew because something kept it from starting.
const TRIES_MAX: u32 = 5;

impl Store {
    /// Copies the database as it is at one moment into a new file (mode 0600), which appears only once it is whole and
    /// checked. Calls are recorded meanwhile. To restore, stop Weir and put the file in the database's place, without
    /// the old `-wal` and `-shm` files. Provider keys in it open only with the master key, which is not in it.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(StoreError::AlreadyExists {
                what: "file",
                name: to.display().to_string(),
            });
        }
        let draft = beside(to, ".partial");
        create_private(&draft).map_err(|source| file_error(&draft, "create", source))?;
        let outcome = copy_into(self.path(), &draft).and_then(|()| {
            fs::File::open(&draft)
                .and_then(|file| file.sync_all())
                .and_then(|()| fs::rename(&draft, to))
                .and_then(|()| sync_folder_of(to))
                .map_err(|source| file_error(to, "write the backup to", source))
        });
        if outcome.is_err() {
            // What is left of a failed copy is of no use; that it cannot be removed either is not the news.
            let _ = fs::remove_file(&draft);
        }
        outcome
    }

    /// Reads the whole database and checks it. Takes as long as the database is large.
    pub fn integrity_check(&self) -> Result<(), StoreError> {
        check(&connect_reader(self.path())?)
    }
}

fn copy_into(from: &Path, draft: &Path) -> Result<(), StoreError> {
    let source = connect_reader(from)?;
    let mut copy = Connection::open(draft)?;
    // All in one step: a copy in several would begin anew whenever something is written in between.
    let mut tries = 0;
    while Backup::new(&source, &mut copy)?.step(-1)? != StepResult::Done {
        tries += 1;
        if tries == TRIES_MAX {
            return Err(StoreError::Busy(
                "the database could not be read for the backup",
            ));
        }
    }
    // The copy is to be one file: without this its first reader would put a log beside it.
    copy.execute_batch("PRAGMA journal_mode = DELETE")?;
    check(&copy)
}

fn check(conn: &Connection) -> Result<(), StoreError> {
    let mut query = conn.prepare("PRAGMA integrity_check(10)")?;
    let problems: Vec<String> = query
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    match problems.as_slice() {
        [only] if only == "ok" => Ok(()),
        problems => Err(StoreError::Damaged(problems.join("; "))),
    }
}
