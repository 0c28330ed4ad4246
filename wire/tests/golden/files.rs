//! The files: what goes in, and what is expected to come out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder beside this file.
pub fn folder(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(name)
}

/// The files of a folder, in the order of their names; none where there is no such folder.
pub fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The name of a file without its ending.
pub fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// The ending of a file's name.
pub fn ending(path: &Path) -> &str {
    path.extension().unwrap().to_str().unwrap()
}

/// The files that are expected under one folder, held against what is produced.
pub struct Expected {
    root: PathBuf,
    blesses: bool,
    seen: BTreeSet<PathBuf>,
    wrong: Vec<String>,
}

impl Expected {
    /// What is expected under `root`.
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of this test alone, which nothing of the gateway reads"
    )]
    pub fn under(root: &str) -> Self {
        Self {
            root: folder(root),
            blesses: std::env::var_os("WEIR_BLESS").is_some(),
            seen: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    /// Holds `text` against the file at `path`, or writes it there.
    pub fn check(&mut self, path: impl AsRef<Path>, text: &str) {
        let path = self.root.join(path);
        if self.blesses {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        } else {
            let expected = fs::read_to_string(&path).unwrap_or_default();
            if expected != text {
                let at = path.display();
                self.wrong
                    .push(format!("{at}\n--- expected\n{expected}\n--- got\n{text}"));
            }
        }
        self.seen.insert(path);
    }

    /// Everything was held against its file.
    ///
    /// # Panics
    /// If something differs, or a file is expected that nothing produces.
    pub fn finish(self) {
        let mut stale = Vec::new();
        visit(&self.root, &mut |file| {
            if !self.seen.contains(&file) {
                stale.push(file);
            }
        });
        if self.blesses {
            stale
                .drain(..)
                .for_each(|file| fs::remove_file(file).unwrap());
        }
        assert!(stale.is_empty(), "nothing produces {stale:?}");
        let shown = self.wrong.iter().take(5).cloned().collect::<Vec<_>>();
        assert!(
            self.wrong.is_empty(),
            "{} files differ; if that is meant, run this test with WEIR_BLESS=1 and read the diff.\n{}",
            self.wrong.len(),
            shown.join("\n")
        );
    }
}

fn visit(path: &Path, found: &mut impl FnMut(PathBuf)) {
    for entry in list(path) {
        if entry.is_dir() {
            visit(&entry, found);
        } else {
            found(entry);
        }
    }
}

/// JSON as the expected files have it: indented, its keys in the order they were written.
pub fn pretty(json: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(json).unwrap();
    format!("{value:#}\n")
}
