//! Bodies that wait on disk: in files without a name, so that nothing is left behind however the process ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::gateway::BodyMemory;
use crate::refusal::Refusal;

/// What is read from disk at once.
const READ_BYTES: usize = 256 * 1024;

/// The disk that bodies may wait on.
#[derive(Clone)]
pub(crate) struct Spools {
    folder: PathBuf,
    room: BodyMemory,
}

/// One body on disk.
pub(crate) struct Spool {
    file: Arc<File>,
    len: u64,
    room: BodyMemory,
    share: Option<OwnedSemaphorePermit>,
}

impl Spools {
    /// Spools in `folder` of `max_bytes` in all.
    pub(crate) fn new(folder: PathBuf, max_bytes: usize) -> Self {
        Self {
            folder,
            room: BodyMemory::new(max_bytes),
        }
    }

    /// A spool of which nothing is written yet.
    pub(crate) async fn open(&self) -> Result<Spool, Refusal> {
        let folder = self.folder.clone();
        let opened = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder)).await;
        let file = opened.map_err(|_| Refusal::Disk)?.map_err(|error| {
            tracing::error!(%error, "a body cannot be written to data_dir");
            Refusal::Disk
        })?;
        Ok(Spool {
            file: Arc::new(file),
            len: 0,
            room: self.room.clone(),
            share: None,
        })
    }
}

impl Spool {
    /// Writes at the end.
    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), Refusal> {
        let more = self.room.take(piece.len())?;
        match &mut self.share {
            Some(share) => share.merge(more),
            none => *none = Some(more),
        }
        let (file, at, len) = (Arc::clone(&self.file), self.len, piece.len() as u64);
        let written = tokio::task::spawn_blocking(move || file.write_all_at(&piece, at)).await;
        written.map_err(|_| Refusal::Disk)?.map_err(|error| {
            tracing::error!(%error, "a body cannot be written to data_dir");
            Refusal::Disk
        })?;
        self.len += len;
        Ok(())
    }

    /// The piece that begins at `at`; empty at the end.
    pub(crate) async fn read(&self, at: u64) -> io::Result<Bytes> {
        let (file, left) = (Arc::clone(&self.file), self.len.saturating_sub(at));
        let len = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; len];
            file.read_exact_at(&mut piece, at).map(|()| piece)
        });
        read.await.map_err(io::Error::other)?.map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_written_is_read_back_and_its_room_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let spools = Spools::new(folder.path().to_owned(), 4 * 1024);
        let mut spool = spools.open().await.unwrap();
        for text in ["the first ", "and the second"] {
            spool
                .push(Bytes::from_static(text.as_bytes()))
                .await
                .unwrap();
        }
        assert_eq!(spool.read(4).await.unwrap(), "first and the second");
        assert!(spool.read(spool.len).await.unwrap().is_empty());
        let full = spool.push(Bytes::from(vec![0; 4 * 1024])).await;
        assert!(matches!(full, Err(Refusal::BodiesFull)));
        drop(spool);
        assert!(spools.room.take(4 * 1024).is_ok());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_full_disk_is_told_as_ours_and_gives_its_room_back() {
        let room = BodyMemory::new(4 * 1024);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut spool = Spool {
            file: Arc::new(full),
            len: 0,
            room: room.clone(),
            share: None,
        };
        let refused = spool.push(Bytes::from_static(b"a piece")).await;
        let told = refused.unwrap_err().told();
        assert_eq!(told.status, 503);
        assert!(told.retry_after.is_some());
        assert_eq!(spool.len, 0, "what was not written is not there");
        drop(spool);
        assert!(room.take(4 * 1024).is_ok());
    }
}
