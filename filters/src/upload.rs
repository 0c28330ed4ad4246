//! A form with files: looked at as it arrives, and passed on without ever being whole in memory.
//!
//! Small forms are kept and can be sent twice. A large one whose model comes before its file passes by on its way to the
//! provider, and cannot be sent again; one whose model comes later waits on disk.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use tokio::sync::OwnedSemaphorePermit;
use weir_wire::audio::Sound;
use weir_wire::multipart::Form;

use crate::gateway::BodyMemory;
use crate::read::ReadError;
use crate::refusal::Refusal;
use crate::sink::Source;
use crate::spool::{Spool, Spools};

/// Forms up to this size are kept in memory.
pub(crate) const KEPT_BYTES: usize = 1024 * 1024;

/// What is kept in memory of a form on disk: enough for the head of a file.
const BEGINNING_BYTES: usize = 64 * 1024;

/// A form on its way.
pub(crate) struct Upload {
    /// What is known of it; none for a body that nobody here reads.
    pub form: Option<Form>,
    /// Its type, with the boundary.
    pub content_type: HeaderValue,
    /// Its length in bytes.
    pub len: u64,
    stored: Stored,
}

enum Stored {
    /// Whole, in memory.
    Memory(
        Bytes,
        #[expect(dead_code, reason = "held until the form is dropped")] OwnedSemaphorePermit,
    ),
    /// Whole, on disk.
    Disk {
        spool: Spool,
        /// Its beginning, which tells what a file is.
        begun: Bytes,
    },
    /// Its beginning; the rest is still to be read from the client.
    Passing {
        begun: Bytes,
        /// Whether the rest was asked for, so that it cannot be sent again.
        is_spent: AtomicBool,
        _memory: OwnedSemaphorePermit,
    },
}

/// Where forms may be kept.
pub(crate) struct Places<'a> {
    pub memory: &'a BodyMemory,
    pub spools: &'a Spools,
    pub max_bytes: usize,
}

/// The next piece of a form as it is sent.
pub(crate) enum Piece {
    Here(Bytes),
    /// To be read from the client.
    FromClient,
    End,
}

/// Reads a form as far as it must be before it can be sent.
pub(crate) async fn read(
    source: &mut impl Source,
    content_type: HeaderValue,
    places: Places<'_>,
) -> Result<Upload, Refusal> {
    let max_bytes = places.max_bytes;
    let declared = source.body_len();
    if declared.is_some_and(|len| len > max_bytes as u64) {
        return Err(ReadError::UploadTooLarge { max_bytes }.into());
    }
    let mut form = Form::new(content_type.as_bytes()).map_err(ReadError::Form)?;
    let mut kept = BytesMut::new();
    let mut memory = places.memory.take(KEPT_BYTES)?;
    let mut disk: Option<Spool> = None;
    let mut begun = Bytes::new();
    let mut len = 0;
    while let Some(piece) = source.body_piece().await? {
        len += piece.len() as u64;
        if len > max_bytes as u64 {
            return Err(ReadError::UploadTooLarge { max_bytes }.into());
        }
        form.feed(&piece).map_err(ReadError::Form)?;
        match &mut disk {
            Some(disk) => disk.push(piece).await?,
            None => kept.extend_from_slice(&piece),
        }
        if disk.is_some() || kept.len() < KEPT_BYTES {
            continue;
        }
        if let (Some(declared), true) = (declared, may_pass(&form)) {
            let more = places
                .memory
                .take(kept.len().saturating_sub(KEPT_BYTES).max(1))?;
            memory.merge(more);
            return Ok(Upload {
                form: Some(form),
                content_type,
                len: declared,
                stored: Stored::Passing {
                    begun: kept.freeze(),
                    is_spent: AtomicBool::new(false),
                    _memory: memory,
                },
            });
        }
        begun = Bytes::copy_from_slice(kept.get(..BEGINNING_BYTES).unwrap_or(&kept));
        let mut spool = places.spools.open().await?;
        spool.push(kept.split().freeze()).await?;
        disk = Some(spool);
    }
    form.finish().map_err(ReadError::Form)?;
    let stored = match disk {
        Some(spool) => Stored::Disk { spool, begun },
        None => Stored::Memory(kept.freeze(), memory),
    };
    Ok(Upload {
        form: Some(form),
        content_type,
        len,
        stored,
    })
}

/// A body of `len` bytes that nobody here reads, and that passes by on its way to the provider.
pub(crate) fn passing(
    content_type: HeaderValue,
    len: u64,
    places: &Places<'_>,
) -> Result<Upload, Refusal> {
    let max_bytes = places.max_bytes;
    if len > max_bytes as u64 {
        return Err(ReadError::UploadTooLarge { max_bytes }.into());
    }
    Ok(Upload {
        form: None,
        content_type,
        len,
        stored: Stored::Passing {
            begun: Bytes::new(),
            is_spent: AtomicBool::new(false),
            _memory: places.memory.take(1)?,
        },
    })
}

/// Whether all that the way needs came before the file.
fn may_pass(form: &Form) -> bool {
    form.has_file() && form.model_place().is_some()
}

impl Upload {
    /// The piece that begins at `at`.
    pub(crate) async fn piece(&self, at: u64) -> std::io::Result<Piece> {
        let from = |bytes: &Bytes| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            bytes.slice(at.min(bytes.len())..)
        };
        let (piece, rest) = match &self.stored {
            Stored::Memory(bytes, _) => (from(bytes), Piece::End),
            Stored::Disk { spool, .. } => (spool.read(at).await?, Piece::End),
            Stored::Passing { begun, .. } => (from(begun), Piece::FromClient),
        };
        Ok(if piece.is_empty() {
            rest
        } else {
            Piece::Here(piece)
        })
    }

    /// Whether some of it is still to be read from the client.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.stored, Stored::Passing { .. })
    }

    /// A second look at a form that passes by: what comes after its file is not known when it begins to be sent, and may
    /// say again what was acted on. It is to be fed the form from its beginning.
    pub(crate) fn watch(&self) -> Option<Form> {
        let is_watched = self.form.is_some() && self.is_passing();
        let form = is_watched.then(|| Form::new(self.content_type.as_bytes()));
        form.and_then(Result::ok)
    }

    /// The whole of it, where it is in memory.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        match &self.stored {
            Stored::Memory(bytes, _) => Some(bytes),
            _ => None,
        }
    }

    /// The sound that it brings: its first file, as far as that is at hand.
    pub(crate) fn sound(&self) -> Option<Sound<'_>> {
        let parts = self.form.as_ref()?.parts();
        let file = parts.iter().find(|part| part.is_file())?;
        let begun = match &self.stored {
            Stored::Memory(bytes, _) => bytes,
            Stored::Disk { begun, .. } | Stored::Passing { begun, .. } => begun,
        };
        // Of a form that passes by only the end is unknown, and there is little behind a file.
        let start = file.start();
        let end = file.place().map_or(self.len, |place| place.end);
        let from = usize::try_from(start).unwrap_or(usize::MAX);
        let to = usize::try_from(end).unwrap_or(usize::MAX);
        Some(Sound {
            start: begun.get(from..to.min(begun.len())).unwrap_or_default(),
            len: end.saturating_sub(start),
        })
    }

    /// Marks the form as passed on: what the client still sends of it can be read once only.
    pub(crate) fn spend(&self) {
        if let Stored::Passing { is_spent, .. } = &self.stored {
            is_spent.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was passed on already.
    pub(crate) fn is_spent(&self) -> bool {
        match &self.stored {
            Stored::Passing { is_spent, .. } => is_spent.load(Ordering::Relaxed),
            _ => false,
        }
    }
}
