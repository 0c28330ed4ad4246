//! Writes a stream as Anthropic's clients read it.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::object_end::ObjectEnd;
use crate::anthropic::citations::citation;
use crate::anthropic::finish::{self, Said};
use crate::anthropic::response::{
    carrier_block, image_block, message_id, redacted_block, tool_use_block,
};
use crate::anthropic::usage;
use crate::format::Format;
use crate::neutral::{Event, Finish, Signature};
use crate::stream::Encode;
use crate::translate::Context;
use crate::usage::Usage;

/// One content block is open at a time. Calls of tools that another format tells of side by side are written one after
/// the other: those that wait are kept until the one at hand is whole.
pub(crate) struct Encoder {
    context: Context,
    has_started: bool,
    /// The number of the next block.
    next: u32,
    open: Open,
    /// What stands before the text of a delta of the open block.
    delta_prefix: Vec<u8>,
    waiting: VecDeque<Tool>,
    said: Said,
    finish: Finish,
    usage: Usage,
}

enum Open {
    Nothing,
    Text,
    Thinking,
    Tool(Tool),
}

/// A call of a tool that is written, or waits to be.
struct Tool {
    tool: u32,
    id: String,
    name: String,
    signature: Option<Signature>,
    is_custom: bool,
    /// Input that has come and is not written yet.
    input: String,
    end: ObjectEnd,
}

const DELTA: &[u8] =
    b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";
const DELTA_END: &[u8] = b"}}\n\n";
const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";
const MESSAGE_STOP: &[u8] = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

impl Encoder {
    pub fn new(context: &Context) -> Self {
        Self {
            context: context.clone(),
            has_started: false,
            next: 0,
            open: Open::Nothing,
            delta_prefix: Vec::new(),
            waiting: VecDeque::new(),
            said: Said::default(),
            finish: Finish::Stop,
            usage: Usage::default(),
        }
    }
}

impl Encode for Encoder {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(id.as_deref(), model.as_deref(), out),
            Event::Text { choice: 0, text } => self.write_text(text, out),
            Event::Refusal { choice: 0, text } => {
                self.said.refusal = true;
                self.write_text(text, out);
            }
            Event::Thinking { choice: 0, text } => {
                if !matches!(self.open, Open::Thinking) {
                    self.open_thinking(out);
                }
                self.write_delta(text, out);
            }
            Event::Signature {
                choice: 0,
                signature,
            } => self.write_signature(signature, out),
            Event::RedactedThinking {
                choice: 0,
                signature,
            } => {
                let data = signature.write(Format::Anthropic);
                self.write_whole_block(&redacted_block(&data), out);
            }
            Event::Image {
                choice: 0,
                media_type,
                base64,
            } => self.write_whole_block(&image_block(media_type, base64), out),
            Event::ToolStart {
                choice: 0,
                tool,
                id,
                name,
                is_custom,
                signature,
            } => self.take_tool(
                Tool {
                    tool: *tool,
                    id: id.as_ref().to_owned(),
                    name: name.as_ref().to_owned(),
                    signature: signature.clone(),
                    is_custom: *is_custom,
                    input: String::new(),
                    end: ObjectEnd::default(),
                },
                out,
            ),
            Event::ToolInput {
                choice: 0,
                tool,
                text,
            } => self.take_input(*tool, text, out),
            Event::Annotations { choice: 0, value } => self.cite(value, out),
            Event::Finish { choice: 0, finish } => self.finish = finish.clone(),
            Event::Usage(usage) => self.usage = *usage,
            Event::Ping => out.extend_from_slice(PING),
            Event::Done => self.write_end(out),
            // A message is one answer of text, thoughts and tool calls: there is no place for anything else.
            _ => {}
        }
    }
}

impl Encoder {
    fn start(&mut self, id: Option<&str>, model: Option<&str>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let start = json!({
            "type": "message_start",
            "message": {
                "id": message_id(id, &self.context),
                "type": "message",
                "role": "assistant",
                "model": model.unwrap_or(&self.context.model),
                "content": [],
                "stop_reason": null,
                "stop_sequence": null,
                "usage": usage::write(&self.usage),
            },
        });
        write_event("message_start", &start, out);
    }

    fn write_text(&mut self, text: &str, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Text) {
            if text.is_empty() {
                return;
            }
            self.close_all(out);
            self.open_block(&json!({"type": "text", "text": ""}), out);
            self.set_delta("{\"type\":\"text_delta\",\"text\":");
            self.open = Open::Text;
        }
        self.write_delta(text, out);
    }

    /// Citations are of the open text; behind its end there is no place for them.
    fn cite(&self, annotations: &Value, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Text) {
            return;
        }
        let index = self.next.saturating_sub(1);
        let list = annotations.as_array().into_iter().flatten();
        for citation in list.filter_map(citation) {
            let delta = json!({
                "type": "content_block_delta",
                "index": index,
                "delta": {"type": "citations_delta", "citation": citation},
            });
            write_event("content_block_delta", &delta, out);
        }
    }

    fn open_thinking(&mut self, out: &mut Vec<u8>) {
        self.close_all(out);
        // Clients expect a signature, though it comes later, if it comes.
        self.open_block(
            &json!({"type": "thinking", "thinking": "", "signature": ""}),
            out,
        );
        self.set_delta("{\"type\":\"thinking_delta\",\"thinking\":");
        self.open = Open::Thinking;
    }

    /// A signature ends the thoughts it is of.
    fn write_signature(&mut self, signature: &Signature, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Thinking) {
            self.open_thinking(out);
        }
        self.set_delta("{\"type\":\"signature_delta\",\"signature\":");
        self.write_delta(&signature.write(Format::Anthropic), out);
        self.close_all(out);
    }

    fn take_tool(&mut self, tool: Tool, out: &mut Vec<u8>) {
        self.said.tool_call = true;
        match &self.open {
            Open::Tool(open) if !open.is_whole() => self.waiting.push_back(tool),
            _ => self.open_tool(tool, out),
        }
    }

    fn take_input(&mut self, tool: u32, text: &str, out: &mut Vec<u8>) {
        if let Some(waiting) = self.waiting.iter_mut().find(|it| it.tool == tool) {
            waiting.input.push_str(text);
            return;
        }
        let Open::Tool(open) = &mut self.open else {
            return;
        };
        if open.tool != tool {
            return;
        }
        if open.is_custom {
            open.input.push_str(text);
            return;
        }
        open.end.feed(text);
        let is_whole = open.is_whole();
        self.write_delta(text, out);
        if is_whole {
            self.open_next_tools(out);
        }
    }

    /// Writes the calls that wait, until one is not whole.
    fn open_next_tools(&mut self, out: &mut Vec<u8>) {
        while let Open::Tool(open) = &self.open
            && open.is_whole()
            && let Some(next) = self.waiting.pop_front()
        {
            self.open_tool(next, out);
        }
    }

    fn open_tool(&mut self, mut tool: Tool, out: &mut Vec<u8>) {
        self.close(out);
        if let Some(signature) = &tool.signature {
            self.open_block(&carrier_block(signature), out);
            self.write_stop(out);
        }
        let mut block = tool_use_block(&tool.id, &tool.name);
        block.insert("input".to_owned(), json!({}));
        self.open_block(&Value::Object(block), out);
        self.set_delta("{\"type\":\"input_json_delta\",\"partial_json\":");
        if !tool.is_custom {
            let input = std::mem::take(&mut tool.input);
            tool.end.feed(&input);
            self.write_delta(&input, out);
        }
        self.open = Open::Tool(tool);
    }

    /// Closes the open block and writes the calls that wait, whole or not.
    fn close_all(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        while let Some(tool) = self.waiting.pop_front() {
            self.open_tool(tool, out);
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Tool(tool) if tool.is_custom => {
                let input = json!({"input": tool.input}).to_string();
                self.write_delta(&input, out);
            }
            Open::Text | Open::Thinking | Open::Tool(_) => {}
        }
        self.write_stop(out);
    }

    fn write_stop(&self, out: &mut Vec<u8>) {
        let stop = json!({"type": "content_block_stop", "index": self.next.saturating_sub(1)});
        write_event("content_block_stop", &stop, out);
    }

    fn write_whole_block(&mut self, block: &Value, out: &mut Vec<u8>) {
        self.close_all(out);
        self.open_block(block, out);
        self.write_stop(out);
    }

    fn open_block(&mut self, block: &Value, out: &mut Vec<u8>) {
        self.start(None, None, out);
        let start = json!({
            "type": "content_block_start",
            "index": self.next,
            "content_block": block,
        });
        write_event("content_block_start", &start, out);
        self.next += 1;
    }

    /// Sets what the deltas of the block just opened are.
    fn set_delta(&mut self, delta: &str) {
        self.delta_prefix.clear();
        self.delta_prefix.extend_from_slice(DELTA);
        let index = self.next.saturating_sub(1).to_string();
        self.delta_prefix.extend_from_slice(index.as_bytes());
        self.delta_prefix.extend_from_slice(b",\"delta\":");
        self.delta_prefix.extend_from_slice(delta.as_bytes());
    }

    fn write_delta(&self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        out.extend_from_slice(&self.delta_prefix);
        write_json(text, out);
        out.extend_from_slice(DELTA_END);
    }

    fn write_end(&mut self, out: &mut Vec<u8>) {
        self.start(None, None, out);
        self.close_all(out);
        let (reason, sequence) = finish::write(&self.finish, self.said);
        let delta = json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": usage::write(&self.usage),
        });
        write_event("message_delta", &delta, out);
        out.extend_from_slice(MESSAGE_STOP);
    }
}

impl Tool {
    /// Whether no more input is to come. A custom tool's text has no end of its own: the next call ends it.
    fn is_whole(&self) -> bool {
        self.is_custom || self.end.is_reached()
    }
}

fn write_event(name: &str, data: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    write_json(data, out);
    out.extend_from_slice(b"\n\n");
}

fn write_json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Strings and trees of JSON always serialize, and memory always takes them.
    let _always_written = serde_json::to_writer(out, value);
}
