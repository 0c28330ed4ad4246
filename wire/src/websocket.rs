//! WebSocket (RFC 6455) as an onlooker sees it: the messages in one direction of a connection that is relayed as it is.
//! Messages are held in a short form only (`shorten`), so that sound in base64 needs no memory.
//!
//! Extensions change what frames mean, so whoever looks on must not let any be agreed upon:
//! `Sec-WebSocket-Extensions` is taken out of the handshake.

mod frame;

use crate::shorten::Shortener;

use frame::{Head, Opcode, Start};

/// The most bytes of one message that are held, its long strings cut short.
pub const SHORT_MESSAGE_BYTES: usize = 1024 * 1024;
/// The most bytes of a control frame's payload (RFC 6455, section 5.5).
const MAX_CONTROL_BYTES: usize = 125;
/// How much is unmasked at once.
const UNMASK_BYTES: usize = 4 * 1024;

/// Who sends in the direction that is looked at. Clients mask their frames, servers do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The side that asked for the upgrade.
    Client,
    /// The side that agreed to it.
    Server,
}

/// Something that came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text or binary message, its long strings cut short if it is JSON. None if it is too long even so.
    Data(Option<&'a [u8]>),
    /// The sender wants to end, with this status.
    Close(Option<u16>),
    /// A ping or a pong.
    Alive,
}

/// What is no WebSocket. Whoever needs to know what is said must cut such a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Reserved bits: an extension that was never agreed upon.
    #[error("a WebSocket frame uses an extension that was not agreed upon")]
    Reserved,
    /// An opcode that RFC 6455 does not know.
    #[error("a WebSocket frame is of an unknown kind")]
    UnknownOpcode,
    /// A client's frame that is not masked, or a server's that is.
    #[error("a WebSocket frame is masked by the wrong side")]
    Masking,
    /// A control frame in pieces, or longer than 125 bytes.
    #[error("a WebSocket control frame is too long or in pieces")]
    BadControl,
    /// A continuation of nothing, or a new message inside of another.
    #[error("a WebSocket message is continued wrongly")]
    BadContinuation,
    /// A length beyond 2^63.
    #[error("a WebSocket frame has an impossible length")]
    BadLength,
    /// Data after the close frame.
    #[error("a WebSocket connection goes on after its close frame")]
    AfterClose,
}

/// Reads one direction of a connection. However its bytes are cut, the messages are the same.
#[derive(Debug)]
pub struct Messages {
    sender: Sender,
    state: State,
    /// Whether a message has begun whose last frame has not come.
    is_within_message: bool,
    message: Shortener,
    control: Vec<u8>,
    is_closed: bool,
    failure: Option<FrameError>,
}

#[derive(Debug)]
enum State {
    Head(Start),
    Payload { head: Head, passed: u64 },
}

impl Messages {
    /// Looks at what `sender` sends after the handshake.
    pub fn new(sender: Sender) -> Self {
        Self {
            sender,
            state: State::Head(Start::default()),
            is_within_message: false,
            message: Shortener::new(SHORT_MESSAGE_BYTES),
            control: Vec::new(),
            is_closed: false,
            failure: None,
        }
    }

    /// Whether a frame of one's own could be put in after what was seen.
    pub fn is_between_frames(&self) -> bool {
        let is_at_head = matches!(&self.state, State::Head(start) if start.is_empty());
        is_at_head && !self.is_closed && self.failure.is_none()
    }

    /// Whether a message of one's own could be put in after what was seen.
    pub fn is_between_messages(&self) -> bool {
        self.is_between_frames() && !self.is_within_message
    }

    /// Takes the next bytes and visits every message that is whole now.
    ///
    /// # Errors
    /// If they are no frames. Then `feed` says so again, whatever follows.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut visit: impl FnMut(Message<'_>),
    ) -> Result<(), FrameError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let step = match &mut self.state {
                State::Head(start) => {
                    let taken = start.take(rest);
                    let read = start.read(self.sender);
                    read.and_then(|head| self.begin(head)).map(|()| taken)
                }
                State::Payload { .. } => Ok(self.pass_payload(rest)),
            };
            let taken = step.inspect_err(|failure| self.failure = Some(*failure))?;
            rest = rest.get(taken..).unwrap_or_default();
            self.end_frame(&mut visit);
        }
        Ok(())
    }

    /// A head has come whole, if it is one.
    fn begin(&mut self, head: Option<Head>) -> Result<(), FrameError> {
        let Some(head) = head else {
            return Ok(());
        };
        if self.is_closed {
            return Err(FrameError::AfterClose);
        }
        match head.opcode {
            Opcode::Continuation if !self.is_within_message => {
                return Err(FrameError::BadContinuation);
            }
            Opcode::Data if self.is_within_message => return Err(FrameError::BadContinuation),
            Opcode::Continuation | Opcode::Data => self.is_within_message = true,
            _ => self.control.clear(),
        }
        self.state = State::Payload { head, passed: 0 };
        Ok(())
    }

    fn pass_payload(&mut self, bytes: &[u8]) -> usize {
        let State::Payload { head, passed } = &mut self.state else {
            return bytes.len();
        };
        let left = usize::try_from(head.length - *passed).unwrap_or(usize::MAX);
        let bytes = bytes.get(..left.min(bytes.len())).unwrap_or(bytes);
        let is_control = head.opcode.is_control();
        let (message, control) = (&mut self.message, &mut self.control);
        head.unmask(*passed, bytes, |plain| {
            if is_control {
                control.extend_from_slice(plain);
            } else {
                message.feed(plain);
            }
        });
        *passed += bytes.len() as u64;
        bytes.len()
    }

    /// If a frame is whole now, makes ready for the next one.
    fn end_frame(&mut self, visit: &mut impl FnMut(Message<'_>)) {
        let State::Payload { head, passed } = &self.state else {
            return;
        };
        if *passed < head.length {
            return;
        }
        let (opcode, is_final) = (head.opcode, head.is_final);
        self.state = State::Head(Start::default());
        match opcode {
            Opcode::Continuation | Opcode::Data if is_final => {
                self.is_within_message = false;
                visit(Message::Data(self.message.text()));
                self.message.clear();
            }
            Opcode::Continuation | Opcode::Data => {}
            Opcode::Close => {
                self.is_closed = true;
                let status = self.control.first_chunk::<2>();
                visit(Message::Close(status.map(|it| u16::from_be_bytes(*it))));
            }
            Opcode::Ping | Opcode::Pong => visit(Message::Alive),
        }
    }
}

/// An unmasked text message in one frame, as servers send it.
pub fn text_frame(text: &[u8]) -> Vec<u8> {
    frame::write(0x1, text)
}

/// An unmasked close frame, as servers send it. A reason longer than a frame has room for is cut at a character.
pub fn close_frame(status: u16, reason: &str) -> Vec<u8> {
    let mut length = reason.len().min(MAX_CONTROL_BYTES - 2);
    while !reason.is_char_boundary(length) {
        length -= 1;
    }
    let mut payload = status.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes().get(..length).unwrap_or_default());
    frame::write(0x8, &payload)
}

#[cfg(test)]
mod tests;
