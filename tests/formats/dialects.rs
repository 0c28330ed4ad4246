//! The formats that clients speak, by hand: where each asks, and what it hears.

use crate::questions::{self, Question};
use serde_json::{Value, json};
use weir_testkit::{Client, Response, Transcript};

/// A format of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Chat,
    Completions,
    Responses,
    Anthropic,
    Gemini,
}

/// What a client heard, in words that all formats share.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    pub status: u16,
    pub text: String,
    pub thoughts: String,
    pub calls: Vec<HeardCall>,
    /// The client's own word for why the answer ended.
    pub finish: String,
    /// Tokens of the prompt, those from the cache among them.
    pub input: u64,
    pub cached: u64,
    pub output: u64,
    /// Whether the answer ended as the client's format ends answers.
    pub ended: bool,
    /// The words of an error, in the client's envelope.
    pub error: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeardCall {
    pub id: String,
    pub name: String,
    pub arguments: Value,
}

impl Dialect {
    pub const ALL: [Self; 5] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
    ];

    /// Whether it has tools and thoughts.
    pub fn converses(self) -> bool {
        self != Self::Completions
    }

    /// The words for an end by itself, by calls, and by the limit.
    pub fn endings(self) -> [&'static str; 3] {
        match self {
            Self::Chat => ["stop", "tool_calls", "length"],
            Self::Completions => ["stop", "", "length"],
            Self::Responses => ["completed", "completed", "incomplete"],
            Self::Anthropic => ["end_turn", "tool_use", "max_tokens"],
            Self::Gemini => ["STOP", "STOP", "MAX_TOKENS"],
        }
    }

    /// The path and the body of a question.
    pub fn request(self, model: &str, question: Question, stream: bool) -> (String, Value) {
        let mut body = questions::body(self, question);
        if self == Self::Gemini {
            let method = match stream {
                true => "streamGenerateContent?alt=sse",
                false => "generateContent",
            };
            return (format!("/v1beta/models/{model}:{method}"), body);
        }
        body["model"] = json!(model);
        body["stream"] = json!(stream);
        if stream && matches!(self, Self::Chat | Self::Completions) {
            body["stream_options"] = json!({"include_usage": true});
        }
        (self.path().to_owned(), body)
    }

    fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
            Self::Anthropic => "/v1/messages",
            Self::Gemini => "/v1beta/models",
        }
    }

    /// Asks, and listens to the end.
    pub fn ask(self, client: &Client, model: &str, question: Question, stream: bool) -> Heard {
        let (path, body) = self.request(model, question, stream);
        let client = client
            .clone()
            .with_header("anthropic-version", "2023-06-01");
        if !stream {
            return self.hear(&client.post(&path, &body));
        }
        let events = client.stream_at(&path, &body);
        if events.head.status != 200 {
            // An error has no events; what there is of it is asked for again, whole.
            return self.hear(&client.post(&path, &body));
        }
        self.hear_events(&events.transcript())
    }

    /// What a whole answer says.
    pub fn hear(self, answer: &Response) -> Heard {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let mut heard = Heard {
            status: answer.status,
            error: self.error(&body),
            ended: answer.whole && answer.status == 200,
            ..Heard::default()
        };
        if heard.error.is_none() {
            match self {
                Self::Chat => chat_choice(&body["choices"][0], "message", &mut heard),
                Self::Completions => completion_choice(&body["choices"][0], &mut heard),
                Self::Responses => response(&body, &mut heard),
                Self::Anthropic => message(&body, &mut heard),
                Self::Gemini => candidate(&body, &mut heard),
            }
            self.usage(&body, &mut heard);
        }
        finish_calls(&mut heard);
        heard
    }

    /// What the events of a stream say, put together.
    fn hear_events(self, told: &Transcript) -> Heard {
        let mut heard = Heard {
            status: told.status,
            ..Heard::default()
        };
        for event in &told.events {
            let body = event.json();
            heard.error = heard.error.or_else(|| self.error(&body));
            let is_done = event.data.as_deref() == Some("[DONE]");
            match self {
                Self::Chat => {
                    heard.ended |= is_done;
                    chat_choice(&body["choices"][0], "delta", &mut heard);
                }
                Self::Completions => {
                    heard.ended |= is_done;
                    completion_choice(&body["choices"][0], &mut heard);
                }
                Self::Responses => response_event(event, &body, &mut heard),
                Self::Anthropic => message_event(event, &body, &mut heard),
                Self::Gemini => candidate(&body, &mut heard),
            }
            self.usage(&body, &mut heard);
        }
        // Gemini's streams have no terminator but the reason why they finished.
        heard.ended |= self == Self::Gemini && !heard.finish.is_empty();
        heard.ended &= told.whole;
        finish_calls(&mut heard);
        heard
    }

    /// What the elements of a stream say that came as a JSON array, as Gemini's may.
    pub fn hear_elements(self, answer: &Response, elements: &[Value]) -> Heard {
        let mut heard = Heard {
            status: answer.status,
            ..Heard::default()
        };
        for body in elements {
            heard.error = heard.error.or_else(|| self.error(body));
            candidate(body, &mut heard);
            self.usage(body, &mut heard);
        }
        heard.ended = answer.whole && !heard.finish.is_empty();
        finish_calls(&mut heard);
        heard
    }

    /// The words of an error in this format's envelope, which must be complete.
    fn error(self, body: &Value) -> Option<String> {
        let error = match self {
            Self::Responses if body["type"] == "response.failed" => &body["response"]["error"],
            Self::Responses if body["type"] == "error" => body,
            _ => &body["error"],
        };
        let words = error["message"].as_str()?;
        let complete = match self {
            Self::Anthropic => body["type"] == "error" && error["type"].is_string(),
            Self::Gemini => error["code"].is_u64() && error["status"].is_string(),
            Self::Responses if body["type"].is_string() => error["code"].is_string(),
            _ => error["type"].is_string(),
        };
        assert!(
            complete,
            "{self:?}: an error's envelope is incomplete: {body}"
        );
        Some(words.to_owned())
    }

    fn usage(self, body: &Value, heard: &mut Heard) {
        let count = |usage: &Value, path: &str| usage.pointer(path).and_then(Value::as_u64);
        let usage = match self {
            Self::Gemini => &body["usageMetadata"],
            Self::Responses if body["response"].is_object() => &body["response"]["usage"],
            Self::Anthropic if body["message"].is_object() => &body["message"]["usage"],
            _ => &body["usage"],
        };
        let [input, cached, output] = match self {
            Self::Chat | Self::Completions => [
                "/prompt_tokens",
                "/prompt_tokens_details/cached_tokens",
                "/completion_tokens",
            ],
            Self::Responses => [
                "/input_tokens",
                "/input_tokens_details/cached_tokens",
                "/output_tokens",
            ],
            Self::Anthropic => [
                "/input_tokens",
                "/cache_read_input_tokens",
                "/output_tokens",
            ],
            Self::Gemini => [
                "/promptTokenCount",
                "/cachedContentTokenCount",
                "/candidatesTokenCount",
            ],
        };
        heard.cached = count(usage, cached).unwrap_or(heard.cached);
        if let Some(input) = count(usage, input) {
            // Anthropic counts what came from the cache apart.
            heard.input = input
                + if self == Self::Anthropic {
                    heard.cached
                } else {
                    0
                };
        }
        if let Some(output) = count(usage, output) {
            heard.output = output + count(usage, "/thoughtsTokenCount").unwrap_or(0);
        }
    }
}

/// Arguments that came in fragments are parsed once they are whole.
fn finish_calls(heard: &mut Heard) {
    for call in &mut heard.calls {
        if let Value::String(text) = &call.arguments {
            call.arguments =
                serde_json::from_str(text).unwrap_or(json!(format!("not JSON: {text}")));
        }
    }
}

fn append(to: &mut String, value: &Value) {
    to.push_str(value.as_str().unwrap_or_default());
}

fn append_arguments(call: &mut HeardCall, more: &Value) {
    let so_far = call.arguments.as_str().unwrap_or_default();
    call.arguments = json!(format!("{so_far}{}", more.as_str().unwrap_or_default()));
}

fn chat_choice(choice: &Value, said: &str, heard: &mut Heard) {
    let said = &choice[said];
    append(&mut heard.text, &said["content"]);
    append(&mut heard.thoughts, &said["reasoning_content"]);
    for (at, call) in said["tool_calls"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let index = call["index"]
            .as_u64()
            .map_or(at, |index| usize::try_from(index).unwrap_or(at));
        if heard.calls.len() <= index {
            heard.calls.resize_with(index + 1, HeardCall::default);
        }
        let known = &mut heard.calls[index];
        append(&mut known.id, &call["id"]);
        append(&mut known.name, &call["function"]["name"]);
        append_arguments(known, &call["function"]["arguments"]);
    }
    append(&mut heard.finish, &choice["finish_reason"]);
}

fn completion_choice(choice: &Value, heard: &mut Heard) {
    append(&mut heard.text, &choice["text"]);
    append(&mut heard.finish, &choice["finish_reason"]);
}

fn response(body: &Value, heard: &mut Heard) {
    append(&mut heard.finish, &body["status"]);
    for item in body["output"].as_array().into_iter().flatten() {
        match item["type"].as_str().unwrap_or_default() {
            "message" => append(&mut heard.text, &item["content"][0]["text"]),
            "reasoning" => append(&mut heard.thoughts, &item["summary"][0]["text"]),
            "function_call" => heard.calls.push(function_call(item)),
            other => panic!("an unknown item {other:?} in {body}"),
        }
    }
}

fn function_call(item: &Value) -> HeardCall {
    let mut call = HeardCall::default();
    append(&mut call.id, &item["call_id"]);
    append(&mut call.name, &item["name"]);
    append_arguments(&mut call, &item["arguments"]);
    call
}

/// Clients tell events by their `event:` lines.
fn named<'a>(event: &weir_testkit::Event, body: &'a Value) -> &'a str {
    let kind = body["type"].as_str().unwrap_or_default();
    let line = format!("event: {kind}");
    assert!(
        event.data.is_none() || event.lines.contains(&line),
        "{:?}",
        event.lines
    );
    kind
}

fn response_event(event: &weir_testkit::Event, body: &Value, heard: &mut Heard) {
    match named(event, body) {
        "response.output_text.delta" => append(&mut heard.text, &body["delta"]),
        "response.reasoning_summary_text.delta" => append(&mut heard.thoughts, &body["delta"]),
        "response.output_item.done" if body["item"]["type"] == "function_call" => {
            heard.calls.push(function_call(&body["item"]));
        }
        "response.completed" | "response.incomplete" => {
            heard.ended = true;
            append(&mut heard.finish, &body["response"]["status"]);
            let mut whole = Heard::default();
            response(&body["response"], &mut whole);
            assert_eq!(whole.text, heard.text, "the last event repeats the deltas");
            assert_eq!(whole.calls, heard.calls, "the last event repeats the calls");
        }
        _ => {}
    }
}

fn message(body: &Value, heard: &mut Heard) {
    append(&mut heard.finish, &body["stop_reason"]);
    for block in body["content"].as_array().into_iter().flatten() {
        content_block(block, heard);
    }
}

fn content_block(block: &Value, heard: &mut Heard) {
    match block["type"].as_str().unwrap_or_default() {
        "text" => append(&mut heard.text, &block["text"]),
        "thinking" => append(&mut heard.thoughts, &block["thinking"]),
        "tool_use" => {
            let mut call = HeardCall {
                arguments: block["input"].clone(),
                ..HeardCall::default()
            };
            append(&mut call.id, &block["id"]);
            append(&mut call.name, &block["name"]);
            heard.calls.push(call);
        }
        other => panic!("an unknown block {other:?}"),
    }
}

fn message_event(event: &weir_testkit::Event, body: &Value, heard: &mut Heard) {
    let delta = &body["delta"];
    match named(event, body) {
        "content_block_start" => content_block(&body["content_block"], heard),
        "content_block_delta" => {
            append(&mut heard.text, &delta["text"]);
            append(&mut heard.thoughts, &delta["thinking"]);
            if let Some(call) = heard.calls.last_mut() {
                append_arguments(call, &delta["partial_json"]);
            }
        }
        "message_delta" => append(&mut heard.finish, &delta["stop_reason"]),
        "message_stop" => heard.ended = true,
        _ => {}
    }
}

fn candidate(body: &Value, heard: &mut Heard) {
    let candidate = &body["candidates"][0];
    append(&mut heard.finish, &candidate["finishReason"]);
    for part in candidate["content"]["parts"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let to = match part["thought"] == true {
            true => &mut heard.thoughts,
            false => &mut heard.text,
        };
        append(to, &part["text"]);
        if part["functionCall"].is_object() {
            let call = &part["functionCall"];
            let mut known = HeardCall {
                arguments: call["args"].clone(),
                ..HeardCall::default()
            };
            append(&mut known.id, &call["id"]);
            append(&mut known.name, &call["name"]);
            heard.calls.push(known);
        }
    }
}
