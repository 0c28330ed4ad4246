//! Reading what messages and the results of tools are made of.

use serde_json::Value;

use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{CacheMark, Content, Part, Source};

/// Reads a text or a list of parts.
pub(super) fn read(value: Value, path: &str) -> Result<Vec<Part>, RequestError> {
    match value {
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(parts) => {
            let read_one = |(at, part)| read_part(Taker::of(part, format!("{path}[{at}]"))?);
            parts.into_iter().enumerate().map(read_one).collect()
        }
        _ => Err(RequestError::new(path, "a text or a list of parts")),
    }
}

fn read_part(mut part: Taker) -> Result<Part, RequestError> {
    let kind = match part.peek("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => return Err(part.error("type", "a string")),
    };
    let content = match kind.as_str() {
        "input_text" | "output_text" | "text" => Content::Text(part.required_string("text")?),
        "refusal" => Content::Refusal(part.required_string("refusal")?),
        "input_image" => read_image(&mut part)?,
        "input_file" => read_file(&mut part)?,
        "input_audio" => read_audio(&mut part)?,
        _ => {
            return Ok(Part::new(Content::Other {
                format: Format::Responses,
                kind,
                value: part.into_value(),
            }));
        }
    };
    part.take("type");
    Ok(Part {
        content,
        cache: read_cache_mark(&mut part)?,
        rest: part.rest(),
    })
}

fn read_image(part: &mut Taker) -> Result<Content, RequestError> {
    let url = part.string("image_url")?;
    let id = part.string("file_id")?;
    let source = match (url, id) {
        (Some(url), _) => Source::from_url(&url),
        (None, Some(id)) => Source::Id(id),
        (None, None) => return Err(part.error("image_url", "the image's URL")),
    };
    Ok(Content::Image {
        source,
        detail: part.string("detail")?,
    })
}

fn read_file(part: &mut Taker) -> Result<Content, RequestError> {
    let data = part.string("file_data")?;
    let url = part.string("file_url")?;
    let id = part.string("file_id")?;
    let source = if let Some(data) = data {
        match Source::from_url(&data) {
            Source::Url { url: base64, .. } => Source::Data {
                // Some clients leave the `data:` away; then it is a PDF, the one kind that was taken at first.
                media_type: "application/pdf".to_owned(),
                base64,
            },
            source => source,
        }
    } else if let Some(url) = url {
        Source::from_url(&url)
    } else if let Some(id) = id {
        Source::Id(id)
    } else {
        return Err(part.error("file_data", "the file as a `data:` URL"));
    };
    Ok(Content::File {
        source,
        name: part.string("filename")?,
    })
}

fn read_audio(part: &mut Taker) -> Result<Content, RequestError> {
    let Some(mut audio) = part.object("input_audio")? else {
        return Err(part.error("input_audio", "an object"));
    };
    let format = audio.required_string("format")?;
    Ok(Content::Audio {
        source: Source::Data {
            media_type: match format.as_str() {
                "mp3" => "audio/mpeg".to_owned(),
                _ => format!("audio/{format}"),
            },
            base64: audio.required_string("data")?,
        },
    })
}

/// OpenAI's explicit breakpoint. Its times are 30 minutes and 12 hours, which an hour is nearest to.
fn read_cache_mark(part: &mut Taker) -> Result<Option<CacheMark>, RequestError> {
    let Some(mut mark) = part.object("prompt_cache_breakpoint")? else {
        return Ok(None);
    };
    Ok(Some(match mark.string("ttl")? {
        Some(_) => CacheMark::OneHour,
        None => CacheMark::FiveMinutes,
    }))
}
