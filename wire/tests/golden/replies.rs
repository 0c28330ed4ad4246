//! Every answer, whole and streamed, given to a client of every format.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use weir_wire::bedrock::event_stream::write_message;
use weir_wire::format::Format;
use weir_wire::neutral::Request;
use weir_wire::stream::Ending;
use weir_wire::translate::{Context, read_reply, read_request, relay, write_reply};

use crate::files::{Expected, ending, folder, list, pretty, stem};

/// The call that is answered by a provider of this format: a stream whose usage was asked for.
fn context(from: Format) -> Context {
    let request = json!({
        "model": "smart",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": true,
        "stream_options": {"include_usage": true},
        "stop": ["END"],
        "web_search_options": {},
    });
    let request: Request = read_request(Format::Chat, request.to_string().as_bytes()).unwrap();
    Context {
        call_id: "0199c0de-0000-7000-8000-000000000001".to_owned(),
        // What Bedrock's answers mean depends on whose model gave them.
        model: match from {
            Format::Bedrock => "anthropic.claude-sonnet-4-5-20250929-v1:0",
            _ => "served-model",
        }
        .to_owned(),
        created_s: 1_760_000_000,
        think_tags: true,
        request: Arc::new(request),
    }
}

/// What a stream comes to.
#[derive(Debug, PartialEq)]
struct Relayed {
    text: String,
    ending: Ending,
    usage: Value,
    error: Value,
}

fn relayed(stream: &[u8], from: Format, client: Format, chunk_length: usize) -> Relayed {
    let mut relay = relay(from, client, &context(from));
    let mut out = Vec::new();
    for chunk in stream.chunks(chunk_length) {
        relay.feed(chunk, &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    let progress = relay.progress();
    let usage = progress.usage.iter().flat_map(|usage| {
        let units = usage
            .iter()
            .map(|(unit, count)| (unit.as_str().to_owned(), json!(count)));
        units.collect::<Vec<_>>()
    });
    Relayed {
        text: String::from_utf8(out.concat()).unwrap(),
        ending,
        usage: Value::Object(usage.collect()),
        error: progress
            .error
            .as_ref()
            .map_or(Value::Null, |error| json!(error.message)),
    }
}

/// The bytes of a recorded stream. Amazon's binary framing is recorded as lines of `<event type> <payload>`.
fn recorded(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if ending(path) != "events" {
        return bytes;
    }
    let mut framed = Vec::new();
    for line in String::from_utf8(bytes).unwrap().lines() {
        let (event_type, payload) = line.split_once(' ').unwrap();
        write_message(event_type, payload.as_bytes(), &mut framed);
    }
    framed
}

fn check_stream(path: &Path, from: Format, expected: &mut Expected) {
    let stream = recorded(path);
    let mut outcome = None;
    for client in Format::IN.into_iter().filter(|client| *client != from) {
        let whole = relayed(&stream, from, client, stream.len());
        for chunk_length in [1, 3, 64] {
            let cut = relayed(&stream, from, client, chunk_length);
            assert_eq!(cut, whole, "{path:?} in chunks of {chunk_length}");
        }
        let place = format!("{}/{}/{}.sse", from.as_str(), stem(path), client.as_str());
        expected.check(place, &whole.text);
        let told = json!({"ending": format!("{:?}", whole.ending), "usage": whole.usage, "error": whole.error});
        let known = outcome.get_or_insert_with(|| told.clone());
        assert_eq!(
            *known, told,
            "{path:?}: what is understood depends on the client"
        );
    }
    let place = format!("{}/{}/stream.json", from.as_str(), stem(path));
    expected.check(place, &format!("{:#}\n", outcome.unwrap()));
}

fn check_whole(path: &Path, from: Format, expected: &mut Expected) {
    let context = context(from);
    let read = read_reply(from, &fs::read(path).unwrap(), &context);
    for client in Format::IN.into_iter().filter(|client| *client != from) {
        let text = match &read {
            Ok(reply) => pretty(&write_reply(client, reply, &context)),
            Err(error) => format!("{:#}\n", json!({"unreadable": error.to_string()})),
        };
        let place = format!("{}/{}/{}.json", from.as_str(), stem(path), client.as_str());
        expected.check(place, &text);
    }
}

#[test]
fn replies() {
    let mut expected = Expected::under("given");
    let mut replies = 0;
    for from in Format::OUT {
        for path in list(&folder("replies").join(from.as_str())) {
            match ending(&path) {
                "json" => check_whole(&path, from, &mut expected),
                _ => check_stream(&path, from, &mut expected),
            }
            replies += 1;
        }
    }
    assert!(replies >= 50, "the answers were not found");
    expected.finish();
}
