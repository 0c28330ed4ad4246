use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::streams::RECORDED;
use super::{context, rendered};
use crate::any_json::{any_json, one_of};
use crate::framing::{Frame, Framing};
use crate::gemini::{Decoder, Encoder, read_reply, read_request};
use crate::loss::DropParams;
use crate::neutral::{Content, Event, Request};
use crate::stream::{Decode as _, Relay};

/// Relays a stream to a client of the same format as if it spoke another one, cut at these places.
fn relayed(stream: &[u8], cuts: &[usize]) -> (Vec<u8>, String) {
    let mut relay = Relay::new(
        Framing::sse(),
        Box::new(Decoder::new(&context())),
        Some(Box::new(Encoder::new(&context()))),
    );
    let mut out = Vec::new();
    let mut from = 0;
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(stream.len());
    for cut in cuts {
        let chunk = Bytes::copy_from_slice(&stream[from..cut]);
        from = cut;
        relay.feed(chunk, &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    (out.concat(), format!("{ending:?} {:?}", relay.progress()))
}

const KEYS: &[&str] = &[
    "contents",
    "parts",
    "role",
    "text",
    "inlineData",
    "inline_data",
    "mimeType",
    "data",
    "fileData",
    "fileUri",
    "functionCall",
    "functionResponse",
    "name",
    "args",
    "response",
    "id",
    "thought",
    "thoughtSignature",
    "executableCode",
    "systemInstruction",
    "tools",
    "functionDeclarations",
    "parameters",
    "parametersJsonSchema",
    "googleSearch",
    "toolConfig",
    "functionCallingConfig",
    "mode",
    "allowedFunctionNames",
    "generationConfig",
    "temperature",
    "topK",
    "stopSequences",
    "responseSchema",
    "responseMimeType",
    "thinkingConfig",
    "thinkingBudget",
    "speechConfig",
    "candidates",
    "content",
    "finishReason",
    "index",
    "usageMetadata",
    "promptTokenCount",
    "promptTokensDetails",
    "promptFeedback",
    "blockReason",
    "logprobsResult",
    "chosenCandidates",
    "error",
    "message",
    "type",
    "properties",
    "items",
    "anyOf",
    "$ref",
    "$defs",
    "nullable",
    "enum",
];

const VALUES: &[&str] = &[
    "",
    "user",
    "model",
    "STOP",
    "ANY",
    "OBJECT",
    "image/png",
    "#/$defs/name",
    "d2Vpci5h",
];

/// JSON of the format's own keys, in places where they belong and where they do not.
fn googles_json() -> impl Strategy<Value = Value> {
    any_json(one_of(KEYS), one_of(VALUES))
}

/// A turn of the conversation in Google's JSON, with calls and their results.
fn turns() -> impl Strategy<Value = Value> {
    let text = "[a-zé\"\\\\]{1,8}".prop_map(|text| json!({ "text": text }));
    let call = ("[a-z_]{1,6}", "[a-z]{1,4}", any::<i32>()).prop_map(
        |(name, key, value)| json!({"functionCall": {"name": name, "args": {key: value, "z": [1.5, "x"]}}}),
    );
    let model = prop::collection::vec(prop_oneof![text.clone(), call], 1..5);
    prop::collection::vec((text, model), 1..4).prop_map(|turns| {
        let mut contents = Vec::new();
        for (said, model) in turns {
            contents.push(json!({"role": "user", "parts": [said]}));
            let results: Vec<Value> = model
                .iter()
                .filter_map(|part| part.get("functionCall")?.get("name").cloned())
                .enumerate()
                .map(
                    |(at, name)| json!({"functionResponse": {"name": name, "response": {"n": at}}}),
                )
                .collect();
            contents.push(json!({"role": "model", "parts": model}));
            if !results.is_empty() {
                contents.push(json!({"role": "user", "parts": results}));
            }
        }
        json!({ "contents": contents })
    })
}

/// What a request says, apart from how it is cut into parts.
fn said(request: &Request) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut is_text = false;
    for message in &request.messages {
        for part in &message.parts {
            match &part.content {
                Content::Text(text) if is_text => said.last_mut().unwrap().push_str(text),
                Content::Text(text) => said.push(text.clone()),
                Content::ToolCall(call) => {
                    said.push(format!("{} {} {}", call.id, call.name, call.input));
                }
                Content::ToolResult(result) => said.push(format!("{result:?}")),
                other => said.push(format!("{other:?}")),
            }
            is_text = matches!(part.content, Content::Text(_));
        }
        is_text = false;
    }
    said
}

/// Parts of every kind with members of the right type, each of which may be missing, beside any JSON.
fn plausible_parts() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "",
        "a",
        "text/plain",
        "image/png",
        "https://x.org/a.png",
        "gs://b/c",
        "{\"a\":1}",
        "d2Vpci5hbnRocm9waWMucw==",
    ]);
    let object = prop_oneof![
        Just(json!({})),
        Just(json!({"result": "x"})),
        Just(json!({"error": {"a": 1}})),
        googles_json(),
    ];
    let members = (word.clone(), word, object, any::<bool>(), any::<u16>());
    members.prop_map(|(one, other, object, flag, dropped)| {
        let kinds = [
            json!({"text": one, "thought": flag, "thoughtSignature": other}),
            json!({"functionCall": {"name": one, "id": other, "args": object}, "thoughtSignature": other}),
            json!({"functionResponse": {"name": one, "id": other, "response": object, "parts": [{"inlineData": {"mimeType": one, "data": other}}]}}),
            json!({"inlineData": {"mimeType": one, "data": other, "displayName": one}}),
            json!({"fileData": {"fileUri": one, "mimeType": other}}),
            json!({"executableCode": object, "thought": flag}),
        ];
        let mut part = kinds[usize::from(dropped) % kinds.len()].clone();
        if let Value::Object(members) = &mut part {
            let mut bits = dropped >> 4;
            members.retain(|_, value| {
                bits >>= 1;
                if let Value::Object(inner) = value {
                    inner.retain(|_, _| {
                        bits >>= 1;
                        bits & 3 != 3
                    });
                }
                bits & 7 != 7
            });
        }
        part
    })
}

proptest! {
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(any::<usize>(), 0..12)) {
        let whole = relayed(RECORDED.as_bytes(), &[]);
        prop_assert_eq!(relayed(RECORDED.as_bytes(), &cuts), whole);
    }

    #[test]
    fn a_conversation_survives_being_written_and_read(body in turns()) {
        let request = read_request(body.to_string().as_bytes()).unwrap();
        let rendered = rendered(&request, "gemini-2.5-flash", DropParams::None).unwrap();
        let again = read_request(&rendered.body).unwrap();
        prop_assert_eq!(said(&again), said(&request));
    }

    #[test]
    fn no_json_makes_the_readers_or_writers_panic(value in googles_json()) {
        let body = value.to_string();
        if let Ok(request) = read_request(body.as_bytes()) {
            for model in ["gemini-2.0-flash", "gemini-2.5-pro", "gemini-3-flash", "x"] {
                let written = rendered(&request, model, DropParams::All).unwrap().body;
                prop_assert!(serde_json::from_slice::<Value>(&written).is_ok());
            }
        }
        if let Ok(reply) = read_reply(body.as_bytes(), &context()) {
            let written = crate::gemini::write_reply(&reply, &context());
            prop_assert!(read_reply(&written, &context()).is_ok());
        }
        let schema = crate::gemini::schema::for_google(&value);
        let _read = crate::gemini::schema::from_google(schema);
        decode(body.as_bytes());
    }

    #[test]
    fn plausible_requests_are_read_or_refused(
        user in prop::collection::vec(plausible_parts(), 0..4),
        model in prop::collection::vec(plausible_parts(), 0..4),
        schema in googles_json(),
    ) {
        let body = json!({
            "contents": [{"parts": user}, {"role": "model", "parts": model}, {"role": "function", "parts": user}],
            "generationConfig": {"responseSchema": schema, "thinkingConfig": {"thinkingBudget": 7}},
            "tools": [{"functionDeclarations": [{"name": "a", "parameters": schema}]}]
        });
        if let Ok(request) = read_request(body.to_string().as_bytes()) {
            for model in ["gemini-2.5-flash", "gemini-3-pro"] {
                let written = rendered(&request, model, DropParams::All).unwrap().body;
                let again = read_request(&written);
                prop_assert!(again.is_ok(), "{again:?} {}", String::from_utf8_lossy(&written));
            }
        }
    }

    #[test]
    fn plausible_answers_are_read_and_their_streams_are_well_ordered(
        parts in prop::collection::vec(plausible_parts(), 0..5),
        word in prop::sample::select(vec!["STOP", "MAX_TOKENS", "SAFETY", "ODD", ""]),
    ) {
        let body = json!({"candidates": [{"content": {"parts": parts}, "finishReason": word}]}).to_string();
        if let Ok(reply) = read_reply(body.as_bytes(), &context()) {
            let written = crate::gemini::write_reply(&reply, &context());
            prop_assert!(read_reply(&written, &context()).is_ok());
        }
        decode(body.as_bytes());
        let stream = format!("data: {body}\r\n\r\n");
        let (out, told) = relayed(stream.as_bytes(), &[]);
        let (again, told_again) = relayed(&out, &[]);
        prop_assert_eq!(out, again);
        prop_assert_eq!(told.starts_with("Complete"), told_again.starts_with("Complete"));
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _read = read_request(&bytes);
        let _read = read_reply(&bytes, &context());
        decode(&bytes);
    }
}

fn decode(data: &[u8]) {
    let mut decoder = Decoder::new(&context());
    let mut dones = 0;
    let mut note = |event: Event<'_>| dones += u32::from(event == Event::Done);
    for name in ["", "message", "error"] {
        decoder.decode(&Frame { name, data }, &mut note);
    }
    decoder.finish(&mut note);
    decoder.finish(&mut note);
    assert!(dones <= 1);
}

#[test]
fn every_single_cut_gives_the_same() {
    let whole = relayed(RECORDED.as_bytes(), &[]);
    for cut in 0..RECORDED.len() {
        assert_eq!(relayed(RECORDED.as_bytes(), &[cut]), whole, "{cut}");
    }
}
