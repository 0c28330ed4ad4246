//! Migrations are append-only: once sealed, a file that ran on somebody's database never changes again.
//!
//! The seals are a list in the format of `sha256sum`, so `sha256sum -c xtask/migrations.sum` checks it as well.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::repository::{File, Repository};
use crate::tidy::Finding;

/// The list of sealed migrations, from the repository's root.
pub const SEALS: &str = "xtask/migrations.sum";

const FOLDER: &str = "migrations/";

/// Every migration is sealed, and every seal holds.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut found = broken_seals(repository);
    let seals = seals(repository);
    for file in migrations(repository).filter(|file| !seals.contains_key(file.path.as_str())) {
        found.push(Finding::in_file(
            &file.path,
            "not sealed: run `cargo run -p xtask -- seal-migrations`",
        ));
    }
    found
}

/// The list with the new migrations appended.
///
/// # Errors
/// The broken seals, where there are any: sealing must not be the way to change a migration that was released.
pub fn seal(repository: &Repository) -> Result<String, Vec<Finding>> {
    let broken = broken_seals(repository);
    if !broken.is_empty() {
        return Err(broken);
    }
    Ok(migrations(repository)
        .map(|file| format!("{}  {}\n", checksum(file), file.path))
        .collect())
}

fn broken_seals(repository: &Repository) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, sealed) in seals(repository) {
        match repository.file(path) {
            Some(file) if checksum(file) == sealed => {}
            Some(_) => found.push(Finding::in_file(
                path,
                format!("changed after it was sealed: add a new migration (one that never left this machine: remove its line from {SEALS})"),
            )),
            None => found.push(Finding::in_file(path, format!("sealed in {SEALS}, but gone: migrations are append-only"))),
        }
    }
    found
}

/// The sealed paths with their checksums.
fn seals(repository: &Repository) -> BTreeMap<&str, &str> {
    let list = repository
        .file(SEALS)
        .and_then(File::text)
        .unwrap_or_default();
    list.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, path)| (path, sum))
        .collect()
}

fn migrations(repository: &Repository) -> impl Iterator<Item = &File> {
    repository
        .files()
        .iter()
        .filter(|file| file.path.starts_with(FOLDER) && file.extension() == "sql")
}

fn checksum(file: &File) -> String {
    Sha256::digest(&file.bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "migrations/sqlite/0001_first.sql";
    const SECOND: &str = "migrations/sqlite/0002_second.sql";

    fn sealed(files: &[(&str, &str)]) -> String {
        seal(&Repository::of(files)).unwrap()
    }

    #[test]
    fn a_sealed_migration_must_not_change_or_go() {
        let seals = sealed(&[(FIRST, "CREATE TABLE a;")]);
        let check = |sql| check(&Repository::of(&[(FIRST, sql), (SEALS, &seals)]));
        assert!(check("CREATE TABLE a;").is_empty());
        assert_eq!(check("CREATE TABLE b;").len(), 1);
        let gone = super::check(&Repository::of(&[(SEALS, &seals)]));
        assert!(gone[0].to_string().contains("but gone"));
    }

    #[test]
    fn a_new_migration_wants_to_be_sealed() {
        let seals = sealed(&[(FIRST, "a")]);
        let files = [
            (FIRST, "a"),
            (SECOND, "b"),
            ("migrations/README.md", "c"),
            (SEALS, seals.as_str()),
        ];
        assert!(
            check(&Repository::of(&files))[0]
                .to_string()
                .starts_with(SECOND)
        );
        assert!(
            sealed(&files).starts_with(&seals) && sealed(&files).ends_with(&format!("{SECOND}\n"))
        );
    }

    #[test]
    fn sealing_again_does_not_hide_a_change() {
        let seals = sealed(&[(FIRST, "a")]);
        assert!(seal(&Repository::of(&[(FIRST, "changed"), (SEALS, &seals)])).is_err());
    }

    #[test]
    fn the_list_is_in_the_format_of_sha256sum() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sealed(&[(FIRST, "")]), format!("{empty}  {FIRST}\n"));
    }
}
