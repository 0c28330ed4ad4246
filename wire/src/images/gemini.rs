//! Gemini's models that make images, by `generateContent`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::reply::{Image, ImageReply};
use super::request::ImageRequest;
use super::{NoImage, no_image, shape};
use crate::errors::{is_error, parse_error};
use crate::gemini::usage as metadata;
use crate::loss::{Loss, Losses};
use crate::neutral::Source;
use crate::translate::ReplyError;
use crate::usage::{Unit, Usage};

/// The ratios that `imageConfig.aspectRatio` knows.
const RATIOS: &[(&str, f64)] = &[
    ("1:1", 1.0),
    ("2:3", 2.0 / 3.0),
    ("3:2", 3.0 / 2.0),
    ("3:4", 3.0 / 4.0),
    ("4:3", 4.0 / 3.0),
    ("4:5", 4.0 / 5.0),
    ("5:4", 5.0 / 4.0),
    ("9:16", 9.0 / 16.0),
    ("16:9", 16.0 / 9.0),
    ("21:9", 21.0 / 9.0),
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    contents: [Content<'a>; 1],
    generation_config: Config,
}

#[derive(Serialize)]
struct Content<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Part<'a> {
    Text(&'a str),
    InlineData(Blob<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    response_modalities: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    image_config: Option<ImageConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageConfig {
    aspect_ratio: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size: Option<&'static str>,
}

pub(super) fn write_request(request: &ImageRequest, losses: &mut Losses) -> Result<Vec<u8>, Loss> {
    if request.n.is_some_and(|n| n > 1) {
        losses.meaning("n", "that API makes one image for each request")?;
    }
    if let Some("jpeg" | "webp") = request.output_format.as_deref() {
        losses.hint("output_format", "the model chooses the format")?;
    }
    if request.output_compression.is_some() {
        losses.hint("output_compression", "the model chooses the format")?;
    }
    let mut parts = Vec::with_capacity(request.images.len() + 1);
    for (index, image) in request.images.iter().enumerate() {
        match image {
            Source::Data { media_type, base64 } => parts.push(Part::InlineData(Blob {
                mime_type: media_type,
                data: base64,
            })),
            Source::Url { .. } | Source::Id(_) => losses.meaning(
                &format!("image[{index}]"),
                "that API takes images in the request only; send a data URL",
            )?,
        }
    }
    parts.push(Part::Text(&request.prompt));
    let body = Request {
        contents: [Content {
            role: "user",
            parts,
        }],
        generation_config: Config {
            response_modalities: ["IMAGE"],
            image_config: config_of(request, losses)?,
        },
    };
    Ok(to_vec(&body))
}

fn config_of(request: &ImageRequest, losses: &mut Losses) -> Result<Option<ImageConfig>, Loss> {
    let Some(shape) = request.size.and_then(|size| shape::closest(size, RATIOS)) else {
        return Ok(None);
    };
    if !shape.is_close {
        losses.hint("size", "that API makes images of a few shapes only")?;
    }
    Ok(Some(ImageConfig {
        aspect_ratio: shape.ratio,
        // It is the default, and older models refuse the member.
        image_size: Some(shape.scale).filter(|scale| *scale != "1K"),
    }))
}

pub(super) fn to_vec(body: &impl Serialize) -> Vec<u8> {
    // Only maps with keys of other types and failing writers make it fail: there are none.
    serde_json::to_vec(body).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    #[serde(borrow, default)]
    candidates: Vec<Candidate<'a>>,
    #[serde(borrow)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow)]
    usage_metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow)]
    content: Option<ReplyContent<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ReplyContent<'a> {
    #[serde(borrow, default)]
    parts: Vec<ReplyPart<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyPart<'a> {
    #[serde(borrow)]
    inline_data: Option<ReplyBlob<'a>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyBlob<'a> {
    #[serde(borrow)]
    mime_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Option<Cow<'a, str>>,
}

pub(super) fn read_reply(body: &[u8]) -> Result<ImageReply, ReplyError> {
    let reply: Reply<'_> =
        serde_json::from_slice(body).map_err(|error| ReplyError::Unreadable(error.to_string()))?;
    let usage = reply.usage_metadata.and_then(|it| read_usage(it.get()));
    let (mut images, mut words) = (Vec::new(), String::new());
    let mut reason = None;
    for candidate in reply.candidates {
        reason = candidate.finish_reason.or(reason);
        for part in candidate.content.into_iter().flat_map(|it| it.parts) {
            // Sketches that the model made while it thought are no answer.
            if part.thought {
                continue;
            }
            if let Some(blob) = part.inline_data {
                images.push(Image {
                    base64: blob.data.into_owned(),
                    media_type: blob.mime_type.unwrap_or("image/png".into()).into_owned(),
                    revised_prompt: None,
                });
            }
            words.push_str(part.text.as_deref().unwrap_or_default());
        }
    }
    if images.is_empty() {
        let blocked = reply.prompt_feedback.and_then(|it| it.block_reason);
        return Err(explain(body, blocked, reason, &words));
    }
    Ok(ImageReply { images, usage })
}

/// Why there is no image: an error in the guise of a success, a filter, or a model that only talks.
fn explain(
    body: &[u8],
    blocked: Option<Cow<'_, str>>,
    reason: Option<Cow<'_, str>>,
    words: &str,
) -> ReplyError {
    const WORDS_CHARS: usize = 300;
    let has_error = serde_json::from_slice::<ErrorMember<'_>>(body)
        .is_ok_and(|it| it.error.is_some_and(|error| is_error(error.get())));
    if has_error && let Some(error) = parse_error(body) {
        return ReplyError::Reported(error);
    }
    if let Some(blocked) = blocked {
        return no_image(NoImage::Filtered, &blocked);
    }
    let is_filter = |reason: &Cow<'_, str>| {
        ["SAFETY", "PROHIBITED", "BLOCKLIST", "SPII", "RECITATION"]
            .iter()
            .any(|word| reason.contains(word))
    };
    if let Some(filter) = reason.as_ref().filter(|reason| is_filter(reason)) {
        return no_image(NoImage::Filtered, filter);
    }
    if !words.trim().is_empty() {
        let words: String = words.trim().chars().take(WORDS_CHARS).collect();
        return no_image(NoImage::NotMade, &format!("it said “{words}”"));
    }
    match reason {
        Some(reason) => no_image(NoImage::NotMade, &reason),
        None => ReplyError::Unreadable("it has no image and gives no reason".to_owned()),
    }
}

#[derive(Deserialize)]
struct ErrorMember<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The usage as of any answer of Gemini's. What it makes here is images, where it does not tell its modalities.
fn read_usage(metadata_json: &str) -> Option<Usage> {
    let mut usage = metadata::read(metadata_json)?;
    if usage.get(Unit::ImageOutput) == 0 {
        usage.set(Unit::ImageOutput, usage.get(Unit::Output));
        usage.set(Unit::Output, 0);
    }
    Some(usage)
}
