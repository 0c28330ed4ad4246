//! What must survive every way through the gateway: texts, thoughts, tool calls with their ids, names and arguments, their
//! order, why the answer ended and what it used. Answers are made up, written as each provider writes them, relayed to
//! each client in chunks of any size, and read as that client would.

#![expect(
    clippy::unwrap_used,
    reason = "a failed expectation is the test's failure"
)]

mod gist;
mod made_up;
mod names;
mod providers;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use weir_wire::format::Format;
use weir_wire::neutral::{Reasoning, Reply, Request};
use weir_wire::stream::Ending;
use weir_wire::translate::{Context, read_reply, relay, write_reply, write_reply_as_stream};

use gist::Gist;
use made_up::{cuts, reply};

/// The formats that clients converse in.
const CLIENTS: [Format; 4] = [
    Format::Chat,
    Format::Responses,
    Format::Anthropic,
    Format::Gemini,
];

/// A call whose client asked for everything: a stream's usage, and thoughts.
fn context() -> Context {
    let reasoning = Reasoning {
        include_thoughts: Some(true),
        ..Reasoning::default()
    };
    Context {
        call_id: "0199c0de-0000-7000-8000-000000000001".to_owned(),
        model: "served-model".to_owned(),
        created_s: 1_760_000_000,
        think_tags: false,
        request: Arc::new(Request {
            model: "smart".to_owned(),
            stream: true,
            include_usage: true,
            reasoning: Some(reasoning),
            ..Request::default()
        }),
    }
}

/// Relays a stream in chunks of these sizes, again and again.
fn relayed(stream: &[u8], from: Format, to: Format, sizes: &[usize]) -> (Vec<u8>, Ending) {
    let mut relay = relay(from, to, &context());
    let mut out = Vec::new();
    let mut rest = stream;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at_checked(*size).unwrap_or((rest, &[]));
        relay.feed(chunk, &mut out).unwrap();
        rest = after;
    }
    let ending = relay.finish(&mut out);
    (out.concat(), ending)
}

/// What a client of a format understands of its stream.
fn understood(stream: &[u8], client: Format, sizes: &[usize]) -> Gist {
    if client == Format::Chat {
        return Gist::of_chat_stream(stream);
    }
    let (as_chat, ending) = relayed(stream, client, Format::Chat, sizes);
    assert_eq!(ending, Ending::Complete, "{client:?}");
    Gist::of_chat_stream(&as_chat)
}

fn check_whole(reply: &Reply, client: Format) -> Result<(), TestCaseError> {
    let written = write_reply(client, reply, &context());
    let read = read_reply(client, &written, &context()).unwrap();
    prop_assert_eq!(Gist::of(&read), Gist::of(reply), "{:?}", client);
    Ok(())
}

/// A provider's stream, at a client of the same format and of every other.
fn check_stream(
    stream: &[u8],
    from: Format,
    expected: &Gist,
    sizes: &[usize],
) -> Result<(), TestCaseError> {
    for client in CLIENTS {
        let (whole, ending) = relayed(stream, from, client, &[usize::MAX]);
        prop_assert_eq!(ending, Ending::Complete, "{:?}", from);
        let (cut, _) = relayed(stream, from, client, sizes);
        prop_assert_eq!(
            String::from_utf8_lossy(&cut),
            String::from_utf8_lossy(&whole),
            "{:?} to {:?}",
            from,
            client
        );
        let seen = understood(&whole, client, sizes);
        prop_assert_eq!(&seen, expected, "{:?} to {:?}", from, client);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_whole_answer_is_read_as_it_was_written(reply in reply()) {
        for client in CLIENTS {
            check_whole(&reply, client)?;
        }
    }

    #[test]
    fn a_whole_answer_comes_through_two_formats(reply in reply()) {
        for provider in CLIENTS {
            for client in CLIENTS {
                let body = write_reply(provider, &reply, &context());
                let read = read_reply(provider, &body, &context()).unwrap();
                check_whole(&read, client)?;
            }
        }
    }

    #[test]
    fn a_stream_comes_through_in_any_chunks(reply in reply(), sizes in cuts()) {
        let expected = Gist::of(&reply);
        for provider in CLIENTS {
            let stream = write_reply_as_stream(provider, &reply, &context());
            check_stream(&stream, provider, &expected, &sizes)?;
        }
    }

    #[test]
    fn the_streams_of_other_providers_come_through(reply in reply(), sizes in cuts()) {
        let bedrock = providers::bedrock(&reply);
        check_stream(&bedrock, Format::Bedrock, &Gist::of(&reply).with_proof(""), &sizes)?;
        let cohere = providers::cohere(&reply);
        check_stream(&cohere, Format::Cohere, &Gist::of(&reply).with_proof("weir.cohere.thinking").without_cache(), &sizes)?;
        let ollama = providers::ollama(&reply);
        let expected = Gist::of(&reply).with_proof("").without_cache().without_filter().with_ids(|at| {
            format!("call_0199c0de000070008000000000000001_{at}")
        });
        check_stream(&ollama, Format::Ollama, &expected, &sizes)?;
    }
}
