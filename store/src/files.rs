//! Files that only their owner may read, whatever the umask, and the lock that keeps a second `serve` away.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// `path` with `suffix` appended to its file name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes sure that the database file exists and is private. SQLite gives its WAL and shared-memory files the same mode.
///
/// A file that exists is not opened: closing it again would drop the locks of every SQLite connection that this process
/// has to it (<https://sqlite.org/howtocorrupt.html>, 2.2).
pub(crate) fn prepare_database(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        create_folder(folder).map_err(|source| file_error(folder, "make this folder", source))?;
    }
    let prepared = match create_private(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => make_private(path),
        outcome => outcome.map(drop),
    };
    prepared.map_err(|source| file_error(path, "open", source))
}

/// Takes the lock file beside the database for as long as the file returned is open.
pub(crate) fn lock(database: &Path) -> Result<File, StoreError> {
    let path = beside(database, ".lock");
    let file = open_private(&path).map_err(|source| file_error(&path, "open", source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path }),
        Err(TryLockError::Error(source)) => Err(file_error(&path, "lock", source)),
    }
}

/// Opens a file for reading and writing, makes it if it is missing, and takes it away from group and others.
fn open_private(path: &Path) -> std::io::Result<File> {
    let file = private_options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    make_private(path)?;
    Ok(file)
}

/// Makes a new private file; fails if there is one.
pub(crate) fn create_private(path: &Path) -> std::io::Result<File> {
    let file = private_options().write(true).create_new(true).open(path)?;
    make_private(path)?;
    Ok(file)
}

/// Makes what was renamed, linked or made in the folder of `path` survive a power cut.
pub(crate) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

pub(crate) fn file_error(path: &Path, action: &'static str, source: std::io::Error) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        action,
        source,
    }
}

#[cfg(unix)]
fn private_options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_options() -> OpenOptions {
    OpenOptions::new()
}

/// Sets mode 0600: a umask may have taken bits away at creation, and an older file may have more than it should.
#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(path)?.permissions().mode() & 0o777 == 0o600 {
        return Ok(());
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
        // Not our file to change, as on some mounted volumes: its owner decides.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            tracing::warn!(
                "a database or key file belongs to another user and could not be made private"
            );
            Ok(())
        }
        outcome => outcome,
    }
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.recursive(true).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}
