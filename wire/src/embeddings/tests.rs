//! Requests and answers as they go over the wire, and from one API to another.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::any_json::{any_json, one_of};
use crate::format::Format;
use crate::loss::{DropParams, Losses};
use crate::translate::ReplyError;
use crate::usage::Unit;

const APIS: [Api; 7] = [
    Api::Openai,
    Api::Gemini,
    Api::Cohere,
    Api::Ollama,
    Api::BedrockTitan,
    Api::BedrockCohere,
    Api::VertexPredict,
];

fn openai(body: Value) -> Request {
    read_openai(body.to_string().as_bytes()).unwrap()
}

fn gemini(body: Value, batch: bool) -> Request {
    let client = if batch {
        Client::GeminiBatch
    } else {
        Client::GeminiOne
    };
    client.read(body.to_string().as_bytes()).unwrap()
}

fn write_with(
    api: Api,
    request: &Request,
    policy: DropParams,
) -> Result<(Value, Vec<String>), String> {
    let mut losses = Losses::new(policy, "p", Format::Chat);
    let body = write(api, request, "m", &mut losses).map_err(|loss| loss.what)?;
    Ok((
        serde_json::from_slice(&body).unwrap(),
        losses.into_dropped(),
    ))
}

fn written(api: Api, request: &Request) -> Value {
    write_with(api, request, DropParams::None).unwrap().0
}

fn read(api: Api, body: Value) -> Result<Reply, ReplyError> {
    read_reply(api, body.to_string().as_bytes())
}

#[test]
fn every_shape_of_openais_input_is_read() {
    let inputs = |input: Value| {
        let body = json!({"model": "m", "input": input}).to_string();
        read_openai(body.as_bytes())
            .map(|it| it.inputs)
            .map_err(|error| error.path)
    };
    let text = |text: &str| Input::Text(text.to_owned());
    assert_eq!(inputs(json!("a")), Ok(vec![text("a")]));
    assert_eq!(inputs(json!(["a", "b"])), Ok(vec![text("a"), text("b")]));
    assert_eq!(inputs(json!([1, 2])), Ok(vec![Input::Tokens(vec![1, 2])]));
    assert_eq!(
        inputs(json!([[1, 2], [3]])),
        Ok(vec![Input::Tokens(vec![1, 2]), Input::Tokens(vec![3])])
    );
    for (input, path) in [
        (json!([]), "input"),
        (json!(null), "input"),
        (json!({}), "input"),
        (json!([1, -2]), "input[1]"),
        (json!(["a", 1]), "input[1]"),
        (json!([[]]), "input[0]"),
        (json!([["a"]]), "input[0][0]"),
    ] {
        assert_eq!(inputs(input), Err(path.to_owned()));
    }
}

#[test]
fn a_request_of_openais_goes_to_every_provider() {
    let request = openai(json!({
        "model": "alias", "input": ["one", "two"], "dimensions": 256, "input_type": "search_query",
        "encoding_format": "base64"
    }));
    assert_eq!(request.encoding, Encoding::Base64);
    assert_eq!(
        written(Api::Gemini, &request),
        json!({"requests": [
            {"model": "models/m", "content": {"parts": [{"text": "one"}]}, "taskType": "RETRIEVAL_QUERY",
             "outputDimensionality": 256},
            {"model": "models/m", "content": {"parts": [{"text": "two"}]}, "taskType": "RETRIEVAL_QUERY",
             "outputDimensionality": 256},
        ]})
    );
    let cohere = json!({"model": "m", "texts": ["one", "two"], "input_type": "search_query",
        "embedding_types": ["float"], "output_dimension": 256});
    assert_eq!(written(Api::Cohere, &request), cohere);
    let mut on_bedrock = cohere.clone();
    on_bedrock.as_object_mut().unwrap().shift_remove("model");
    assert_eq!(written(Api::BedrockCohere, &request), on_bedrock);
    assert_eq!(
        written(Api::VertexPredict, &request),
        json!({
            "instances": [
                {"content": "one", "task_type": "RETRIEVAL_QUERY"},
                {"content": "two", "task_type": "RETRIEVAL_QUERY"},
            ],
            "parameters": {"outputDimensionality": 256}
        })
    );
    let (ollama, dropped) = write_with(Api::Ollama, &request, DropParams::Hints).unwrap();
    assert_eq!(
        ollama,
        json!({"model": "m", "input": ["one", "two"], "dimensions": 256})
    );
    assert_eq!(dropped, ["task"]);
    assert_eq!(
        write_with(Api::BedrockTitan, &request, DropParams::All),
        Err("input".to_owned())
    );

    let one =
        openai(json!({"model": "alias", "input": "one", "dimensions": 512, "normalize": false}));
    assert_eq!(
        written(Api::BedrockTitan, &one),
        json!({"inputText": "one", "dimensions": 512, "normalize": false})
    );
    assert_eq!(
        written(Api::Cohere, &openai(json!({"model": "a", "input": "x"})))["input_type"],
        "search_document"
    );
}

#[test]
fn tokens_go_to_openais_kind_alone() {
    let request = openai(json!({"model": "alias", "input": [[1, 2], [3]], "user": "u"}));
    assert_eq!(
        written(Api::Openai, &request),
        json!({"model": "m", "input": [[1, 2], [3]], "user": "u"})
    );
    for api in APIS.into_iter().filter(|api| *api != Api::Openai) {
        // There is nothing to go on with, so no policy lets it pass.
        assert_eq!(
            write_with(api, &request, DropParams::All),
            Err("input".to_owned()),
            "{api:?}"
        );
    }
}

#[test]
fn what_a_provider_does_not_know_is_named() {
    let request = openai(json!({
        "model": "a", "input": "x", "user": "u", "novelty": 1, "truncate": "END", "task": "novel.task"
    }));
    let dropped = |api| write_with(api, &request, DropParams::Hints).unwrap().1;
    assert_eq!(dropped(Api::Cohere), ["task", "user", "novelty"]);
    assert_eq!(
        dropped(Api::BedrockTitan),
        ["task", "user", "novelty", "truncate"]
    );
    assert_eq!(dropped(Api::Openai), ["task", "novelty", "truncate"]);
    assert_eq!(
        written(
            Api::Cohere,
            &openai(json!({"model": "a", "input": "x", "truncate": "END"}))
        )["truncate"],
        "END"
    );
    assert_eq!(
        write_with(Api::Gemini, &request, DropParams::None),
        Err("task".to_owned())
    );
}

#[test]
fn more_inputs_than_a_provider_takes_are_refused() {
    for api in APIS {
        let Some(most) = api.max_inputs("m") else {
            continue;
        };
        let inputs = vec![Input::Text("x".to_owned()); most];
        let mut request = Request {
            inputs,
            ..Request::default()
        };
        assert!(write_with(api, &request, DropParams::None).is_ok());
        request.inputs.push(Input::Text("x".to_owned()));
        assert_eq!(
            write_with(api, &request, DropParams::All),
            Err("input".to_owned())
        );
    }
    assert_eq!(
        Api::VertexPredict.max_inputs("gemini-embedding-001"),
        Some(1)
    );
}

#[test]
fn googles_requests_are_read_alone_and_in_batches() {
    let content = |text: &str| json!({"parts": [{"text": text}]});
    let one = gemini(
        json!({"content": content("a"), "taskType": "CLUSTERING", "title": "T", "outputDimensionality": 8}),
        false,
    );
    assert_eq!(one.inputs, [Input::Text("a".to_owned())]);
    assert_eq!(
        (one.task.as_deref(), one.title.as_deref()),
        (Some("CLUSTERING"), Some("T"))
    );
    assert_eq!(one.dimensions, Some(8));
    let nested = gemini(
        json!({"content": content("a"), "embedContentConfig": {
            "taskType": "CLUSTERING", "title": "T", "outputDimensionality": 8
        }}),
        false,
    );
    assert_eq!(nested, one);

    let batch = gemini(
        json!({"requests": [
            {"model": "models/e", "content": {"parts": [{"text": "a"}, {"text": "b"}]}, "task_type": "CLUSTERING"},
            {"model": "models/e", "content": content("c"), "taskType": "CLUSTERING"},
        ]}),
        true,
    );
    assert_eq!(batch.model, "e");
    assert_eq!(
        batch.inputs,
        [Input::Text("a\nb".to_owned()), Input::Text("c".to_owned())]
    );
    assert!(batch.rest.is_empty());
    assert_eq!(
        written(Api::Cohere, &batch),
        json!({"model": "m", "texts": ["a\nb", "c"], "input_type": "clustering", "embedding_types": ["float"]})
    );
}

#[test]
fn what_differs_within_a_batch_is_named() {
    let batch = gemini(
        json!({"requests": [
            {"content": {"parts": [{"text": "a"}]}, "title": "A", "taskType": "CLUSTERING"},
            {"content": {"parts": [{"text": "b"}]}, "title": "B", "taskType": "CLUSTERING"},
        ]}),
        true,
    );
    let (body, dropped) = write_with(Api::VertexPredict, &batch, DropParams::Hints).unwrap();
    assert_eq!(
        body,
        json!({"instances": [{"content": "a", "task_type": "CLUSTERING"}, {"content": "b", "task_type": "CLUSTERING"}]})
    );
    assert_eq!(dropped, ["title"]);
    let lengths = gemini(
        json!({"requests": [
            {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8},
            {"content": {"parts": [{"text": "b"}]}},
        ]}),
        true,
    );
    assert_eq!(
        write_with(Api::Cohere, &lengths, DropParams::Hints),
        Err("outputDimensionality".to_owned())
    );
}

#[test]
fn what_is_not_text_is_refused() {
    let request = gemini(
        json!({"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}}),
        false,
    );
    for api in APIS {
        assert_eq!(
            write_with(api, &request, DropParams::All),
            Err("content".to_owned())
        );
    }
    for (body, batch, path) in [
        (json!({}), false, "content.parts"),
        (json!({"requests": []}), true, "requests"),
        (
            json!({"requests": [{"content": {"parts": 1}}]}),
            true,
            "requests[0].content.parts",
        ),
    ] {
        let error = read_gemini(body.to_string().as_bytes(), batch).unwrap_err();
        assert_eq!(error.path, path);
    }
}

/// An answer of every API with the same vectors.
fn answers() -> Vec<(Api, Value)> {
    let lists = json!([[0.5, -0.25], [1e-7, 3]]);
    vec![
        (
            Api::Openai,
            json!({"object": "list", "model": "e", "data": [
                {"object": "embedding", "index": 1, "embedding": lists[1]},
                {"object": "embedding", "index": 0, "embedding": lists[0]},
            ], "usage": {"prompt_tokens": 7, "total_tokens": 7}}),
        ),
        (
            Api::Gemini,
            json!({"embeddings": [{"values": lists[0]}, {"values": lists[1]}], "usageMetadata": {"promptTokenCount": 7}}),
        ),
        (
            Api::Cohere,
            json!({"id": "x", "embeddings": {"float": lists}, "texts": ["a", "b"],
                "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 7}},
                "response_type": "embeddings_by_type"}),
        ),
        (
            Api::BedrockCohere,
            json!({"embeddings": lists, "meta": {"billed_units": {"input_tokens": 7.0}}}),
        ),
        (
            Api::Ollama,
            json!({"model": "e", "embeddings": lists, "total_duration": 1, "prompt_eval_count": 7}),
        ),
        (
            Api::VertexPredict,
            json!({"predictions": [
                {"embeddings": {"values": lists[0], "statistics": {"token_count": 3, "truncated": false}}},
                {"embeddings": {"values": lists[1], "statistics": {"token_count": 4.0, "truncated": false}}},
            ]}),
        ),
    ]
}

#[test]
fn every_answer_is_read_alike() {
    for (api, body) in answers() {
        let reply = read(api, body).unwrap();
        let lists: Vec<&str> = reply.vectors.iter().map(Vector::as_json).collect();
        assert_eq!(lists, ["[0.5,-0.25]", "[1e-7,3]"], "{api:?}");
        assert_eq!(reply.usage.unwrap().get(Unit::Input), 7, "{api:?}");
    }
    let titan = json!({"embedding": [0.5, 1], "inputTextTokenCount": 5, "embeddingsByType": {"float": [0.5, 1]}});
    let reply = read(Api::BedrockTitan, titan).unwrap();
    assert_eq!(reply.vectors[0].as_json(), "[0.5,1]");
    assert_eq!(reply.usage.unwrap().get(Unit::Input), 5);
    let one = read(Api::Gemini, json!({"embedding": {"values": [1]}})).unwrap();
    assert_eq!((one.vectors.len(), one.usage), (1, None));
    let by_type = read(Api::BedrockCohere, json!({"embeddings": {"float": [[1]]}})).unwrap();
    assert_eq!(by_type.vectors.len(), 1);
    let encoded = json!({"data": [{"index": 0, "embedding": "AAAAPwAAgL4="}]});
    assert_eq!(
        read(Api::Openai, encoded).unwrap().vectors[0].as_json(),
        "[0.5,-0.25]"
    );
}

#[test]
fn clients_get_the_numbers_as_they_asked() {
    let reply = read(Api::Ollama, answers()[4].1.clone()).unwrap();
    let mut request = openai(json!({"model": "alias", "input": ["a", "b"]}));
    assert_eq!(
        String::from_utf8(write_openai(&reply, &request, "al\"ias")).unwrap(),
        concat!(
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25]},"#,
            r#"{"object":"embedding","index":1,"embedding":[1e-7,3]}],"model":"al\"ias","#,
            r#""usage":{"prompt_tokens":7,"total_tokens":7}}"#
        )
    );
    request.encoding = Encoding::Base64;
    let encoded = Client::Openai.write(&reply, &request, "m");
    let encoded: Value = serde_json::from_slice(&encoded).unwrap();
    assert_eq!(encoded["data"][0]["embedding"], json!("AAAAPwAAgL4="));

    let told = r#""usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}"#;
    assert_eq!(
        String::from_utf8(write_gemini(&reply, true)).unwrap(),
        format!(r#"{{"embeddings":[{{"values":[0.5,-0.25]}},{{"values":[1e-7,3]}}],{told}}}"#)
    );
    assert_eq!(
        String::from_utf8(Client::GeminiOne.write(&reply, &request, "m")).unwrap(),
        format!(r#"{{"embedding":{{"values":[0.5,-0.25]}},{told}}}"#)
    );
}

#[test]
fn errors_in_a_success_are_told() {
    let reported = |api, body| match read(api, body) {
        Err(ReplyError::Reported(error)) => error.message,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reported(Api::Ollama, json!({"error": "model not found"})),
        "model not found"
    );
    assert_eq!(reported(Api::Cohere, json!({"message": "no"})), "no");
    for api in APIS {
        for body in [
            json!({}),
            json!([]),
            json!({"data": []}),
            json!({"embeddings": [["a"]]}),
        ] {
            assert!(
                matches!(read(api, body), Err(ReplyError::Unreadable(_))),
                "{api:?}"
            );
        }
    }
}

const KEYS: &[&str] = &[
    "model",
    "input",
    "data",
    "embedding",
    "embeddings",
    "index",
    "values",
    "float",
    "requests",
    "content",
    "parts",
    "text",
    "taskType",
    "title",
    "outputDimensionality",
    "predictions",
    "statistics",
    "usage",
];

proptest! {
    #[test]
    fn nothing_panics(value in any_json(one_of(KEYS), one_of(KEYS)), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let text = value.to_string();
        for body in [text.as_bytes(), &bytes] {
            for request in [read_openai(body), read_gemini(body, false), read_gemini(body, true)].into_iter().flatten() {
                for api in APIS {
                    let _either = write_with(api, &request, DropParams::All);
                }
            }
            for api in APIS {
                if let Ok(reply) = read_reply(api, body) {
                    let written = write_openai(&reply, &Request::default(), "m");
                    prop_assert!(serde_json::from_slice::<Value>(&written).is_ok());
                }
            }
        }
    }

    /// What is written for an OpenAI client reads back as the same vectors, in either encoding.
    #[test]
    fn vectors_survive(lists in proptest::collection::vec(proptest::collection::vec(-1e3_f32..1e3, 1..8), 1..5)) {
        let reply = read(Api::Cohere, json!({"embeddings": {"float": lists}})).unwrap();
        for encoding in [Encoding::Float, Encoding::Base64] {
            let request = Request { encoding, ..Request::default() };
            let back = read_reply(Api::Openai, &write_openai(&reply, &request, "m")).unwrap();
            let floats: Vec<Vec<f32>> = back.vectors.iter().map(|it| it.floats().collect()).collect();
            prop_assert_eq!(&floats, &lists);
        }
        let back = read_reply(Api::Gemini, &write_gemini(&reply, true)).unwrap();
        prop_assert_eq!(back.vectors, reply.vectors);
    }
}
