//! The corpora of the fuzzer, and the recordings of the golden tests, through the targets of the fuzzer: what it once
//! found stays found, on every run of the tests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the test's failure"
)]

#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use targets::TARGETS;

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}

/// The folders whose files a target is given: its own corpus, and recordings of what it reads.
fn folders(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("../fuzz/corpus").join(target)];
    let golden = root.join("tests/golden");
    match target.split_once('_') {
        Some(("request", client)) => folders.push(golden.join("requests").join(client)),
        Some(("reply" | "stream", provider)) => folders.push(golden.join("replies").join(provider)),
        _ if target == "sse" => folders.push(root.join("tests/streams")),
        _ => {}
    }
    folders
}

#[test]
fn what_the_fuzzer_found_holds() {
    for (target, _) in TARGETS {
        let corpus: Vec<PathBuf> = folders(target).iter().flat_map(|it| files(it)).collect();
        assert!(!corpus.is_empty(), "{target} has no corpus");
        for path in corpus {
            let bytes = fs::read(&path).unwrap();
            let outcome = std::panic::catch_unwind(|| targets::run(target, &bytes));
            assert!(outcome.is_ok(), "{target}: {}", path.display());
        }
    }
}

#[test]
fn every_corpus_is_of_a_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for entry in fs::read_dir(corpora).unwrap() {
        let name = entry.unwrap().file_name();
        let is_known = TARGETS.iter().any(|(target, _)| name == *target);
        assert!(is_known, "{name:?} is the corpus of no target");
    }
}
