//! Every crate says in its first line what it is.

use super::Finding;
use crate::repository::Repository;

pub fn check(repository: &Repository) -> Vec<Finding> {
    repository
        .files()
        .iter()
        .filter(|file| is_crate_root(&file.path))
        .filter(|file| !file.bytes.starts_with(b"//!"))
        .map(|file| {
            Finding::in_file(
                &file.path,
                "begin with `//!` and say what this crate is for",
            )
        })
        .collect()
}

fn is_crate_root(path: &str) -> bool {
    let path = format!("/{path}");
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crate_roots_begin_with_their_documentation() {
        let repository = Repository::of(&[
            ("src/main.rs", "use std::io;"),
            ("wire/src/lib.rs", "//! Formats."),
            ("wire/src/sse.rs", "use std::io;"),
        ]);
        let found = check(&repository);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("src/main.rs: "));
    }
}
