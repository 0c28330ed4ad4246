//! Writes a [`Chat`] down as the play for one request.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::act::{Act, Play};
use super::chat::{Chat, Cut, Framing, Split, UsageStyle};
use super::payload::{self, Envelope, TEXT, instance_of, with};
use super::record::Seen;
use super::reply::{Reply, chunk};

impl Chat {
    /// The text of an answer to `request`.
    fn text_for(&self, request: &Value) -> String {
        if self.structured {
            let null = Value::Null;
            let schema = request
                .pointer("/response_format/json_schema/schema")
                .unwrap_or(&null);
            return instance_of(schema, schema).to_string();
        }
        self.text.clone().unwrap_or_else(|| TEXT.to_owned())
    }

    fn finish_reason(&self) -> &'static str {
        if self.tools.is_empty() {
            "stop"
        } else {
            "tool_calls"
        }
    }

    fn usage_value(&self) -> Value {
        payload::usage(
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
        )
    }

    pub(super) fn play(&self, seen: &Seen) -> Play {
        let request = seen.json();
        let id = format!("chatcmpl-upstream{}", seen.seq);
        let model = request
            .get("model")
            .and_then(Value::as_str)
            .unwrap_or("none");
        let envelope = Envelope {
            id: &id,
            model,
            legacy: seen.path.ends_with("/v1/completions"),
        };
        let streamed = request.get("stream") == Some(&Value::Bool(true));
        let mut play = if streamed {
            self.stream(&envelope, &request)
        } else {
            self.whole(&envelope, &request)
        };
        if !self.first_byte.is_zero() {
            play = play.first(Act::Wait(self.first_byte));
        }
        match self.dribble {
            Some(bytes) => play.dribbled(bytes),
            None => play,
        }
    }

    fn whole(&self, envelope: &Envelope<'_>, request: &Value) -> Play {
        let tools: Vec<Value> = (0..)
            .zip(&self.tools)
            .map(|(index, tool)| tool_call(index, tool))
            .collect();
        let mut body = envelope.whole(&self.text_for(request), &tools, self.finish_reason());
        if self.usage != UsageStyle::Never {
            body = with(body, "usage", self.usage_value());
        }
        let reply = Reply::json(200, &body)
            .header("x-request-id", "req_upstream")
            .completes();
        self.headers
            .iter()
            .fold(reply, |reply, (name, value)| reply.header(name, value))
            .into_play()
    }

    fn stream(&self, envelope: &Envelope<'_>, request: &Value) -> Play {
        let mut head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_upstream\r\n\
                        transfer-encoding: chunked\r\n"
            .to_owned();
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut play = Play::new().send(head);
        let (mut events, ending) = self.ended(self.events(envelope, request), envelope, request);
        let paced = !self.every.is_zero();
        if self.split != Split::Event {
            events = resplit(&events.concat(), self.split);
        }
        for event in events {
            if paced {
                play = play.wait(self.every);
            } else if self.split != Split::Event {
                // Long enough for the reader to take the piece before the next one arrives.
                play = play.wait(Duration::from_micros(500));
            }
            play = play.send(chunk(&event));
        }
        let last = Bytes::from_static(b"0\r\n\r\n");
        match ending {
            Ending::Whole => play.send(last).completes(),
            Ending::Orderly => play.send(last),
            Ending::With(act) => play.act(act),
        }
    }

    /// The content events: role, pieces of text or tool calls.
    fn events(&self, envelope: &Envelope<'_>, request: &Value) -> Vec<Value> {
        let mut events = Vec::new();
        if !envelope.legacy {
            events.push(envelope.chunk(
                json!({"role": "assistant", "content": "", "refusal": null}),
                None,
            ));
        }
        if self.tools.is_empty() {
            for piece in pieces_of(&self.text_for(request), self.pieces) {
                events.push(envelope.chunk(json!({"content": piece}), None));
            }
            return events;
        }
        for (index, tool) in (0..).zip(&self.tools) {
            let mut call = tool_call(index, tool);
            if let Some(arguments) = call.pointer_mut("/function/arguments") {
                *arguments = json!("");
            }
            events.push(envelope.chunk(
                json!({"tool_calls": [with(call, "index", json!(index))]}),
                None,
            ));
        }
        // Parallel calls arrive interleaved.
        for at in 0..3 {
            for (index, (_, arguments)) in self.tools.iter().enumerate() {
                if let Some(part) = pieces_of(arguments, 3).get(at) {
                    let delta =
                        json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]});
                    events.push(envelope.chunk(delta, None));
                }
            }
        }
        events
    }

    /// The written events with the end that [`Cut`] asks for.
    fn ended(
        &self,
        events: Vec<Value>,
        envelope: &Envelope<'_>,
        request: &Value,
    ) -> (Vec<Vec<u8>>, Ending) {
        let asked = request.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
        let as_asked = asked && self.usage == UsageStyle::Asked;
        // OpenAI writes `"usage": null` on every other chunk where usage was asked for.
        let decorated = |event: Value| match self.usage {
            UsageStyle::EachChunk => with(event, "usage", self.usage_value()),
            UsageStyle::Asked if asked => with(event, "usage", Value::Null),
            _ => event,
        };
        let written = |event: Value| self.written(&decorated(event).to_string());
        let content: Vec<Vec<u8>> = events.into_iter().map(written).collect();
        let first = |count: usize| content.iter().take(count + 1).cloned().collect::<Vec<_>>();
        match self.cut {
            Cut::Empty => return (Vec::new(), Ending::Orderly),
            Cut::EndAfter(count) => return (first(count), Ending::Orderly),
            Cut::ResetAfter(count) => return (first(count), Ending::With(Act::Reset)),
            Cut::HangAfter(count) => return (first(count), Ending::With(Act::Hang)),
            Cut::MidEventAfter(count) => {
                let mut events = first(count);
                let next = written(envelope.chunk(json!({"content": "never whole"}), None));
                events.push(next.get(..next.len() / 2).unwrap_or_default().to_vec());
                return (events, Ending::With(Act::Close));
            }
            Cut::ErrorAfter(count) => {
                let error = json!({"error": {"message": "The scripted provider broke.", "type": "server_error",
                    "param": null, "code": "provider_broke"}});
                let mut events = if count == 0 { Vec::new() } else { first(count) };
                events.push(self.written(&error.to_string()));
                return (events, Ending::Orderly);
            }
            Cut::None | Cut::NoDone | Cut::NoFinalBlank => {}
        }
        let mut events = content;
        let finish = envelope.chunk(json!({}), Some(self.finish_reason()));
        events.push(match self.usage {
            UsageStyle::LastChunk => {
                self.written(&with(finish, "usage", self.usage_value()).to_string())
            }
            _ => written(finish),
        });
        if as_asked {
            events.push(self.written(&envelope.usage_chunk(self.usage_value()).to_string()));
        }
        match self.cut {
            Cut::NoDone => {}
            Cut::NoFinalBlank => events.push(b"data: [DONE]".to_vec()),
            _ => events.push(self.written("[DONE]")),
        }
        (events, Ending::Whole)
    }

    /// One event as this framing writes it.
    fn written(&self, data: &str) -> Vec<u8> {
        match self.framing {
            Framing::Lf => format!("data: {data}\n\n"),
            Framing::CrLf => format!("data: {data}\r\n\r\n"),
            Framing::NoSpace => format!("data:{data}\n\n"),
            Framing::Chatty => format!(": before\n\nid: 7\nretry: 3000\ndata: {data}\n\n"),
            Framing::Comments => format!(": OPENROUTER PROCESSING\n\ndata: {data}\n\n"),
            Framing::Named => format!("event: chunk\ndata: {data}\n\n"),
        }
        .into_bytes()
    }
}

/// How a stream's body ends.
enum Ending {
    /// Whole, and billed.
    Whole,
    /// With its last chunk, though something is missing.
    Orderly,
    /// With a deed instead of a last chunk.
    With(Act),
}

fn tool_call(index: usize, (name, arguments): &(String, String)) -> Value {
    json!({"id": format!("call_{index}"), "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// `text` in `count` pieces of whole characters; text with fewer characters is repeated instead.
fn pieces_of(text: &str, count: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let count = count.max(1);
    if count > characters.len() {
        return vec![text.to_owned(); count];
    }
    let size = characters.len().div_ceil(count);
    characters
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}

fn resplit(bytes: &[u8], split: Split) -> Vec<Vec<u8>> {
    let size = match split {
        Split::Event => bytes.len(),
        Split::Every(size) => size,
        Split::At(at) => {
            let (first, second) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
            return [first, second]
                .iter()
                .filter(|part| !part.is_empty())
                .map(|part| part.to_vec())
                .collect();
        }
    };
    bytes.chunks(size.max(1)).map(<[u8]>::to_vec).collect()
}
