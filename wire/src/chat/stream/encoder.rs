//! Writing chunks of chat.
//!
//! What never changes in a stream (id, model, time) is written once; a piece of text costs its own escaping and two copies.

use serde_json::{Value, json};

use super::head::Head;
use crate::chat::assistant::write_signature;
use crate::chat::finish;
use crate::chat::response::{client_signature, write_image};
use crate::chat::thinking;
use crate::chat::write_json::write_json;
use crate::neutral::{Event, Finish, Signature, Thinking};
use crate::stream::Encode;
use crate::translate::Context;

/// Writes one stream.
pub(crate) struct Encoder {
    head: Head,
    answers: Vec<Answer>,
}

/// What was written of one of the answers.
#[derive(Default)]
struct Answer {
    index: u32,
    has_role: bool,
    has_refusal: bool,
    is_finished: bool,
    /// Thoughts whose signature has not come yet.
    thoughts: String,
    calls: Vec<Call>,
}

struct Call {
    tool: u32,
    is_custom: bool,
    has_input: bool,
}

impl Encoder {
    pub fn new(context: &Context) -> Self {
        Self {
            head: Head::new("chatcmpl-", "chat.completion.chunk", context),
            answers: Vec::new(),
        }
    }

    /// The number of an answer's state.
    fn place(&mut self, index: u32) -> usize {
        let mut known = self.answers.iter();
        known
            .position(|answer| answer.index == index)
            .unwrap_or_else(|| {
                self.answers.push(Answer {
                    index,
                    ..Answer::default()
                });
                self.answers.len() - 1
            })
    }

    /// Begins a chunk, up to the inside of its delta.
    fn open(&mut self, index: u32, out: &mut Vec<u8>) -> Option<&mut Answer> {
        let place = self.place(index);
        let answer = self.answers.get_mut(place)?;
        self.head.write(out);
        out.extend_from_slice(b"{\"index\":");
        write_json(&index, out);
        out.extend_from_slice(b",\"delta\":{");
        if !std::mem::replace(&mut answer.has_role, true) {
            out.extend_from_slice(b"\"role\":\"assistant\",");
        }
        Some(answer)
    }

    /// Writes a chunk whose delta has one member.
    fn member(&mut self, index: u32, key: &str, value: &Value, out: &mut Vec<u8>) {
        self.open(index, out);
        write_json(key, out);
        out.push(b':');
        write_json(value, out);
        close(out);
    }

    /// Writes a chunk whose delta has one text.
    fn text(&mut self, index: u32, key: &[u8], text: &str, out: &mut Vec<u8>) {
        self.open(index, out);
        out.extend_from_slice(key);
        write_json(text, out);
        close(out);
    }

    fn think(&mut self, index: u32, text: &str, out: &mut Vec<u8>) {
        if let Some(answer) = self.open(index, out) {
            answer.thoughts.push_str(text);
        }
        out.extend_from_slice(b"\"reasoning_content\":");
        write_json(text, out);
        close(out);
    }

    /// A signature goes out with the thoughts it proves once more, whole, as a client must send them back.
    fn sign(&mut self, index: u32, signature: &Signature, is_redacted: bool, out: &mut Vec<u8>) {
        let place = self.place(index);
        let Some(answer) = self.answers.get_mut(place) else {
            return;
        };
        let block = thinking::write_block(&Thinking {
            text: if is_redacted {
                String::new()
            } else {
                std::mem::take(&mut answer.thoughts)
            },
            signature: Some(signature.clone()),
            is_redacted,
        });
        self.member(index, "thinking_blocks", &json!([block]), out);
    }

    fn start_call(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let Event::ToolStart {
            choice,
            tool,
            id,
            name,
            is_custom,
            signature,
        } = event
        else {
            return;
        };
        let Some(answer) = self.open(*choice, out) else {
            return;
        };
        answer.calls.push(Call {
            tool: *tool,
            is_custom: *is_custom,
            has_input: false,
        });
        let (kind, input) = kind_of_call(*is_custom);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        write_json(tool, out);
        out.extend_from_slice(b",\"id\":");
        write_json(id.as_ref(), out);
        out.extend_from_slice(b",\"type\":");
        write_json(kind, out);
        out.push(b',');
        write_json(kind, out);
        out.extend_from_slice(b":{\"name\":");
        write_json(name.as_ref(), out);
        out.push(b',');
        write_json(input, out);
        out.extend_from_slice(b":\"\"}");
        if let Some(signature) = client_signature(signature.as_ref()) {
            out.extend_from_slice(b",\"extra_content\":");
            write_json(&write_signature(signature), out);
        }
        out.extend_from_slice(b"}]");
        close(out);
    }

    fn call_input(&mut self, index: u32, tool: u32, text: &str, out: &mut Vec<u8>) {
        let Some(answer) = self.open(index, out) else {
            return;
        };
        let mut calls = answer.calls.iter_mut();
        let call = calls.find(|call| call.tool == tool);
        let is_custom = call.is_some_and(|call| {
            call.has_input |= !text.is_empty();
            call.is_custom
        });
        let (kind, input) = kind_of_call(is_custom);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        write_json(&tool, out);
        out.push(b',');
        write_json(kind, out);
        out.extend_from_slice(b":{");
        write_json(input, out);
        out.push(b':');
        write_json(text, out);
        out.extend_from_slice(b"}}]");
        close(out);
    }

    /// Writes the tokens' probabilities in a chunk of their own: clients add them up as they come.
    fn logprobs(&mut self, index: u32, value: &Value, out: &mut Vec<u8>) {
        self.open(index, out);
        out.extend_from_slice(b"\"content\":\"\"},\"logprobs\":");
        write_json(value, out);
        out.extend_from_slice(b",\"finish_reason\":null}]}\n\n");
    }

    fn finish(&mut self, index: u32, finish: &Finish, out: &mut Vec<u8>) {
        let place = self.place(index);
        let Some(answer) = self.answers.get_mut(place) else {
            return;
        };
        if std::mem::replace(&mut answer.is_finished, true) {
            return;
        }
        let word = finish::write(finish, !answer.calls.is_empty(), answer.has_refusal).to_owned();
        let has_said = answer.has_role;
        // Arguments must be an object even where there are none.
        let without_input = answer
            .calls
            .iter()
            .filter(|call| !call.has_input && !call.is_custom);
        let without_input: Vec<u32> = without_input.map(|call| call.tool).collect();
        for tool in without_input {
            self.call_input(index, tool, "{}", out);
        }
        self.open(index, out);
        if !has_said {
            out.extend_from_slice(b"\"content\":\"\"");
        }
        out.extend_from_slice(b"},\"finish_reason\":");
        write_json(&word, out);
        out.extend_from_slice(b"}]}\n\n");
    }

    fn done(&mut self, out: &mut Vec<u8>) {
        let open = self.answers.iter().filter(|answer| !answer.is_finished);
        let open: Vec<u32> = open.map(|answer| answer.index).collect();
        for index in open {
            self.finish(index, &Finish::Stop, out);
        }
        self.head.write_end(out);
    }
}

/// Ends a chunk from the inside of its delta.
fn close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"},\"finish_reason\":null}]}\n\n");
}

/// The type of a call, and the name of its input.
fn kind_of_call(is_custom: bool) -> (&'static str, &'static str) {
    match is_custom {
        true => ("custom", "input"),
        false => ("function", "arguments"),
    }
}

impl Encode for Encoder {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice, text } => self.text(*choice, b"\"content\":", text, out),
            Event::Thinking { choice, text } => self.think(*choice, text, out),
            Event::ToolInput { choice, tool, text } => self.call_input(*choice, *tool, text, out),
            Event::ToolStart { .. } => self.start_call(event, out),
            Event::Signature { choice, signature } => self.sign(*choice, signature, false, out),
            Event::RedactedThinking { choice, signature } => {
                self.sign(*choice, signature, true, out);
            }
            Event::Refusal { choice, text } => {
                self.text(*choice, b"\"refusal\":", text, out);
                let place = self.place(*choice);
                if let Some(answer) = self.answers.get_mut(place) {
                    answer.has_refusal = true;
                }
            }
            Event::Image {
                choice,
                media_type,
                base64,
            } => {
                let image = write_image(&format!("data:{media_type};base64,{base64}"));
                self.member(*choice, "images", &json!([image]), out);
            }
            Event::Audio { choice, value } => self.member(*choice, "audio", value, out),
            Event::Annotations { choice, value } => {
                self.member(*choice, "annotations", value, out);
            }
            Event::Logprobs { choice, value } => self.logprobs(*choice, value, out),
            Event::Finish { choice, finish } => self.finish(*choice, finish, out),
            Event::Start {
                model: Some(model), ..
            } => self.head.set_model(model),
            Event::Usage(usage) => self.head.set_usage(*usage),
            Event::Ping => out.extend_from_slice(b": keepalive\n\n"),
            Event::Done => self.done(out),
            Event::Start { .. } | Event::Error(_) => {}
        }
    }
}
