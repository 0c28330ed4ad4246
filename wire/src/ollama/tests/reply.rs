use proptest::prelude::*;

use super::*;
use crate::neutral::{Finish, Reply, Thinking};
use crate::ollama::read_reply;
use crate::translate::ReplyError;
use crate::usage::Unit;

fn read(body: &Value) -> Result<Reply, ReplyError> {
    read_reply(body.to_string().as_bytes(), &context())
}

#[test]
fn thoughts_text_and_calls_are_read() {
    let reply = read(&answer_with_calls()).unwrap();
    let choice = &reply.choices[0];
    assert_eq!(
        choice.parts,
        [
            Part::new(Content::Thinking(Thinking {
                text: "Hm.".to_owned(),
                ..Thinking::default()
            })),
            Part::text("I look."),
            call("call_x1", "weather", r#"{"z":1.5,"a":"Bonn"}"#),
            call("call_0199ab_1", "now", "{}"),
            call("call_0199ab_2", "now", "{}"),
        ]
    );
    assert_eq!(choice.finish, Some(Finish::ToolCalls));
    assert_eq!(reply.model.as_deref(), Some("qwen3:8b"));
    let usage = reply.usage.unwrap();
    assert_eq!((usage.get(Unit::Input), usage.get(Unit::Output)), (26, 282));
}

#[test]
fn why_it_ended_is_told() {
    for (reason, finish) in [
        (json!("stop"), Finish::Stop),
        (Value::Null, Finish::Stop),
        (json!("length"), Finish::Length),
        (json!("load"), Finish::Other("load".to_owned())),
    ] {
        let body = json!({"message": {"content": "x"}, "done": true, "done_reason": reason});
        assert_eq!(read(&body).unwrap().choices[0].finish, Some(finish));
    }
    let unfinished = read(&json!({"message": {"content": "x"}, "done": false})).unwrap();
    assert_eq!(unfinished.choices[0].finish, None);
    assert_eq!(unfinished.usage, None);
}

#[test]
fn log_probabilities_take_openais_shape() {
    let body = json!({
        "message": {"content": "Hi"},
        "done": true,
        "logprobs": [{
            "token": "Hi", "logprob": -0.25, "bytes": [72, 105],
            "top_logprobs": [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105]}, {"token": "Ho", "logprob": -2.0}],
        }],
    });
    assert_eq!(
        read(&body).unwrap().choices[0].logprobs,
        Some(json!({
            "content": [{
                "token": "Hi", "logprob": -0.25, "bytes": [72, 105],
                "top_logprobs": [
                    {"token": "Hi", "logprob": -0.25, "bytes": [72, 105]},
                    {"token": "Ho", "logprob": -2.0, "bytes": null},
                ],
            }],
            "refusal": null,
        }))
    );
}

#[test]
fn an_error_in_a_success_is_an_error() {
    let Err(ReplyError::Reported(error)) = read(&json!({"error": "model runner has stopped"}))
    else {
        panic!("it reports an error");
    };
    assert_eq!(error.message, "model runner has stopped");
    for body in [json!({"done": true}), json!([]), json!("x")] {
        assert!(matches!(read(&body), Err(ReplyError::Unreadable(_))));
    }
}

proptest! {
    #[test]
    fn nothing_makes_reading_panic(
        key in prop::sample::select(vec![
            "model", "message", "done", "done_reason", "prompt_eval_count", "logprobs", "error",
        ]),
        inner in prop::sample::select(vec!["content", "thinking", "tool_calls", "role"]),
        value in prop::sample::select(vec![
            "null", "true", "-1", "1e400", "\"x\"", "[]", "[null]", "[{}]", "{}", "[{\"function\":{}}]",
            "[{\"function\":{\"arguments\":[1]}}]", "[{\"token\":1}]",
        ]),
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        for body in [
            format!(r#"{{"message":{{"content":"x"}},"{key}":{value}}}"#),
            format!(r#"{{"message":{{"{inner}":{value}}},"done":true}}"#),
        ] {
            let _read_or_not = read_reply(body.as_bytes(), &context());
        }
        let _read_or_not = read_reply(&bytes, &context());
    }
}
