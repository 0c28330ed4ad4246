//! Images: what an answer used, and the way of a request to Google's models and back.
//!
//! - [`inspect`]: what a whole answer in OpenAI's shape used; streams are watched by [`crate::media_stream`]
//! - [`ImageRequest`]: a generation or an edit in OpenAI's shape, from JSON or from a form
//! - [`ImageTarget`]: the APIs it can be written for, each with a writer of requests and a reader of answers
//! - [`ImageReply`]: what they answer, written in OpenAI's shape
//!
//! Sources: OpenAI's API reference, images; Google's for `generateContent` (`imageConfig`) and Imagen's `predict`.

mod gemini;
mod imagen;
mod reply;
mod request;
mod shape;

use crate::errors::{UpstreamError, is_error, parse_error};
use crate::json;
use crate::loss::{Loss, Losses};
use crate::multipart::Known;
use crate::translate::ReplyError;
use crate::usage::{Unit, Usage, from_modalities, from_openai};

pub use reply::{Image, ImageReply, StreamKind};
pub use request::ImageRequest;

/// What of a request decides what its images cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageAsk {
    /// The number of images, at least 1.
    pub n: u32,
    /// `size`, as asked for.
    pub size: Option<String>,
    /// `quality`, as asked for.
    pub quality: Option<String>,
}

impl ImageAsk {
    /// Reads it off a JSON body. What is wrong there is left to the provider to refuse.
    pub fn of_json(body: &[u8]) -> Self {
        let mut ask = Self {
            n: 1,
            size: None,
            quality: None,
        };
        if let Ok(text) = std::str::from_utf8(body) {
            // A body that is no object asks for nothing special.
            let _no_object = json::members(text, |member| match member.key.as_ref() {
                "n" => ask.n = member.value.parse::<u32>().unwrap_or(1).max(1),
                "size" => ask.size = json::string(member.value),
                "quality" => ask.quality = json::string(member.value),
                _ => {}
            });
        }
        ask
    }

    /// Reads it off what is known of a form.
    pub fn of_form(known: &Known) -> Self {
        Self {
            n: known.n.unwrap_or(1),
            size: known.size.clone(),
            quality: known.quality.clone(),
        }
    }
}

/// The most images that OpenAI's API makes for one request.
pub const MAX_IMAGES: u32 = 10;
/// The most images that OpenAI's API takes to be edited.
pub const MAX_INPUT_IMAGES: u64 = 16;
/// More tokens than an image takes in a prompt: `gpt-image-1` counts 323 for its content, and up to 6,240 more where it is
/// to be kept in detail.
pub const INPUT_TOKENS_UPPER: u64 = 8_192;
/// Pixels of the largest ordinary image, 1536 by 1024, and some more.
const ORDINARY_PIXELS: u64 = 2 * 1024 * 1024;

/// The tokens of an image that is made, by its quality: the likely number, and one that is never reached with an ordinary
/// size. OpenAI's guide to image generation has 272 to 408 tokens for `low`, 1,056 to 1,584 for `medium`, 4,160 to 6,240 for
/// `high` (7,024 with `gpt-image-2`), and 100 more for each of up to three partial images; Gemini's models make do with 1,120
/// to 2,000.
const LOW: (u64, u64) = (400, 1_024);
const MEDIUM: (u64, u64) = (1_500, 4_096);
const HIGH: (u64, u64) = (4_200, 8_192);

impl ImageAsk {
    /// More output tokens than one of its images takes, to hold money by.
    pub fn tokens_upper(&self) -> u64 {
        self.by_size(self.by_quality().1)
    }

    /// About as many output tokens as one of its images takes.
    pub fn tokens_likely(&self) -> u64 {
        self.by_size(self.by_quality().0)
    }

    fn by_quality(&self) -> (u64, u64) {
        match self.quality.as_deref() {
            Some("low") => LOW,
            Some("medium" | "standard") => MEDIUM,
            _ => HIGH,
        }
    }

    /// Images of four times the pixels take less than twice the tokens.
    fn by_size(&self, tokens: u64) -> u64 {
        let size = self.size.as_deref().unwrap_or_default();
        let is_large = match size.split_once('x') {
            Some((width, height)) => {
                let pixels = |side: &str| side.trim().parse::<u64>().unwrap_or(0);
                pixels(width).saturating_mul(pixels(height)) > ORDINARY_PIXELS
            }
            None => matches!(size, "2K" | "4K"),
        };
        if is_large { 2 * tokens } else { tokens }
    }
}

/// How many images a JSON body brings to be edited; none where it does not say so in a way that is known.
pub fn inputs_of_json(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let mut count = None;
    json::members(text, |member| match member.key.as_ref() {
        "images" | "image" => count = Some((json::elements(member.value).len() as u64).max(1)),
        _ => {}
    })
    .ok()?;
    count
}

/// What an answer with images used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageUsage {
    /// Tokens where the provider tells them, else images.
    pub usage: Usage,
    /// How many images came.
    pub images: u64,
    /// The size that was made or, where that is not told, asked for.
    pub size: Option<String>,
    /// The quality that was made or, where that is not told, asked for.
    pub quality: Option<String>,
    /// Whether the answer could not be read, and what was asked for is taken for what came.
    pub is_estimated: bool,
    /// An error in an answer whose status says that all is well.
    pub error: Option<UpstreamError>,
}

/// Reads what a whole answer in OpenAI's shape used.
pub fn inspect(body: &[u8], asked: &ImageAsk) -> ImageUsage {
    let mut told = ImageUsage {
        size: asked.size.clone(),
        quality: asked.quality.clone(),
        ..ImageUsage::default()
    };
    let (mut usage, mut svg_usage) = (None, None);
    let mut has_error = false;
    let read = std::str::from_utf8(body).ok().and_then(|text| {
        json::members(text, |member| match member.key.as_ref() {
            "data" => told.images = json::elements(member.value).len() as u64,
            "size" => told.size = json::string(member.value).or(told.size.take()),
            "quality" => told.quality = json::string(member.value).or(told.quality.take()),
            "usage" => {
                let otherwise = (Unit::Input, Unit::ImageOutput);
                usage = from_modalities(member.value.as_bytes(), otherwise);
            }
            // The tokens of the model that writes an SVG after the image.
            "svg_usage" => svg_usage = from_openai(member.value.as_bytes()),
            "error" => has_error = is_error(member.value),
            _ => {}
        })
        .ok()
    });
    if has_error {
        told.error = parse_error(body);
    }
    told.is_estimated = read.is_none();
    if told.is_estimated {
        told.images = u64::from(asked.n);
    }
    told.usage = usage.unwrap_or_else(|| {
        let mut count = Usage::default();
        count.set(Unit::Images, told.images);
        count
    });
    for (unit, count) in svg_usage.iter().flat_map(Usage::iter) {
        told.usage.add(unit, count);
    }
    told
}

/// An API of another provider that makes images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageTarget {
    /// Gemini's `models/{model}:generateContent`.
    GenerateContent,
    /// Imagen's `models/{model}:predict`, of the Gemini API and of Vertex AI.
    Predict,
}

impl ImageTarget {
    /// Writes a request for it.
    ///
    /// # Errors
    /// If it cannot be said there without losing what the policy keeps.
    pub fn write_request(
        self,
        request: &ImageRequest,
        losses: &mut Losses,
    ) -> Result<Vec<u8>, Loss> {
        request::check(request, losses)?;
        match self {
            Self::GenerateContent => gemini::write_request(request, losses),
            Self::Predict => imagen::write_request(request, losses),
        }
    }

    /// Reads its whole answer.
    ///
    /// # Errors
    /// If it cannot be understood, or holds no image because the provider refused to make one.
    pub fn read_reply(self, body: &[u8]) -> Result<ImageReply, ReplyError> {
        match self {
            Self::GenerateContent => gemini::read_reply(body),
            Self::Predict => imagen::read_reply(body),
        }
    }
}

/// Why an answer has no image, as OpenAI reports it.
#[derive(Clone, Copy)]
enum NoImage {
    /// A filter kept the prompt or the image back.
    Filtered,
    /// The model made none.
    NotMade,
}

/// An answer without an image, with the provider's words for it.
fn no_image(why: NoImage, words: &str) -> ReplyError {
    let (message, code) = match why {
        NoImage::Filtered => (
            format!("The provider's filters kept this image back: {words}."),
            "moderation_blocked",
        ),
        NoImage::NotMade => (
            format!("The model made no image: {words}."),
            "no_image_generated",
        ),
    };
    ReplyError::Reported(UpstreamError {
        message,
        kind: Some("image_generation_user_error".to_owned()),
        code: Some(code.to_owned()),
        param: Some("prompt".to_owned()),
        raw: None,
    })
}

#[cfg(test)]
mod tests;
