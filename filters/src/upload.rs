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

use crate::gateway::{Body, BodyMemory};
use crate::read::ReadError;
use crate::refusal::Refusal;
use crate::sink::Source;
use crate::spool::{Spool, Spools};

/// Forms up to this size are kept in memory.
pub(crate) const KEPT_BYTES: usize = 1024 * 1024;
/// The memory a body holds before it is known to be larger.
const FIRST_SHARE_BYTES: usize = 64 * 1024;

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
    Memory(Bytes, Option<OwnedSemaphorePermit>),
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
        _memory: Option<OwnedSemaphorePermit>,
    },
}

/// Where forms may be kept.
pub(crate) struct Places<'a> {
    pub memory: &'a BodyMemory,
    pub spools: &'a Spools,
    pub max_bytes: usize,
}

impl Places<'_> {
    /// Refuses what is announced to be too long.
    fn bound(&self, declared: Option<u64>) -> Result<(), ReadError> {
        let max_bytes = self.max_bytes;
        match declared {
            Some(len) if len > max_bytes as u64 => Err(ReadError::UploadTooLarge { max_bytes }),
            _ => Ok(()),
        }
    }
}

/// The next piece of a form as it is sent.
pub(crate) enum Piece {
    Here(Bytes),
    /// To be read from the client.
    FromClient,
    End,
}

/// A body as far as it has come: in memory while it is small, then on disk.
struct Kept<'a> {
    places: Places<'a>,
    bytes: BytesMut,
    /// The share of what is in memory, taken as bytes arrive: what is only announced must not keep others out.
    memory: Option<OwnedSemaphorePermit>,
    room: usize,
    disk: Option<Spool>,
    /// The beginning of what is on disk.
    begun: Bytes,
    len: u64,
}

impl<'a> Kept<'a> {
    fn new(places: Places<'a>) -> Result<Self, Refusal> {
        Ok(Self {
            bytes: BytesMut::new(),
            memory: Some(places.memory.take(FIRST_SHARE_BYTES)?),
            room: FIRST_SHARE_BYTES,
            disk: None,
            begun: Bytes::new(),
            len: 0,
            places,
        })
    }

    async fn push(&mut self, piece: Bytes) -> Result<(), Refusal> {
        let max_bytes = self.places.max_bytes;
        self.len += piece.len() as u64;
        if self.len > max_bytes as u64 {
            return Err(ReadError::UploadTooLarge { max_bytes }.into());
        }
        if let Some(disk) = &mut self.disk {
            return disk.push(piece).await;
        }
        let needed = self.bytes.len() + piece.len();
        if needed > self.room {
            let more = self.room.max(needed - self.room);
            let share = self.places.memory.take(more)?;
            if let Some(memory) = &mut self.memory {
                memory.merge(share);
            }
            self.room += more;
        }
        self.bytes.extend_from_slice(&piece);
        Ok(())
    }

    /// Whether more is in memory than is to stay there.
    fn is_much(&self) -> bool {
        self.disk.is_none() && self.bytes.len() >= KEPT_BYTES
    }

    /// Moves what is in memory to disk.
    async fn spool(&mut self) -> Result<(), Refusal> {
        let begun = self.bytes.get(..BEGINNING_BYTES).unwrap_or(&self.bytes);
        self.begun = Bytes::copy_from_slice(begun);
        let mut spool = self.places.spools.open().await?;
        spool.push(std::mem::take(&mut self.bytes).freeze()).await?;
        self.disk = Some(spool);
        self.memory = None;
        Ok(())
    }

    fn finish(self) -> Stored {
        match self.disk {
            Some(spool) => Stored::Disk {
                spool,
                begun: self.begun,
            },
            None => Stored::Memory(self.bytes.freeze(), self.memory),
        }
    }
}

/// Reads a form as far as it must be before it can be sent.
pub(crate) async fn read(
    source: &mut impl Source,
    content_type: HeaderValue,
    places: Places<'_>,
) -> Result<Upload, Refusal> {
    let declared = source.body_len();
    places.bound(declared)?;
    let mut form = Form::new(content_type.as_bytes()).map_err(ReadError::Form)?;
    let mut kept = Kept::new(places)?;
    while let Some(piece) = source.body_piece().await? {
        form.feed(&piece).map_err(ReadError::Form)?;
        kept.push(piece).await?;
        if !kept.is_much() {
            continue;
        }
        if let (Some(declared), true) = (declared, may_pass(&form)) {
            return Ok(Upload {
                form: Some(form),
                content_type,
                len: declared,
                stored: Stored::Passing {
                    begun: kept.bytes.freeze(),
                    is_spent: AtomicBool::new(false),
                    _memory: kept.memory,
                },
            });
        }
        kept.spool().await?;
    }
    form.finish().map_err(ReadError::Form)?;
    Ok(Upload {
        form: Some(form),
        content_type,
        len: kept.len,
        stored: kept.finish(),
    })
}

/// A body of which nothing is interpreted: small and whole, or large, on disk or passing by.
pub(crate) enum Unread {
    Small(Body),
    Large(Box<Upload>),
}

/// Reads a body of which nobody told the length: a provider is told it before the first byte.
pub(crate) async fn measure(
    source: &mut impl Source,
    content_type: HeaderValue,
    places: Places<'_>,
) -> Result<Unread, Refusal> {
    let mut kept = Kept::new(places)?;
    while let Some(piece) = source.body_piece().await? {
        kept.push(piece).await?;
        if kept.is_much() {
            kept.spool().await?;
        }
    }
    let len = kept.len;
    Ok(match kept.finish() {
        Stored::Memory(bytes, memory) => Unread::Small(Body { bytes, memory }),
        stored => Unread::Large(Box::new(Upload {
            form: None,
            content_type,
            len,
            stored,
        })),
    })
}

/// A body of `len` bytes that nobody here reads, and that passes by on its way to the provider.
pub(crate) fn passing(
    content_type: HeaderValue,
    len: u64,
    places: &Places<'_>,
) -> Result<Upload, Refusal> {
    places.bound(Some(len))?;
    Ok(Upload {
        form: None,
        content_type,
        len,
        stored: Stored::Passing {
            begun: Bytes::new(),
            is_spent: AtomicBool::new(false),
            _memory: Some(places.memory.take(1)?),
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

    /// How much of it was read from the client before it began to be sent, where the rest passes by.
    pub(crate) fn begun_len(&self) -> u64 {
        match &self.stored {
            Stored::Passing { begun, .. } => begun.len() as u64,
            _ => self.len,
        }
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
