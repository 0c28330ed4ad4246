//! What cuts bytes apart, and what reads them in one pass.

use bytes::Bytes;
use weir_wire::body::{Edit, ModelEdit, parse, render};
use weir_wire::chat_stream::{ChatStream, StreamRules};
use weir_wire::format::Format;
use weir_wire::multipart::Form;
use weir_wire::usage::{Unit, from_modalities, from_openai};
use weir_wire::websocket::{Messages, Sender};
use weir_wire::{chat_reply, errors};

use super::CHUNK_BYTES;

/// A body that is taken is edited so that a second reading finds the edit, and it alone.
pub fn body(bytes: &[u8]) {
    let Ok(head) = parse(bytes) else {
        return;
    };
    let nothing = Edit {
        model: ModelEdit::Absent,
        include_usage: false,
        max_tokens_field: None,
    };
    assert_eq!(render(bytes, &head, &nothing), bytes);
    let edit = Edit {
        model: ModelEdit::Named("another \"model\""),
        include_usage: true,
        max_tokens_field: Some("max_tokens"),
    };
    let edited = render(bytes, &head, &edit);
    let again = parse(&edited).expect("what was edited is a body still");
    assert_eq!(again.model.as_deref(), Some("another \"model\""));
    assert!(again.include_usage);
    assert_eq!(again.max_output_tokens, head.max_output_tokens);
    // Numbers out of range and halves of characters are passed on as they are, to those who take them.
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        return;
    };
    let after: serde_json::Value = serde_json::from_slice(&edited).expect("JSON as before");
    for (key, value) in json.as_object().expect("a body is an object") {
        let is_edited = [
            "model",
            "stream_options",
            "max_tokens",
            "max_completion_tokens",
        ]
        .contains(&key.as_str());
        assert!(is_edited || after.get(key) == Some(value), "{key}");
    }
}

/// Amazon's frames as they come, without a look into them.
pub fn event_stream(bytes: &[u8]) {
    super::streams::stream(Format::Bedrock, bytes);
}

/// A form means the same in any chunks.
pub fn multipart(bytes: &[u8]) {
    let told = |size: usize| {
        let mut form = Form::new(b"multipart/form-data; boundary=xYz").expect("a fair boundary");
        let fed: Result<(), _> = bytes.chunks(size).try_for_each(|chunk| form.feed(chunk));
        let model = (form.field("model").map(str::to_owned), form.model_place());
        (
            fed,
            form.finish(),
            form.known().clone(),
            form.has_file(),
            model,
        )
    };
    let whole = told(bytes.len().max(1));
    for size in CHUNK_BYTES {
        assert_eq!(told(size), whole, "in chunks of {size}");
    }
}

/// The relay of a chat stream to a client of the same.
pub fn sse(bytes: &[u8]) {
    for strip_usage in [false, true] {
        let told = |size: usize| {
            let mut stream = ChatStream::new(StreamRules { strip_usage });
            let mut out = Vec::new();
            let fed: Result<(), _> = bytes
                .chunks(size)
                .try_for_each(|chunk| stream.feed(Bytes::copy_from_slice(chunk), &mut out));
            let ending = stream.finish(&mut out);
            (fed, ending, out.concat(), stream.progress().clone())
        };
        let whole = told(bytes.len().max(1));
        for size in CHUNK_BYTES {
            assert_eq!(told(size), whole, "in chunks of {size}");
        }
    }
}

/// Counts of any size are read, and never make a total that wraps.
pub fn usage(bytes: &[u8]) {
    let read = [
        from_openai(bytes),
        from_modalities(bytes, (Unit::Input, Unit::Output)),
        chat_reply::inspect(bytes).and_then(|reply| reply.usage),
    ];
    for usage in read.into_iter().flatten() {
        for (unit, count) in usage.iter() {
            if unit.is_input() {
                assert!(count <= usage.input_total());
            } else if unit.is_output() {
                assert!(count <= usage.output_total());
            }
        }
    }
    let _told = errors::parse_error(bytes);
}

/// The frames of both sides of a WebSocket.
pub fn websocket(bytes: &[u8]) {
    for sender in [Sender::Client, Sender::Server] {
        let told = |size: usize| {
            let mut messages = Messages::new(sender);
            let mut seen = Vec::new();
            let fed: Result<(), _> = bytes.chunks(size).try_for_each(|chunk| {
                messages.feed(chunk, |message| seen.push(format!("{message:?}")))
            });
            (fed, seen, messages.is_between_messages())
        };
        let whole = told(bytes.len().max(1));
        for size in CHUNK_BYTES {
            assert_eq!(told(size), whole, "in chunks of {size}");
        }
    }
}
