use proptest::prelude::*;

use super::*;
use crate::loss::DropParams;
use crate::neutral::{
    Fields, Param, Reasoning, ResponseFormat, Signature, Thinking, Tool, ToolChoice,
};
use crate::translate::{Prefill, Target, write_request};

struct Written {
    body: Value,
    dropped: Vec<String>,
}

fn write(request: &Request, model: &str, policy: DropParams) -> Result<Written, String> {
    let target = Target {
        provider: "box",
        model,
        max_output_tokens: None,
        stream_options: false,
        max_tokens_field: None,
        reasoning_field: None,
        reasoning_details: false,
        prefill: Prefill::None,
        anthropic_version: None,
    };
    let rendered =
        write_request(Format::Ollama, request, &target, policy).map_err(|loss| loss.what)?;
    Ok(Written {
        body: serde_json::from_slice(&rendered.body).unwrap(),
        dropped: rendered.dropped,
    })
}

fn written(request: &Request) -> Written {
    write(request, "qwen3:8b", DropParams::Hints).unwrap()
}

fn asking(messages: Vec<Message>) -> Request {
    Request {
        messages,
        ..Request::default()
    }
}

fn tool(name: &str, strict: Option<bool>) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: None,
        parameters: strict.map(|_| json!({"type": "object", "properties": {"b": {}, "a": {}}})),
        strict,
        cache: None,
        rest: Fields::new(),
    }
}

#[test]
fn a_plain_question() {
    let mut request = asking(vec![
        message(Role::Developer, vec![Part::text("Be brief.")]),
        message(
            Role::User,
            vec![Part::text("What"), image("AAAA"), Part::text("is this?")],
        ),
    ]);
    request.stream = true;
    let Written { body, dropped } = written(&request);
    assert_eq!(
        body,
        json!({
            "model": "qwen3:8b",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What\nis this?", "images": ["AAAA"]},
            ],
            "stream": true,
        })
    );
    assert_eq!(dropped, [""; 0]);
}

#[test]
fn parameters_become_options_beside_the_clients_own() {
    let mut request = asking(vec![user("?")]);
    request.max_tokens = Some(64);
    request.stop = vec!["END".to_owned()];
    for (param, value) in [
        (Param::Temperature, json!(0.2)),
        (Param::TopP, json!(0.9)),
        (Param::TopK, json!(40)),
        (Param::MinP, json!(0.05)),
        (Param::Seed, json!(7)),
        (Param::PresencePenalty, json!(0.1)),
        (Param::FrequencyPenalty, json!(0.3)),
        (Param::User, json!("u1")),
    ] {
        request.set_param(param, value);
    }
    let rest = json!({
        "options": {"num_ctx": 4096, "temperature": 1.5, "mirostat": 1},
        "num_ctx": 8192,
        "keep_alive": "10m",
        "truncate": false,
        "novelty": 1,
    });
    request.rest = rest.as_object().unwrap().clone();
    let Written { body, dropped } = written(&request);
    assert_eq!(
        body["options"],
        json!({
            "num_ctx": 8192, "temperature": 0.2, "mirostat": 1, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "seed": 7,
            "presence_penalty": 0.1, "frequency_penalty": 0.3, "num_predict": 64, "stop": ["END"],
        })
    );
    assert_eq!(body["keep_alive"], "10m");
    assert_eq!(body["truncate"], false);
    assert_eq!(dropped, ["user", "novelty"]);
}

#[test]
fn results_are_messages_that_name_their_tool() {
    let request = asking(vec![
        user("?"),
        message(
            Role::Assistant,
            vec![
                Part::new(Content::Thinking(Thinking {
                    text: "Hm.".to_owned(),
                    signature: Some(Signature::new(Format::Anthropic, "s")),
                    is_redacted: false,
                })),
                Part::text("I look."),
                call("c1", "weather", r#"{"city": "Bonn"}"#),
                call("c2", "now", ""),
            ],
        ),
        message(
            Role::User,
            vec![
                result("c2", vec![Part::text("noon"), image("BBBB")]),
                Part::text("so?"),
                result("c1", vec![Part::text("sun")]),
            ],
        ),
    ]);
    let Written { body, dropped } = written(&request);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "I look.", "thinking": "Hm.", "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Bonn"}}},
                {"id": "c2", "function": {"index": 1, "name": "now", "arguments": {}}},
            ]},
            {"role": "tool", "content": "noon", "images": ["BBBB"], "tool_name": "now", "tool_call_id": "c2"},
            {"role": "tool", "content": "sun", "tool_name": "weather", "tool_call_id": "c1"},
            {"role": "user", "content": "so?"},
        ])
    );
    assert_eq!(dropped, [""; 0]);
}

#[test]
fn tools_and_what_cannot_be_demanded_of_them() {
    let mut request = asking(vec![user("?")]);
    request.tools = vec![tool("a", None), tool("b", Some(true))];
    let Written { body, dropped } = written(&request);
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": {}}}},
            {"type": "function", "function": {"name": "b", "parameters": {"type": "object", "properties": {"b": {}, "a": {}}}}},
        ])
    );
    assert_eq!(dropped, ["strict of a tool"]);

    for (choice, names) in [
        (ToolChoice::Auto, Ok(2)),
        (ToolChoice::None, Ok(0)),
        (
            ToolChoice::Allowed {
                names: vec!["b".to_owned()],
                required: false,
            },
            Ok(1),
        ),
        (ToolChoice::Required, Err("tool_choice".to_owned())),
        (
            ToolChoice::Named("a".to_owned()),
            Err("tool_choice".to_owned()),
        ),
    ] {
        request.tool_choice = Some(choice);
        let sent = write(&request, "qwen3:8b", DropParams::Hints)
            .map(|written| written.body["tools"].as_array().map_or(0, Vec::len));
        assert_eq!(sent, names);
    }
    request.tool_choice = None;
    request.set_param(Param::ParallelToolCalls, json!(false));
    let refused = write(&request, "qwen3:8b", DropParams::Hints).err();
    assert_eq!(refused.as_deref(), Some("parallel_tool_calls"));
}

#[test]
fn formats_and_log_probabilities() {
    let mut request = asking(vec![user("?")]);
    request.response_format = Some(ResponseFormat::JsonObject);
    request.set_param(Param::TopLogprobs, json!(3));
    let body = written(&request).body;
    assert_eq!(body["format"], "json");
    assert_eq!(body["top_logprobs"], Value::Null);
    let schema = json!({"type": "object", "properties": {"z": {}, "a": {}}});
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: "n".to_owned(),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    });
    request.set_param(Param::Logprobs, json!(true));
    let body = written(&request).body;
    assert_eq!(body["format"].to_string(), schema.to_string());
    assert_eq!(
        (&body["logprobs"], &body["top_logprobs"]),
        (&json!(true), &json!(3))
    );
}

#[test]
fn only_gpt_oss_thinks_in_levels() {
    let of = |effort: Option<&str>, enabled| Reasoning {
        effort: effort.map(str::to_owned),
        enabled,
        ..Reasoning::default()
    };
    for (model, reasoning, think) in [
        ("qwen3:8b", of(Some("high"), None), json!(true)),
        ("qwen3:8b", of(Some("none"), None), json!(false)),
        ("qwen3:8b", of(None, Some(false)), json!(false)),
        ("qwen3:8b", of(None, Some(true)), json!(true)),
        ("qwen3:8b", of(None, None), Value::Null),
        ("gpt-oss:20b", of(Some("minimal"), None), json!("low")),
        ("gpt-oss:20b", of(Some("xhigh"), None), json!("high")),
        ("gpt-oss:20b", of(None, Some(true)), json!("medium")),
    ] {
        let mut request = asking(vec![user("?")]);
        request.reasoning = Some(reasoning);
        let body = write(&request, model, DropParams::None).unwrap().body;
        assert_eq!(body["think"], think, "{model} {:?}", request.reasoning);
        request.rest.insert("think".to_owned(), json!("max"));
        let body = write(&request, model, DropParams::None).unwrap().body;
        assert_eq!(body["think"], "max");
    }
}

#[test]
fn what_cannot_be_said_is_refused_or_named() {
    let url = Part::new(Content::Image {
        source: Source::from_url("https://example.com/a.png"),
        detail: None,
    });
    let request = asking(vec![message(Role::User, vec![Part::text("a"), url])]);
    let refused = write(&request, "qwen3:8b", DropParams::Hints).err();
    assert_eq!(refused.as_deref(), Some("messages[0] (image by URL)"));
    let all = write(&request, "qwen3:8b", DropParams::All).unwrap();
    assert_eq!(
        all.body["messages"],
        json!([{"role": "user", "content": "a"}])
    );

    let hidden = Part::new(Content::Thinking(Thinking {
        text: String::new(),
        signature: Some(Signature::new(Format::Anthropic, "enc")),
        is_redacted: true,
    }));
    let mut request = asking(vec![message(Role::Assistant, vec![hidden])]);
    request.rest.insert("options".to_owned(), json!("fast"));
    assert_eq!(
        written(&request).dropped,
        ["hidden thinking of another provider", "options"]
    );
}

fn arbitrary_part() -> impl Strategy<Value = Part> {
    let text = "[ a-zé\n\"]{0,6}";
    prop_oneof![
        text.prop_map(Part::text),
        text.prop_map(|base64| image(&base64)),
        ("[a-c]", text).prop_map(|(id, name)| call(&id, &name, "{\"a\":1}")),
        ("[a-c]", text).prop_map(|(id, text)| result(&id, vec![Part::text(text)])),
    ]
}

proptest! {
    /// Texts, images, calls and results all arrive, in their order.
    #[test]
    fn nothing_that_is_carried_is_lost(
        turns in proptest::collection::vec(proptest::collection::vec(arbitrary_part(), 0..5), 0..6),
    ) {
        let messages: Vec<_> = turns
            .iter()
            .enumerate()
            .map(|(at, parts)| {
                message(if at % 2 == 0 { Role::User } else { Role::Assistant }, parts.clone())
            })
            .collect();
        let body = write(&asking(messages), "qwen3:8b", DropParams::None).unwrap().body;
        let sent = body["messages"].as_array().unwrap();
        let of_sent = |list: &str| {
            let lists = sent.iter().filter_map(|one| one[list].as_array());
            lists.flatten().cloned().collect::<Vec<_>>()
        };
        let parts = || turns.iter().flatten().map(|part| &part.content);
        let images: Vec<_> = parts().filter(|it| matches!(it, Content::Image { .. })).collect();
        let calls: Vec<_> = parts()
            .filter_map(|it| match it {
                Content::ToolCall(call) => Some((call.id.as_str(), call.name.as_str())),
                _ => None,
            })
            .collect();
        let results: Vec<_> = parts()
            .filter_map(|it| match it {
                Content::ToolResult(result) => Some(result.call_id.as_str()),
                _ => None,
            })
            .collect();
        prop_assert_eq!(of_sent("images").len(), images.len());
        let sent_calls = of_sent("tool_calls");
        let sent_calls: Vec<_> = sent_calls
            .iter()
            .map(|it| (it["id"].as_str().unwrap(), it["function"]["name"].as_str().unwrap()))
            .collect();
        prop_assert_eq!(sent_calls, calls);
        let sent_results: Vec<_> = sent
            .iter()
            .filter(|one| one["role"] == "tool")
            .map(|one| one["tool_call_id"].as_str().unwrap())
            .collect();
        prop_assert_eq!(sent_results, results);
        let texts = sent.iter().map(|one| one["content"].as_str().unwrap().len()).sum::<usize>();
        let given = parts().map(|it| match it {
            Content::Text(text) => text.len(),
            Content::ToolResult(result) => match &result.parts[0].content {
                Content::Text(text) => text.len(),
                _ => 0,
            },
            _ => 0,
        });
        prop_assert!(texts >= given.sum());
    }
}
