//! No large files: a clone stays small, and nothing built or downloaded is committed by accident.

use super::Finding;
use crate::repository::Repository;

const MAX_BLOB_BYTES: usize = 256 * 1024;

/// Written by tools, and as long as the dependencies are many.
const LOCK_FILES: [&str; 2] = ["Cargo.lock", "package-lock.json"];

pub fn check(repository: &Repository) -> Vec<Finding> {
    repository
        .files()
        .iter()
        .filter(|file| file.bytes.len() > MAX_BLOB_BYTES && !LOCK_FILES.contains(&file.name()))
        .map(|file| {
            let message = format!(
                "{} bytes; at most {MAX_BLOB_BYTES} belong in git: generate it, or fetch it where it is needed",
                file.bytes.len()
            );
            Finding::in_file(&file.path, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lock_files_may_be_large() {
        let large = "x".repeat(MAX_BLOB_BYTES + 1);
        let fits = "x".repeat(MAX_BLOB_BYTES);
        let repository = Repository::of(&[
            ("Cargo.lock", &large),
            ("tests/node/package-lock.json", &large),
            ("docs/picture.svg", &large),
            ("docs/small.svg", &fits),
        ]);
        let found = check(&repository);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("docs/picture.svg: "));
    }
}
