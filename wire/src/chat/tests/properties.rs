//! What holds for any input.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::any_json::{any_json, one_of};
use crate::chat::{read_completions_request, read_reply, write_reply, write_request};
use crate::format::Format;
use crate::loss::{DropParams, Losses};
use crate::neutral::{Choice, Finish, Reply, Signature, Thinking, ToolCall};
use crate::usage::{Unit, Usage};

/// The format's own words, of which nonsense is made that gets far.
const WORDS: &[&str] = &[
    "model",
    "messages",
    "role",
    "user",
    "assistant",
    "system",
    "tool",
    "function",
    "content",
    "type",
    "text",
    "image_url",
    "url",
    "input_audio",
    "data",
    "format",
    "file",
    "file_data",
    "file_id",
    "refusal",
    "tool_calls",
    "id",
    "arguments",
    "name",
    "custom",
    "input",
    "tool_call_id",
    "tools",
    "parameters",
    "tool_choice",
    "auto",
    "allowed_tools",
    "mode",
    "functions",
    "function_call",
    "response_format",
    "json_schema",
    "schema",
    "reasoning",
    "effort",
    "thinking",
    "thinking_blocks",
    "signature",
    "reasoning_content",
    "cache_control",
    "ttl",
    "1h",
    "stop",
    "stream",
    "stream_options",
    "choices",
    "delta",
    "message",
    "index",
    "finish_reason",
    "usage",
    "error",
    "logprobs",
    "images",
    "prompt",
    "max_tokens",
    "extra_content",
];

fn any_of_the_format() -> impl Strategy<Value = Value> {
    any_json(one_of(WORDS), one_of(WORDS))
}

/// JSON under the members that lead deepest.
fn any_body() -> impl Strategy<Value = Value> {
    (any_of_the_format(), any_of_the_format(), any_of_the_format()).prop_map(|(one, two, three)| {
        let mut body = match one {
            Value::Object(body) => body,
            other => Map::from_iter([("prompt".to_owned(), other)]),
        };
        body.insert("model".to_owned(), "m".into());
        body.insert("messages".to_owned(), json!([{"role": "assistant", "content": two.clone(), "tool_calls": [three.clone()]}, three]));
        body.insert("choices".to_owned(), json!([{"message": two.clone(), "delta": two}]));
        Value::Object(body)
    })
}

fn read_all(body: &[u8]) {
    let context = plain_context();
    let read = [
        crate::chat::read_request(body),
        read_completions_request(body),
    ];
    for request in read.into_iter().flatten() {
        let mut losses = Losses::new(DropParams::All, "p", Format::Chat);
        let written = write_request(&request, &TARGET, &mut losses).unwrap();
        let again = crate::chat::read_request(&written);
        assert!(
            again.is_ok(),
            "{again:?} of {}",
            String::from_utf8_lossy(&written)
        );
    }
    if let Ok(reply) = read_reply(body, &context) {
        let written = write_reply(&reply, &context);
        assert!(read_reply(&written, &context).is_ok());
    }
    let mut decoder = Decoder::new(&context);
    let frame = crate::framing::Frame {
        name: "",
        data: body,
    };
    let mut encoder = Encoder::new(&context);
    let mut out = Vec::new();
    decoder.decode(&frame, &mut |event| encoder.encode(&event, &mut out));
    decoder.finish(&mut |event| encoder.encode(&event, &mut out));
    // Whatever was told, what is written is a stream.
    chunks(&String::from_utf8(out).unwrap());
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{1,12}",
        Just("\"quoted\"\n\\".to_owned()),
        Just("\u{1F600}é\u{0}".to_owned()),
    ]
}

fn any_signature() -> impl Strategy<Value = Signature> {
    let origin = prop::sample::select(vec![
        Format::Anthropic,
        Format::Gemini,
        Format::Bedrock,
        Format::Responses,
    ]);
    (origin, "[A-Za-z0-9+/]{1,20}=").prop_map(|(origin, value)| Signature::new(origin, value))
}

/// What a model may say in one answer: thoughts first, a text, calls.
fn any_answer() -> impl Strategy<Value = Vec<Part>> {
    let thought =
        (any_text(), any_signature(), any::<bool>()).prop_map(|(text, signature, is_redacted)| {
            Part::new(Content::Thinking(Thinking {
                text: if is_redacted { String::new() } else { text },
                signature: Some(signature),
                is_redacted,
            }))
        });
    let call = (
        any_text(),
        any::<bool>(),
        prop::option::of("[A-Za-z0-9]{4}"),
    )
        .prop_map(|(text, is_custom, proof)| {
            Part::new(Content::ToolCall(ToolCall {
                id: String::new(),
                name: "f".to_owned(),
                input: if is_custom {
                    text
                } else {
                    json!({"a": text}).to_string()
                },
                is_custom,
                signature: proof
                    .filter(|_| !is_custom)
                    .map(|it| Signature::new(Format::Gemini, it)),
            }))
        });
    let calls = prop::collection::vec(call, 0..4);
    (prop::collection::vec(thought, 0..3), any_text(), calls).prop_map(|(thoughts, text, calls)| {
        let mut parts = thoughts;
        parts.push(Part::text(text));
        parts.extend(calls);
        for (at, part) in parts.iter_mut().enumerate() {
            if let Content::ToolCall(call) = &mut part.content {
                call.id = format!("call_{at}");
            }
        }
        parts
    })
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let choices = prop::collection::vec(any_answer(), 1..3);
    (choices, prop::array::uniform3(0..1000_u64)).prop_map(|(answers, [input, cached, output])| {
        let mut usage = Usage::default();
        usage.set(Unit::Input, input);
        usage.set(Unit::CacheRead, cached);
        usage.set(Unit::Output, output);
        let choices = (0..).zip(answers).map(|(index, parts)| {
            let has_call = parts
                .iter()
                .any(|part| matches!(part.content, Content::ToolCall(_)));
            Choice {
                index,
                parts,
                finish: Some(if has_call {
                    Finish::ToolCalls
                } else {
                    Finish::Length
                }),
                logprobs: None,
            }
        });
        Reply {
            model: Some("m".to_owned()),
            choices: choices.collect(),
            usage: Some(usage),
            ..Reply::default()
        }
    })
}

/// The events that tell an answer piece by piece.
fn events_of(reply: &Reply) -> Vec<Event<'static>> {
    let mut events = vec![Event::Start {
        id: None,
        model: reply.model.clone().map(Into::into),
    }];
    for choice in &reply.choices {
        tell(choice, &mut events);
    }
    events.extend(reply.usage.map(Event::Usage));
    events.push(Event::Done);
    events
}

fn tell(told: &Choice, events: &mut Vec<Event<'static>>) {
    let choice = told.index;
    let mut tool = 0;
    for part in &told.parts {
        match part.content.clone() {
            Content::Text(text) => {
                events.extend(pieces(&text).map(|text| Event::Text { choice, text }))
            }
            Content::Thinking(thinking) => {
                let signature = thinking.signature.unwrap();
                events.extend(pieces(&thinking.text).map(|text| Event::Thinking { choice, text }));
                events.push(match thinking.is_redacted {
                    true => Event::RedactedThinking { choice, signature },
                    false => Event::Signature { choice, signature },
                });
            }
            Content::ToolCall(call) => {
                events.push(Event::ToolStart {
                    choice,
                    tool,
                    id: call.id.into(),
                    name: call.name.into(),
                    is_custom: call.is_custom,
                    signature: call.signature,
                });
                events.extend(pieces(&call.input).map(|text| Event::ToolInput {
                    choice,
                    tool,
                    text,
                }));
                tool += 1;
            }
            _ => {}
        }
    }
    let finish = told.finish.clone().unwrap();
    events.push(Event::Finish { choice, finish });
}

fn pieces(text: &str) -> impl Iterator<Item = std::borrow::Cow<'static, str>> {
    let letters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = letters
        .chunks(3)
        .map(|piece| piece.iter().collect())
        .collect();
    pieces.into_iter().map(Into::into)
}

/// The answer that an accumulating client ends up with.
fn gather(events: Vec<Event<'_>>) -> Reply {
    let mut reply = Reply::default();
    for event in events {
        match event {
            Event::Start { model, .. } => reply.model = model.map(std::borrow::Cow::into_owned),
            Event::Usage(usage) => reply.usage = Some(usage),
            Event::Text { choice, text } => match last_of(&mut reply, choice) {
                Some(Content::Text(whole)) => whole.push_str(&text),
                _ => push(&mut reply, choice, Content::Text(text.into_owned())),
            },
            Event::Thinking { choice, text } => match last_of(&mut reply, choice) {
                Some(Content::Thinking(it)) if it.signature.is_none() => it.text.push_str(&text),
                _ => think(&mut reply, choice, &text, None),
            },
            Event::Signature { choice, signature } => {
                if let Some(Content::Thinking(it)) = last_of(&mut reply, choice) {
                    it.signature = Some(signature);
                }
            }
            Event::RedactedThinking { choice, signature } => {
                think(&mut reply, choice, "", Some(signature));
            }
            Event::ToolStart {
                choice,
                id,
                name,
                is_custom,
                signature,
                ..
            } => {
                let call = ToolCall {
                    id: id.into_owned(),
                    name: name.into_owned(),
                    input: String::new(),
                    is_custom,
                    signature,
                };
                push(&mut reply, choice, Content::ToolCall(call));
            }
            Event::ToolInput { choice, text, .. } => {
                if let Some(Content::ToolCall(call)) = last_of(&mut reply, choice) {
                    call.input.push_str(&text);
                }
            }
            Event::Finish { choice, finish } => {
                choice_of(&mut reply, choice).finish = Some(finish);
            }
            _ => {}
        }
    }
    reply
}

fn push(reply: &mut Reply, index: u32, content: Content) {
    choice_of(reply, index).parts.push(Part::new(content));
}

fn think(reply: &mut Reply, index: u32, text: &str, hidden: Option<Signature>) {
    let thinking = Thinking {
        text: text.to_owned(),
        is_redacted: hidden.is_some(),
        signature: hidden,
    };
    push(reply, index, Content::Thinking(thinking));
}

fn last_of(reply: &mut Reply, index: u32) -> Option<&mut Content> {
    let last = choice_of(reply, index).parts.last_mut();
    last.map(|part| &mut part.content)
}

fn choice_of(reply: &mut Reply, index: u32) -> &mut Choice {
    if reply.choices.iter().all(|choice| choice.index != index) {
        reply.choices.push(Choice {
            index,
            parts: Vec::new(),
            finish: None,
            logprobs: None,
        });
    }
    let mut choices = reply.choices.iter_mut();
    choices.find(|choice| choice.index == index).unwrap()
}

/// The answer as a reader of chat sees it: Google's signatures of calls are of the format that told them.
fn as_read(mut reply: Reply) -> Reply {
    for part in reply
        .choices
        .iter_mut()
        .flat_map(|choice| &mut choice.parts)
    {
        if let Content::ToolCall(call) = &mut part.content
            && let Some(signature) = &mut call.signature
        {
            signature.origin = Format::Chat;
        }
    }
    reply
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_that_is_json_makes_a_reader_panic(body in any_body(), value in any_of_the_format()) {
        read_all(body.to_string().as_bytes());
        read_all(value.to_string().as_bytes());
    }

    #[test]
    fn nothing_at_all_does(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
        let mut stream = b"data: ".to_vec();
        stream.extend(&bytes);
        relay(&stream, 7, &plain_context());
    }

    #[test]
    fn a_whole_answer_comes_back(reply in any_reply()) {
        let context = plain_context();
        let mut read = read_reply(&write_reply(&reply, &context), &context).unwrap();
        (read.id, read.created_s) = (None, None);
        prop_assert_eq!(read, as_read(reply));
    }

    #[test]
    fn a_streamed_answer_comes_back_however_it_is_cut(reply in any_reply(), piece in 1..300_usize) {
        let request = Request { include_usage: true, ..Request::default() };
        let context = context(request);
        let mut encoder = Encoder::new(&context);
        let mut stream = Vec::new();
        for event in events_of(&reply) {
            encoder.encode(&event, &mut stream);
        }
        let text = String::from_utf8(stream.clone()).unwrap();
        prop_assert_eq!(gather(events(&text, &context)), as_read(reply));
        let whole = relay(&stream, stream.len(), &context);
        prop_assert_eq!(relay(&stream, piece, &context), whole);
    }

    #[test]
    fn a_conversation_comes_back(turns in prop::collection::vec((any_text(), any_answer(), any_text()), 1..5)) {
        let mut request = Request { model: "gpt-5-mini".to_owned(), ..Request::default() };
        for (asked, said, given) in turns {
            let calls: Vec<ToolCall> = said.iter().filter_map(|part| match &part.content {
                Content::ToolCall(call) => Some(call.clone()),
                _ => None,
            }).collect();
            // Thoughts and Google's signatures are not for this target.
            let said = said.into_iter().filter(|part| !matches!(part.content, Content::Thinking(_))).map(|mut part| {
                if let Content::ToolCall(call) = &mut part.content {
                    call.signature = None;
                }
                part
            });
            use crate::neutral::{Message, Role, ToolResult};
            request.messages.push(Message::new(Role::User, vec![Part::text(asked)]));
            request.messages.push(Message::new(Role::Assistant, said.collect()));
            for call in calls {
                let result = ToolResult {
                    call_id: call.id,
                    name: Some(call.name),
                    parts: vec![Part::text(given.clone())],
                    is_error: false,
                    is_custom: call.is_custom,
                };
                request.messages.push(Message::new(Role::User, vec![Part::new(Content::ToolResult(result))]));
            }
        }
        let mut losses = Losses::new(DropParams::None, "p", Format::Chat);
        let written = write_request(&request, &TARGET, &mut losses).unwrap();
        prop_assert_eq!(crate::chat::read_request(&written).unwrap(), request);
    }
}
