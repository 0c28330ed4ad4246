//! Streams of providers.

use serde_json::{Value, json};

use super::told;

/// A stream of these events, named as OpenAI does.
pub(super) fn stream_of(events: &[Value]) -> String {
    let write = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    events.iter().map(write).collect()
}

/// One of the shape that OpenAI sends: thoughts, cited text, two calls at once.
pub(super) fn recorded() -> Vec<Value> {
    let created = json!({"id": "resp_1", "object": "response", "status": "in_progress", "model": "gpt-5", "output": [],
                         "usage": null, "error": null, "tools": [{"type": "function", "name": "f"}]});
    let message = json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [
        {"type": "output_text", "text": "Hé\n\"llo\"", "logprobs": [], "annotations": [
            {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://e.example", "title": "T"}]}]});
    vec![
        json!({"type": "response.created", "sequence_number": 0, "response": created}),
        json!({"type": "response.in_progress", "sequence_number": 1, "response": created}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning", "summary": []}}),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Pl", "obfuscation": "xyz"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "an"}),
        json!({"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 0, "text": "Plan"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "Act"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning",
               "encrypted_content": "gAAA", "summary": [{"type": "summary_text", "text": "Plan"}, {"type": "summary_text", "text": "Act"}]}}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}}),
        json!({"type": "response.content_part.added", "output_index": 1, "content_index": 0, "item_id": "msg_1", "part": {"type": "output_text", "text": "", "annotations": []}}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "item_id": "msg_1", "delta": "Hé\n", "logprobs": []}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "item_id": "msg_1", "delta": "\"llo\"",
               "logprobs": [{"token": "llo", "logprob": -0.5, "top_logprobs": []}]}),
        json!({"type": "response.output_text.annotation.added", "output_index": 1, "content_index": 0, "annotation_index": 0,
               "annotation": {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://e.example", "title": "T"}}),
        json!({"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "Hé\n\"llo\""}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": message}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": {"id": "fc_1", "type": "function_call", "status": "in_progress", "call_id": "call_a", "name": "f", "arguments": ""}}),
        json!({"type": "response.output_item.added", "output_index": 3, "item": {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_b", "name": "sql", "input": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"a\""}),
        json!({"type": "response.custom_tool_call_input.delta", "output_index": 3, "delta": "select"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": ":1}"}),
        json!({"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{\"a\":1}"}),
        json!({"type": "response.output_item.done", "output_index": 2, "item": {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{\"a\":1}"}}),
        json!({"type": "response.output_item.done", "output_index": 3, "item": {"type": "custom_tool_call", "call_id": "call_b", "name": "sql", "input": "select"}}),
        json!({"type": "keepalive", "sequence_number": 24}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": [message],
               "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
                         "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 15}}}),
    ]
}

#[test]
fn a_stream_of_openais_is_told_in_order() {
    assert_eq!(
        told(&stream_of(&recorded())),
        [
            "start Some(\"resp_1\") Some(\"gpt-5\")",
            "thinking Plan\n\nAct",
            "signature responses gAAA",
            "text Hé\n\"llo\"",
            "logprobs {\"content\":[{\"token\":\"llo\",\"logprob\":-0.5,\"top_logprobs\":[]}],\"refusal\":null}",
            "annotations [{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,\"end_index\":2,\"url\":\"https://e.example\",\"title\":\"T\"}}]",
            "tool 0 call_a f false",
            "tool 1 call_b sql true",
            "input 0 {\"a\"",
            "input 1 select",
            "input 0 :1}",
            "usage input 6, cache_read 4, output 2, reasoning 3",
            "finish ToolCalls",
            "done",
        ]
    );
}

#[test]
fn servers_that_stream_less_are_understood() {
    let done = |index: usize, item: Value| json!({"type": "response.output_item.done", "output_index": index, "item": item});
    let text = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}, {"type": "refusal", "refusal": "No"}]});
    let items = [
        json!({"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}),
        json!({"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}),
        text,
        json!({"type": "function_call", "name": "f", "arguments": ""}),
        json!({"type": "function_call", "call_id": "call_b", "name": "g", "arguments": "{\"a\":1}"}),
        json!({"type": "image_generation_call", "result": "AAAA"}),
        json!({"type": "web_search_call", "id": "ws_1"}),
    ];
    let expected = [
        "start None None",
        "thinking Hm",
        "redacted responses gAAA",
        "text Hi",
        "refusal No",
        "tool 0 call_0199ab_3 f false",
        "input 0 {}",
        "tool 1 call_b g false",
        "input 1 {\"a\":1}",
        "image image/png AAAA",
        "finish ToolCalls",
        "done",
    ];
    let completed =
        json!({"type": "response.completed", "response": {"status": "completed", "output": items}});
    // Items without pieces, and nothing but the end.
    let mut events: Vec<Value> = items
        .iter()
        .cloned()
        .enumerate()
        .map(|(at, it)| done(at, it))
        .collect();
    events.push(completed.clone());
    assert_eq!(told(&stream_of(&events)), expected);
    assert_eq!(told(&stream_of(&[completed])), expected);
}

#[test]
fn refusals_and_plain_thoughts_are_told_once() {
    let stream = stream_of(&[
        json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "Hm"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Summary"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning",
               "summary": [{"text": "Summary"}], "content": [{"text": "Hm"}]}}),
        json!({"type": "response.refusal.delta", "output_index": 1, "delta": "I won't."}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "message", "content": [{"type": "refusal", "refusal": "I won't."}]}}),
        json!({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}, "usage": {"input_tokens": 1, "output_tokens": 1}}}),
    ]);
    let expected = [
        "start None None",
        "thinking Hm",
        "refusal I won't.",
        "usage input 1, output 1",
        "finish ContentFilter",
        "done",
    ];
    assert_eq!(told(&stream), expected);
}

#[test]
fn errors_of_every_shape_end_the_stream() {
    for (stream, expected) in [
        (
            "data: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"Slow down.\",\"param\":null}\n\n",
            "error None Some(\"rate_limit_exceeded\") Slow down.",
        ),
        (
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"server_error\",\"code\":\"c\",\"message\":\"m\"}}\n\n",
            "error Some(\"server_error\") Some(\"c\") m",
        ),
        (
            "event: error\ndata: {\"message\":\"m\"}\n\n",
            "error None None m",
        ),
        (
            "data: {\"error\":{\"message\":\"m\",\"code\":429}}\n\n",
            "error None Some(\"429\") m",
        ),
        ("{\"error\":{\"message\":\"m\"}}\n\n", "error None None m"),
        ("data: overloaded\n\n", "error None None overloaded"),
        (
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}}\n\n",
            "error None Some(\"server_error\") m",
        ),
        (
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\"}}\n\n",
            "error None None The upstream gave its answer up without saying why.",
        ),
    ] {
        let more = "data: {\"type\":\"response.completed\",\"response\":{}}\n\n";
        assert_eq!(told(&format!("{stream}{more}")), [expected], "{stream}");
    }
}

#[test]
fn a_failed_answers_usage_is_told() {
    let stream = stream_of(&[json!({"type": "response.failed", "response": {
        "error": {"code": "c", "message": "m"}, "usage": {"input_tokens": 3, "output_tokens": 4}}})]);
    assert_eq!(
        told(&stream),
        ["usage input 3, output 4", "error None Some(\"c\") m"]
    );
}

#[test]
fn searches_are_a_part_of_the_usage() {
    let stream = stream_of(&[json!({"type": "response.completed", "response": {
        "output": [{"type": "web_search_call", "status": "completed", "action": {"type": "search"}},
            {"type": "web_search_call", "status": "completed", "action": {"type": "open_page"}}],
        "usage": {"input_tokens": 3, "output_tokens": 4}}})]);
    let told = told(&stream);
    let usage = "usage input 3, output 4, searches 1".to_owned();
    assert!(told.contains(&usage), "{told:?}");
}

#[test]
fn what_says_nothing_is_passed_over_and_no_end_is_made_up() {
    let stream = ": keepalive\n\ndata: {\"type\":\"response.novelty\",\"delta\":{\"a\":1}}\n\n\
                  data: {\"type\":\"response.output_text.delta\",\"delta\":null,\"output_index\":0}\n\n\
                  data: {\"type\":\"response.output_text.delta\",\"output_index\":\"first\",\"delta\":\"x\"}\n\n\
                  data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":9,\"delta\":\"{\"}\n\n\
                  data: {\"delta\":\"Hi\",\"type\":\"response.output_text.delta\"}\n\ndata: [DONE]\n\n";
    assert_eq!(told(stream), ["ping", "start None None", "text Hi"]);
}
