//! Amazon Bedrock's Converse and ConverseStream
//! (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>).

use serde_json::{Value, json};

use super::super::record::Seen;
use super::super::reply::Reply;
use super::Dialect;
use super::event_stream::{exception, message};
use super::rules::{alternation, bearer, list, pairing, text};
use super::story::{Asked, CACHED, FAULT_WORDS, INPUT, OUTPUT, SIGNATURE, Tale};

pub(super) struct Bedrock;

impl Dialect for Bedrock {
    fn media_type(&self) -> &'static str {
        "application/vnd.amazon.eventstream"
    }

    fn is_streamed(&self, seen: &Seen, _: &Value) -> bool {
        seen.path.ends_with("/converse-stream")
    }

    fn complaint(&self, seen: &Seen, request: &Value) -> Option<String> {
        if bearer(seen).is_none() {
            return Some("Missing Authentication Token".to_owned());
        }
        let messages = list(request, "/messages");
        if messages.is_empty() {
            return Some("A conversation must start with a user message.".to_owned());
        }
        for (at, turn) in messages.iter().enumerate() {
            let blocks = list(turn, "/content");
            if blocks.is_empty() {
                return Some(format!(
                    "The content field in the Message object at messages.{at} is empty."
                ));
            }
            if blocks
                .iter()
                .any(|block| block.get("text") == Some(&json!("")))
            {
                return Some(format!(
                    "The text field in the ContentBlock object at messages.{at} is blank."
                ));
            }
        }
        let turns = turns(messages);
        let has_tools = turns.iter().any(|(calls, _)| !calls.is_empty());
        if has_tools && request.get("toolConfig").is_none() {
            return Some(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks.".to_owned(),
            );
        }
        alternation(messages, "assistant").or_else(|| pairing(&turns))
    }

    fn asked(&self, request: &Value) -> Asked {
        let tools = list(request, "/toolConfig/tools");
        let tools: Vec<&Value> = tools
            .iter()
            .filter_map(|tool| tool.get("toolSpec"))
            .collect();
        let choice = request
            .pointer("/toolConfig/toolChoice")
            .unwrap_or(&Value::Null);
        let name = text(choice, "/tool/name");
        let forced = tools.iter().find(|tool| {
            choice.get("any").is_some() || (!name.is_empty() && text(tool, "/name") == name)
        });
        let schema = text(
            request,
            "/outputConfig/textFormat/structure/jsonSchema/schema",
        );
        Asked {
            has_tools: !tools.is_empty(),
            has_result: turns(list(request, "/messages"))
                .iter()
                .any(|(_, results)| !results.is_empty()),
            forced: forced.map(|tool| {
                let schema = tool.pointer("/inputSchema/json").cloned();
                (text(tool, "/name").to_owned(), schema.unwrap_or_default())
            }),
            schema: serde_json::from_str(schema).ok(),
        }
    }

    fn whole(&self, tale: &Tale, _: &str) -> Value {
        let mut content = Vec::new();
        if let Some(thoughts) = tale.thoughts {
            let said = json!({"text": thoughts, "signature": SIGNATURE});
            content.push(json!({"reasoningContent": {"reasoningText": said}}));
        }
        if !tale.text.is_empty() {
            content.push(json!({"text": tale.text}));
        }
        for call in &tale.calls {
            content.push(
                json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.input()}}),
            );
        }
        json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop_reason(tale),
            "usage": usage(), "metrics": {"latencyMs": 42}})
    }

    fn stream(&self, tale: &Tale, _: &str, _: &Value) -> Vec<Vec<u8>> {
        // `p` is Amazon's padding, which hides the lengths of words.
        let mut events = vec![message(
            "messageStart",
            &json!({"p": "abcdefgh", "role": "assistant"}),
        )];
        let mut index = 0;
        let mut block = |start: Option<Value>, deltas: Vec<Value>| {
            if let Some(start) = start {
                let event = json!({"contentBlockIndex": index, "p": "abc", "start": start});
                events.push(message("contentBlockStart", &event));
            }
            for delta in deltas {
                let event = json!({"contentBlockIndex": index, "delta": delta, "p": "abcdef"});
                events.push(message("contentBlockDelta", &event));
            }
            let stop = json!({"contentBlockIndex": index, "p": "ab"});
            events.push(message("contentBlockStop", &stop));
            index += 1;
        };
        if let Some(thoughts) = tale.thoughts {
            let said = json!({"reasoningContent": {"text": thoughts}});
            let proof = json!({"reasoningContent": {"signature": SIGNATURE}});
            block(None, vec![said, proof]);
        }
        let pieces = tale.pieces();
        if !pieces.is_empty() {
            let text = |piece| json!({"text": piece});
            block(None, pieces.into_iter().map(text).collect());
        }
        for call in &tale.calls {
            let start = json!({"toolUse": {"toolUseId": call.id, "name": call.name}});
            let delta = |part| json!({"toolUse": {"input": part}});
            block(Some(start), call.fragments().map(delta).to_vec());
        }
        let stop = json!({"p": "abcd", "stopReason": stop_reason(tale)});
        events.push(message("messageStop", &stop));
        let metadata = json!({"metrics": {"latencyMs": 42}, "p": "a", "usage": usage()});
        events.push(message("metadata", &metadata));
        events
    }

    fn fault(&self) -> Vec<u8> {
        exception(
            "modelStreamErrorException",
            &json!({"message": FAULT_WORDS}),
        )
    }

    fn refusal(&self, status: u16, words: &str) -> Reply {
        let kind = match status {
            429 => "ThrottlingException",
            _ => "ValidationException",
        };
        Reply::json(status, &json!({"message": words}))
            .header("x-amzn-errortype", kind)
            .header("x-amzn-requestid", "req-story")
    }
}

/// Amazon counts cached tokens apart from the input.
fn usage() -> Value {
    json!({"inputTokens": INPUT - CACHED, "outputTokens": OUTPUT, "totalTokens": INPUT + OUTPUT,
        "cacheReadInputTokens": CACHED, "cacheWriteInputTokens": 0})
}

fn stop_reason(tale: &Tale) -> &'static str {
    tale.ending("end_turn", "tool_use", "max_tokens")
}

/// The ids of calls and of results in each turn.
fn turns(messages: &[Value]) -> Vec<(Vec<&str>, Vec<&str>)> {
    let ids = |turn, key: &str| -> Vec<&str> {
        let blocks = list(turn, "/content").iter();
        blocks
            .filter_map(|block: &Value| block.get(key))
            .map(|block| text(block, "/toolUseId"))
            .collect()
    };
    let turn = |turn| (ids(turn, "toolUse"), ids(turn, "toolResult"));
    messages.iter().map(turn).collect()
}
