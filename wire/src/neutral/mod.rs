//! What all formats mean: a request, an answer and the events of a stream, apart from how each format writes them.
//!
//! A translation reads one format into these types and writes another from them; each format's folder has both sides.
//! Traffic between a client and a provider of the same format never comes here. What no other format knows is kept:
//! unknown members stand in `rest`, and content of one format alone in [`Content::Other`].

mod content;
mod event;
mod param;
mod reply;
mod request;
mod signature;

pub use content::{
    CacheMark, Content, ContentKind, Message, Part, Role, Source, Thinking, ToolCall, ToolResult,
};
pub use event::Event;
pub use param::{Class, Param};
pub use reply::{Choice, Finish, Reply};
pub use request::{Reasoning, Request, ResponseFormat, Tool, ToolChoice};
pub use signature::Signature;

/// Members of a JSON object, in their order.
pub type Fields = serde_json::Map<String, serde_json::Value>;
