//! Body -> Ask: bounded, decompressed where it must be, looked at shallowly over the raw bytes.

use std::io::{self, Read, Write};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;
use weir_wire::body::{self, BodyError, Head};
use weir_wire::multipart::{Form, FormError};
use weir_wire::responses::{StatefulError, check_stateless};

use crate::ask::{Admitted, Ask, Encoding, Endpoint, Inbound};
use crate::gateway::{Body, BodyMemory};
use crate::refusal::Refusal;
use crate::sink::Source;
use crate::upload::{self, Places};
use crate::weigh;

/// The brotli decoder's own buffer.
const BROTLI_BUFFER_BYTES: usize = 4096;
/// The window a zstd body may ask for: 8 MiB, as the content coding is registered (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;
/// What a decoder may hold of memory while it works, whichever it is.
const ZSTD_WINDOW_BYTES: usize = 1 << ZSTD_WINDOW_LOG;
/// Bodies up to this size are parsed at once; larger ones beside the event loop.
const INLINE_BYTES: usize = 128 * 1024;

/// Why a body did not make an ask.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The body, or what it decompresses to, is larger than the configured bound.
    #[error(
        "the request body is larger than the limit of {max_bytes} bytes (server.max_body_bytes)"
    )]
    TooLarge {
        /// The bound, in bytes.
        max_bytes: usize,
    },
    /// A form is larger than the configured bound.
    #[error("the form is larger than the limit of {max_bytes} bytes (server.max_upload_bytes)")]
    UploadTooLarge {
        /// The bound, in bytes.
        max_bytes: usize,
    },
    /// A request that counts on conversations being kept.
    #[error(transparent)]
    Stateful(#[from] StatefulError),
    /// A form that is none.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The body's compression is none we know.
    #[error("this Content-Encoding is not supported: use gzip, br, zstd or none")]
    Encoding,
    /// The body does not decompress.
    #[error("the request body does not decompress as its Content-Encoding says")]
    Corrupt,
    /// The body is not an object we can use.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// The compression that a request's headers name.
pub fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let named = headers.get(http::header::CONTENT_ENCODING)?;
    match named.as_bytes().to_ascii_lowercase().as_slice() {
        b"identity" | b"" => None,
        b"gzip" | b"x-gzip" => Some(Encoding::Gzip),
        b"br" => Some(Encoding::Brotli),
        b"zstd" => Some(Encoding::Zstd),
        _ => Some(Encoding::Unknown),
    }
}

/// Makes an ask of a body that was read whole. Large or compressed bodies are worked on beside the event loop, so that
/// one of them does not hold up everyone else's stream.
pub async fn read(
    admitted: Admitted,
    inbound: Inbound,
    body: Body,
    memory: &BodyMemory,
    max_bytes: usize,
) -> Result<Ask, Refusal> {
    let encoding = inbound.encoding;
    let (body, head) = if encoding.is_none() && body.bytes.len() <= INLINE_BYTES {
        let head = body::parse(&body.bytes).map_err(ReadError::Body)?;
        (body, head)
    } else {
        let memory = memory.clone();
        let work = move || open(encoding, body, &memory, max_bytes);
        let opened = tokio::task::spawn_blocking(work).await;
        opened.map_err(|_| ReadError::Corrupt)??
    };
    if matches!(inbound.endpoint, Endpoint::Responses | Endpoint::Compact) {
        let bytes = &body.bytes;
        weigh::aside(bytes.len(), || check_stateless(bytes)).map_err(ReadError::Stateful)?;
    }
    let mut head = head;
    if let Some(in_url) = &inbound.in_url {
        head = head.with_model(&in_url.model).map_err(ReadError::Body)?;
        head.stream = in_url.stream;
    }
    Ok(Ask {
        admitted,
        inbound,
        head,
        upload: None,
        body: body.bytes,
        memory: body.memory,
    })
}

/// Makes an ask of a form with files, read as far as it must be.
pub(crate) async fn read_form(
    admitted: Admitted,
    inbound: Inbound,
    content_type: HeaderValue,
    source: &mut impl Source,
    places: Places<'_>,
) -> Result<Ask, Refusal> {
    if inbound.encoding.is_some() {
        return Err(ReadError::Encoding.into());
    }
    let upload = upload::read(source, content_type, places).await?;
    let known = upload.form.as_ref().map(Form::known);
    let known = known.cloned().unwrap_or_default();
    let head = Head::of_form(
        known.model,
        known.stream.unwrap_or(false),
        known.n.unwrap_or(1),
    )
    .map_err(ReadError::Body)?;
    Ok(Ask {
        admitted,
        inbound,
        head,
        upload: Some(Box::new(upload)),
        body: Bytes::new(),
        memory: None,
    })
}

fn open(
    encoding: Option<Encoding>,
    body: Body,
    memory: &BodyMemory,
    max_bytes: usize,
) -> Result<(Body, Head), Refusal> {
    let body = match encoding {
        None => body,
        Some(encoding) => {
            // Measured first, into nothing: a bomb costs time but no memory, and an honest body gets its exact share.
            let window = memory.take(ZSTD_WINDOW_BYTES)?;
            let len = decompress(encoding, &body.bytes, max_bytes, &mut io::sink())?;
            drop(window);
            let share = memory.take(len)?;
            let mut bytes = Vec::with_capacity(len);
            decompress(encoding, &body.bytes, max_bytes, &mut bytes)?;
            Body {
                bytes: bytes.into(),
                memory: Some(share),
            }
        }
    };
    let head = body::parse(&body.bytes).map_err(ReadError::Body)?;
    Ok((body, head))
}

/// Writes what `raw` decompresses to, `max_bytes` at the most; its length.
fn decompress(
    encoding: Encoding,
    raw: &[u8],
    max_bytes: usize,
    out: &mut impl Write,
) -> Result<usize, ReadError> {
    match encoding {
        Encoding::Gzip => drain(flate2::read::MultiGzDecoder::new(raw), max_bytes, out),
        Encoding::Brotli => {
            let decoder = brotli::Decompressor::new(raw, BROTLI_BUFFER_BYTES);
            drain(decoder, max_bytes, out)
        }
        Encoding::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::new(raw).map_err(|_| ReadError::Corrupt)?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG)
                .map_err(|_| ReadError::Corrupt)?;
            drain(decoder, max_bytes, out)
        }
        Encoding::Unknown => Err(ReadError::Encoding),
    }
}

/// Reads one byte more than allowed, so that a bomb is known without being unpacked.
fn drain(decoder: impl Read, max_bytes: usize, out: &mut impl Write) -> Result<usize, ReadError> {
    let bound = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    let len = io::copy(&mut decoder.take(bound.saturating_add(1)), out)
        .map_err(|_| ReadError::Corrupt)?;
    match usize::try_from(len) {
        Ok(len) if len <= max_bytes => Ok(len),
        _ => Err(ReadError::TooLarge { max_bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn each_compression_is_undone() {
        let text = br#"{"model":"m","messages":[]}"#;
        let mut brotli_bytes = Vec::new();
        brotli::CompressorWriter::new(&mut brotli_bytes, 4096, 5, 20)
            .write_all(text)
            .unwrap();
        let zstd_bytes = zstd::stream::encode_all(&text[..], 3).unwrap();
        for (encoding, bytes) in [
            (Encoding::Gzip, gzip(text)),
            (Encoding::Brotli, brotli_bytes),
            (Encoding::Zstd, zstd_bytes),
        ] {
            let mut out = Vec::new();
            let len = decompress(encoding, &bytes, 1_000, &mut out).unwrap();
            assert_eq!((len, &out[..]), (text.len(), &text[..]));
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let bomb = gzip(&vec![b' '; 10_000_000]);
        assert!(bomb.len() < 100_000);
        let refused = decompress(Encoding::Gzip, &bomb, 1_000_000, &mut io::sink());
        assert!(matches!(refused, Err(ReadError::TooLarge { .. })));
    }

    #[test]
    fn garbage_and_unknown_encodings_are_told_apart() {
        let garbage = decompress(Encoding::Gzip, b"not gzip", 1_000, &mut io::sink());
        assert!(matches!(garbage, Err(ReadError::Corrupt)));
        let unknown = decompress(Encoding::Unknown, b"", 1_000, &mut io::sink());
        assert!(matches!(unknown, Err(ReadError::Encoding)));
    }
}
