//! Brings a database to the schema this program knows, or refuses it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::sql::cached;

struct Migration {
    version: u32,
    name: &'static str,
    sql: &'static str,
}

/// Append only: see `migrations/README.md`.
const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "initial",
    sql: include_str!("../../migrations/sqlite/0001_initial.sql"),
}];

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version  INTEGER NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    checksum TEXT    NOT NULL
) STRICT";

/// What opening a database did to its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The schema version the database has now.
    pub version: u32,
    /// The migrations that opening it applied, in order.
    pub applied: Vec<u32>,
}

/// Applies what is missing. The caller holds the write lock (`BEGIN IMMEDIATE`), so that two processes that start
/// together do not both do it, and rolls back on an error, so that a migration is applied whole or not at all.
pub(crate) fn migrate(conn: &Connection, path: &Path) -> Result<MigrationReport, StoreError> {
    apply(conn, path, MIGRATIONS)
}

fn apply(
    conn: &Connection,
    path: &Path,
    migrations: &[Migration],
) -> Result<MigrationReport, StoreError> {
    refuse_foreign(conn, path)?;
    conn.execute_batch(CREATE_TABLE)?;
    let known = migrations.last().map_or(0, |migration| migration.version);
    let found: u32 = conn.query_row(
        "SELECT COALESCE(MAX(version), 0) FROM schema_migrations",
        [],
        |row| row.get(0),
    )?;
    if found > known {
        return Err(StoreError::NewerDatabase { found, known });
    }
    let mut applied = Vec::new();
    for migration in migrations {
        if apply_one(conn, migration)? {
            applied.push(migration.version);
        }
    }
    Ok(MigrationReport {
        version: known,
        applied,
    })
}

/// Says whether the migration had to be applied.
fn apply_one(conn: &Connection, migration: &Migration) -> Result<bool, StoreError> {
    let checksum = STANDARD_NO_PAD.encode(Sha256::digest(migration.sql));
    let recorded: Option<(String, String)> = cached(
        conn,
        "SELECT name, checksum FROM schema_migrations WHERE version = $1",
    )?
    .query_row([migration.version], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()?;
    match recorded {
        Some((_, found)) if found == checksum => Ok(false),
        Some((name, _)) => Err(StoreError::ChangedMigration {
            version: migration.version,
            name,
        }),
        None => {
            conn.execute_batch(migration.sql)?;
            cached(
                conn,
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            )?
            .execute(params![migration.version, migration.name, checksum])?;
            Ok(true)
        }
    }
}

/// A mistyped path must not add our tables to some other program's database.
fn refuse_foreign(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let (tables, ours): (u32, u32) = conn.query_row(
        "SELECT COUNT(*), COALESCE(SUM(name = 'schema_migrations'), 0) FROM sqlite_master WHERE type = 'table'",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if tables > 0 && ours == 0 {
        return Err(StoreError::ForeignDatabase {
            path: path.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Migration = Migration {
        version: 1,
        name: "one",
        sql: "CREATE TABLE a (x INTEGER)",
    };
    const TWO: Migration = Migration {
        version: 2,
        name: "two",
        sql: "ALTER TABLE a ADD COLUMN y INTEGER",
    };

    fn run(conn: &Connection, migrations: &[Migration]) -> Result<MigrationReport, StoreError> {
        apply(conn, Path::new("test.db"), migrations)
    }

    #[test]
    fn versions_are_numbered_from_one_without_gaps() {
        for (expected, migration) in (1..).zip(MIGRATIONS) {
            assert_eq!(migration.version, expected);
        }
    }

    #[test]
    fn each_migration_is_applied_once() {
        let conn = Connection::open_in_memory().unwrap();
        assert_eq!(run(&conn, &[ONE]).unwrap().applied, [1]);
        assert_eq!(
            run(&conn, &[ONE, TWO]).unwrap(),
            MigrationReport {
                version: 2,
                applied: vec![2]
            }
        );
        assert_eq!(run(&conn, &[ONE, TWO]).unwrap().applied, [0u32; 0]);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let conn = Connection::open_in_memory().unwrap();
        run(&conn, &[ONE, TWO]).unwrap();
        let refusal = run(&conn, &[ONE]).unwrap_err();
        assert!(
            matches!(refusal, StoreError::NewerDatabase { found: 2, known: 1 }),
            "{refusal}"
        );
    }

    #[test]
    fn a_changed_migration_is_refused() {
        let conn = Connection::open_in_memory().unwrap();
        run(&conn, &[ONE]).unwrap();
        let changed = Migration {
            sql: "CREATE TABLE a (z INTEGER)",
            ..ONE
        };
        let refusal = run(&conn, &[changed]).unwrap_err();
        assert!(
            matches!(refusal, StoreError::ChangedMigration { version: 1, .. }),
            "{refusal}"
        );
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE songs (title TEXT)")
            .unwrap();
        assert!(matches!(
            run(&conn, &[ONE]),
            Err(StoreError::ForeignDatabase { .. })
        ));
    }
}
