//! A form on its way to a provider: from where it is kept, or from the client as it comes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weir_wire::multipart::{Form, FormError, Splice};

use crate::attempt::Run;
use crate::failure::{Failure, Next, Stop};
use crate::fault::Fault;
use crate::link::Sending;
use crate::plan::Target;
use crate::refusal::Refusal;
use crate::sink::Sink;
use crate::spool::{Spool, Spools};
use crate::upload::{Piece, Upload};

/// How long a provider may be slow to take a piece before the client's next ones wait on disk.
const STALL: Duration = Duration::from_millis(100);

/// A form on its way to one target.
pub(crate) struct Passage<'f> {
    upload: &'f Upload,
    splice: Option<Splice>,
    /// What is known of what comes after the file.
    watch: Option<Form>,
    /// How much of it was taken.
    at: u64,
    ahead: Ahead,
}

/// What was read from the client before the provider took what came earlier. A client that leaves is noticed by reading on:
/// the end of its connection lies behind everything it has sent, and behind what it could not send yet.
#[derive(Default)]
struct Ahead {
    kept: Option<Spool>,
    /// Where in the form the kept part begins.
    from: u64,
    /// The piece that found no room any more; nothing is read ahead after it.
    last: Option<Bytes>,
    is_full: bool,
}

impl<'f> Passage<'f> {
    pub(crate) fn new(upload: &'f Upload, splice: Option<Splice>) -> Self {
        Self {
            upload,
            splice,
            watch: upload.watch(),
            at: 0,
            ahead: Ahead::default(),
        }
    }

    /// The next piece.
    async fn next(&mut self) -> std::io::Result<Piece> {
        if let Some(piece) = self.ahead.next(self.at).await? {
            return Ok(Piece::Here(piece));
        }
        self.upload.piece(self.at).await
    }

    /// Takes the next piece, and gives what is to be sent of it.
    fn take(&mut self, piece: Bytes, out: &mut Vec<Bytes>) -> Result<(), Stop> {
        self.at += piece.len() as u64;
        if let Some(form) = &mut self.watch {
            form.feed(&piece).map_err(disputed)?;
            // Looked at before its last piece leaves: what is cut short of its length is nothing that anybody acts on.
            if self.at >= self.upload.len {
                form.finish().map_err(disputed)?;
            }
        }
        match &mut self.splice {
            Some(splice) => splice.pass(piece, out),
            None => out.push(piece),
        }
        Ok(())
    }

    /// Keeps a piece that was read ahead.
    async fn keep(&mut self, piece: Bytes, spools: &Spools) {
        self.upload.spend();
        let begun = self.at.max(self.upload.begun_len());
        self.ahead.keep(piece, begun, spools).await;
    }

    /// Whether more of the form may be read from the client before what came earlier has left.
    fn may_read_ahead(&self) -> bool {
        self.upload.is_passing() && !self.ahead.is_full
    }
}

impl Ahead {
    /// The piece at `at`, where it was read ahead.
    async fn next(&mut self, at: u64) -> std::io::Result<Option<Bytes>> {
        if let Some(kept) = self.kept.as_ref().filter(|_| at >= self.from) {
            let piece = kept.read(at - self.from).await?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            // All of it was sent: its room is given back.
            self.kept = None;
            self.is_full = false;
        }
        Ok(match &self.kept {
            Some(_) => None,
            None if at >= self.from => self.last.take(),
            None => None,
        })
    }

    /// Keeps a piece on disk, or, as the last one, in memory. `begun` is where it is in the form, if it is the first.
    async fn keep(&mut self, piece: Bytes, begun: u64, spools: &Spools) {
        if self.kept.is_none() {
            self.from = begun;
            self.kept = spools.open().await.ok();
        }
        let kept = match &mut self.kept {
            Some(spool) => spool.push(piece.clone()).await.is_ok(),
            None => false,
        };
        if !kept {
            self.last = Some(piece);
            self.is_full = true;
        }
    }
}

impl<S: Sink> Run<'_, S> {
    /// Sends a form to its end; false where the provider wants or takes no more of it.
    pub(crate) async fn pass_on(
        &mut self,
        target: &Target,
        passage: &mut Passage<'_>,
        sending: &mut Sending,
    ) -> Result<bool, Stop> {
        let mut out = Vec::new();
        loop {
            let piece = match passage.next().await {
                Ok(Piece::Here(piece)) => piece,
                Ok(Piece::End) => break,
                Ok(Piece::FromClient) => {
                    let read = tokio::select! {
                        biased;
                        () = sending.stopped() => return Ok(false),
                        read = self.delivery.body_piece() => read?,
                    };
                    passage.upload.spend();
                    match read.map_err(unfinished)? {
                        Some(piece) => piece,
                        None => break,
                    }
                }
                Err(_) => return Err(self.broken(target, "the form could not be read back")),
            };
            passage.take(piece, &mut out)?;
            for piece in out.drain(..) {
                if !self.write_out(piece, passage, sending).await? {
                    return Ok(false);
                }
            }
        }
        if passage.at < passage.upload.len {
            return Err(unfinished(Refusal::BrokenBody));
        }
        Ok(true)
    }

    /// Writes a piece to a provider. While it is slow to take it, the client is read on.
    async fn write_out(
        &mut self,
        piece: Bytes,
        passage: &mut Passage<'_>,
        sending: &mut Sending,
    ) -> Result<bool, Stop> {
        let writing = sending.write(piece);
        tokio::pin!(writing);
        let in_time = tokio::time::timeout(STALL, &mut writing);
        if let Ok(is_sent) = self.delivery.wait(in_time).await? {
            return Ok(is_sent);
        }
        while passage.may_read_ahead() {
            let read = tokio::select! {
                biased;
                is_sent = &mut writing => return Ok(is_sent),
                read = self.delivery.body_piece() => read?,
            };
            match read.map_err(unfinished)? {
                Some(piece) => passage.keep(piece, &self.gateway.spools).await,
                None => break,
            }
        }
        Ok(self.delivery.wait(writing).await?)
    }
}

/// What came of a form after its file could make a provider read another model than was checked: it is not sent on, and a
/// body that ends too early is nothing that anybody acts on.
fn disputed(why: FormError) -> Stop {
    Stop::Failed(Box::new(Failure {
        fault: Fault::Form { why },
        answer: None,
        next: Next::Target,
        retry_after: None,
        may_repeat: false,
    }))
}

/// The rest of a form did not come as it should; what was sent of it is cancelled.
fn unfinished(why: Refusal) -> Stop {
    Stop::Failed(Box::new(Failure {
        fault: Fault::Body { why: Arc::new(why) },
        answer: None,
        next: Next::Target,
        retry_after: None,
        may_repeat: false,
    }))
}
