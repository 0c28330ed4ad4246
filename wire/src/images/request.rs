//! A request for images in OpenAI's shape, from JSON or from a form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::fields::{RequestError, Taker};
use crate::loss::{Loss, Losses};
use crate::multipart::{Form, Part};
use crate::neutral::{Fields, Source};

/// A generation, or an edit where it has images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageRequest {
    /// `prompt`.
    pub prompt: String,
    /// `n`; none is one.
    pub n: Option<u64>,
    /// `size` as width and height in pixels; none where it is absent or `auto`.
    pub size: Option<(u32, u32)>,
    /// `quality`; none where it is absent or `auto`.
    pub quality: Option<String>,
    /// `background`; none where it is absent or `auto`.
    pub background: Option<String>,
    /// `response_format`.
    pub response_format: Option<String>,
    /// `output_format`: `png`, `jpeg`, `webp`…
    pub output_format: Option<String>,
    /// `output_compression` in percent.
    pub output_compression: Option<u64>,
    /// `stream`.
    pub stream: bool,
    /// The images to edit, in order.
    pub images: Vec<Source>,
    /// `mask`: where to edit the first image.
    pub mask: Option<Source>,
    /// What else was asked for, but for `model`.
    pub rest: Fields,
}

const TEXT: &str = "a string";

impl ImageRequest {
    /// Reads a JSON body: a generation, or an edit whose images are URLs.
    ///
    /// # Errors
    /// If it is no request for images.
    pub fn of_json(body: &[u8]) -> Result<Self, RequestError> {
        let mut taker = Taker::of_body(body)?;
        taker.take("model");
        let mut images = Vec::new();
        for key in ["image", "images"] {
            for (index, value) in as_list(taker.take(key)).into_iter().enumerate() {
                images.push(read_reference(value, &format!("{key}[{index}]"))?);
            }
        }
        let mask = taker
            .take("mask")
            .map(|value| read_reference(value, "mask"))
            .transpose()?;
        Ok(Self {
            prompt: taker.required_string("prompt")?,
            n: taker.count("n")?,
            size: read_size(taker.string("size")?)?,
            quality: unless_auto(taker.string("quality")?),
            background: unless_auto(taker.string("background")?),
            response_format: taker.string("response_format")?,
            output_format: taker.string("output_format")?,
            output_compression: taker.count("output_compression")?,
            stream: taker.flag("stream")?.unwrap_or(false),
            images,
            mask,
            rest: taker.rest(),
        })
    }

    /// Reads a form, which must be whole, out of its body.
    ///
    /// # Errors
    /// If it is no request for images.
    pub fn of_form(form: &Form, body: &[u8]) -> Result<Self, RequestError> {
        let mut request = Self {
            stream: form.known().stream.unwrap_or(false),
            n: form.known().n.map(u64::from),
            ..Self::default()
        };
        let mut prompt = None;
        for part in form.parts() {
            if part.is_file() {
                request.take_file(part, body)?;
                continue;
            }
            let text = || text_of(part, body);
            match part.name.as_str() {
                "model" | "stream" | "n" => {}
                "prompt" => prompt = Some(text()?),
                "size" => request.size = read_size(Some(text()?))?,
                "quality" => request.quality = unless_auto(Some(text()?)),
                "background" => request.background = unless_auto(Some(text()?)),
                "response_format" => request.response_format = Some(text()?),
                "output_format" => request.output_format = Some(text()?),
                "output_compression" => {
                    let percent = text()?.trim().parse();
                    request.output_compression = Some(percent.map_err(|_not_a_count| {
                        RequestError::new("output_compression", "a whole number")
                    })?);
                }
                name => {
                    request.rest.insert(name.to_owned(), Value::String(text()?));
                }
            }
        }
        request.prompt = prompt.ok_or(RequestError::new("prompt", TEXT))?;
        Ok(request)
    }

    fn take_file(&mut self, part: &Part, body: &[u8]) -> Result<(), RequestError> {
        let wrong = || RequestError::new(part.name.as_str(), "a PNG, JPEG, WebP or GIF file");
        let data = part.data_in(body).ok_or_else(wrong)?;
        // The bytes say it for sure: clients often send `application/octet-stream`.
        let media_type = image_type(data).ok_or_else(wrong)?;
        let source = Source::Data {
            media_type: media_type.to_owned(),
            base64: STANDARD.encode(data),
        };
        match part.name.as_str() {
            "mask" => self.mask = Some(source),
            // `image`, or a list: `image[]`, `image[0]`.
            name if name == "image" || name.starts_with("image[") => self.images.push(source),
            name => {
                // A file that nobody here knows, such as `markup`, is named like any other member.
                self.rest.insert(name.to_owned(), Value::Bool(true));
            }
        }
        Ok(())
    }
}

fn as_list(value: Option<Value>) -> Vec<Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    }
}

/// An image in JSON: `{"image_url": …}` or `{"file_id": …}` (OpenAI), `{"url": …}` (xAI), or the URL alone.
fn read_reference(value: Value, path: &str) -> Result<Source, RequestError> {
    if let Value::String(url) = &value {
        return Ok(Source::from_url(url));
    }
    let mut taker = Taker::of(value, path)?;
    if let Some(id) = taker.string("file_id")? {
        return Ok(Source::Id(id));
    }
    let url = match taker.string("image_url")? {
        Some(url) => url,
        None => taker.required_string("url")?,
    };
    Ok(Source::from_url(&url))
}

fn read_size(size: Option<String>) -> Result<Option<(u32, u32)>, RequestError> {
    let Some(size) = unless_auto(size) else {
        return Ok(None);
    };
    size.split_once(['x', 'X'])
        .and_then(|(width, height)| Some((width.trim().parse().ok()?, height.trim().parse().ok()?)))
        .map(Some)
        .ok_or_else(|| RequestError::new("size", "`auto` or a width and a height, as in 1024x1024"))
}

fn unless_auto(value: Option<String>) -> Option<String> {
    value.filter(|value| value != "auto" && !value.is_empty())
}

fn text_of(part: &Part, body: &[u8]) -> Result<String, RequestError> {
    part.data_in(body)
        .and_then(|data| std::str::from_utf8(data).ok())
        .map(str::to_owned)
        .ok_or_else(|| RequestError::new(part.name.as_str(), "text in UTF-8"))
}

/// The media type of an image, by its first bytes.
fn image_type(data: &[u8]) -> Option<&'static str> {
    match data {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        _ => None,
    }
}

/// Reports what none of the targets can carry.
pub(super) fn check(request: &ImageRequest, losses: &mut Losses) -> Result<(), Loss> {
    const UNKNOWN_THERE: &str = "that API has nothing like it";
    if request.mask.is_some() {
        losses.meaning("mask", "that API chooses by itself where to edit")?;
    }
    if request.quality.is_some() {
        losses.hint("quality", UNKNOWN_THERE)?;
    }
    if request.background.as_deref() == Some("transparent") {
        losses.meaning("background", "that API makes no transparent images")?;
    }
    if request.response_format.as_deref() == Some("url") {
        losses.hint("response_format", "its images come as data, not as URLs")?;
    }
    if let Some("gif" | "svg") = request.output_format.as_deref() {
        losses.meaning("output_format", "that API does not make such files")?;
    }
    for name in request.rest.keys() {
        match name.as_str() {
            "markup" | "svg" | "frame_count" | "frame_duration_ms" => {
                losses.meaning(name, UNKNOWN_THERE)?;
            }
            _ => losses.hint(name, UNKNOWN_THERE)?,
        }
    }
    Ok(())
}
