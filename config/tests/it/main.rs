//! What an operator notices: where settings come from, and what is said about wrong ones.

mod errors;
mod precedence;
mod reference;
mod secrets;
mod shipped;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use weir_config::{Errors, Loaded, Source, load};

/// A folder with configuration files, and an environment.
struct Case {
    folder: TempDir,
    env: BTreeMap<String, String>,
}

impl Case {
    /// Files by their path below the folder, and variables.
    fn new(files: &[(&str, &str)], env: &[(&str, &str)]) -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            std::fs::write(path, text)?;
        }
        let env = env
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Ok(Self {
            folder,
            env: env.collect(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn source(&self) -> Source {
        let file = self.path("weir.yaml");
        Source {
            config_file: file.exists().then_some(file),
            conf_dirs: vec![self.path("conf.d")],
            env: self.env.clone(),
        }
    }

    fn load(&self) -> Result<Loaded, Errors> {
        load(&self.source())
    }

    /// The errors as they are printed, paths relative to the folder.
    fn errors(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        match self.load() {
            Ok(_) => Vec::new(),
            Err(errors) => errors
                .to_string()
                .lines()
                .map(|line| line.replace(&folder, ""))
                .collect(),
        }
    }
}

/// The errors of one file.
fn errors_in(text: &str) -> Vec<String> {
    match Case::new(&[("weir.yaml", text)], &[]) {
        Ok(case) => case.errors(),
        Err(why) => vec![why.to_string()],
    }
}

/// The errors of an environment.
fn errors_of(env: &[(&str, &str)]) -> Vec<String> {
    match Case::new(&[], env) {
        Ok(case) => case.errors(),
        Err(why) => vec![why.to_string()],
    }
}
