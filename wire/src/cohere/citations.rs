//! Cohere's citations as OpenAI's `annotations`, which know addresses alone.

use serde_json::{Value, json};

/// The sources that have an address: a document's own, or the one that a tool's result tells. None if none has.
pub(super) fn to_openai<'a>(citations: impl IntoIterator<Item = &'a Value>) -> Option<Value> {
    let mut annotations = Vec::new();
    for citation in citations {
        let sources = citation.get("sources").and_then(Value::as_array);
        for source in sources.into_iter().flatten() {
            annotations.extend(annotation(citation, source));
        }
    }
    (!annotations.is_empty()).then_some(Value::Array(annotations))
}

fn annotation(citation: &Value, source: &Value) -> Option<Value> {
    let cited = source
        .get("document")
        .or_else(|| source.get("tool_output"))?;
    let url = cited.get("url")?.as_str()?;
    let title = cited.get("title").and_then(Value::as_str).unwrap_or(url);
    Some(json!({
        "type": "url_citation",
        "url_citation": {
            "start_index": citation.get("start").and_then(Value::as_u64).unwrap_or(0),
            "end_index": citation.get("end").and_then(Value::as_u64).unwrap_or(0),
            "url": url,
            "title": title,
        },
    }))
}
