//! One client connection: sends a request, reads its answer.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use thiserror::Error;

use crate::http1::{HttpError, Message, MessageReader, Role};

/// Why a connection is of no more use.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// The socket failed.
    #[error("{0}")]
    Socket(#[from] io::Error),
    /// The peer closed before it answered.
    #[error("the connection was closed before the answer came")]
    Closed,
    /// The answer is not HTTP/1.1, or was cut.
    #[error("{0}")]
    Http(#[from] HttpError),
}

/// A nonblocking connection that carries one exchange at a time.
pub struct Connection {
    /// Registered by the runner.
    pub socket: TcpStream,
    answers: MessageReader,
    is_open: bool,
    /// Bytes of the request that were sent; `None` where none is under way.
    sent: Option<usize>,
}

impl Connection {
    /// Takes a socket that is connecting.
    pub fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            answers: MessageReader::new(Role::Response),
            is_open: false,
            sent: None,
        }
    }

    /// Begins an exchange: sends `request` as far as the socket takes it.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn begin(&mut self, request: &[u8]) -> Result<(), ConnectionError> {
        self.sent = Some(0);
        if self.is_open {
            self.send(request)
        } else {
            Ok(())
        }
    }

    /// The socket is ready: sends what is left of `request` and reads the answer, whose body goes to
    /// `body` in pieces. `is_read_closed` is what the poll says of the peer's side. Returns the answer's status when it is complete.
    ///
    /// # Errors
    /// When the connection is broken or was closed, also while no exchange is under way.
    pub fn on_ready(
        &mut self,
        request: &[u8],
        is_read_closed: bool,
        scratch: &mut [u8],
        mut body: impl FnMut(&[u8]),
    ) -> Result<Option<Message>, ConnectionError> {
        if !self.is_open {
            if let Some(error) = self.socket.take_error()? {
                return Err(error.into());
            }
            match self.socket.peer_addr() {
                Ok(_) => self.is_open = true,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            self.socket.set_nodelay(true)?;
        }
        self.send(request)?;
        loop {
            let bytes = match self.socket.read(scratch) {
                Ok(0) => return self.finish_at_close().map(Some),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let read = scratch.get(..bytes).unwrap_or_default();
            if let Some((mut message, _)) = self.answers.read(read, &mut body)? {
                self.sent = None;
                message.keep_alive &= !is_read_closed;
                return Ok(Some(message));
            }
            // A short read drained the socket; the next bytes make a new edge (epoll(7)), but a close
            // that came with these bytes does not.
            if bytes < scratch.len() && !is_read_closed {
                return Ok(None);
            }
        }
    }

    fn send(&mut self, request: &[u8]) -> Result<(), ConnectionError> {
        while let Some(sent) = self.sent.filter(|sent| *sent < request.len()) {
            match self.socket.write(request.get(sent..).unwrap_or_default()) {
                Ok(bytes) => self.sent = Some(sent + bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn finish_at_close(&mut self) -> Result<Message, ConnectionError> {
        self.sent = None;
        self.answers.read_end()?.ok_or(ConnectionError::Closed)
    }
}
