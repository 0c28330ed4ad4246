//! Finds out what the gateway does with every operation of OpenAI's API, with the routes beyond it, and between every two
//! formats, and holds `docs/CONFORMANCE.md` against that. `make conformance` writes the page anew.

mod findings;
mod operations;
mod page;
mod pairs;
mod probe;
mod proofs;
mod samples;
mod tables;

use std::path::{Path, PathBuf};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn the_page_says_what_probing_finds() {
    let page = page::render(&probe::operations(), &probe::further(), &pairs::probe());
    let path = root().join("docs/CONFORMANCE.md");
    if is_to_be_written() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let changed = page.lines().zip(committed.lines());
    let first = changed
        .enumerate()
        .find(|(_, (found, said))| found != said)
        .map_or_else(String::new, |(at, (found, said))| {
            format!("\nline {}: {said}\nprobing finds: {found}", at + 1)
        });
    assert!(
        committed == page,
        "docs/CONFORMANCE.md is out of date: run `make conformance`{first}"
    );
}

#[test]
fn a_pinned_operation_stands_once() {
    let mut operations = operations::pinned();
    let count = operations.len();
    assert!(count > 250, "{count}");
    operations.sort();
    operations.dedup_by(|one, other| (&one.method, &one.path) == (&other.method, &other.path));
    assert_eq!(operations.len(), count);
}

/// Whether `make conformance` runs this.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own environment, not the gateway's configuration"
)]
fn is_to_be_written() -> bool {
    std::env::var_os("WEIR_WRITE_CONFORMANCE").is_some()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}
