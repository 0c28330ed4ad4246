//! Clients of legacy Completions.

use serde_json::{Value, json};

use super::*;
use crate::chat::{
    CompletionsEncoder, read_completions_request, read_reply, write_completions_reply,
};
use crate::format::Format;
use crate::loss::DropParams;
use crate::neutral::{Param, Role};

fn read_legacy(request: Value) -> Request {
    read_completions_request(request.to_string().as_bytes()).unwrap()
}

#[test]
fn a_prompt_is_what_the_user_says() {
    let request = read_legacy(json!({
        "model": "m", "prompt": "def f(", "max_tokens": 16, "stop": ["\n"], "logprobs": 3, "echo": false, "best_of": 1,
        "suffix": "", "temperature": 0, "stream": true, "stream_options": {"include_usage": true}, "n": 2, "novelty": 1,
    }));
    assert_eq!(request.messages.len(), 1);
    assert_eq!(request.messages[0].role, Role::User);
    assert_eq!(texts(&request.messages[0].parts), ["def f("]);
    assert_eq!((request.max_tokens, request.stop.len()), (Some(16), 1));
    assert!(request.stream && request.include_usage);
    let params: Vec<Param> = request.params.iter().map(|(param, _)| *param).collect();
    assert_eq!(
        params,
        [
            Param::Temperature,
            Param::N,
            Param::Logprobs,
            Param::TopLogprobs
        ]
    );
    assert_eq!(request.rest.keys().collect::<Vec<_>>(), ["novelty"]);
    let single = read_legacy(json!({"model": "m", "prompt": ["x"]}));
    assert_eq!(texts(&single.messages[0].parts), ["x"]);
}

#[test]
fn what_only_completions_has_is_refused_elsewhere() {
    let lost = |members: Value| {
        let mut body = json!({"model": "m", "prompt": "x"});
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let request = read_legacy(body);
        let rendered =
            crate::translate::write_request(Format::Chat, &request, &TARGET, DropParams::Hints);
        rendered.map(|it| it.dropped).map_err(|loss| loss.what)
    };
    assert_eq!(lost(json!({"suffix": "end"})), Err("suffix".to_owned()));
    assert_eq!(lost(json!({"echo": true})), Err("echo".to_owned()));
    assert_eq!(lost(json!({"best_of": 3})), Ok(vec!["best_of".to_owned()]));
    let several = lost(json!({"prompt": ["a", "b"]}));
    assert_eq!(several, Err("messages[0] (several prompts)".to_owned()));
    let tokens = lost(json!({"prompt": [1, 2]}));
    assert_eq!(tokens, Err("messages[0] (prompt of tokens)".to_owned()));
}

#[test]
fn a_wrong_prompt_is_named() {
    for prompt in [json!({}), json!(7), json!([])] {
        let body = json!({"model": "m", "prompt": prompt}).to_string();
        let error = read_completions_request(body.as_bytes()).unwrap_err();
        assert_eq!(error.path, "prompt");
    }
}

fn probable() -> Value {
    json!({"content": [
        {"token": "né", "logprob": -0.5, "top_logprobs": [{"token": "né", "logprob": -0.5}, {"token": "x", "logprob": -2}]},
        {"token": "!", "logprob": -1, "top_logprobs": []},
    ]})
}

#[test]
fn an_answer_is_written_as_text() {
    let body = json!({
        "id": "c", "model": "gpt-5", "choices": [{"index": 0, "finish_reason": "stop", "logprobs": probable(),
            "message": {"content": "né!", "reasoning_content": "Hm"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    });
    let context = plain_context();
    let reply = read_reply(body.to_string().as_bytes(), &context).unwrap();
    let written: Value =
        serde_json::from_slice(&write_completions_reply(&reply, &context)).unwrap();
    assert_eq!(written["id"], "cmpl-0198a-7c");
    assert_eq!(written["object"], "text_completion");
    assert_eq!(written["usage"]["total_tokens"], 3);
    assert_eq!(
        written["choices"],
        json!([{"index": 0, "text": "né!", "finish_reason": "stop", "logprobs": {
            "tokens": ["né", "!"], "token_logprobs": [-0.5, -1], "text_offset": [0, 2],
            "top_logprobs": [{"né": -0.5, "x": -2}, {}]}}])
    );
}

#[test]
fn a_stream_is_written_as_text() {
    let request = Request {
        include_usage: true,
        ..Request::default()
    };
    let context = context(request);
    let delta = |delta: Value, word: Value| json!({"id": "c", "model": "gpt-5", "choices": [{"index": 0, "delta": delta, "finish_reason": word}]});
    let mut with_logprobs = delta(json!({"content": "né!"}), Value::Null);
    with_logprobs["choices"][0]["logprobs"] = probable();
    let stream = sse(&[
        delta(
            json!({"role": "assistant", "reasoning_content": "Hm"}),
            Value::Null,
        ),
        with_logprobs,
        delta(json!({}), json!("stop")),
        json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}),
    ]) + "data: [DONE]\n\n";
    let encoder = || Box::new(CompletionsEncoder::new(&context));
    let (written, _, ending) = relay_to(encoder(), stream.as_bytes(), 1, &context);
    assert_eq!(ending, Ending::Complete);
    assert_eq!(
        written,
        relay_to(encoder(), stream.as_bytes(), 77, &context).0
    );
    let chunks = chunks(&written);
    let choices: Vec<_> = chunks.iter().map(|chunk| &chunk["choices"]).collect();
    assert_eq!(choices.len(), 5);
    assert_eq!(
        *choices[0],
        json!([{"index": 0, "text": "né!", "logprobs": null, "finish_reason": null}])
    );
    assert_eq!(choices[1][0]["logprobs"]["text_offset"], json!([0, 2]));
    assert_eq!(choices[2][0]["finish_reason"], "stop");
    assert_eq!(*choices[3], json!([]));
    assert_eq!(chunks[3]["usage"]["total_tokens"], 3);
    assert_eq!(chunks[0]["object"], "text_completion");
    assert_eq!(chunks[4], "[DONE]");
}

#[test]
fn a_legacy_stream_is_read_too() {
    let stream = sse(&[
        json!({"id": "cmpl-1", "object": "text_completion", "model": "m",
        "choices": [{"index": 0, "text": " to", "logprobs": null, "finish_reason": "length"}]}),
    ]);
    let told = events(&stream, &plain_context());
    let text = Event::Text {
        choice: 0,
        text: " to".into(),
    };
    assert!(told.contains(&text) && told.last() == Some(&Event::Done));
}
