//! Streams as providers send them, relayed and understood: see `streams/README.md`.

#![expect(
    clippy::unwrap_used,
    reason = "a failed expectation is the test's failure"
)]

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use weir_wire::chat_stream::{ChatStream, Ending, Progress, StreamRules};
use weir_wire::usage::Unit;

fn read(file: &str) -> Option<String> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/streams"));
    fs::read_to_string(folder.join(file)).ok()
}

/// Relays a stream in chunks of `chunk_length` bytes.
fn relay(stream: &str, strip_usage: bool, chunk_length: usize) -> (String, Progress, Ending) {
    let mut relay = ChatStream::new(StreamRules { strip_usage });
    let mut out = Vec::new();
    for chunk in stream.as_bytes().chunks(chunk_length) {
        relay.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    let relayed = String::from_utf8(out.concat()).unwrap();
    (relayed, relay.progress().clone(), ending)
}

/// Checks what is relayed of a recording, and hands out what was understood.
fn check(name: &str) -> (Progress, Ending) {
    let stream = read(&format!("{name}.sse")).unwrap();
    let relayed = read(&format!("{name}.relayed.sse")).unwrap_or_else(|| stream.clone());
    let stripped = read(&format!("{name}.stripped.sse")).unwrap_or_else(|| relayed.clone());
    let (_, progress, ending) = relay(&stream, false, stream.len());
    for chunk_length in [1, 7, 100, stream.len()] {
        for (strip_usage, expected) in [(false, &relayed), (true, &stripped)] {
            let outcome = relay(&stream, strip_usage, chunk_length);
            assert_eq!(&outcome.0, expected, "{name}");
            assert_eq!((&outcome.1, outcome.2), (&progress, ending), "{name}");
        }
    }
    (progress, ending)
}

fn units(progress: &Progress) -> Vec<(Unit, u64)> {
    progress
        .usage
        .iter()
        .flat_map(|usage| usage.iter().collect::<Vec<_>>())
        .collect()
}

#[test]
fn openai() {
    let (progress, ending) = check("openai");
    assert_eq!(ending, Ending::Complete);
    assert_eq!(
        units(&progress),
        [
            (Unit::Input, 93),
            (Unit::CacheRead, 1024),
            (Unit::Output, 46)
        ]
    );
    assert_eq!(progress.id.as_deref(), Some("chatcmpl-B9abc"));
    assert_eq!(progress.model.as_deref(), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!((progress.output_events, progress.output_bytes), (3, 17));
    assert!(progress.has_output && progress.finished && progress.done);
}

#[test]
fn openai_tools() {
    let (progress, ending) = check("openai_tools");
    assert_eq!(ending, Ending::Complete);
    assert_eq!(progress.usage, None);
    assert_eq!((progress.output_events, progress.output_bytes), (3, 20));
}

#[test]
fn azure() {
    let (progress, ending) = check("azure");
    assert_eq!(ending, Ending::Complete);
    assert_eq!(units(&progress), [(Unit::Input, 19), (Unit::Output, 3)]);
    assert_eq!(progress.id.as_deref(), Some("chatcmpl-Az1"));
}

#[test]
fn openrouter() {
    let (progress, ending) = check("openrouter");
    assert_eq!(ending, Ending::Complete);
    assert_eq!(
        units(&progress),
        [
            (Unit::Input, 94),
            (Unit::CacheWrite5m, 100),
            (Unit::Output, 5),
            (Unit::Reasoning, 7)
        ]
    );
    assert_eq!(progress.output_bytes, 11);
}

#[test]
fn groq() {
    let (progress, ending) = check("groq");
    assert_eq!(ending, Ending::Complete);
    assert_eq!(units(&progress), [(Unit::Input, 42), (Unit::Output, 3)]);
}

#[test]
fn deepseek() {
    let (progress, ending) = check("deepseek");
    assert_eq!(ending, Ending::Complete);
    assert_eq!(
        units(&progress),
        [
            (Unit::Input, 10),
            (Unit::CacheRead, 40),
            (Unit::Output, 5),
            (Unit::Reasoning, 15)
        ]
    );
}

#[test]
fn vllm_with_usage_on_every_chunk() {
    let (progress, ending) = check("vllm_usage_on_every_chunk");
    assert_eq!(ending, Ending::Complete);
    assert_eq!(units(&progress), [(Unit::Input, 5), (Unit::Output, 3)]);
    assert_eq!(progress.output_bytes, 7);
}

#[test]
fn gemini_with_crlf() {
    let (progress, ending) = check("gemini_crlf");
    assert_eq!(ending, Ending::Complete);
    assert_eq!(
        units(&progress),
        [(Unit::Input, 20), (Unit::Output, 3), (Unit::Reasoning, 405)]
    );
}

#[test]
fn an_error_in_a_200() {
    let (progress, ending) = check("error_in_a_200");
    assert_eq!(ending, Ending::Failed);
    assert!(!progress.has_output && !progress.done);
    assert_eq!(
        progress.error.unwrap().kind.as_deref(),
        Some("server_error")
    );
}

#[test]
fn an_error_after_output() {
    let (progress, ending) = check("error_after_output");
    assert_eq!(ending, Ending::Failed);
    assert!(progress.has_output);
    assert_eq!(
        progress.error.unwrap().message,
        "Provider disconnected unexpectedly"
    );
}

#[test]
fn a_google_error_in_plain_json() {
    let (progress, ending) = check("google_error_in_plain_json");
    assert_eq!(ending, Ending::Failed);
    let error = progress.error.unwrap();
    assert_eq!(error.code.as_deref(), Some("429"));
    assert_eq!(error.kind.as_deref(), Some("RESOURCE_EXHAUSTED"));
}

#[test]
fn a_truncated_stream() {
    let (progress, ending) = check("truncated");
    assert_eq!(ending, Ending::Truncated);
    assert_eq!((progress.output_events, progress.output_bytes), (1, 11));
}
