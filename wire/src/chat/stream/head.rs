//! What all chunks of a stream begin with, and how a stream ends.

use crate::chat::usage;
use crate::chat::write_json::write_json;
use crate::translate::Context;
use crate::usage::Usage;

/// The start of a chunk, up to the inside of its list of choices: written once, copied for each chunk.
pub(in crate::chat) struct Head {
    id: String,
    object: &'static str,
    created_s: u64,
    include_usage: bool,
    usage: Option<Usage>,
    bytes: Vec<u8>,
}

impl Head {
    /// A head of chunks that say they are an `object`, with ids that begin with `prefix`.
    pub fn new(prefix: &str, object: &'static str, context: &Context) -> Self {
        let mut head = Self {
            id: format!("{prefix}{}", context.call_id),
            object,
            created_s: context.created_s,
            include_usage: context.request.include_usage,
            usage: None,
            bytes: Vec::new(),
        };
        head.set_model(&context.model);
        head
    }

    /// Names the model that answers.
    pub fn set_model(&mut self, model: &str) {
        let bytes = &mut self.bytes;
        bytes.clear();
        bytes.extend_from_slice(b"data: {\"id\":");
        write_json(&self.id, bytes);
        bytes.extend_from_slice(b",\"object\":");
        write_json(self.object, bytes);
        bytes.extend_from_slice(b",\"created\":");
        write_json(&self.created_s, bytes);
        bytes.extend_from_slice(b",\"model\":");
        write_json(model, bytes);
        bytes.extend_from_slice(b",\"choices\":[");
    }

    /// Keeps the usage for the end.
    pub fn set_usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// Begins a chunk.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Room for a usual piece, so that a chunk grows its buffer once.
        const PIECE_BYTES: usize = 160;
        out.reserve(self.bytes.len() + PIECE_BYTES);
        out.extend_from_slice(&self.bytes);
    }

    /// Ends the stream: the usage, if the client asked for it and it is known, and the terminator.
    pub fn write_end(&self, out: &mut Vec<u8>) {
        if let Some(used) = self.usage.filter(|_| self.include_usage) {
            self.write(out);
            out.extend_from_slice(b"],\"usage\":");
            write_json(&usage::write(&used), out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}
