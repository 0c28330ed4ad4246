//! A client's body: whole, or piece by piece, bounded in size, in time and in the memory that all bodies share.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pingora::ErrorType;
use tokio::time::Instant;
use weir_config::Settings;
use weir_filters::gateway::{Body, Client};
use weir_filters::read::ReadError;
use weir_filters::refusal::Refusal;
use weir_filters::sink::Source;

use super::SessionClient;
use crate::door::app::After;

/// The memory a body holds before it is known to be larger.
const FIRST_SHARE_BYTES: usize = 64 * 1024;
/// The longest silence in a body, however much of it came at once before.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// What Pingora calls a chunked body that is not framed as HTTP says.
const INVALID_CHUNK: ErrorType = ErrorType::new("InvalidChunk");
const INVALID_TRAILER: ErrorType = ErrorType::new("InvalidTrailerEnd");

impl SessionClient<'_> {
    async fn next_piece(&mut self, until: Instant) -> Result<Option<Bytes>, Refusal> {
        let until = until.min(Instant::now() + SILENCE_MAX);
        match tokio::time::timeout_at(until, self.session.read_request_body()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => {
                self.after = After::Close;
                match error.etype() {
                    ErrorType::ReadTimedout => Err(Refusal::SlowBody),
                    ErrorType::InvalidHTTPHeader | &INVALID_CHUNK | &INVALID_TRAILER => {
                        self.is_broken = true;
                        Err(Refusal::BrokenBody)
                    }
                    _ => {
                        self.has_left = true;
                        Err(Refusal::Gone)
                    }
                }
            }
            Err(_) => {
                self.after = After::Close;
                Err(Refusal::SlowBody)
            }
        }
    }

    async fn read_bounded(&mut self, settings: &Settings) -> Result<Body, Refusal> {
        let max_bytes = settings.server.max_body_bytes;
        let too_large = || Refusal::Read(ReadError::TooLarge { max_bytes });
        let declared = self.declared_length();
        if declared.is_some_and(|declared| declared > max_bytes) {
            return Err(too_large());
        }
        // Memory is taken as bytes arrive: a length that is only announced must not keep others out.
        let mut room = declared.map_or(FIRST_SHARE_BYTES, |it| it.min(FIRST_SHARE_BYTES));
        let mut memory = self.gateway.body_memory.take(room)?;
        if self.expects_continue() {
            let told = self.session.write_continue_response().await;
            told.map_err(|_| Refusal::Gone)?;
        }
        let started = Instant::now();
        let mut whole = BytesMut::new();
        loop {
            let until = started + self.gateway.body_time(settings, whole.len());
            let Some(piece) = self.next_piece(until).await? else {
                break;
            };
            if whole.len() + piece.len() > max_bytes {
                return Err(too_large());
            }
            if whole.is_empty() && self.session.is_body_done() {
                // The usual small body is one piece already: no second copy.
                return Ok(Body {
                    bytes: piece,
                    memory: Some(memory),
                });
            }
            if whole.is_empty() {
                whole.reserve(room.max(piece.len()));
            }
            if whole.len() + piece.len() > room {
                let more = room.min(max_bytes.saturating_sub(room)).max(piece.len());
                memory.merge(self.gateway.body_memory.take(more)?);
                room += more;
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Body {
            bytes: whole.freeze(),
            memory: Some(memory),
        })
    }
}

impl Client for SessionClient<'_> {
    async fn read_body(&mut self) -> Result<Body, Refusal> {
        let routes = self.gateway.routes();
        self.read_bounded(&routes.settings).await
    }
}

impl Source for SessionClient<'_> {
    fn body_len(&self) -> Option<u64> {
        self.declared_length().map(|it| it as u64)
    }

    async fn body_piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        if !self.is_continued && self.expects_continue() {
            let told = self.session.write_continue_response().await;
            told.map_err(|_| Refusal::Gone)?;
            self.is_continued = true;
        }
        let (gateway, since) = (self.gateway, Instant::now());
        let time = gateway.body_time(&gateway.routes().settings, self.body_read);
        let left = time.saturating_sub(self.body_waited);
        let piece = self.next_piece(since + left).await?;
        self.body_waited += since.elapsed();
        self.body_read += piece.as_ref().map_or(0, Bytes::len);
        Ok(piece)
    }
}
