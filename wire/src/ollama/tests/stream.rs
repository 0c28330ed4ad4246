use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::chat_stream::Ending;
use crate::framing::{Frame, Framing};
use crate::neutral::Event;
use crate::ollama::Decoder;
use crate::stream::{Decode, Encode, Relay};
use crate::translate;
use crate::usage::Unit;

/// Writes down what happens, a line each.
struct Recorder;

impl Encode for Recorder {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let line = match event {
            Event::Start { model, .. } => format!("start {}", model.as_deref().unwrap_or("-")),
            Event::Text { text, .. } => format!("text {text}"),
            Event::Thinking { text, .. } => format!("thinking {text}"),
            Event::ToolStart { tool, id, name, .. } => format!("tool {tool} {id} {name}"),
            Event::ToolInput { tool, text, .. } => format!("input {tool} {text}"),
            Event::Logprobs { value, .. } => format!("logprobs {}", value["content"][0]["token"]),
            Event::Finish { finish, .. } => format!("finish {finish:?}"),
            Event::Usage(usage) => format!("usage {:?}", usage.iter().collect::<Vec<_>>()),
            other => format!("{other:?}"),
        };
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

fn run<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Ending, Relay) {
    let decoder = Box::new(Decoder::new(&context()));
    let mut relay = Relay::new(Framing::lines(), decoder, Some(Box::new(Recorder)));
    let mut out = Vec::new();
    for chunk in chunks {
        relay.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    let text = String::from_utf8(out.concat()).unwrap();
    (text.lines().map(str::to_owned).collect(), ending, relay)
}

fn line(message: &Value, more: &Value) -> String {
    let mut line = json!({
        "model": "qwen3:8b", "created_at": "2025-12-01T10:00:00.1Z", "message": message, "done": false,
    });
    for (key, value) in more.as_object().unwrap() {
        line[key] = value.clone();
    }
    format!("{line}\n")
}

fn agents_turn() -> String {
    let calls = |value: Value| json!({"role": "assistant", "content": "", "tool_calls": value});
    [
        line(&json!({"role": "assistant", "content": "", "thinking": "Hm"}), &json!({})),
        line(&json!({"role": "assistant", "content": "I lo"}), &json!({"logprobs": [{"token": "I", "logprob": -1}]})),
        line(&json!({"role": "assistant", "content": "ök. 🙂"}), &json!({})),
        line(&calls(json!([{"function": {"name": "weather", "arguments": {"city": "Bonn"}}}])), &json!({})),
        line(&calls(json!([{"id": "call_z", "function": {"index": 1, "name": "now", "arguments": {}}}])), &json!({})),
        line(
            &json!({"role": "assistant", "content": ""}),
            &json!({"done": true, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 28, "total_duration": 1}),
        ),
    ]
    .concat()
}

#[test]
fn an_agents_turn_is_told_in_order() {
    let (lines, ending, relay) = run([agents_turn().as_bytes()]);
    assert_eq!(
        lines,
        [
            "start qwen3:8b",
            "thinking Hm",
            "text I lo",
            "logprobs \"I\"",
            "text ök. 🙂",
            "tool 0 call_0199ab_0 weather",
            "input 0 {\"city\":\"Bonn\"}",
            "tool 1 call_z now",
            "input 1 {}",
            "usage [(Input, 26), (Output, 28)]",
            "finish ToolCalls",
            "Done",
        ]
    );
    assert_eq!(ending, Ending::Complete);
    let progress = relay.progress();
    assert_eq!(progress.usage.unwrap().get(Unit::Output), 28);
    assert_eq!(progress.model.as_deref(), Some("qwen3:8b"));
}

#[test]
fn the_last_line_may_lack_its_end_and_must_be_done() {
    let text = agents_turn();
    let (_, ending, _) = run([text.trim_end().as_bytes()]);
    assert_eq!(ending, Ending::Complete);
    let last = text.trim_end().rfind('\n').unwrap();
    let (lines, ending, _) = run([&text.as_bytes()[..last + 1]]);
    assert_eq!(ending, Ending::Truncated);
    assert_eq!(lines.last().unwrap(), "input 1 {}");
}

#[test]
fn an_error_line_ends_the_stream() {
    let mut text = line(&json!({"content": "x"}), &json!({"error": null}));
    text.push_str("{\"error\":\"an error was encountered while running the model\"}\n");
    text.push_str(&agents_turn());
    let (lines, ending, relay) = run([text.as_bytes()]);
    assert_eq!(ending, Ending::Failed);
    assert_eq!(lines[..2], ["start qwen3:8b", "text x"]);
    let error = relay.progress().error.clone().unwrap();
    assert_eq!(
        error.message,
        "an error was encountered while running the model"
    );
    let (_, ending, _) = run([b"{\"message\":{\"content\":\"cut off\n".as_slice()]);
    assert_eq!(ending, Ending::Failed);
}

#[test]
fn text_is_borrowed_from_its_line() {
    let data = line(
        &json!({"role": "assistant", "content": "plain words"}),
        &json!({}),
    );
    let frame = Frame {
        name: "",
        data: data.as_bytes(),
    };
    let mut borrowed = 0;
    Decoder::new(&context()).decode(&frame, &mut |event| {
        if let Event::Text { text, .. } = event {
            borrowed += usize::from(matches!(text, std::borrow::Cow::Borrowed("plain words")));
        }
    });
    assert_eq!(borrowed, 1);
}

proptest! {
    #[test]
    fn any_chunking_tells_the_same(chunk_length in 1_usize..300) {
        let text = agents_turn();
        let (whole, _, _) = run([text.as_bytes()]);
        let (cut, ending, _) = run(text.as_bytes().chunks(chunk_length));
        prop_assert_eq!(whole, cut);
        prop_assert_eq!(ending, Ending::Complete);
        let mut relay = translate::relay(Format::Ollama, Format::Ollama, &context());
        let mut out = Vec::new();
        for chunk in text.as_bytes().chunks(chunk_length) {
            relay.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
        }
        prop_assert_eq!(relay.finish(&mut out), Ending::Complete);
        prop_assert_eq!(out.concat(), text.as_bytes());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), chunk_length in 1_usize..20) {
        let (_, ending, _) = run(bytes.chunks(chunk_length));
        prop_assert!(ending != Ending::Complete);
    }
}
