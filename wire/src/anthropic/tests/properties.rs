//! What holds for every input.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, context, request, result, rewrite, target, user};
use crate::anthropic::{Decoder, Encoder, read_reply, read_request};
use crate::any_json::{any_json, one_of};
use crate::format::Format;
use crate::framing::Framing;
use crate::loss::DropParams;
use crate::neutral::{Content, Event, Finish, Message, Part, Request, Role, Tool};
use crate::stream::{Decode, Encode, Ending};
use crate::translate::write_request;
use crate::usage::{Unit, Usage};

/// A stream of the shape that Anthropic's have, with thoughts, text beyond ASCII, and calls.
const STREAM: &str = "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\r\n\r\n\
: keep-alive\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hm…\"}}\n\n\
event: content_block_delta\ndata:{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQB\"}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
event: ping\ndata: {\"type\": \"ping\"}\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Grüße 🦀 \\\"x\\\" \\ud83e\\udd80\"}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\\\"}\\\"}\"}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n\
event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}}\n\n\
event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[test]
fn chunks_make_no_difference() {
    let context = context(Request::default());
    let (whole, progress, ending) = rewrite(STREAM.as_bytes(), usize::MAX, &context);
    assert_eq!(ending, Ending::Complete);
    assert_eq!(progress.usage.unwrap().get(Unit::Output), 9);
    assert!(progress.has_output && progress.finished);
    for size in 1..=300 {
        let cut = rewrite(STREAM.as_bytes(), size, &context);
        assert_eq!(
            (&cut.0, &cut.1, cut.2),
            (&whole, &progress, ending),
            "{size}"
        );
    }
    // What was written is a stream of the same format, and so can be read and written again.
    let (again, same_progress, _) = rewrite(&whole, 7, &context);
    assert_eq!(String::from_utf8(again), String::from_utf8(whole));
    assert_eq!(same_progress.usage, progress.usage);
}

#[test]
fn a_stream_cut_anywhere_is_never_whole() {
    let context = context(Request::default());
    let last = STREAM.rfind("event: message_stop").unwrap();
    for end in 0..last {
        let (_, _, ending) = rewrite(&STREAM.as_bytes()[..end], 64, &context);
        assert_eq!(ending, Ending::Truncated, "{end}");
    }
}

const WORDS: &[&str] = &[
    "type",
    "role",
    "content",
    "text",
    "thinking",
    "signature",
    "tool_use",
    "tool_result",
    "input",
    "id",
    "name",
    "source",
    "base64",
    "data",
    "media_type",
    "image",
    "document",
    "url",
    "user",
    "assistant",
    "system",
    "messages",
    "model",
    "max_tokens",
    "tools",
    "tool_choice",
    "cache_control",
    "ttl",
    "1h",
    "output_config",
    "format",
    "schema",
    "json_schema",
    "enabled",
    "usage",
    "index",
    "delta",
    "content_block",
    "message",
    "text_delta",
    "partial_json",
    "input_schema",
    "stop_reason",
    "error",
    "citations",
    "redacted_thinking",
    "content_block_delta",
    "content_block_start",
    "message_start",
    "message_delta",
    "tool_use_id",
    "properties",
    "citation",
];

/// JSON of the format's own words, in places right and wrong.
fn any_of_the_format() -> impl Strategy<Value = Value> {
    any_json(one_of(WORDS), one_of(WORDS))
}

/// A request whose members are of the right names, and of any type.
fn any_request() -> impl Strategy<Value = Value> {
    let block = (
        prop::sample::select(&["text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "x"][..]),
        any_of_the_format(),
    )
        .prop_map(|(kind, other)| {
            let mut block = json!({"type": kind, "text": "t", "id": "i", "name": "n", "input": {}, "tool_use_id": "i",
                "thinking": "h", "signature": "s", "data": "d", "source": {"type": "base64", "media_type": "image/png", "data": "A"}});
            if let Value::Object(members) = other {
                block.as_object_mut().unwrap().extend(members);
            }
            block
        });
    let message = (
        prop::sample::select(&["user", "assistant", "system"][..]),
        prop::collection::vec(block, 0..4),
    )
        .prop_map(|(role, content)| json!({"role": role, "content": content}));
    (prop::collection::vec(message, 0..6), any_of_the_format()).prop_map(|(messages, other)| {
        let mut body = json!({"model": "m", "max_tokens": 100});
        if let Value::Object(members) = other {
            body.as_object_mut().unwrap().extend(members);
        }
        body["messages"] = Value::from(messages);
        body
    })
}

const MODELS: &[&str] = &[
    "claude-3-5-haiku",
    "claude-opus-4-5",
    "claude-sonnet-4-6",
    "claude-opus-5",
    "claude-opus-5-5",
    "other",
];

/// What Anthropic checks of a conversation before it looks at what is said.
fn assert_is_well_formed(body: &Value) {
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "user");
    for pair in messages.windows(2) {
        assert_ne!(pair[0]["role"], pair[1]["role"]);
    }
    for message in messages {
        let blocks = message["content"].as_array().unwrap();
        assert!(!blocks.is_empty());
        let is_result = |block: &Value| block["type"] == "tool_result";
        if message["role"] == "user" {
            let mut after_results = blocks.iter().skip_while(|block| is_result(block));
            assert!(!after_results.any(is_result));
        }
        for block in blocks.iter().filter(|block| block["type"] == "text") {
            assert!(!block["text"].as_str().unwrap().trim().is_empty());
        }
    }
    if let Some(budget) = body["thinking"]["budget_tokens"].as_u64() {
        assert!(budget >= 1024 && budget < body["max_tokens"].as_u64().unwrap());
    }
}

/// Calls and results of a conversation, in order.
fn calls(messages: &[Message]) -> Vec<(String, String)> {
    let parts = messages.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) => {
                Some((call.id.clone(), format!("{}{}", call.name, call.input)))
            }
            Content::ToolResult(result) => {
                Some((result.call_id.clone(), format!("{:?}", result.parts)))
            }
            _ => None,
        })
        .collect()
}

fn events() -> impl Strategy<Value = Vec<Event<'static>>> {
    let text = "\\PC{1,6}";
    let piece = prop_oneof![
        text.prop_map(|text| Event::Text {
            choice: 0,
            text: text.into()
        }),
        text.prop_map(|text| Event::Thinking {
            choice: 0,
            text: text.into()
        }),
        Just(Event::Ping),
        Just(Event::ToolStart {
            choice: 0,
            tool: 0,
            id: "".into(),
            name: "f".into(),
            is_custom: false,
            signature: None,
        }),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| {
        let mut events = vec![Event::Start {
            id: None,
            model: None,
        }];
        let mut tools = 0;
        for piece in pieces {
            if let Event::ToolStart { .. } = piece {
                events.push(Event::ToolStart {
                    choice: 0,
                    tool: tools,
                    id: format!("call_{tools}").into(),
                    name: "f".into(),
                    is_custom: false,
                    signature: None,
                });
                for text in ["{\"a\":[\"", "}\"]}"] {
                    events.push(Event::ToolInput {
                        choice: 0,
                        tool: tools,
                        text: text.into(),
                    });
                }
                tools += 1;
            } else {
                events.push(piece);
            }
        }
        let mut usage = Usage::default();
        usage.set(Unit::Input, 4);
        usage.set(Unit::CacheRead, 5);
        usage.set(Unit::Output, 6);
        let finish = if tools > 0 {
            Finish::ToolCalls
        } else {
            Finish::Length
        };
        events.extend([
            Event::Usage(usage),
            Event::Finish { choice: 0, finish },
            Event::Done,
        ]);
        events
    })
}

/// What a stream says, however it is cut into pieces.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    thinking: String,
    tools: Vec<(String, String)>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    is_done: bool,
}

impl Said {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Text { text, .. } => self.text.push_str(text),
            Event::Thinking { text, .. } => self.thinking.push_str(text),
            Event::ToolStart { id, .. } => self.tools.push((id.to_string(), String::new())),
            Event::ToolInput { tool, text, .. } => self.tools[*tool as usize].1.push_str(text),
            Event::Finish { finish, .. } => self.finish = Some(finish.clone()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Done => self.is_done = true,
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn reading_never_panics(
        value in any_of_the_format(),
        mut message in any_request(),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let context = context(Request::default());
        message["content"] = message.pointer("/messages/0/content").cloned().unwrap_or_default();
        message["content_block"] = message.pointer("/content/0").cloned().unwrap_or_default();
        message["type"] = "content_block_start".into();
        let near = message.to_string().into_bytes();
        for body in [value.to_string().into_bytes(), near, bytes] {
            // Whether it can be read does not matter here.
            let _request = read_request(&body);
            let _reply = read_reply(&body, &context);
            let mut framing = Framing::sse();
            let mut decoder = Decoder::new(&context);
            let mut stream = b"data: ".to_vec();
            stream.extend_from_slice(&body);
            stream.extend_from_slice(b"\n\n");
            framing.feed(&stream, |frame, _| {
                decoder.decode(&frame, &mut |_| {});
                true
            }).unwrap();
        }
    }

    #[test]
    fn what_is_read_is_written_well_formed(body in any_request(), model in prop::sample::select(MODELS)) {
        if let Ok(request) = read_request(body.to_string().as_bytes()) {
            for policy in [DropParams::Hints, DropParams::All] {
                if let Ok(rendered) = write_request(Format::Anthropic, &request, &target(model), policy) {
                    assert_is_well_formed(&serde_json::from_slice(&rendered.body).unwrap());
                }
            }
        }
    }

    #[test]
    fn a_conversation_comes_back_with_its_calls_and_texts(
        turns in prop::collection::vec(("[a-zA-Z]{1,9}", 0..3_usize), 1..6),
    ) {
        let mut messages = vec![user("Go.")];
        for (at, (text, count)) in turns.iter().enumerate() {
            let ids: Vec<_> = (0..*count).map(|call| format!("toolu_{at}_{call}")).collect();
            let mut parts = vec![Part::text(text)];
            parts.extend(ids.iter().map(|id| call(id, "f", r#"{"z":1,"a":[true,"ü"]}"#)));
            messages.push(Message::new(Role::Assistant, parts));
            let mut parts: Vec<_> = ids.iter().map(|id| result(id, text)).collect();
            parts.push(Part::text(text));
            messages.push(Message::new(Role::User, parts));
        }
        let mut original = request(messages);
        original.tools = vec![Tool::Function {
            name: "f".to_owned(), description: None, parameters: Some(json!({"type": "object"})), strict: None, cache: None,
            rest: serde_json::Map::new(),
        }];
        let rendered = write_request(Format::Anthropic, &original, &target("m"), DropParams::None).unwrap();
        let read = read_request(&rendered.body).unwrap();
        prop_assert_eq!(calls(&read.messages), calls(&original.messages));
        prop_assert_eq!(read.messages, original.messages);
        prop_assert_eq!(read.tools, original.tools);
    }

    #[test]
    fn what_is_streamed_is_read_as_the_same(events in events()) {
        let context = context(Request::default());
        let mut encoder = Encoder::new(&context);
        let mut stream = Vec::new();
        let mut meant = Said::default();
        for event in &events {
            meant.take(event);
            encoder.encode(event, &mut stream);
        }
        let mut framing = Framing::sse();
        let mut decoder = Decoder::new(&context);
        let mut said = Said::default();
        framing.feed(&stream, |frame, _| {
            decoder.decode(&frame, &mut |event| said.take(&event));
            true
        }).unwrap();
        prop_assert_eq!(said, meant);
    }
}
