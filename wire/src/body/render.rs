//! Edits a parsed body by splicing: what is not edited is copied byte for byte.

use std::ops::Range;

use super::{Head, Inside, StreamOptions};

/// What a provider must be sent differently from what the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<'a> {
    /// What becomes of `model`.
    pub model: ModelEdit<'a>,
    /// Whether to force `stream_options.include_usage` to true, so that the answer can be metered.
    pub include_usage: bool,
    /// The one of `max_tokens` and `max_completion_tokens` that the provider understands. The other is renamed to it,
    /// unless both were sent.
    pub max_tokens_field: Option<&'static str>,
}

/// What becomes of a body's `model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelEdit<'a> {
    /// It is the provider's own name.
    Named(&'a str),
    /// The provider is told the model by its URL: the body is left alone.
    Absent,
    /// Another member stands in its place, as Vertex AI wants `anthropic_version`.
    Replaced {
        /// Its key.
        key: &'a str,
        /// Its value, a string.
        value: &'a str,
    },
}

/// One replacement: the bytes of `range` give way to `text`.
struct Splice {
    range: Range<usize>,
    text: String,
}

/// Makes the body for a provider. `head` must be what [`super::parse`] made of this `body`. Where nothing changes, the
/// bytes are equal.
pub fn render(body: &[u8], head: &Head, edit: &Edit<'_>) -> Vec<u8> {
    let mut splices = Vec::new();
    let mut added = Vec::new();
    match edit.model {
        ModelEdit::Named(model) => edit_model(head, model, &mut splices, &mut added),
        ModelEdit::Absent => {}
        ModelEdit::Replaced { key, value } => {
            let text = format!("\"{key}\":{}", serde_json::Value::from(value));
            match head.places.model_member() {
                Some(range) => splices.push(Splice { range, text }),
                None => added.push(text),
            }
        }
    }
    if edit.include_usage && !head.include_usage {
        force_include_usage(head, &mut splices, &mut added);
    }
    if let Some(wanted) = edit.max_tokens_field {
        splices.extend(rename_max_tokens(head, wanted));
    }
    if !added.is_empty() {
        splices.push(add_members(&head.places.outer, &added));
    }
    // What is added at the object's start comes before an edit of its first member, which starts there too.
    splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
    apply(body, &splices)
}

fn edit_model(head: &Head, model: &str, splices: &mut Vec<Splice>, added: &mut Vec<String>) {
    if head.model.as_deref() == Some(model) {
        return;
    }
    let text = serde_json::Value::from(model).to_string();
    match &head.places.model_value {
        Some(range) => splices.push(Splice {
            range: range.clone(),
            text,
        }),
        None => added.push(format!("\"model\":{text}")),
    }
}

fn force_include_usage(head: &Head, splices: &mut Vec<Splice>, added: &mut Vec<String>) {
    const OPTION: &str = r#""include_usage":true"#;
    match &head.places.stream_options {
        StreamOptions::Absent => added.push(format!("\"stream_options\":{{{OPTION}}}")),
        StreamOptions::Null(range) => splices.push(Splice {
            range: range.clone(),
            text: format!("{{{OPTION}}}"),
        }),
        StreamOptions::Object {
            inside,
            include_usage_value,
        } => splices.push(match include_usage_value {
            Some(range) => Splice {
                range: range.clone(),
                text: "true".to_owned(),
            },
            None => add_members(inside, &[OPTION.to_owned()]),
        }),
    }
}

fn rename_max_tokens(head: &Head, wanted: &'static str) -> Option<Splice> {
    let places = &head.places;
    let (old, new) = match wanted {
        "max_tokens" => (&places.max_completion_tokens_key, &places.max_tokens_key),
        "max_completion_tokens" => (&places.max_tokens_key, &places.max_completion_tokens_key),
        _ => return None,
    };
    match (old, new) {
        (Some(range), None) => Some(Splice {
            range: range.clone(),
            text: format!("\"{wanted}\""),
        }),
        _ => None,
    }
}

/// Adds members at an object's start, where it is known without another look at the body whether a comma must follow.
fn add_members(object: &Inside, members: &[String]) -> Splice {
    let mut text = members.join(",");
    if !object.is_empty {
        text.push(',');
    }
    Splice {
        range: object.start..object.start,
        text,
    }
}

/// Copies `body` with the splices made, which are in order and do not overlap.
fn apply(body: &[u8], splices: &[Splice]) -> Vec<u8> {
    let added: usize = splices.iter().map(|splice| splice.text.len()).sum();
    let mut rendered = Vec::with_capacity(body.len() + added);
    let mut copied = 0;
    for splice in splices {
        // Ranges are within the body they were parsed from; for any other body there is no right answer, only no panic.
        rendered.extend_from_slice(body.get(copied..splice.range.start).unwrap_or_default());
        rendered.extend_from_slice(splice.text.as_bytes());
        copied = splice.range.end;
    }
    rendered.extend_from_slice(body.get(copied..).unwrap_or_default());
    rendered
}
