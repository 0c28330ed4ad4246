//! Frames: their heads, and their payload without the mask (RFC 6455, section 5.2).

use super::{FrameError, MAX_CONTROL_BYTES, Sender, UNMASK_BYTES};

/// The longest head: two bytes, eight of length, four of mask.
const MAX_HEAD_BYTES: usize = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    /// Text or binary.
    Data,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A frame's head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub opcode: Opcode,
    pub is_final: bool,
    pub length: u64,
    mask: Option<[u8; 4]>,
}

impl Head {
    /// Visits `bytes`, which stand at `at` in the payload, without their mask.
    pub fn unmask(&self, at: u64, bytes: &[u8], mut visit: impl FnMut(&[u8])) {
        let Some(mask) = self.mask else {
            visit(bytes);
            return;
        };
        let mut plain = [0; UNMASK_BYTES];
        // Pieces are of a multiple of four bytes, so each begins at the same byte of the mask.
        let mut key = mask;
        key.rotate_left((at % 4) as usize);
        for piece in bytes.chunks(UNMASK_BYTES) {
            let pairs = plain.iter_mut().zip(piece).zip(key.iter().cycle());
            for ((plain, byte), key) in pairs {
                *plain = byte ^ key;
            }
            visit(plain.get(..piece.len()).unwrap_or_default());
        }
    }
}

/// The start of a head.
#[derive(Debug, Default)]
pub(super) struct Start {
    bytes: [u8; MAX_HEAD_BYTES],
    length: usize,
}

impl Start {
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes of `bytes` what the head lacks, and returns how much that is. `bytes` is not empty.
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        // The second byte tells how long the head is, so the first two are taken for themselves.
        let wanted = self.head_length().unwrap_or(2) - self.length;
        let taken = wanted.min(bytes.len());
        for (to, from) in self
            .bytes
            .iter_mut()
            .skip(self.length)
            .zip(bytes)
            .take(taken)
        {
            *to = *from;
        }
        self.length += taken;
        taken
    }

    fn head_length(&self) -> Option<usize> {
        if self.length < 2 {
            return None;
        }
        let [_, second, ..] = self.bytes;
        let extended = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        Some(2 + extended + mask)
    }

    /// The head, if it is whole.
    pub fn read(&self, sender: Sender) -> Result<Option<Head>, FrameError> {
        let Some(head_length) = self.head_length() else {
            return Ok(None);
        };
        let [first, second, rest @ ..] = self.bytes;
        let opcode = read_opcode(first)?;
        let is_masked = second & 0x80 != 0;
        if is_masked != (sender == Sender::Client) {
            return Err(FrameError::Masking);
        }
        let is_final = first & 0x80 != 0;
        let short = second & 0x7F;
        if opcode.is_control() && (!is_final || usize::from(short) > MAX_CONTROL_BYTES) {
            return Err(FrameError::BadControl);
        }
        if self.length < head_length {
            return Ok(None);
        }
        let [a, b, c, d, e, f, g, h, after @ ..] = rest;
        let (length, mask) = match short {
            126 => (u64::from(u16::from_be_bytes([a, b])), [c, d, e, f]),
            127 => {
                let [i, j, k, l] = after;
                let length = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                (length, [i, j, k, l])
            }
            short => (u64::from(short), [a, b, c, d]),
        };
        if length > u64::MAX >> 1 {
            return Err(FrameError::BadLength);
        }
        Ok(Some(Head {
            opcode,
            is_final,
            length,
            mask: is_masked.then_some(mask),
        }))
    }
}

fn read_opcode(first: u8) -> Result<Opcode, FrameError> {
    if first & 0x70 != 0 {
        return Err(FrameError::Reserved);
    }
    match first & 0x0F {
        0x0 => Ok(Opcode::Continuation),
        0x1 | 0x2 => Ok(Opcode::Data),
        0x8 => Ok(Opcode::Close),
        0x9 => Ok(Opcode::Ping),
        0xA => Ok(Opcode::Pong),
        _ => Err(FrameError::UnknownOpcode),
    }
}

/// One final frame without a mask.
pub(super) fn write(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + MAX_HEAD_BYTES);
    frame.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(126);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}
