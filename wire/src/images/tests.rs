use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::any_json::any_json;
use crate::format::Format;
use crate::loss::DropParams;
use crate::multipart::Form;
use crate::neutral::Source;

fn asked() -> ImageAsk {
    ImageAsk::of_json(br#"{"prompt":"a cat","n":2,"size":"1024x1024","quality":"high"}"#)
}

fn units(usage: &Usage) -> Vec<(Unit, u64)> {
    usage.iter().collect()
}

#[test]
fn tokens_are_used_where_they_are_told() {
    let body = json!({
        "created": 1_713_833_628, "background": "transparent", "output_format": "png", "size": "1024x1536",
        "quality": "medium", "data": [{"b64_json": "iVBORw0KGgo="}],
        "usage": {"total_tokens": 1600, "input_tokens": 50, "output_tokens": 1550,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}
    });
    let told = inspect(body.to_string().as_bytes(), &asked());
    assert_eq!(
        units(&told.usage),
        [
            (Unit::Input, 10),
            (Unit::ImageInput, 40),
            (Unit::ImageOutput, 1550)
        ]
    );
    assert_eq!(told.images, 1);
    assert_eq!(told.size.as_deref(), Some("1024x1536"));
    assert_eq!(told.quality.as_deref(), Some("medium"));
    assert!(!told.is_estimated);
}

#[test]
fn tokens_are_bounded_by_quality_and_size() {
    let ask = |quality: &str, size: &str| {
        let body = json!({"quality": quality, "size": size}).to_string();
        let ask = ImageAsk::of_json(body.as_bytes());
        (ask.tokens_likely(), ask.tokens_upper())
    };
    assert_eq!(ask("low", "1024x1024"), (400, 1_024));
    assert_eq!(ask("medium", "1536x1024"), (1_500, 4_096));
    assert_eq!(ask("auto", "auto"), (4_200, 8_192));
    assert_eq!(ask("high", "3584x2048"), (8_400, 16_384));
    assert_eq!(ask("high", "99999999999999999999x4"), (4_200, 8_192));
    let edits = |body: &str| inputs_of_json(body.as_bytes());
    assert_eq!(
        edits(r#"{"images":[{"file_id":"a"},{"file_id":"b"}]}"#),
        Some(2)
    );
    assert_eq!(edits(r#"{"image":"data:image/png;base64,AA=="}"#), Some(1));
    assert_eq!((edits(r#"{"prompt":"x"}"#), edits("")), (None, None));
}

#[test]
fn images_are_counted_where_no_tokens_are_told() {
    let body = br#"{"created":1589478378,"data":[{"url":"https://a"},{"url":"https://b","revised_prompt":"x"}]}"#;
    let told = inspect(body, &asked());
    assert_eq!(units(&told.usage), [(Unit::Images, 2)]);
    assert_eq!(told.size.as_deref(), Some("1024x1024"));
    assert_eq!(told.quality.as_deref(), Some("high"));
    let nothing = inspect(br#"{"created":1,"data":null,"usage":null}"#, &asked());
    assert_eq!((nothing.images, nothing.usage.is_zero()), (0, true));
}

#[test]
fn an_answer_that_cannot_be_read_used_what_was_asked_for() {
    for body in [b"".as_slice(), b"<html>", b"\xFF\xFE", b"[]"] {
        let told = inspect(body, &asked());
        assert!(told.is_estimated);
        assert_eq!(units(&told.usage), [(Unit::Images, 2)]);
    }
}

#[test]
fn an_error_in_a_200_is_an_error_and_an_svg_has_its_own_tokens() {
    let told = inspect(br#"{"error":{"message":"no"}}"#, &asked());
    assert_eq!(told.error.unwrap().message, "no");
    assert!(told.usage.is_zero());
    let body = br#"{"data":[{}],"usage":{"input_tokens":10,"output_tokens":20},
        "svg_usage":{"model":"gpt-5.5","input_tokens":100,"output_tokens":300,"reasoning_tokens":50,"total_tokens":400}}"#;
    let told = inspect(body, &asked());
    assert_eq!(
        units(&told.usage),
        [
            (Unit::Input, 110),
            (Unit::Output, 300),
            (Unit::ImageOutput, 20)
        ]
    );
}

#[test]
fn a_form_asks_as_json_does() {
    let mut form = Form::new(b"multipart/form-data; boundary=b").unwrap();
    form.feed(b"--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n3\r\n--b\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n512x512\r\n--b--").unwrap();
    let ask = ImageAsk::of_form(form.known());
    assert_eq!(
        (ask.n, ask.size.as_deref(), ask.quality),
        (3, Some("512x512"), None)
    );
}

fn write(
    target: ImageTarget,
    request: Value,
    policy: DropParams,
) -> Result<(Value, Vec<String>), String> {
    let request = ImageRequest::of_json(request.to_string().as_bytes()).unwrap();
    write_request(target, &request, policy)
}

fn write_request(
    target: ImageTarget,
    request: &ImageRequest,
    policy: DropParams,
) -> Result<(Value, Vec<String>), String> {
    let mut losses = Losses::new(policy, "google", Format::Gemini);
    let body = target
        .write_request(request, &mut losses)
        .map_err(|loss| loss.what)?;
    Ok((
        serde_json::from_slice(&body).unwrap(),
        losses.into_dropped(),
    ))
}

#[test]
fn a_generation_goes_to_gemini() {
    let request = json!({"model": "nano", "prompt": "a cat", "n": 1, "size": "1792x1024", "quality": "auto",
        "response_format": "b64_json", "background": "auto", "output_format": "png", "user": "u1"});
    let (body, dropped) = write(ImageTarget::GenerateContent, request, DropParams::Hints).unwrap();
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
            "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9"}}})
    );
    assert_eq!(dropped, ["user"]);
}

#[test]
fn a_large_image_and_one_of_no_size_are_asked_for() {
    let request = json!({"prompt": "a cat", "size": "3840x2160"});
    let (body, dropped) = write(ImageTarget::GenerateContent, request, DropParams::None).unwrap();
    assert_eq!(
        body["generationConfig"]["imageConfig"],
        json!({"aspectRatio": "16:9", "imageSize": "4K"})
    );
    assert!(dropped.is_empty());
    let request = json!({"prompt": "a cat", "size": "auto"});
    let (body, _) = write(ImageTarget::GenerateContent, request, DropParams::None).unwrap();
    assert_eq!(
        body["generationConfig"],
        json!({"responseModalities": ["IMAGE"]})
    );
}

#[test]
fn an_edit_in_json_goes_to_gemini() {
    let request = json!({"prompt": "add a hat", "images": [{"image_url": "data:image/png;base64,iVBORw0KGgo="}],
        "image": "data:image/webp;base64,UklGRg=="});
    let (body, _) = write(ImageTarget::GenerateContent, request, DropParams::None).unwrap();
    assert_eq!(
        body["contents"][0]["parts"],
        json!([
            {"inlineData": {"mimeType": "image/webp", "data": "UklGRg=="}},
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
            {"text": "add a hat"}
        ])
    );
}

/// An edit as the official SDK sends it.
fn edit_form() -> (Form, Vec<u8>) {
    let png = b"\x89PNG\r\n\x1a\n-data";
    let jpeg = b"\xFF\xD8\xFF\xE0-data";
    let mut body = Vec::new();
    let mut part = |head: &str, data: &[u8]| {
        body.extend_from_slice(b"--b\r\nContent-Disposition: form-data; ");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    };
    part("name=\"prompt\"", "add a hat 🎩".as_bytes());
    part("name=\"model\"", b"gpt-image-1");
    part("name=\"size\"", b"1024x1536");
    part("name=\"n\"", b"1");
    part("name=\"output_compression\"", b"80");
    part("name=\"input_fidelity\"", b"high");
    part(
        "name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: application/octet-stream",
        png,
    );
    part(
        "name=\"image[]\"; filename=\"b.jpg\"\r\nContent-Type: image/jpeg",
        jpeg,
    );
    body.extend_from_slice(b"--b--\r\n");
    let mut form = Form::new(b"multipart/form-data; boundary=b").unwrap();
    form.feed(&body).unwrap();
    (form, body)
}

#[test]
fn an_edit_in_a_form_goes_to_gemini() {
    let (form, body) = edit_form();
    let request = ImageRequest::of_form(&form, &body).unwrap();
    let (body, dropped) =
        write_request(ImageTarget::GenerateContent, &request, DropParams::Hints).unwrap();
    assert_eq!(
        body["contents"][0]["parts"],
        json!([
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgotZGF0YQ=="}},
            {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4C1kYXRh"}},
            {"text": "add a hat 🎩"}
        ])
    );
    assert_eq!(
        body["generationConfig"]["imageConfig"]["aspectRatio"],
        "2:3"
    );
    assert_eq!(dropped, ["input_fidelity", "output_compression"]);
}

#[test]
fn what_is_no_request_is_refused_with_its_place() {
    let refuse = |body: Value| {
        ImageRequest::of_json(body.to_string().as_bytes())
            .unwrap_err()
            .path
    };
    assert_eq!(refuse(json!([])), "body");
    assert_eq!(refuse(json!({})), "prompt");
    assert_eq!(refuse(json!({"prompt": 1})), "prompt");
    assert_eq!(refuse(json!({"prompt": "x", "n": "2"})), "n");
    assert_eq!(refuse(json!({"prompt": "x", "size": "huge"})), "size");
    assert_eq!(refuse(json!({"prompt": "x", "images": [3]})), "images[0]");
    assert_eq!(refuse(json!({"prompt": "x", "image": {}})), "image[0].url");
    let mut form = Form::new(b"multipart/form-data; boundary=b").unwrap();
    let body =
        b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\nMZ\r\n--b--";
    form.feed(body).unwrap();
    assert_eq!(
        ImageRequest::of_form(&form, body).unwrap_err().path,
        "image"
    );
}

#[test]
fn losses_with_meaning_are_refused_and_named() {
    let cases = [
        (json!({"prompt": "x", "n": 2}), "n"),
        (
            json!({"prompt": "x", "background": "transparent"}),
            "background",
        ),
        (
            json!({"prompt": "x", "output_format": "svg"}),
            "output_format",
        ),
        (json!({"prompt": "x", "mask": {"file_id": "f"}}), "mask"),
        (
            json!({"prompt": "x", "image": "https://example.com/a.png"}),
            "image[0]",
        ),
        (json!({"prompt": "x", "frame_count": 4}), "frame_count"),
    ];
    for (request, what) in cases {
        let refused = write(
            ImageTarget::GenerateContent,
            request.clone(),
            DropParams::Hints,
        );
        assert_eq!(refused, Err(what.to_owned()));
        let (_, dropped) = write(ImageTarget::GenerateContent, request, DropParams::All).unwrap();
        assert_eq!(dropped, [what]);
    }
    for hint in [
        json!({"quality": "high"}),
        json!({"response_format": "url"}),
        json!({"output_format": "webp"}),
        json!({"size": "256x256"}),
        json!({"style": "vivid"}),
    ] {
        let mut request = hint.clone();
        request["prompt"] = json!("x");
        let name = hint.as_object().unwrap().keys().next().unwrap().clone();
        let (_, dropped) = write(
            ImageTarget::GenerateContent,
            request.clone(),
            DropParams::Hints,
        )
        .unwrap();
        assert_eq!(dropped, [name.as_str()]);
        let refused = write(ImageTarget::GenerateContent, request, DropParams::None);
        assert_eq!(refused, Err(name));
    }
}

#[test]
fn a_generation_goes_to_imagen() {
    let request = json!({"prompt": "a cat", "n": 3, "size": "2048x2048", "output_format": "jpeg", "output_compression": 80});
    let (body, dropped) = write(ImageTarget::Predict, request, DropParams::None).unwrap();
    assert_eq!(
        body,
        json!({"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 3, "aspectRatio": "1:1",
            "sampleImageSize": "2K", "outputOptions": {"mimeType": "image/jpeg", "compressionQuality": 80},
            "includeRaiReason": true}})
    );
    assert!(dropped.is_empty());
    let many = write(
        ImageTarget::Predict,
        json!({"prompt": "a cat", "n": 9}),
        DropParams::Hints,
    );
    assert_eq!(many, Err("n".to_owned()));
    let (body, _) = write(
        ImageTarget::Predict,
        json!({"prompt": "a cat", "n": 9}),
        DropParams::All,
    )
    .unwrap();
    assert_eq!(body["parameters"]["sampleCount"], 4);
}

fn gemini_reply() -> Value {
    json!({
        "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "Thinking…", "thought": true},
            {"inlineData": {"mimeType": "image/png", "data": "c2tldGNo"}, "thought": true},
            {"text": "Here is your cat."},
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}, "thoughtSignature": "AbC"}
        ]}}],
        "usageMetadata": {"promptTokenCount": 270, "candidatesTokenCount": 1300, "totalTokenCount": 1690,
            "thoughtsTokenCount": 120,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}, {"modality": "IMAGE", "tokenCount": 258}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}, {"modality": "TEXT", "tokenCount": 10}]},
        "modelVersion": "gemini-3-pro-image-preview", "responseId": "r1"
    })
}

#[test]
fn odd_counts_do_not_lose_an_image_that_was_made() {
    let mut reply = gemini_reply();
    reply["usageMetadata"] = json!({"promptTokenCount": -1, "candidatesTokenCount": 1290.0,
        "promptTokensDetails": null, "thoughtsTokenCount": null});
    let target = ImageTarget::GenerateContent;
    let read = target.read_reply(reply.to_string().as_bytes()).unwrap();
    assert_eq!(units(&read.usage.unwrap()), [(Unit::ImageOutput, 1290)]);
    reply["usageMetadata"] = json!("unknown");
    let read = target.read_reply(reply.to_string().as_bytes()).unwrap();
    assert_eq!((read.images.len(), read.usage), (1, None));
}

#[test]
fn an_image_comes_back_from_gemini() {
    let reply = ImageTarget::GenerateContent
        .read_reply(gemini_reply().to_string().as_bytes())
        .unwrap();
    assert_eq!(
        units(&reply.usage.unwrap()),
        [
            (Unit::Input, 12),
            (Unit::ImageInput, 258),
            (Unit::Output, 10),
            (Unit::Reasoning, 120),
            (Unit::ImageOutput, 1290)
        ]
    );
    let written: Value = serde_json::from_slice(&reply.write(1_713_833_628)).unwrap();
    assert_eq!(
        written,
        json!({"created": 1_713_833_628, "output_format": "png", "data": [{"b64_json": "iVBORw0KGgo="}],
            "usage": {"input_tokens": 270, "input_tokens_details": {"image_tokens": 258, "text_tokens": 12},
                "output_tokens": 1420, "output_tokens_details": {"image_tokens": 1290, "text_tokens": 130},
                "total_tokens": 1690}})
    );
}

#[test]
fn images_come_back_from_imagen() {
    let body = json!({"predictions": [
        {"mimeType": "image/png", "bytesBase64Encoded": "AAAA", "prompt": "a fluffy cat"},
        {"raiFilteredReason": "Unable to show generated images."},
        {"mimeType": "image/png", "bytesBase64Encoded": "BBBB"}
    ]});
    let reply = ImageTarget::Predict
        .read_reply(body.to_string().as_bytes())
        .unwrap();
    assert_eq!(units(&reply.usage.unwrap()), [(Unit::Images, 2)]);
    let written: Value = serde_json::from_slice(&reply.write(1)).unwrap();
    assert_eq!(
        written,
        json!({"created": 1, "output_format": "png",
            "data": [{"b64_json": "AAAA", "revised_prompt": "a fluffy cat"}, {"b64_json": "BBBB"}]})
    );
    let again = inspect(&reply.write(1), &asked());
    assert_eq!(units(&again.usage), [(Unit::Images, 2)]);
}

#[test]
fn an_answer_without_an_image_says_why() {
    let cases = [
        (
            ImageTarget::GenerateContent,
            json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
            "PROHIBITED_CONTENT",
            true,
        ),
        (
            ImageTarget::GenerateContent,
            json!({"candidates": [{"finishReason": "IMAGE_SAFETY", "content": {}}]}),
            "IMAGE_SAFETY",
            true,
        ),
        (
            ImageTarget::GenerateContent,
            json!({"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "I cannot."}]}}]}),
            "I cannot.",
            false,
        ),
        (
            ImageTarget::GenerateContent,
            json!({"candidates": [{"finishReason": "NO_IMAGE"}]}),
            "NO_IMAGE",
            false,
        ),
        (
            ImageTarget::Predict,
            json!({"predictions": [{"raiFilteredReason": "Filtered."}]}),
            "Filtered",
            true,
        ),
        (ImageTarget::Predict, json!({}), "filters", true),
    ];
    for (target, body, words, is_filter) in cases {
        let ReplyError::Reported(error) =
            target.read_reply(body.to_string().as_bytes()).unwrap_err()
        else {
            panic!("{body}");
        };
        assert!(error.message.contains(words), "{}", error.message);
        let is_blocked = error.code.as_deref() == Some("moderation_blocked");
        assert_eq!(is_blocked, is_filter);
    }
    for target in [ImageTarget::GenerateContent, ImageTarget::Predict] {
        let body = br#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#;
        let ReplyError::Reported(error) = target.read_reply(body).unwrap_err() else {
            panic!("not reported");
        };
        assert_eq!(error.message, "slow down");
        assert!(matches!(
            target.read_reply(b"<html>"),
            Err(ReplyError::Unreadable(_))
        ));
    }
}

#[test]
fn a_client_that_asked_for_a_stream_gets_one() {
    let reply = ImageTarget::GenerateContent
        .read_reply(gemini_reply().to_string().as_bytes())
        .unwrap();
    let request =
        ImageRequest::of_json(br#"{"prompt":"x","stream":true,"size":"1024x1536"}"#).unwrap();
    assert!(request.stream);
    let stream = reply.write_stream(StreamKind::Generation, &request, 7);
    let mut watched = crate::media_stream::MediaStream::default();
    watched.feed(&stream);
    assert_eq!(
        watched.finish(),
        crate::chat_stream::Ending::Complete,
        "{}",
        String::from_utf8_lossy(&stream)
    );
    let usage = watched.progress().usage.unwrap();
    assert_eq!(usage.get(Unit::ImageOutput), 1290);
    let text = String::from_utf8(stream).unwrap();
    assert!(text.starts_with(
        "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"iVBORw0KGgo=\",\
         \"created_at\":7,\"size\":\"1024x1536\","
    ));
    let edit = reply.write_stream(StreamKind::Edit, &request, 7);
    assert!(edit.starts_with(b"event: image_edit.completed\n"));
}

const KEYS: &str = "prompt|n|size|image|images|image_url|file_id|url|mask|background|candidates|content|parts|text|inlineData|data|mimeType|usageMetadata|promptTokensDetails|modality|tokenCount|predictions|bytesBase64Encoded|usage|input_tokens|input_tokens_details|error|message";

fn imagelike_json() -> impl Strategy<Value = Value> {
    any_json(
        prop::sample::select(KEYS.split('|').collect::<Vec<_>>()).prop_map(str::to_owned),
        "(auto|1x1|data:image/png;base64,|x|TEXT|IMAGE|transparent|svg){0,2}",
    )
}

proptest! {
    #[test]
    fn nothing_panics_on_any_json(value in imagelike_json()) {
        let text = value.to_string();
        let _ = inspect(text.as_bytes(), &asked());
        let _ = ImageAsk::of_json(text.as_bytes());
        for target in [ImageTarget::GenerateContent, ImageTarget::Predict] {
            let _ = target.read_reply(text.as_bytes());
            if let Ok(request) = ImageRequest::of_json(text.as_bytes()) {
                let mut losses = Losses::new(DropParams::All, "p", Format::Gemini);
                let body = target.write_request(&request, &mut losses).unwrap();
                prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
            }
        }
    }

    #[test]
    fn a_prompt_and_an_image_arrive_as_they_were(prompt in any::<String>(), data in "[A-Za-z0-9+/]{0,40}") {
        let request = ImageRequest {
            prompt: prompt.clone(),
            images: vec![Source::Data { media_type: "image/png".to_owned(), base64: data.clone() }],
            ..ImageRequest::default()
        };
        let (body, _) = write_request(ImageTarget::GenerateContent, &request, DropParams::None).unwrap();
        prop_assert_eq!(&body["contents"][0]["parts"][0]["inlineData"]["data"], &data);
        prop_assert_eq!(&body["contents"][0]["parts"][1]["text"], &prompt);
    }
}
