//! What holds for any input.

use std::borrow::Cow;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::decoding::{recorded, stream_of};
use super::{Told, checked_data, context, encode, told};
use crate::format::Format;
use crate::framing::{Frame, Framing};
use crate::loss::{DropParams, Losses};
use crate::neutral::{Content, Event, Finish, Request, Signature};
use crate::responses::request::{read_request, write_request};
use crate::responses::{Decoder, Encoder, check_stateless, read_reply};
use crate::stream::{Decode, Ending, Progress, Relay};
use crate::translate::{Prefill, Target};
use crate::usage::{Unit, Usage};

const CHOICE: u32 = 0;

/// What a relay writes and knows after the stream has come in these pieces.
fn relayed(stream: &[u8], cuts: &[usize], is_translated: bool) -> (Vec<u8>, Progress, Ending) {
    let encoder = || Box::new(Encoder::new(&context())) as Box<_>;
    let mut relay = Relay::new(
        Framing::sse(),
        Box::new(Decoder::new(&context())),
        is_translated.then(encoder),
    );
    let mut out: Vec<Bytes> = Vec::new();
    let mut rest = stream;
    for &cut in cuts {
        let (piece, after) = rest.split_at_checked(cut).unwrap_or((rest, b""));
        relay.feed(Bytes::copy_from_slice(piece), &mut out).unwrap();
        rest = after;
    }
    relay.feed(Bytes::copy_from_slice(rest), &mut out).unwrap();
    let ending = relay.finish(&mut out);
    (out.concat(), relay.progress().clone(), ending)
}

/// Values of the format's own.
const WORDS: &str = "message reasoning function_call function_call_output custom_tool_call input_text input_image \
                     input_file input_audio output_text refusal user assistant system function custom json_schema \
                     json_object text auto allowed_tools completed incomplete failed x image_generation_call \
                     response.completed response.output_item.done response.output_text.delta error \
                     response.output_item.added data:image/png;base64,AA weir.gemini.call:x";

/// Keys of the format's own.
const KEYS: &str = "model input instructions tools tool_choice text format reasoning effort summary type role content \
                    name call_id id arguments output encrypted_content image_url file_data file_id input_audio data \
                    parameters schema include usage status error incomplete_details reason result annotations logprobs \
                    item response delta output_index summary_index stream store max_output_tokens prompt";

fn one_of(words: &'static str) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(words.split_whitespace().collect::<Vec<_>>())
}

/// JSON made of the format's own keys and words.
fn json_of_the_format() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => any::<i8>().prop_map(Value::from),
        6 => one_of(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let members = vec((one_of(KEYS), inner.clone()), 0..7);
        prop_oneof![
            1 => vec(inner, 0..4).prop_map(Value::from),
            3 => members.prop_map(|members| {
                let own = |(key, value): (&str, Value)| (key.to_owned(), value);
                Value::Object(members.into_iter().map(own).collect::<Map<_, _>>())
            }),
        ]
    })
}

fn read_all(bytes: &[u8]) {
    let _may_be_refused = read_request(bytes);
    let _may_be_unreadable = read_reply(bytes, &context());
    let _may_be_stateful = check_stateless(bytes);
    for name in ["", "error", "response.completed"] {
        let frame = Frame { name, data: bytes };
        let mut ends = 0;
        let mut decoder = Decoder::new(&context());
        decoder.decode(&frame, &mut |event| {
            ends += usize::from(matches!(event, Event::Done | Event::Error(_)));
        });
        assert!(ends <= 1);
    }
}

/// Turns of a conversation with tools, as a client would send them.
fn conversation() -> impl Strategy<Value = Vec<Value>> {
    let item = prop_oneof![
        "[a-zé\"\\\\]{1,8}".prop_map(|text| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})),
        "[a-z]{1,8}".prop_map(|text| json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]})),
        ("[a-z]{1,4}", "\\{\"[a-z]{1,3}\":[0-9]\\}").prop_map(|(id, arguments)| {
            json!({"type": "function_call", "call_id": id, "name": "f", "arguments": arguments})
        }),
        ("[a-z]{1,4}", "[a-z ]{0,9}").prop_map(|(id, input)| {
            json!({"type": "custom_tool_call", "call_id": format!("custom_{id}"), "name": "g", "input": input})
        }),
        ("[a-z]{1,4}", "[a-z]{0,9}").prop_map(|(id, output)| {
            json!({"type": "function_call_output", "call_id": id, "output": output})
        }),
        "[a-zA-Z]{1,9}".prop_map(|proof| {
            json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": proof})
        }),
    ];
    let last = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]});
    vec(item, 0..12).prop_map(move |mut items| {
        items.push(last.clone());
        items
    })
}

fn texts_joined(items: &[Value]) -> Vec<Value> {
    // Messages of the model that follow each other are one afterwards, and thoughts without what they led to are gone.
    let mut joined: Vec<Value> = Vec::new();
    for item in items {
        let is_user = item["role"] == "user" || item["type"] == "function_call_output";
        while is_user && joined.last().is_some_and(|it| it["type"] == "reasoning") {
            joined.pop();
        }
        match joined.last_mut() {
            Some(last) if last["role"] == "assistant" && item["role"] == "assistant" => {
                let more = item["content"].as_array().unwrap().clone();
                last["content"].as_array_mut().unwrap().extend(more);
            }
            _ => joined.push(item.clone()),
        }
    }
    joined
}

fn written(request: &Request) -> Value {
    let target = Target {
        provider: "openai",
        model: "m",
        max_output_tokens: None,
        stream_options: true,
        max_tokens_field: None,
        reasoning_field: None,
        reasoning_details: false,
        prefill: Prefill::None,
        anthropic_version: None,
    };
    let mut losses = Losses::new(DropParams::Hints, "openai", Format::Responses);
    serde_json::from_slice(&write_request(request, &target, &mut losses).unwrap()).unwrap()
}

/// A well-ordered stream of any source.
fn events() -> impl Strategy<Value = Vec<Event<'static>>> {
    let step = prop_oneof![
        "[a-zé\"\n]{1,6}".prop_map(Step::Text),
        "[a-z]{1,6}".prop_map(Step::Thinking),
        "[a-z]{1,6}".prop_map(Step::Refusal),
        Just(Step::Sign),
        Just(Step::Redacted),
        Just(Step::Tool(false)),
        Just(Step::Tool(true)),
        (any::<prop::sample::Index>(), "[a-z{}\"]{1,5}")
            .prop_map(|(which, text)| Step::Input(which, text)),
    ];
    let finish = prop::sample::select(vec![Finish::Stop, Finish::Length, Finish::ContentFilter]);
    (vec(step, 0..20), finish).prop_map(|(steps, finish)| play(steps, finish))
}

#[derive(Clone, Debug)]
enum Step {
    Text(String),
    Thinking(String),
    Refusal(String),
    Sign,
    Redacted,
    Tool(bool),
    Input(prop::sample::Index, String),
}

fn play(steps: Vec<Step>, finish: Finish) -> Vec<Event<'static>> {
    let choice = CHOICE;
    let mut tools = 0_u32;
    let mut events = vec![Event::Start {
        id: None,
        model: None,
    }];
    for step in steps {
        events.push(match step {
            Step::Text(text) => Event::Text {
                choice,
                text: Cow::Owned(text),
            },
            Step::Thinking(text) => Event::Thinking {
                choice,
                text: Cow::Owned(text),
            },
            Step::Refusal(text) => Event::Refusal {
                choice,
                text: Cow::Owned(text),
            },
            Step::Sign => Event::Signature {
                choice,
                signature: Signature::new(Format::Anthropic, "S"),
            },
            Step::Redacted => Event::RedactedThinking {
                choice,
                signature: Signature::new(Format::Anthropic, "R"),
            },
            Step::Tool(is_custom) => {
                tools += 1;
                Event::ToolStart {
                    choice,
                    tool: tools - 1,
                    id: Cow::Owned(format!("call_{tools}")),
                    name: Cow::Borrowed("f"),
                    is_custom,
                    signature: None,
                }
            }
            Step::Input(_, _) if tools == 0 => continue,
            Step::Input(which, text) => Event::ToolInput {
                choice,
                tool: which.index(tools as usize) as u32,
                text: Cow::Owned(text),
            },
        });
    }
    let mut usage = Usage::default();
    usage.set(Unit::Input, 3);
    usage.set(Unit::CacheWrite5m, 2);
    usage.set(Unit::Reasoning, 4);
    let is_refused = events
        .iter()
        .any(|event| matches!(event, Event::Refusal { text, .. } if !text.is_empty()));
    let finish = match finish {
        Finish::Stop if tools > 0 => Finish::ToolCalls,
        Finish::Stop if is_refused => Finish::Refusal,
        other => other,
    };
    events.extend([
        Event::Usage(usage),
        Event::Finish { choice, finish },
        Event::Done,
    ]);
    events
}

/// What must survive, however it was interleaved: texts, thoughts and refusals in order, each call with its input, and how
/// it ended.
#[derive(Debug, Default, PartialEq)]
struct Gist {
    text: String,
    thinking: String,
    refusal: String,
    signatures: Vec<String>,
    calls: Vec<(String, String)>,
    ending: Vec<String>,
}

impl Gist {
    fn of(lines: &[String]) -> Self {
        let mut gist = Self::default();
        for line in lines {
            let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
            match what {
                "text" => gist.text.push_str(rest),
                "thinking" => gist.thinking.push_str(rest),
                "refusal" => gist.refusal.push_str(rest),
                "signature" | "redacted" => gist.signatures.push(rest.to_owned()),
                "tool" => gist.calls.push((rest.to_owned(), String::new())),
                "input" => {
                    let (tool, input) = rest.split_once(' ').unwrap();
                    gist.calls[tool.parse::<usize>().unwrap()].1.push_str(input);
                }
                "usage" | "finish" | "done" => gist.ending.push(line.clone()),
                _ => {}
            }
        }
        gist
    }
}

proptest! {
    #[test]
    fn any_cuts_give_the_same_bytes(cuts in vec(1_usize..60, 0..200), is_translated: bool) {
        let stream = stream_of(&recorded());
        let whole = relayed(stream.as_bytes(), &[], is_translated);
        prop_assert_eq!(whole.2, Ending::Complete);
        prop_assert_eq!(relayed(stream.as_bytes(), &cuts, is_translated), whole);
    }

    #[test]
    fn a_stream_that_breaks_off_is_no_answer(length in 0_usize..6_000) {
        let stream = stream_of(&recorded());
        let last = stream.rfind("event:").unwrap();
        let broken = stream.as_bytes().get(..length.min(last)).unwrap();
        let (out, _, ending) = relayed(broken, &[], true);
        prop_assert_eq!(ending, Ending::Truncated);
        prop_assert!(!String::from_utf8_lossy(&out).contains("response.completed"));
    }

    #[test]
    fn no_json_breaks_a_reader(value in json_of_the_format()) {
        read_all(value.to_string().as_bytes());
        let request = json!({"model": "m", "input": [value]});
        read_all(request.to_string().as_bytes());
        let reply = json!({"status": "completed", "output": [value]});
        read_all(reply.to_string().as_bytes());
        read_all(json!({"type": "response.output_item.done", "item": value}).to_string().as_bytes());
        read_all(json!({"type": "response.completed", "response": value}).to_string().as_bytes());
    }

    #[test]
    fn no_bytes_break_a_reader(bytes in vec(any::<u8>(), 0..80)) {
        read_all(&bytes);
    }

    #[test]
    fn a_conversation_is_written_as_it_was_read(items in conversation()) {
        let body = json!({"model": "m", "instructions": "Be brief.", "input": items});
        let request = read_request(body.to_string().as_bytes()).unwrap();
        let again = written(&request);
        prop_assert_eq!(&again["instructions"], "Be brief.");
        let input = again["input"].as_array().unwrap();
        prop_assert_eq!(input, &texts_joined(&items));
        // What is read of it is the same, too.
        let second = read_request(again.to_string().as_bytes()).unwrap();
        let contents = |request: &Request| -> Vec<Content> {
            let parts = request.messages.iter().flat_map(|it| &it.parts);
            parts.map(|it| it.content.clone()).collect()
        };
        if input.len() == items.len() {
            prop_assert_eq!(contents(&second), contents(&request));
        }
    }

    #[test]
    fn any_events_come_through(events in events()) {
        let stream = encode(&events);
        let data = checked_data(&stream);
        let done: Vec<_> = data.iter().filter(|it| it["type"] == "response.output_item.done").collect();
        let output = data.last().unwrap()["response"]["output"].as_array().unwrap();
        prop_assert_eq!(done.len(), output.len());
        for item in done {
            let at = usize::try_from(item["output_index"].as_u64().unwrap()).unwrap();
            prop_assert_eq!(&output[at], &item["item"]);
        }
        // Input that comes after a call is whole has no place any more, and calls without input get one.
        let mut found = Gist::of(&told(&stream));
        let mut expected = Gist::of(&Told::of(&events));
        for (found, expected) in found.calls.iter_mut().zip(&mut expected.calls) {
            prop_assert_eq!(&found.0, &expected.0);
            let is_made_up = found.1 == "{}" && expected.1.is_empty();
            prop_assert!(is_made_up || expected.1.starts_with(found.1.as_str()));
            found.1.clear();
            expected.1.clear();
        }
        prop_assert_eq!(found, expected);
    }
}
