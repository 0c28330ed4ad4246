//! The files of the checkout: what git tracks, and what it would track once added.

use std::io;
use std::path::Path;
use std::process::Command;

/// Every file of the repository with its content, in path order.
pub struct Repository {
    files: Vec<File>,
}

/// One file; the path is relative to the repository's root, with `/` between its parts.
pub struct File {
    pub path: String,
    pub bytes: Vec<u8>,
}

impl Repository {
    /// Reads the checkout at `root`.
    ///
    /// # Errors
    /// Where git does not run there (the list of files is git's), or a file cannot be read.
    pub fn open(root: &Path) -> io::Result<Self> {
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()?;
        if !listed.status.success() {
            let reason = String::from_utf8_lossy(&listed.stderr);
            return Err(io::Error::other(format!(
                "git cannot list the files: {reason}"
            )));
        }
        let mut files = Vec::new();
        for path in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
            match std::fs::read(root.join(path)) {
                Ok(bytes) => files.push(File {
                    path: path.to_owned(),
                    bytes,
                }),
                // A tracked file that was deleted, or a link to a folder: nothing to look at.
                Err(e)
                    if [io::ErrorKind::NotFound, io::ErrorKind::IsADirectory]
                        .contains(&e.kind()) => {}
                Err(e) => return Err(io::Error::new(e.kind(), format!("{path}: {e}"))),
            }
        }
        Ok(Self::from_files(files))
    }

    fn from_files(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Self { files }
    }

    pub fn files(&self) -> &[File] {
        &self.files
    }

    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether `path` is a file of the repository or a folder that holds one; the empty path is the root.
    pub fn has(&self, path: &str) -> bool {
        path.is_empty()
            || self.files.iter().any(|file| {
                file.path
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

impl File {
    /// The content where it is text.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// What follows the last dot of the name; nothing for `Makefile`.
    pub fn extension(&self) -> &str {
        match self.name().rsplit_once('.') {
            Some((_, extension)) => extension,
            None => "",
        }
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

#[cfg(test)]
impl Repository {
    /// A repository in memory, for tests of the rules.
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self::from_files(
            files
                .iter()
                .map(|(path, text)| File {
                    path: (*path).to_owned(),
                    bytes: text.as_bytes().to_vec(),
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_exist_through_their_files() {
        let repository = Repository::of(&[("docs/a.md", "")]);
        assert!(repository.has("docs") && repository.has("docs/a.md") && repository.has(""));
        assert!(!repository.has("doc") && !repository.has("docs/b.md"));
    }
}
