//! Amazon's event stream framing.

use crate::stream::StreamError;

/// Messages cut out of a stream of bytes.
#[derive(Debug, Default)]
pub struct Messages {}

impl Messages {
    /// Takes a chunk and visits every message that is whole now: its type, its payload, and its bytes as they came. The
    /// visitor returns false to stop for good.
    pub(crate) fn feed(
        &mut self,
        chunk: &[u8],
        mut visit: impl FnMut(&str, &[u8], &[u8]) -> bool,
    ) -> Result<(), StreamError> {
        let _ = (chunk, &mut visit);
        unimplemented!()
    }

    /// Whether an unfinished message is left.
    pub(crate) fn has_rest(&self) -> bool {
        unimplemented!()
    }
}
