//! Imagen, by `predict`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::gemini::to_vec;
use super::reply::{Image, ImageReply};
use super::request::ImageRequest;
use super::{NoImage, no_image, shape};
use crate::errors::parse_error;
use crate::loss::{Loss, Losses};
use crate::translate::ReplyError;
use crate::usage::{Unit, Usage};

/// The most images of one request.
const MAX_IMAGES: u64 = 4;

/// The ratios that `aspectRatio` knows.
const RATIOS: &[(&str, f64)] = &[
    ("1:1", 1.0),
    ("3:4", 3.0 / 4.0),
    ("4:3", 4.0 / 3.0),
    ("9:16", 9.0 / 16.0),
    ("16:9", 16.0 / 9.0),
];

#[derive(Serialize)]
struct Request<'a> {
    instances: [Instance<'a>; 1],
    parameters: Parameters,
}

#[derive(Serialize)]
struct Instance<'a> {
    prompt: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    sample_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_image_size: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_options: Option<OutputOptions>,
    /// Without it a refused prompt is answered with nothing at all.
    include_rai_reason: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputOptions {
    mime_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression_quality: Option<u64>,
}

pub(super) fn write_request(request: &ImageRequest, losses: &mut Losses) -> Result<Vec<u8>, Loss> {
    if !request.images.is_empty() {
        losses.meaning("image", "that API makes images from words only")?;
    }
    let wanted = request.n.unwrap_or(1).max(1);
    if wanted > MAX_IMAGES {
        losses.meaning("n", "that API makes at most 4 images for each request")?;
    }
    let shape = request.size.and_then(|size| shape::closest(size, RATIOS));
    // The largest it makes is 2K.
    if shape.is_some_and(|shape| !shape.is_close || shape.scale == "4K") {
        losses.hint("size", "that API makes images of a few shapes only")?;
    }
    let body = Request {
        instances: [Instance {
            prompt: &request.prompt,
        }],
        parameters: Parameters {
            sample_count: wanted.min(MAX_IMAGES),
            aspect_ratio: shape.map(|shape| shape.ratio),
            sample_image_size: shape.filter(|shape| shape.scale != "1K").map(|_| "2K"),
            output_options: options_of(request, losses)?,
            include_rai_reason: true,
        },
    };
    Ok(to_vec(&body))
}

fn options_of(request: &ImageRequest, losses: &mut Losses) -> Result<Option<OutputOptions>, Loss> {
    let is_jpeg = request.output_format.as_deref() == Some("jpeg");
    if request.output_format.as_deref() == Some("webp") {
        losses.hint("output_format", "that API makes PNG and JPEG only")?;
    }
    if request.output_compression.is_some() && !is_jpeg {
        losses.hint("output_compression", "that API compresses JPEG only")?;
    }
    Ok(is_jpeg.then_some(OutputOptions {
        mime_type: "image/jpeg",
        compression_quality: request.output_compression,
    }))
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    predictions: Vec<Prediction<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prediction<'a> {
    #[serde(borrow)]
    bytes_base64_encoded: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mime_type: Option<Cow<'a, str>>,
    /// The prompt as the model improved it.
    #[serde(borrow)]
    prompt: Option<Cow<'a, str>>,
    #[serde(borrow)]
    rai_filtered_reason: Option<Cow<'a, str>>,
}

pub(super) fn read_reply(body: &[u8]) -> Result<ImageReply, ReplyError> {
    let reply: Reply<'_> =
        serde_json::from_slice(body).map_err(|error| ReplyError::Unreadable(error.to_string()))?;
    let mut images = Vec::new();
    let mut reason = None;
    for prediction in reply.predictions {
        reason = prediction.rai_filtered_reason.or(reason);
        if let Some(data) = prediction.bytes_base64_encoded {
            images.push(Image {
                base64: data.into_owned(),
                media_type: prediction
                    .mime_type
                    .unwrap_or("image/png".into())
                    .into_owned(),
                revised_prompt: prediction.prompt.map(Cow::into_owned),
            });
        }
    }
    if images.is_empty() {
        if let Some(error) = parse_error(body) {
            return Err(ReplyError::Reported(error));
        }
        let reason = reason.unwrap_or("its filters let none through".into());
        return Err(no_image(NoImage::Filtered, reason.trim_end_matches('.')));
    }
    let mut usage = Usage::default();
    usage.set(Unit::Images, images.len() as u64);
    Ok(ImageReply {
        images,
        usage: Some(usage),
    })
}
