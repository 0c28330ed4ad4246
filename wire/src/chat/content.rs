//! The parts of a message's content, both ways.
//!
//! Sources: OpenAI's reference of `messages[].content[]`; `audio_url` and `video_url` are vLLM's and OpenRouter's, `format`
//! beside a URL and `cache_control` LiteLLM's.

use serde_json::{Map, Value, json};

use super::thinking;
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{CacheMark, Content, Fields, Part, Source};

/// What a part's content is, beside the members of it that nobody else knows.
type Read = Result<(Content, Fields), RequestError>;

/// Reads a `content`: a text, a list of parts, or nothing.
pub(super) fn read(taker: &mut Taker, key: &str) -> Result<Vec<Part>, RequestError> {
    let path = taker.at(key);
    match taker.take(key) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::text(text)]),
        Some(Value::Array(parts)) => {
            let numbered = parts.into_iter().enumerate();
            numbered
                .map(|(at, part)| read_part(part, format!("{path}[{at}]")))
                .collect()
        }
        Some(_) => Err(RequestError::new(path, "a string or a list of parts")),
    }
}

fn read_part(value: Value, path: String) -> Result<Part, RequestError> {
    if let Value::String(text) = value {
        return Ok(Part::text(text));
    }
    let mut taker = Taker::of(value, path)?;
    let kind = match taker.peek("type") {
        Some(Value::String(kind)) => kind.clone(),
        None if taker.peek("text").is_some() => "text".to_owned(),
        _ => return Err(taker.error("type", "a string")),
    };
    let Some(read_content) = reader(&kind) else {
        let cache = taker.peek("cache_control").and_then(mark_of);
        let value = taker.into_value();
        return Ok(Part {
            content: Content::Other {
                format: Format::Chat,
                kind,
                value,
            },
            cache,
            rest: Fields::new(),
        });
    };
    let cache = take_cache_mark(&mut taker);
    taker.take("type");
    let (content, inner_rest) = read_content(&mut taker)?;
    let mut rest = taker.rest();
    rest.extend(inner_rest);
    Ok(Part {
        content,
        cache,
        rest,
    })
}

fn reader(kind: &str) -> Option<fn(&mut Taker) -> Read> {
    Some(match kind {
        "text" => |taker| Ok((Content::Text(taker.required_string("text")?), Fields::new())),
        "refusal" => |taker| {
            let refusal = taker.required_string("refusal")?;
            Ok((Content::Refusal(refusal), Fields::new()))
        },
        "image_url" => read_image,
        "input_audio" => read_audio,
        "audio_url" => |taker| {
            let (source, rest) = read_url(taker, "audio_url")?;
            Ok((Content::Audio { source }, rest))
        },
        "video_url" => |taker| {
            let (source, rest) = read_url(taker, "video_url")?;
            Ok((Content::Video { source }, rest))
        },
        "file" => read_file,
        "thinking" | "redacted_thinking" => |taker| Ok(read_thinking(taker)),
        _ => return None,
    })
}

/// The mark of LiteLLM and OpenRouter (`cache_control`, which is Anthropic's), or OpenAI's own `prompt_cache_breakpoint`.
pub(super) fn take_cache_mark(taker: &mut Taker) -> Option<CacheMark> {
    let of_anthropic = taker.take("cache_control");
    let of_openai = taker.take("prompt_cache_breakpoint");
    of_anthropic.or(of_openai).as_ref().and_then(mark_of)
}

fn mark_of(value: &Value) -> Option<CacheMark> {
    let mark = value.as_object()?;
    Some(match mark.get("ttl").and_then(Value::as_str) {
        Some("1h" | "12h") => CacheMark::OneHour,
        _ => CacheMark::FiveMinutes,
    })
}

fn read_image(taker: &mut Taker) -> Read {
    let detail = match taker.peek("image_url") {
        Some(Value::Object(image)) => image.get("detail").and_then(Value::as_str),
        _ => None,
    };
    let detail = detail.map(str::to_owned);
    let (source, mut rest) = read_url(taker, "image_url")?;
    rest.shift_remove("detail");
    Ok((Content::Image { source, detail }, rest))
}

/// A `{"url": …}`, or the bare address that some clients write in its place.
fn read_url(taker: &mut Taker, key: &str) -> Result<(Source, Fields), RequestError> {
    if let Some(Value::String(url)) = taker.peek(key) {
        let source = Source::from_url(url);
        taker.take(key);
        return Ok((source, Fields::new()));
    }
    let mut inner = taker
        .object(key)?
        .ok_or_else(|| taker.error(key, "an object with a `url`"))?;
    let url = inner.required_string("url")?;
    let told = inner.string("format")?;
    Ok((source_of(&url, told), inner.rest()))
}

/// The source behind a URL whose media type may have been told beside it.
fn source_of(url: &str, told: Option<String>) -> Source {
    match Source::from_url(url) {
        Source::Url { url, .. } => Source::Url {
            url,
            media_type: told,
        },
        data => data,
    }
}

fn read_audio(taker: &mut Taker) -> Read {
    let mut audio = taker
        .object("input_audio")?
        .ok_or_else(|| taker.error("input_audio", "an object with `data` and `format`"))?;
    let data = audio.required_string("data")?;
    let format = audio.string("format")?;
    let media_type = audio_type(format.as_deref().unwrap_or("wav"));
    let source = match Source::from_url(&data) {
        data @ Source::Data { .. } => data,
        Source::Url { url, .. } if !url.contains("://") => Source::Data {
            media_type,
            base64: url,
        },
        url => url,
    };
    Ok((Content::Audio { source }, audio.rest()))
}

/// The media type of what OpenAI calls a format of sound.
pub(super) fn audio_type(format: &str) -> String {
    match format {
        "mp3" => "audio/mpeg".to_owned(),
        "pcm16" => "audio/pcm".to_owned(),
        _ => format!("audio/{format}"),
    }
}

/// What OpenAI calls a media type of sound.
fn audio_format(media_type: &str) -> &str {
    match media_type {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        "audio/pcm" | "audio/l16" | "audio/L16" => "pcm16",
        _ => {
            let subtype = media_type.strip_prefix("audio/").unwrap_or(media_type);
            subtype.strip_prefix("x-").unwrap_or(subtype)
        }
    }
}

fn read_file(taker: &mut Taker) -> Read {
    const EXPECTED: &str = "an object with `file_data` or `file_id`";
    let mut file = taker
        .object("file")?
        .ok_or_else(|| taker.error("file", EXPECTED))?;
    let name = file.string("filename")?;
    let told = file.string("format")?;
    let data = file.string("file_data")?;
    let id = file.string("file_id")?;
    let source = match (data, id) {
        (Some(data), _) => file_source(&data, told, name.as_deref()),
        // LiteLLM takes addresses in the place of ids.
        (None, Some(id)) if id.contains("://") || id.starts_with("data:") => source_of(&id, told),
        (None, Some(id)) => Source::Id(id),
        (None, None) => return Err(taker.error("file", EXPECTED)),
    };
    Ok((Content::File { source, name }, file.rest()))
}

/// `file_data` is a `data:` URL; some clients write the bare base64, and OpenRouter's an address.
fn file_source(data: &str, told: Option<String>, name: Option<&str>) -> Source {
    if data.contains("://") || data.starts_with("data:") {
        return source_of(data, told);
    }
    Source::Data {
        media_type: told.unwrap_or_else(|| file_type(name).to_owned()),
        base64: data.to_owned(),
    }
}

/// The kinds of documents that providers read, by the end of their names.
const FILE_TYPES: [(&str, &str); 8] = [
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("xml", "text/xml"),
    ("json", "application/json"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
];

fn file_type(name: Option<&str>) -> &'static str {
    let end = name
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, end)| end.to_ascii_lowercase());
    let mut known = FILE_TYPES.into_iter();
    known
        .find(|(one, _)| end.as_deref() == Some(*one))
        .map_or("application/pdf", |(_, media_type)| media_type)
}

fn file_name(media_type: &str) -> String {
    let mut known = FILE_TYPES.into_iter();
    let end = known.find(|(_, one)| *one == media_type);
    format!("document.{}", end.map_or("pdf", |(end, _)| end))
}

fn read_thinking(taker: &mut Taker) -> (Content, Fields) {
    let mut block = Map::new();
    for key in ["thinking", "signature", "data"] {
        if let Some(value) = taker.take(key) {
            block.insert(key.to_owned(), value);
        }
    }
    let thinking = thinking::read_block(&Value::Object(block)).unwrap_or_default();
    (Content::Thinking(thinking), Fields::new())
}

/// Writes text or media as a part. None if chat has no part for it: the table of losses has spoken of it then.
pub(super) fn write_part(content: &Content) -> Option<Value> {
    Some(match content {
        Content::Text(text) | Content::Refusal(text) => json!({"type": "text", "text": text}),
        Content::Image { source, detail } => {
            let mut image = Map::new();
            image.insert("url".to_owned(), source.to_url()?.into());
            if let Some(detail) = detail {
                image.insert("detail".to_owned(), detail.as_str().into());
            }
            json!({"type": "image_url", "image_url": image})
        }
        Content::Audio { source } => match source {
            Source::Data { media_type, base64 } => json!({"type": "input_audio",
                "input_audio": {"data": base64, "format": audio_format(media_type)}}),
            Source::Url { url, .. } => json!({"type": "audio_url", "audio_url": {"url": url}}),
            Source::Id(id) => json!({"type": "file", "file": {"file_id": id}}),
        },
        Content::Video { source } => match source {
            Source::Id(id) => json!({"type": "file", "file": {"file_id": id}}),
            _ => json!({"type": "video_url", "video_url": {"url": source.to_url()?}}),
        },
        Content::File { source, name } => write_file(source, name.as_deref())?,
        Content::Other {
            format: Format::Chat,
            value,
            ..
        } => value.clone(),
        _ => return None,
    })
}

fn write_file(source: &Source, name: Option<&str>) -> Option<Value> {
    match source {
        Source::Id(id) => Some(json!({"type": "file", "file": {"file_id": id}})),
        Source::Data { media_type, .. } => {
            // OpenAI refuses data without a name.
            let name = name.map_or_else(|| file_name(media_type), str::to_owned);
            let file = json!({"filename": name, "file_data": source.to_url()?});
            Some(json!({"type": "file", "file": file}))
        }
        Source::Url { .. } => None,
    }
}
