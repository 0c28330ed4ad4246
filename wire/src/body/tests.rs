use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::any_json::any_json;

fn head(body: &str) -> Head {
    parse(body.as_bytes()).unwrap()
}

fn refused(body: &str) -> BodyError {
    parse(body.as_bytes()).unwrap_err()
}

fn rendered(body: &str, edit: &Edit<'_>) -> String {
    let rendered = render(body.as_bytes(), &head(body), edit);
    String::from_utf8(rendered).unwrap()
}

fn to_model(model: &str) -> Edit<'_> {
    Edit {
        model: ModelEdit::Named(model),
        include_usage: false,
        max_tokens_field: None,
    }
}

fn metered(model: &str) -> Edit<'_> {
    Edit {
        include_usage: true,
        ..to_model(model)
    }
}

#[test]
fn everything_the_gateway_needs_is_read() {
    let head = head(
        r#" {"messages":[{"role":"user","content":"model"}],"model":"a\"b","stream":true,
        "stream_options":{"include_usage":true},"max_tokens":5,"max_completion_tokens":7,"n":3,"tools":[{}]} "#,
    );
    assert_eq!(head.model.as_deref(), Some("a\"b"));
    assert!(head.stream && head.include_usage && head.has_tools);
    assert_eq!(head.max_output_tokens, Some(7));
    assert_eq!(head.choices, 3);
}

#[test]
fn absent_and_null_members_have_their_defaults() {
    let nulls = r#"{"model":null,"stream":null,"stream_options":null,"max_tokens":null,"max_completion_tokens":null,"n":null,"tools":null}"#;
    for body in ["{}", nulls] {
        let head = head(body);
        assert_eq!(head.model, None);
        assert!(!head.stream && !head.include_usage && !head.has_tools);
        assert_eq!((head.max_output_tokens, head.choices), (None, 1));
    }
    assert!(!head(r#"{"tools":[ ]}"#).has_tools);
    assert_eq!(
        head(r#"{"max_completion_tokens":null,"max_tokens":0}"#).max_output_tokens,
        Some(0)
    );
    assert_eq!(head(r#"{"n":0}"#).choices, 1);
}

#[test]
fn what_is_no_text_is_refused_with_its_reason() {
    assert_eq!(refused(""), BodyError::Empty);
    assert_eq!(refused(" \r\n\t"), BodyError::Empty);
    assert_eq!(refused("\u{feff}{}"), BodyError::Bom);
    assert_eq!(
        parse(b"{\"a\":\"\xff\"}"),
        Err(BodyError::NotUtf8 { at: 6 })
    );
    // A character cut off at the end of the body.
    assert_eq!(
        parse(b"{\"a\":\"\xe4\xbd"),
        Err(BodyError::NotUtf8 { at: 6 })
    );
}

#[test]
fn what_is_no_object_is_named() {
    for (body, found) in [
        ("null", "null"),
        ("[]", "an array"),
        ("\"{}\"", "a string"),
        ("true", "a boolean"),
        (" -1", "a number"),
    ] {
        assert_eq!(refused(body), BodyError::NotObject { found });
    }
}

#[test]
fn mistakes_are_placed() {
    let error = refused("{\"model\":\"m\",\n \"stream\":ture}");
    assert_eq!(
        error.to_string(),
        "The body is not valid JSON: expected ident at line 2, column 12."
    );
    for body in [
        "{",
        "{\"a\"}",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":01}",
        "{} x",
        "nul",
        "[1,",
        "{\"a\":\"\n\"}",
        "{\"a\":NaN}",
        "{\"a\":\"\\x\"}",
    ] {
        assert!(matches!(refused(body), BodyError::NotJson { .. }), "{body}");
    }
}

#[test]
fn a_nesting_bomb_is_refused_before_it_is_parsed() {
    let nested = |depth: usize| {
        format!(
            "{{\"a\":{}{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(
        refused(&nested(MAX_DEPTH + 1)),
        BodyError::TooDeep { max: MAX_DEPTH }
    );
    assert_eq!(
        refused(&"[".repeat(1 << 20)),
        BodyError::TooDeep { max: MAX_DEPTH }
    );
    assert_eq!(
        refused(&"{\"a\":".repeat(1 << 20)),
        BodyError::TooDeep { max: MAX_DEPTH }
    );
    // Brackets in strings do not nest.
    assert!(parse(format!("{{\"a\":\"{}\"}}", "[\\\"".repeat(1000)).as_bytes()).is_ok());
}

#[test]
fn keys_that_matter_may_come_once_however_written() {
    for key in [
        "model",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "n",
        "tools",
    ] {
        let escaped = format!("\\u{:04x}{}", key.as_bytes()[0], &key[1..]);
        for second in [key, &escaped] {
            let body = format!("{{\"{key}\":null,\"x\":0,\"{second}\":null}}");
            let error = refused(&body);
            assert!(
                matches!(error, BodyError::DuplicateKey { key: named } if named == key),
                "{body}"
            );
        }
    }
    assert_eq!(
        refused(r#"{"stream_options":{"include_usage":false,"include_usage":true}}"#),
        BodyError::DuplicateKey {
            key: "stream_options.include_usage"
        }
    );
    assert!(parse(br#"{"x":1,"x":2,"y":{"model":1,"model":2}}"#).is_ok());
}

#[test]
fn wrong_types_are_named() {
    for (body, wrong) in [
        (r#"{"model":1}"#, "model"),
        (r#"{"model":["m"]}"#, "model"),
        (r#"{"stream":"true"}"#, "stream"),
        (r#"{"stream":1}"#, "stream"),
        (r#"{"max_tokens":-1}"#, "max_tokens"),
        (r#"{"max_tokens":1.5}"#, "max_tokens"),
        (r#"{"max_completion_tokens":"9"}"#, "max_completion_tokens"),
        (
            r#"{"max_completion_tokens":18446744073709551616}"#,
            "max_completion_tokens",
        ),
        (r#"{"n":-1}"#, "n"),
        (r#"{"n":4294967296}"#, "n"),
        (r#"{"stream_options":[]}"#, "stream_options"),
        (
            r#"{"stream_options":{"include_usage":"yes"}}"#,
            "stream_options.include_usage",
        ),
    ] {
        assert!(
            matches!(refused(body), BodyError::WrongType { key, .. } if key == wrong),
            "{body}"
        );
    }
}

#[test]
fn an_escaped_key_is_the_same_key() {
    let body = r#"{"mod\u0065l":"m", "x":1}"#;
    assert_eq!(head(body).model.as_deref(), Some("m"));
    assert_eq!(
        rendered(body, &to_model("n")),
        r#"{"mod\u0065l":"n", "x":1}"#
    );
}

#[test]
fn nothing_changes_when_nothing_must() {
    let body = " { \"x\" : 1.0e2 , \"model\":\"m\" ,\"stream_options\":{\"include_usage\": true}, \"max_tokens\":1}\n";
    let edit = Edit {
        model: ModelEdit::Named("m"),
        include_usage: true,
        max_tokens_field: Some("max_tokens"),
    };
    assert_eq!(rendered(body, &edit), body);
    // The same name, written with an escape, is left as it is written.
    assert_eq!(
        rendered(r#"{"model":"\u006d"}"#, &to_model("m")),
        r#"{"model":"\u006d"}"#
    );
}

#[test]
fn the_model_is_spliced_in() {
    assert_eq!(
        rendered(r#"{"a":1, "model" : "m" ,"b":[ ]}"#, &to_model("p/\"q\"")),
        r#"{"a":1, "model" : "p/\"q\"" ,"b":[ ]}"#
    );
    assert_eq!(
        rendered(r#"{"model":null}"#, &to_model("m")),
        r#"{"model":"m"}"#
    );
    assert_eq!(
        rendered(r#" { "a":1}"#, &to_model("m")),
        r#" {"model":"m", "a":1}"#
    );
    assert_eq!(rendered("{}", &to_model("m")), r#"{"model":"m"}"#);
    assert_eq!(rendered("{ }", &to_model("m")), r#"{"model":"m" }"#);
}

#[test]
fn include_usage_is_forced_wherever_it_is_not() {
    let forced =
        |options: &str| rendered(&format!(r#"{{"model":"m"{options},"z":0}}"#), &metered("m"));
    assert_eq!(
        forced(""),
        r#"{"stream_options":{"include_usage":true},"model":"m","z":0}"#
    );
    assert_eq!(
        forced(r#","stream_options": null"#),
        r#"{"model":"m","stream_options": {"include_usage":true},"z":0}"#
    );
    assert_eq!(
        forced(r#","stream_options":{ "a":1}"#),
        r#"{"model":"m","stream_options":{"include_usage":true, "a":1},"z":0}"#
    );
    assert_eq!(
        forced(r#","stream_options":{}"#),
        r#"{"model":"m","stream_options":{"include_usage":true},"z":0}"#
    );
    for off in ["false", "null"] {
        assert_eq!(
            forced(&format!(
                r#","stream_options":{{"include_usage" : {off} ,"a":1}}"#
            )),
            r#"{"model":"m","stream_options":{"include_usage" : true ,"a":1},"z":0}"#
        );
    }
    assert_eq!(
        rendered("{}", &metered("m")),
        r#"{"model":"m","stream_options":{"include_usage":true}}"#
    );
}

#[test]
fn the_token_limit_takes_the_name_the_provider_knows() {
    let named = |body: &str, field| {
        let edit = Edit {
            max_tokens_field: Some(field),
            ..to_model("m")
        };
        rendered(body, &edit)
    };
    assert_eq!(
        named(r#"{"max_tokens": 5,"model":"m"}"#, "max_completion_tokens"),
        r#"{"max_completion_tokens": 5,"model":"m"}"#
    );
    assert_eq!(
        named(r#"{"model":"x","max_completion_tokens":5}"#, "max_tokens"),
        r#"{"model":"m","max_tokens":5}"#
    );
    let both = r#"{"model":"m","max_tokens":5,"max_completion_tokens":6}"#;
    assert_eq!(named(both, "max_tokens"), both);
    let neither = r#"{"model":"m"}"#;
    assert_eq!(named(neither, "max_tokens"), neither);
}

#[test]
fn another_bodys_head_does_not_panic() {
    let long = head(r#"{"x":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","model":"m","stream_options":{}}"#);
    render(b"{}", &long, &metered("n"));
}

#[test]
fn megabytes_are_read_in_one_pass() {
    // Quadratic work on 8 MB would not end while anyone waits.
    let body = format!(
        "{{\"a\":\"{}\",\"b\":[{}0],\"model\":\"m\"}}",
        "\\\"".repeat(1 << 21),
        "{\"model\":1},".repeat(1 << 18)
    );
    assert_eq!(head(&body).model.as_deref(), Some("m"));
    let rendered = render(body.as_bytes(), &head(&body), &to_model("n"));
    assert_eq!(rendered.len(), body.len());
}

fn arbitrary_body() -> impl Strategy<Value = Value> {
    let options = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!({"include_usage": false})),
        Just(json!({"include_usage": true, "x": 1})),
        Just(json!({"x": {"include_usage": 1}})),
    ];
    (
        prop::collection::btree_map("[a-z\\\\\"{}]{0,5}_", any_json(".{0,6}", ".{0,8}"), 0..5),
        prop::option::of(prop_oneof![
            Just(Value::Null),
            r"\PC{0,8}".prop_map(Value::from)
        ]),
        prop::option::of(options),
        prop::option::of(any::<u32>()),
    )
        .prop_map(|(mut members, model, options, max_tokens)| {
            members.extend(model.map(|model| ("model".to_owned(), model)));
            members.extend(options.map(|options| ("stream_options".to_owned(), options)));
            members.extend(max_tokens.map(|max| ("max_tokens".to_owned(), max.into())));
            Value::Object(members.into_iter().collect())
        })
}

proptest! {
    #[test]
    fn a_rendered_body_differs_only_in_what_was_edited(
        body in arbitrary_body(),
        model in ".{0,8}",
        include_usage: bool,
        is_pretty: bool,
    ) {
        let text = if is_pretty { format!("{body:#}") } else { body.to_string() };
        let head = parse(text.as_bytes()).unwrap();
        let edit = Edit { model: ModelEdit::Named(&model), include_usage, max_tokens_field: Some("max_completion_tokens") };
        let rendered: Value = serde_json::from_slice(&render(text.as_bytes(), &head, &edit)).unwrap();

        let mut expected = body;
        expected["model"] = model.clone().into();
        if include_usage {
            if !expected["stream_options"].is_object() {
                expected["stream_options"] = json!({});
            }
            expected["stream_options"]["include_usage"] = true.into();
        }
        let members = expected.as_object_mut().unwrap();
        if let Some(max) = members.remove("max_tokens") {
            members.insert("max_completion_tokens".to_owned(), max);
        }
        prop_assert_eq!(rendered, expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(head) = parse(&body) {
            render(&body, &head, &metered("m"));
        }
    }

    #[test]
    fn what_is_taken_is_json_and_what_is_json_is_taken(body in "[{}\\[\\]\",:a1 \\\\]{0,12}") {
        let is_object = serde_json::from_str::<Value>(&body).is_ok_and(|value| value.is_object());
        prop_assert_eq!(parse(body.as_bytes()).is_ok(), is_object);
    }
}

#[test]
fn the_model_gives_way_to_another_member_where_it_stands() {
    let edit = Edit {
        model: ModelEdit::Replaced {
            key: "anthropic_version",
            value: "vertex-2023-10-16",
        },
        ..to_model("m")
    };
    assert_eq!(
        rendered(r#"{"a":1, "model" : "x","b":2}"#, &edit),
        r#"{"a":1, "anthropic_version":"vertex-2023-10-16","b":2}"#
    );
    assert_eq!(
        rendered(r#"{"b":2}"#, &edit),
        r#"{"anthropic_version":"vertex-2023-10-16","b":2}"#
    );
}

#[test]
fn a_model_in_the_url_leaves_the_body_alone() {
    let edit = Edit {
        model: ModelEdit::Absent,
        ..to_model("m")
    };
    let body = r#"{"contents":[]}"#;
    assert_eq!(rendered(body, &edit), body);
}

#[test]
fn every_formats_output_limit_is_known() {
    let limit = |body: &str| parse(body.as_bytes()).unwrap().max_output_tokens;
    assert_eq!(limit(r#"{"max_output_tokens":7}"#), Some(7));
    assert_eq!(
        limit(r#"{"generationConfig":{"maxOutputTokens":9}}"#),
        Some(9)
    );
    let head = parse(br#"{"generationConfig":{"candidateCount":3}}"#).unwrap();
    assert_eq!(head.choices, 3);
}

#[test]
fn a_key_in_other_capitals_is_refused() {
    for (body, key) in [
        (r#"{"model":"cheap","Model":"dear"}"#, "model"),
        (r#"{"MODEL":"dear"}"#, "model"),
        (r#"{"model":"m","\u004dax_tokens":9}"#, "max_tokens"),
        (r#"{"model":"m","ſtream":true}"#, "stream"),
    ] {
        let refused = parse(body.as_bytes());
        assert_eq!(refused, Err(BodyError::OtherCapitals { key }), "{body}");
    }
    assert!(parse(br#"{"model":"m","models":[],"Models":[],"nn":1}"#).is_ok());
}

#[test]
fn a_models_name_is_short_and_without_control_characters() {
    let refused = Err(BodyError::WrongType {
        key: "model",
        expected: EXPECTED_MODEL,
    });
    let plain = || parse(b"{}").unwrap();
    for name in ["a\nb", "\u{1b}[31m", "a\0", "\u{85}", &"m".repeat(257)] {
        let body = serde_json::json!({ "model": name }).to_string();
        assert_eq!(parse(body.as_bytes()), refused, "{name:?}");
        assert_eq!(plain().with_model(name), refused);
        assert_eq!(Head::of_form(Some(name.to_owned()), false, 1), refused);
    }
    let named = plain().with_model("up/é 1").unwrap();
    assert_eq!(named.model.as_deref(), Some("up/é 1"));
}
