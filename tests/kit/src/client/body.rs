//! Reading a response's body piece by piece, as its framing says.

use std::io;

use super::{Conn, Response};

enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
    /// The end was reached; whether as promised.
    Ended(bool),
}

/// A body being read.
pub(super) struct Body(Framing);

impl Body {
    pub(super) fn of(head: &Response) -> Self {
        let chunked = head
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length = head
            .header("content-length")
            .and_then(|value| value.parse().ok());
        Self(match length {
            _ if matches!(head.status, 204 | 304) => Framing::None,
            _ if chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        })
    }

    /// Whether the body ended as its framing promised.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.0, Framing::None | Framing::Ended(true))
    }

    /// The next piece; `None` at the end, whole or not.
    pub(super) fn next(&mut self, connection: &mut Conn) -> io::Result<Option<Vec<u8>>> {
        match self.0 {
            Framing::None | Framing::Ended(_) => Ok(None),
            Framing::Length(0) => Ok(self.end(true)),
            Framing::Length(left) => {
                let piece = connection.read_some(left.min(64 * 1024))?;
                if piece.is_empty() {
                    return Ok(self.end(false));
                }
                self.0 = Framing::Length(left - piece.len());
                Ok(Some(piece))
            }
            Framing::UntilClose => match connection.read_some(64 * 1024)? {
                piece if piece.is_empty() => Ok(self.end(true)),
                piece => Ok(Some(piece)),
            },
            Framing::Chunked => self.next_chunk(connection),
        }
    }

    fn next_chunk(&mut self, connection: &mut Conn) -> io::Result<Option<Vec<u8>>> {
        let Some(line) = read_line(connection)? else {
            return Ok(self.end(false));
        };
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| io::Error::other(format!("{line:?} is not a chunk size")))?;
        let mut piece = Vec::with_capacity(size);
        while piece.len() < size {
            let more = connection.read_some(size - piece.len())?;
            if more.is_empty() {
                return Ok(self.end(false));
            }
            piece.extend(more);
        }
        let ended = read_line(connection)?.is_some();
        if size == 0 {
            return Ok(self.end(ended));
        }
        Ok(Some(piece))
    }

    fn end(&mut self, whole: bool) -> Option<Vec<u8>> {
        self.0 = Framing::Ended(whole);
        None
    }
}

/// A line without its end; `None` when the connection ended first.
fn read_line(connection: &mut Conn) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let piece = connection.read_some(64)?;
        if piece.is_empty() {
            return Ok(None);
        }
        let searched = line.len();
        line.extend(piece);
        // The pair may lie across two pieces.
        let from = searched.saturating_sub(1);
        if let Some(at) = line
            .get(from..)
            .and_then(|tail| memchr::memmem::find(tail, b"\r\n"))
        {
            let end = from + at;
            connection.unread(line.get(end + 2..).unwrap_or_default());
            line.truncate(end);
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
    }
}
