//! OpenAI's Responses (<https://platform.openai.com/docs/api-reference/responses>,
//! <https://platform.openai.com/docs/api-reference/responses-streaming>).

use serde_json::{Value, json};

use super::super::payload::with;
use super::super::record::Seen;
use super::super::reply::Reply;
use super::rules::{bearer, list, text};
use super::story::{Asked, CACHED, Call, End, FAULT_WORDS, INPUT, OUTPUT, SIGNATURE, Tale};
use super::{Dialect, named};

pub(super) struct Responses;

impl Dialect for Responses {
    fn is_streamed(&self, _: &Seen, request: &Value) -> bool {
        request.get("stream") == Some(&Value::Bool(true))
    }

    fn complaint(&self, seen: &Seen, request: &Value) -> Option<String> {
        if bearer(seen).is_none() {
            return Some("You didn't provide an API key.".to_owned());
        }
        match request.get("input") {
            Some(Value::String(_)) => return None,
            Some(Value::Array(items)) if !items.is_empty() => {}
            _ => return Some("Missing required parameter: 'input'.".to_owned()),
        }
        let mut calls: Vec<&str> = Vec::new();
        for item in list(request, "/input") {
            let id = text(item, "/call_id");
            match text(item, "/type") {
                "function_call" => calls.push(id),
                "function_call_output" if !calls.contains(&id) => {
                    return Some(format!(
                        "No tool call found for function call output with call_id {id}."
                    ));
                }
                _ => {}
            }
        }
        None
    }

    fn asked(&self, request: &Value) -> Asked {
        let tools = list(request, "/tools");
        let choice = request.get("tool_choice").unwrap_or(&Value::Null);
        let forced = match choice.as_str() {
            Some("required") => tools.first(),
            _ => tools.iter().find(|tool| {
                let name = text(tool, "/name");
                !name.is_empty() && text(choice, "/name") == name
            }),
        };
        Asked {
            has_tools: !tools.is_empty(),
            has_result: list(request, "/input")
                .iter()
                .any(|item| text(item, "/type") == "function_call_output"),
            forced: forced.map(|tool| {
                let schema = tool.get("parameters").cloned().unwrap_or_default();
                (text(tool, "/name").to_owned(), schema)
            }),
            schema: request.pointer("/text/format/schema").cloned(),
        }
    }

    fn whole(&self, tale: &Tale, model: &str) -> Value {
        let output: Vec<Value> = items(tale).iter().map(|item| item.done.clone()).collect();
        response(tale, model, &output, true)
    }

    fn stream(&self, tale: &Tale, model: &str, _: &Value) -> Vec<Vec<u8>> {
        let mut log = Log::default();
        let begun = response(tale, model, &[], false);
        log.push("response.created", json!({"response": begun}));
        log.push("response.in_progress", json!({"response": begun}));
        let items = items(tale);
        for (index, item) in items.iter().enumerate() {
            log.push(
                "response.output_item.added",
                json!({"output_index": index, "item": item.begun}),
            );
            item.write(index, tale, &mut log);
            log.push(
                "response.output_item.done",
                json!({"output_index": index, "item": item.done}),
            );
        }
        let output: Vec<Value> = items.into_iter().map(|item| item.done).collect();
        let last = match tale.end {
            End::Length => "response.incomplete",
            _ => "response.completed",
        };
        log.push(
            last,
            json!({"response": response(tale, model, &output, true)}),
        );
        log.events
    }

    fn fault(&self) -> Vec<u8> {
        let event = json!({"type": "error", "sequence_number": super::story::CUT_AFTER, "code": "server_error",
            "message": FAULT_WORDS, "param": null});
        named("error", &event)
    }

    fn refusal(&self, status: u16, words: &str) -> Reply {
        super::chat::Chat.refusal(status, words)
    }
}

/// The events of one stream, numbered.
#[derive(Default)]
struct Log {
    events: Vec<Vec<u8>>,
}

impl Log {
    fn push(&mut self, kind: &str, event: Value) {
        let event = with(event, "type", json!(kind));
        let event = with(event, "sequence_number", json!(self.events.len()));
        self.events.push(named(kind, &event));
    }
}

enum Kind {
    Reasoning(&'static str),
    Message,
    Call(Call),
}

/// One item of the output, at its beginning and at its end.
struct Item {
    id: String,
    kind: Kind,
    begun: Value,
    done: Value,
}

impl Item {
    /// Writes what comes between the item's `added` and its `done`.
    fn write(&self, index: usize, tale: &Tale, log: &mut Log) {
        let at = json!({"item_id": self.id, "output_index": index});
        match &self.kind {
            Kind::Reasoning(thoughts) => {
                let at = with(at, "summary_index", json!(0));
                let event = |key: &str, value: Value| with(at.clone(), key, value);
                let part = |text| json!({"type": "summary_text", "text": text});
                let name = |rest: &str| format!("response.reasoning_summary_{rest}");
                log.push(&name("part.added"), event("part", part("")));
                log.push(&name("text.delta"), event("delta", json!(thoughts)));
                log.push(&name("text.done"), event("text", json!(thoughts)));
                log.push(&name("part.done"), event("part", part(thoughts)));
            }
            Kind::Message => {
                let at = with(at, "content_index", json!(0));
                let event = |key: &str, value: Value| with(at.clone(), key, value);
                log.push(
                    "response.content_part.added",
                    event("part", output_text("")),
                );
                for piece in tale.pieces() {
                    let event = with(event("delta", json!(piece)), "logprobs", json!([]));
                    log.push("response.output_text.delta", event);
                }
                log.push("response.output_text.done", event("text", json!(tale.text)));
                let part = event("part", output_text(&tale.text));
                log.push("response.content_part.done", part);
            }
            Kind::Call(call) => {
                let name = "response.function_call_arguments";
                for part in call.fragments().iter().filter(|part| !part.is_empty()) {
                    let event = with(at.clone(), "delta", json!(part));
                    log.push(&format!("{name}.delta"), event);
                }
                let event = with(at, "arguments", json!(call.arguments));
                log.push(&format!("{name}.done"), event);
            }
        }
    }
}

fn items(tale: &Tale) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(thoughts) = tale.thoughts {
        let summary = json!([{"type": "summary_text", "text": thoughts}]);
        let item = |summary: Value, proof: &str| json!({"id": "rs_story", "type": "reasoning", "summary": summary, "encrypted_content": proof});
        items.push(Item {
            id: "rs_story".to_owned(),
            kind: Kind::Reasoning(thoughts),
            begun: item(json!([]), ""),
            done: item(summary, SIGNATURE),
        });
    }
    if !tale.text.is_empty() {
        let item = |status: &str, content: Value| json!({"id": "msg_story", "type": "message", "status": status, "role": "assistant", "content": content});
        let status = tale.ending("completed", "completed", "incomplete");
        items.push(Item {
            id: "msg_story".to_owned(),
            kind: Kind::Message,
            begun: item("in_progress", json!([])),
            done: item(status, json!([output_text(&tale.text)])),
        });
    }
    for (index, call) in tale.calls.iter().enumerate() {
        let id = format!("fc_story{index}");
        let item = |status: &str, arguments: &str| json!({"id": id, "type": "function_call", "status": status, "call_id": call.id, "name": call.name, "arguments": arguments});
        items.push(Item {
            begun: item("in_progress", ""),
            done: item("completed", &call.arguments),
            kind: Kind::Call(call.clone()),
            id: id.clone(),
        });
    }
    items
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

fn response(tale: &Tale, model: &str, output: &[Value], is_done: bool) -> Value {
    let (status, details) = match (is_done, tale.end) {
        (false, _) => ("in_progress", Value::Null),
        (true, End::Length) => ("incomplete", json!({"reason": "max_output_tokens"})),
        (true, _) => ("completed", Value::Null),
    };
    let usage = is_done.then(|| {
        json!({"input_tokens": INPUT, "input_tokens_details": {"cached_tokens": CACHED}, "output_tokens": OUTPUT,
            "output_tokens_details": {"reasoning_tokens": tale.reasoning()}, "total_tokens": INPUT + OUTPUT})
    });
    json!({"id": "resp_story", "object": "response", "created_at": 1_760_000_000, "status": status, "background": false,
        "error": null, "incomplete_details": details, "instructions": null, "max_output_tokens": null, "model": model,
        "output": output, "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null}, "store": false, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "usage": usage, "user": null, "metadata": {}})
}
