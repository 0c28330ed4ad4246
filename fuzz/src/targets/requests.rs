//! Requests and whole answers, from every format to every other.

use serde_json::Value;
use weir_wire::format::Format;
use weir_wire::loss::DropParams;
use weir_wire::translate::{
    Prefill, Target, read_reply, read_request, relay, write_reply, write_reply_as_stream,
    write_request,
};

use super::streams::context;

/// A request that is understood is written as JSON for every target, and what clients can write is understood again.
pub fn request(client: Format, bytes: &[u8]) {
    let Ok(request) = read_request(client, bytes) else {
        return;
    };
    for to in Format::ALL {
        let target = Target {
            provider: "there",
            model: "its-model",
            max_output_tokens: None,
            stream_options: true,
            max_tokens_field: None,
            reasoning_field: Some("reasoning_content"),
            reasoning_details: true,
            prefill: Prefill::ContinueFinalMessage,
            anthropic_version: None,
        };
        for policy in [DropParams::All, DropParams::Hints, DropParams::None] {
            let Ok(rendered) = write_request(to, &request, &target, policy) else {
                continue;
            };
            let body: Value =
                serde_json::from_slice(&rendered.body).expect("what is written is JSON");
            assert!(body.is_object());
            if policy == DropParams::None {
                assert!(rendered.dropped.is_empty(), "{:?}", rendered.dropped);
            }
            // A format's own requests are never written anew.
            if Format::IN.contains(&to) && ![client, Format::Completions].contains(&to) {
                let again = read_request(to, &rendered.body);
                assert!(again.is_ok(), "{client:?} to {to:?}: {again:?}");
            }
        }
    }
}

/// An answer that is understood is written as JSON for every client, whole and as a stream that ends well.
pub fn reply(provider: Format, bytes: &[u8]) {
    let context = context();
    let Ok(reply) = read_reply(provider, bytes, &context) else {
        return;
    };
    let ends = reply.choices.iter().any(|choice| choice.index == 0)
        && reply.choices.iter().all(|choice| choice.finish.is_some());
    for client in Format::IN {
        let written = write_reply(client, &reply, &context);
        let body: Value = serde_json::from_slice(&written).expect("what is written is JSON");
        assert!(body.is_object());
        let again = read_reply(client, &written, &context);
        assert!(
            again.is_ok() || !ends,
            "{provider:?} to {client:?}: {again:?}"
        );
        let stream = write_reply_as_stream(client, &reply, &context);
        let mut relay = relay(client, Format::Bedrock, &context);
        let mut out = Vec::new();
        relay
            .feed(&stream, &mut out)
            .expect("what is written is a stream");
        let ending = relay.finish(&mut out);
        let is_whole = relay.progress().done;
        assert!(is_whole || !ends, "{provider:?} to {client:?}: {ending:?}");
    }
}
