//! Requests and answers as they go over the wire, and from one API to another.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::any_json::{any_json, one_of};
use crate::format::Format;
use crate::loss::{DropParams, Losses};
use crate::translate::ReplyError;
use crate::usage::Unit;

const APIS: [Api; 5] = [
    Api::Cohere,
    Api::Jina,
    Api::Voyage,
    Api::Vllm,
    Api::BedrockAgent,
];

fn request(body: Value) -> Request {
    read_request(body.to_string().as_bytes()).unwrap()
}

fn write_with(
    api: Api,
    request: &Request,
    policy: DropParams,
) -> Result<(Value, Vec<String>), String> {
    let mut losses = Losses::new(policy, "p", Format::Cohere);
    let body = write_request(api, request, "m", &mut losses).map_err(|loss| loss.what)?;
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

fn units(usage: Option<Usage>) -> Vec<(Unit, u64)> {
    usage
        .iter()
        .flat_map(|usage| usage.iter().collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_request_goes_to_every_provider() {
    let request = request(json!({
        "model": "alias", "query": "capital?", "documents": ["Paris", {"text": "Rome", "id": 7}],
        "top_n": 1, "return_documents": true
    }));
    let common =
        json!({"model": "m", "query": "capital?", "documents": ["Paris", "Rome"], "top_n": 1});
    assert_eq!(written(Api::Cohere, &request), common);
    assert_eq!(written(Api::Vllm, &request), common);
    assert_eq!(
        written(Api::Jina, &request),
        json!({"model": "m", "query": "capital?", "documents": ["Paris", "Rome"], "top_n": 1, "return_documents": false})
    );
    assert_eq!(
        written(Api::Voyage, &request),
        json!({"model": "m", "query": "capital?", "documents": ["Paris", "Rome"], "top_k": 1})
    );
    let source = |text: &str| json!({"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}});
    assert_eq!(
        written(Api::BedrockAgent, &request),
        json!({
            "queries": [{"type": "TEXT", "textQuery": {"text": "capital?"}}],
            "sources": [source("Paris"), source("Rome")],
            "rerankingConfiguration": {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": {
                    "numberOfResults": 1,
                    "modelConfiguration": {"modelArn": "m"}
                }
            }
        })
    );
}

#[test]
fn structured_documents_keep_what_counts() {
    let body = json!({"model": "a", "query": "q", "documents": [{"title": "T", "body": "B"}]});
    let mut whole = request(body);
    assert_eq!(
        written(Api::Cohere, &whole)["documents"],
        json!([r#"{"title":"T","body":"B"}"#])
    );
    whole.rank_fields = Some(vec!["title".to_owned()]);
    assert_eq!(
        written(Api::Cohere, &whole)["documents"],
        json!([r#"{"title":"T"}"#])
    );
    let bedrock = written(Api::BedrockAgent, &whole);
    assert_eq!(
        bedrock["sources"][0]["inlineDocumentSource"],
        json!({"type": "JSON", "jsonDocument": {"title": "T"}})
    );
    let image = request(
        json!({"model": "a", "query": "q", "documents": [{"image": "https://example.com/a.png"}]}),
    );
    assert_eq!(
        written(Api::Jina, &image)["documents"],
        json!([{"image": "https://example.com/a.png"}])
    );
}

#[test]
fn what_a_provider_does_not_know_is_named() {
    let request = request(json!({
        "model": "a", "query": "q", "documents": ["d"], "max_tokens_per_doc": 99, "truncation": true,
        "max_chunks_per_doc": 3, "top_k": 2
    }));
    let (cohere, dropped) = write_with(Api::Cohere, &request, DropParams::Hints).unwrap();
    assert_eq!(
        (&cohere["max_tokens_per_doc"], &cohere["top_n"]),
        (&json!(99), &json!(2))
    );
    assert_eq!(dropped, ["truncation", "max_chunks_per_doc"]);
    let (voyage, dropped) = write_with(Api::Voyage, &request, DropParams::Hints).unwrap();
    assert_eq!(voyage["truncation"], json!(true));
    assert_eq!(dropped, ["max_tokens_per_doc", "max_chunks_per_doc"]);
    assert_eq!(
        write_with(Api::BedrockAgent, &request, DropParams::None),
        Err("max_tokens_per_doc".to_owned())
    );
}

#[test]
fn what_is_no_request_is_refused_by_name() {
    for (body, path) in [
        (json!({"model": "a", "query": "q"}), "documents"),
        (
            json!({"model": "a", "query": "q", "documents": []}),
            "documents",
        ),
        (
            json!({"model": "a", "query": "q", "documents": ["a", 1]}),
            "documents[1]",
        ),
        (json!({"model": "a", "documents": ["a"]}), "query"),
        (json!({"query": "q", "documents": ["a"]}), "model"),
        (
            json!({"model": "a", "query": "q", "documents": ["a"], "top_n": -1}),
            "top_n",
        ),
        (
            json!({"model": "a", "query": "q", "documents": ["a"], "rank_fields": [1]}),
            "rank_fields",
        ),
        (json!([]), "body"),
    ] {
        let error = read_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.path, path);
    }
}

#[test]
fn every_answer_is_read_alike() {
    let results = json!([{"index": 1, "relevance_score": 0.98}, {"index": 0, "relevance_score": 0.0123456789}]);
    let tokens = vec![(Unit::Input, 38)];
    for (api, body, usage) in [
        (
            Api::Cohere,
            json!({"id": "x", "results": results, "meta": {
                "api_version": {"version": "2"}, "billed_units": {"search_units": 1}, "tokens": {"input_tokens": 38}
            }}),
            vec![(Unit::Searches, 1)],
        ),
        (
            Api::Jina,
            json!({"model": "j", "object": "list", "usage": {"total_tokens": 38}, "results": [
                {"index": 1, "document": {"text": "b"}, "relevance_score": 0.98},
                {"index": 0, "document": {"text": "a"}, "relevance_score": 0.0123456789},
            ]}),
            tokens.clone(),
        ),
        (
            Api::Voyage,
            json!({"object": "list", "model": "v", "data": results, "usage": {"total_tokens": 38}}),
            tokens.clone(),
        ),
        (
            Api::Vllm,
            json!({"id": "rerank-1", "model": "b", "results": results, "usage": {"prompt_tokens": 38, "total_tokens": 38}}),
            tokens,
        ),
        (
            Api::BedrockAgent,
            json!({"results": [
                {"index": 1, "relevanceScore": 0.98}, {"index": 0, "relevanceScore": 0.0123456789}
            ]}),
            vec![],
        ),
    ] {
        assert_eq!(
            units(inspect(body.to_string().as_bytes())),
            usage,
            "{api:?}"
        );
        let reply = read(api, body).unwrap();
        assert_eq!(units(reply.usage), usage, "{api:?}");
        let places: Vec<_> = reply
            .results
            .iter()
            .map(|it| (it.index, it.score.to_string()))
            .collect();
        assert_eq!(
            places,
            [(1, "0.98".to_owned()), (0, "0.0123456789".to_owned())]
        );
    }
}

#[test]
fn searches_and_tokens_can_both_be_told() {
    let body = json!({"results": [], "meta": {"billed_units": {"search_units": 2}}, "usage": {"total_tokens": 5}});
    let both = [(Unit::Input, 5), (Unit::Searches, 2)];
    assert_eq!(units(inspect(body.to_string().as_bytes())), both);
    assert_eq!(inspect(b"{\"results\":[]}"), None);
    assert_eq!(inspect(b"nonsense"), None);
}

#[test]
fn clients_get_their_documents_back_if_they_ask() {
    let mut asked = request(json!({
        "model": "alias", "query": "q", "documents": ["a", {"text": "b", "id": 7}], "return_documents": true
    }));
    let answer = json!({"data": [
        {"index": 1, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0.25}, {"index": 9, "relevance_score": 0}
    ], "usage": {"total_tokens": 12}});
    let reply = read(Api::Voyage, answer).unwrap();
    assert_eq!(
        String::from_utf8(write_reply(&reply, &asked, "call-1")).unwrap(),
        concat!(
            r#"{"id":"call-1","model":"alias","results":["#,
            r#"{"index":1,"relevance_score":0.5,"document":{"text":"b","id":7}},"#,
            r#"{"index":0,"relevance_score":0.25,"document":{"text":"a"}},"#,
            r#"{"index":9,"relevance_score":0}],"usage":{"total_tokens":12}}"#
        )
    );
    asked.return_documents = false;
    let answer = json!({"id": "x", "results": [{"index": 0, "relevance_score": 1}],
        "meta": {"billed_units": {"search_units": 1}}});
    let reply = read(Api::Cohere, answer).unwrap();
    assert_eq!(
        String::from_utf8(write_reply(&reply, &asked, "call-1")).unwrap(),
        concat!(
            r#"{"id":"x","model":"alias","results":[{"index":0,"relevance_score":1}],"#,
            r#""meta":{"billed_units":{"search_units":1}}}"#
        )
    );
}

#[test]
fn errors_in_a_success_are_told() {
    let reported = read(Api::Cohere, json!({"message": "no"}));
    assert!(matches!(reported, Err(ReplyError::Reported(error)) if error.message == "no"));
    for body in [
        json!({}),
        json!({"results": [{"index": -1, "relevance_score": 1}]}),
        json!(null),
    ] {
        for api in APIS {
            assert!(matches!(
                read(api, body.clone()),
                Err(ReplyError::Unreadable(_))
            ));
        }
    }
}

#[test]
fn a_search_is_a_hundred_documents() {
    let of = |documents: usize| Request {
        documents: vec![Document::Text(String::new()); documents],
        ..Request::default()
    };
    assert_eq!([0, 1, 100, 101].map(|n| of(n).searches()), [1, 1, 1, 2]);
}

const KEYS: &[&str] = &[
    "model",
    "query",
    "documents",
    "top_n",
    "text",
    "results",
    "data",
    "index",
    "relevance_score",
    "meta",
    "billed_units",
    "search_units",
    "usage",
    "rank_fields",
];

proptest! {
    #[test]
    fn nothing_panics(value in any_json(one_of(KEYS), one_of(KEYS)), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let text = value.to_string();
        for body in [text.as_bytes(), &bytes] {
            inspect(body);
            for api in APIS {
                if let Ok(request) = read_request(body) {
                    let _either = write_with(api, &request, DropParams::All);
                }
                if let Ok(reply) = read_reply(api, body) {
                    write_reply(&reply, &Request::default(), "id");
                }
            }
        }
    }

    /// Texts reach the provider in their order, and the order reaches the client.
    #[test]
    fn order_survives(texts in proptest::collection::vec(".{0,10}", 1..8), scores in proptest::collection::vec(0.0..1.0, 1..8)) {
        let asked = request(json!({"model": "a", "query": "q", "documents": texts, "return_documents": true}));
        prop_assert_eq!(&written(Api::Cohere, &asked)["documents"], &json!(texts));
        let results: Vec<Value> = scores.iter().enumerate().map(|(at, score)| {
            json!({"index": at % texts.len(), "relevance_score": score})
        }).collect();
        let reply = read(Api::Cohere, json!({"results": results})).unwrap();
        let written = String::from_utf8(write_reply(&reply, &asked, "id")).unwrap();
        for result in &results {
            // As text: reading a float may change its last digit.
            let score = format!("\"relevance_score\":{},", result["relevance_score"]);
            prop_assert!(written.contains(&score));
        }
        let told: Value = serde_json::from_str(&written).unwrap();
        for (told, result) in told["results"].as_array().unwrap().iter().zip(&results) {
            prop_assert_eq!(&told["index"], &result["index"]);
            let at = result["index"].as_u64().unwrap() as usize;
            prop_assert_eq!(&told["document"]["text"], &json!(texts[at]));
        }
    }
}

#[test]
fn what_a_request_may_use_is_bounded() {
    let body = |count: usize, length: usize| {
        let documents = vec!["x".repeat(length); count];
        serde_json::json!({"query": "abc", "documents": documents}).to_string()
    };
    let few = Bounds::of_json(body(3, 10).as_bytes());
    assert_eq!((few.searches, few.searches_upper), (1, 1));
    let many = Bounds::of_json(body(101, 10).as_bytes());
    assert_eq!(many.searches, 2);
    // 40 documents of 5,000 bytes may be cut into more than 400 pieces.
    let long = body(40, 5_000);
    let bounds = Bounds::of_json(long.as_bytes());
    assert_eq!((bounds.searches, bounds.searches_upper), (1, 5));
    assert_eq!(bounds.tokens_upper, long.len() as u64 + 40 * 5);
    assert_eq!(Bounds::of_json(b"nonsense").searches_upper, 1);
}
