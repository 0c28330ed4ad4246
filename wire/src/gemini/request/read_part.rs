//! Reading one part of a content.

use serde_json::Value;

use super::pairing::Pairing;
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::gemini::members::{elements, open, open_member};
use crate::gemini::{media, signature};
use crate::neutral::{
    Content, Fields, Part, Role, Signature, Source, Thinking, ToolCall, ToolResult,
};

/// The members that hold a part's data and that other formats know, too.
const KNOWN: [&str; 5] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
];

/// Members that say something about a part's data and are none.
const ABOUT: [&str; 5] = [
    "thought",
    "thoughtSignature",
    "videoMetadata",
    "mediaResolution",
    "partMetadata",
];

/// Reads a part. A signed text becomes two: the signature belongs to the thoughts before it.
pub(super) fn read_part(
    value: Value,
    path: String,
    role: Role,
    pairing: &mut Pairing,
) -> Result<Vec<Part>, RequestError> {
    let mut part = open(value, path.clone())?;
    if !KNOWN.iter().any(|key| part.peek(key).is_some()) {
        return read_own(part, path);
    }
    let is_thought = part.flag("thought")?.unwrap_or(false);
    let signed = part
        .string("thoughtSignature")?
        .map(|text| signature::read(&text));
    let mut parts = Vec::new();
    let content = if let Some(text) = part.string("text")? {
        return Ok(read_text(text, is_thought, signed, role, part.rest()));
    } else if let Some(mut call) = open_member(&mut part, "functionCall")? {
        let signature = signed.map(|(signature, _)| signature);
        Content::ToolCall(read_call(&mut call, signature, pairing)?)
    } else {
        parts.extend(signed.map(|signed| thinking(String::new(), Some(signed))));
        if let Some(mut response) = open_member(&mut part, "functionResponse")? {
            Content::ToolResult(read_response(&mut response, pairing)?)
        } else {
            read_media(&mut part)?
        }
    };
    let mut read = Part::new(content);
    read.rest = part.rest();
    parts.push(read);
    Ok(parts)
}

fn read_text(
    text: String,
    is_thought: bool,
    signed: Option<(Signature, bool)>,
    role: Role,
    rest: Fields,
) -> Vec<Part> {
    if is_thought {
        return vec![thinking(text, signed)];
    }
    let mut parts = Vec::new();
    parts.extend(signed.map(|signed| thinking(String::new(), Some(signed))));
    // The last chunk of a streamed answer often has an empty text, which other providers refuse in a history.
    if !text.is_empty() || role == Role::User {
        let mut part = Part::text(text);
        part.rest = rest;
        parts.push(part);
    }
    parts
}

fn thinking(text: String, signed: Option<(Signature, bool)>) -> Part {
    let (signature, is_redacted) = signed.unzip();
    Part::new(Content::Thinking(Thinking {
        text,
        signature,
        is_redacted: is_redacted.unwrap_or(false),
    }))
}

/// A part whose data only Google knows, such as `executableCode`.
fn read_own(part: Taker, path: String) -> Result<Vec<Part>, RequestError> {
    const EXPECTED: &str = "a part with data, such as `text`";
    let fields = part.rest();
    let own = fields.keys().find(|key| !ABOUT.contains(&key.as_str()));
    let Some(kind) = own.cloned() else {
        let Some(Value::String(text)) = fields.get("thoughtSignature") else {
            return Err(RequestError::new(path, EXPECTED));
        };
        return Ok(vec![thinking(String::new(), Some(signature::read(text)))]);
    };
    Ok(vec![Part::new(Content::Other {
        format: Format::Gemini,
        kind,
        value: Value::Object(fields),
    })])
}

fn read_call(
    call: &mut Taker,
    signature: Option<Signature>,
    pairing: &mut Pairing,
) -> Result<ToolCall, RequestError> {
    let name = call.required_string("name")?;
    let id = call.string("id")?;
    let input = match call.take("args") {
        None => "{}".to_owned(),
        Some(args @ Value::Object(_)) => args.to_string(),
        Some(_) => return Err(call.error("args", "an object")),
    };
    Ok(ToolCall {
        id: pairing.call(id, &name),
        name,
        input,
        is_custom: false,
        signature,
    })
}

fn read_response(response: &mut Taker, pairing: &mut Pairing) -> Result<ToolResult, RequestError> {
    let name = response.required_string("name")?;
    let id = response.string("id")?;
    let (text, is_error) = match response.take("response") {
        None => (String::new(), false),
        Some(Value::Object(fields)) => read_outcome(fields),
        Some(_) => return Err(response.error("response", "an object")),
    };
    let mut parts = vec![Part::text(text)];
    for (value, path) in elements(response, "parts")? {
        let mut part = open(value, path)?;
        parts.push(Part::new(read_media(&mut part)?));
    }
    Ok(ToolResult {
        call_id: pairing.result(id, &name),
        name: Some(name),
        parts,
        is_error,
        is_custom: false,
    })
}

/// What a function gave, and whether that is an error: the keys that Google documents, else the object as it is.
fn read_outcome(fields: Fields) -> (String, bool) {
    let mut members = fields.iter();
    let (Some((key, value)), None) = (members.next(), members.next()) else {
        return (Value::Object(fields).to_string(), false);
    };
    let text = || match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match key.as_str() {
        "result" | "output" => (text(), false),
        "error" => (text(), true),
        _ => (Value::Object(fields).to_string(), false),
    }
}

fn read_media(part: &mut Taker) -> Result<Content, RequestError> {
    if let Some(mut blob) = open_member(part, "inlineData")? {
        let media_type = blob.required_string("mimeType")?;
        let base64 = padded(&blob.required_string("data")?);
        let name = blob.string("displayName")?;
        let plain = media_type.clone();
        let source = Source::Data { media_type, base64 };
        return Ok(media::content(&plain, source, name));
    }
    let original = part.peek("fileData").cloned();
    let Some(mut file) = open_member(part, "fileData")? else {
        return Err(part.error("inlineData", "an object"));
    };
    let url = file.required_string("fileUri")?;
    if media::is_google_only(&url) {
        return Ok(Content::Other {
            format: Format::Gemini,
            kind: "fileData".to_owned(),
            value: serde_json::json!({ "fileData": original }),
        });
    }
    let told = file.string("mimeType")?.filter(|told| !told.is_empty());
    let media_type = told.or_else(|| media::type_of_url(&url).map(str::to_owned));
    let name = file.string("displayName")?;
    let plain = media_type.clone().unwrap_or_default();
    Ok(media::content(
        &plain,
        Source::Url { url, media_type },
        name,
    ))
}

/// Base64 as other formats want it: Python's SDK writes the URL's alphabet, and Google does not ask for padding.
fn padded(base64: &str) -> String {
    let mut standard = signature::to_standard(base64).into_owned();
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    standard
}
