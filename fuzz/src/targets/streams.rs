//! Streams, from every format to every other.

use std::sync::Arc;

use weir_wire::bedrock::event_stream::write_message;
use weir_wire::format::Format;
use weir_wire::neutral::{Param, Reasoning, Request};
use weir_wire::stream::{Ending, Progress, StreamError};
use weir_wire::translate::{Context, relay};

use super::CHUNK_BYTES;

/// A call whose client asked for all there is.
pub fn context() -> Context {
    let reasoning = Reasoning {
        include_thoughts: Some(true),
        ..Reasoning::default()
    };
    Context {
        call_id: "0199c0de-0000-7000-8000-000000000001".to_owned(),
        model: "its-model".to_owned(),
        created_s: 1_760_000_000,
        think_tags: true,
        request: Arc::new(Request {
            stream: true,
            include_usage: true,
            reasoning: Some(reasoning),
            // Whoever asks for a search is told of sources.
            params: vec![(Param::WebSearchOptions, serde_json::json!({}))],
            ..Request::default()
        }),
    }
}

/// What a relay made of a stream.
#[derive(Debug, PartialEq)]
struct Relayed {
    fed: Result<(), StreamError>,
    out: Vec<u8>,
    ending: Ending,
    progress: Progress,
}

fn relayed(stream: &[u8], from: Format, to: Format, size: usize) -> Relayed {
    let mut relay = relay(from, to, &context());
    let mut out = Vec::new();
    let mut chunks = stream.chunks(size);
    let fed = chunks.try_for_each(|chunk| relay.feed(chunk, &mut out));
    let ending = relay.finish(&mut out);
    Relayed {
        fed,
        out: out.concat(),
        ending,
        progress: relay.progress().clone(),
    }
}

/// However a stream is cut, the same comes out and is understood; and a whole one is a whole one for its client.
pub fn stream(provider: Format, bytes: &[u8]) {
    for client in [provider].into_iter().chain(Format::IN) {
        let whole = relayed(bytes, provider, client, bytes.len().max(1));
        for size in CHUNK_BYTES {
            let cut = relayed(bytes, provider, client, size);
            assert_eq!(cut, whole, "{provider:?} to {client:?} in chunks of {size}");
        }
        if whole.ending == Ending::Complete && client != provider && client != Format::Completions {
            check_ending(provider, client, &whole.out);
        }
    }
}

/// A sign of life for Gemini's clients. It is of the first candidate, of which a provider may never speak again.
const ALIVE: &str =
    r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":""}]}}]}"#;

/// What a client is given of a whole answer is a whole answer in its format.
fn check_ending(provider: Format, client: Format, out: &[u8]) {
    let text = String::from_utf8_lossy(out);
    let again = relayed(out, client, Format::Bedrock, usize::MAX);
    assert_eq!(again.fed, Ok(()), "{provider:?} to {client:?}: {text}");
    if !text.contains(ALIVE) {
        assert_eq!(
            again.ending,
            Ending::Complete,
            "{provider:?} to {client:?}: {text}"
        );
    }
}

/// Lines of an event's type and its payload, in Amazon's frames: few mutations would get past their checksums.
pub fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let space = line.iter().position(|byte| *byte == b' ');
        let (name, payload) = line
            .split_at_checked(space.unwrap_or(0))
            .unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        write_message(&name, payload.trim_ascii_start(), &mut out);
    }
    out
}
