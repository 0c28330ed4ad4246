//! Images on their way to a client, in OpenAI's shape.

use serde::Serialize;

use super::gemini::to_vec;
use super::request::ImageRequest;
use crate::usage::{Unit, Usage};

/// What a provider of another format made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReply {
    /// The images; at least one.
    pub images: Vec<Image>,
    /// What they used, if that is told.
    pub usage: Option<Usage>,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file, in base64.
    pub base64: String,
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// The prompt as the provider changed it.
    pub revised_prompt: Option<String>,
}

/// The stream a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Of `/v1/images/generations`.
    Generation,
    /// Of `/v1/images/edits`.
    Edit,
}

#[derive(Serialize)]
struct Whole<'a> {
    created: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'a str>,
    data: Vec<Datum<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WrittenUsage>,
}

#[derive(Serialize)]
struct Datum<'a> {
    b64_json: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revised_prompt: Option<&'a str>,
}

#[derive(Serialize)]
struct Completed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    b64_json: &'a str,
    created_at: u64,
    size: String,
    quality: &'static str,
    background: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WrittenUsage>,
}

#[derive(Serialize)]
struct WrittenUsage {
    input_tokens: u64,
    input_tokens_details: ByKind,
    output_tokens: u64,
    output_tokens_details: ByKind,
    total_tokens: u64,
}

#[derive(Serialize)]
struct ByKind {
    image_tokens: u64,
    text_tokens: u64,
}

impl WrittenUsage {
    /// None where images and not tokens are counted: OpenAI has no words for that.
    fn of(usage: &Usage) -> Option<Self> {
        let (input, output) = (usage.input_total(), usage.output_total());
        if input + output == 0 {
            return None;
        }
        let by_kind = |all: u64, images| ByKind {
            image_tokens: images,
            text_tokens: all.saturating_sub(images),
        };
        Some(Self {
            input_tokens: input,
            input_tokens_details: by_kind(input, usage.get(Unit::ImageInput)),
            output_tokens: output,
            output_tokens_details: by_kind(output, usage.get(Unit::ImageOutput)),
            total_tokens: input.saturating_add(output),
        })
    }
}

impl Image {
    fn format(&self) -> Option<&str> {
        self.media_type.strip_prefix("image/")
    }

    fn datum(&self) -> Datum<'_> {
        Datum {
            b64_json: &self.base64,
            revised_prompt: self.revised_prompt.as_deref(),
        }
    }
}

impl ImageReply {
    /// The body of an answer. `created_s` is the time, in seconds since the Unix epoch.
    pub fn write(&self, created_s: u64) -> Vec<u8> {
        to_vec(&Whole {
            created: created_s,
            output_format: self.images.first().and_then(Image::format),
            data: self.images.iter().map(Image::datum).collect(),
            usage: self.usage.as_ref().and_then(WrittenUsage::of),
        })
    }

    /// The whole stream for a client that asked for one: an event for each image, the last with the usage.
    pub fn write_stream(
        &self,
        kind: StreamKind,
        request: &ImageRequest,
        created_s: u64,
    ) -> Vec<u8> {
        let kind = match kind {
            StreamKind::Generation => "image_generation.completed",
            StreamKind::Edit => "image_edit.completed",
        };
        let size = request.size.map_or("auto".to_owned(), |(width, height)| {
            format!("{width}x{height}")
        });
        let mut stream = Vec::new();
        let mut left = self.images.len();
        for image in &self.images {
            left -= 1;
            let usage = self.usage.as_ref().filter(|_| left == 0);
            let event = Completed {
                kind,
                b64_json: &image.base64,
                created_at: created_s,
                size: size.clone(),
                quality: "auto",
                background: "auto",
                output_format: image.format(),
                usage: usage.and_then(WrittenUsage::of),
            };
            stream.extend_from_slice(b"event: ");
            stream.extend_from_slice(kind.as_bytes());
            stream.extend_from_slice(b"\ndata: ");
            stream.extend_from_slice(&to_vec(&event));
            stream.extend_from_slice(b"\n\n");
        }
        stream
    }
}
