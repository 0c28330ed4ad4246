//! Every request, written for every format of a provider.

use std::fs;

use serde_json::{Value, json};
use weir_wire::format::Format;
use weir_wire::loss::DropParams;
use weir_wire::neutral::Request;
use weir_wire::translate::{Prefill, Target, read_request, write_request};

use crate::files::{Expected, folder, list, stem};

/// A model of each provider's, of the kind that can do most.
fn target(format: Format) -> Target<'static> {
    let model = match format {
        Format::Chat | Format::Completions => "gpt-5.2",
        Format::Responses => "gpt-5.2",
        Format::Anthropic => "claude-sonnet-4-5",
        Format::Gemini => "gemini-3-flash",
        Format::Bedrock => "anthropic.claude-sonnet-4-5-20250929-v1:0",
        Format::Ollama => "qwen3:8b",
        Format::Cohere => "command-a-reasoning-08-2025",
    };
    Target {
        provider: format.as_str(),
        model,
        max_output_tokens: Some(8192),
        stream_options: true,
        max_tokens_field: None,
        reasoning_field: Some("reasoning_content"),
        reasoning_details: true,
        prefill: Prefill::None,
        anthropic_version: None,
    }
}

fn written(request: &Request, to: Format) -> Value {
    match write_request(to, request, &target(to), DropParams::Hints) {
        Ok(rendered) => json!({
            "body": serde_json::from_slice::<Value>(&rendered.body).unwrap(),
            "dropped": rendered.dropped,
        }),
        Err(loss) => json!({"refused": {"what": loss.what, "why": loss.why}}),
    }
}

#[test]
fn requests() {
    let mut expected = Expected::under("written");
    let mut requests = 0;
    for client in Format::IN {
        for path in list(&folder("requests").join(client.as_str())) {
            let request = read_request(client, &fs::read(&path).unwrap()).unwrap();
            for to in Format::OUT.into_iter().filter(|to| *to != client) {
                let text = format!("{:#}\n", written(&request, to));
                let place = format!(
                    "{client}/{}/{to}.json",
                    stem(&path),
                    client = client.as_str(),
                    to = to.as_str()
                );
                expected.check(place, &text);
            }
            requests += 1;
        }
    }
    assert!(requests >= 50, "the requests were not found");
    expected.finish();
}
