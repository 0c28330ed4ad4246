//! What Google says of its sources (`groundingMetadata`), as OpenAI's `annotations` and back: addresses, and what of the text
//! each stands behind. OpenAI counts characters, Google the bytes of the text in UTF-8.

use serde_json::{Map, Value, json};

use crate::neutral::{Param, Request, Tool};

/// Whether an answer may have sources: only those that were asked to be looked for.
pub(super) fn may_cite(request: &Request) -> bool {
    let is_hosted = |tool: &Tool| matches!(tool, Tool::Hosted { .. });
    request.param(Param::WebSearchOptions).is_some() || request.tools.iter().any(is_hosted)
}

/// The places where the characters of a text begin, and its end.
struct Places(Vec<usize>);

impl Places {
    fn of(text: &str) -> Self {
        let starts = text.char_indices().map(|(at, _)| at);
        Self(starts.chain([text.len()]).collect())
    }

    fn char_at(&self, byte: u64) -> usize {
        let before = |start: &usize| (*start as u64) < byte;
        self.0.partition_point(before).min(self.0.len() - 1)
    }

    fn byte_at(&self, char: u64) -> usize {
        let char = usize::try_from(char).unwrap_or(usize::MAX);
        let end = self.0.last().copied().unwrap_or_default();
        self.0.get(char).copied().unwrap_or(end)
    }
}

/// The annotations of an answer with this text; none if nothing of it has an address.
pub(super) fn to_openai(metadata: &Value, text: &str) -> Option<Value> {
    let list = |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_array).cloned();
    let chunks = list(metadata, "groundingChunks")?;
    let places = Places::of(text);
    let mut annotations = Vec::new();
    for support in list(metadata, "groundingSupports").unwrap_or_default() {
        let segment = support.get("segment");
        let count = |key: &str| segment.and_then(|it| it.get(key)?.as_u64());
        let start = places.char_at(count("startIndex").unwrap_or(0));
        let end = places.char_at(count("endIndex").unwrap_or(0));
        for number in list(&support, "groundingChunkIndices").unwrap_or_default() {
            let number = number.as_u64().and_then(|it| usize::try_from(it).ok());
            let chunk = number.and_then(|number| chunks.get(number));
            annotations.extend(chunk.and_then(|chunk| annotation(chunk, start, end)));
        }
    }
    (!annotations.is_empty()).then_some(Value::Array(annotations))
}

fn annotation(chunk: &Value, start: usize, end: usize) -> Option<Value> {
    let kinds = ["web", "retrievedContext", "maps"];
    let source = kinds.into_iter().find_map(|kind| chunk.get(kind))?;
    let url = source.get("uri")?.as_str()?;
    let title = source.get("title").and_then(Value::as_str).unwrap_or(url);
    Some(json!({
        "type": "url_citation",
        "url_citation": {"url": url, "title": title, "start_index": start, "end_index": end},
    }))
}

/// The `groundingMetadata` of an answer with this text and these annotations; none if none has an address.
pub(super) fn from_openai<'a>(
    annotations: impl Iterator<Item = &'a Value>,
    text: &str,
) -> Option<Value> {
    let places = Places::of(text);
    let mut numbers: Map<String, Value> = Map::new();
    let (mut chunks, mut supports) = (Vec::new(), Vec::new());
    for citation in annotations.filter_map(|it| it.get("url_citation")) {
        let Some(url) = citation.get("url").and_then(Value::as_str) else {
            continue;
        };
        let number = numbers.entry(url).or_insert_with(|| {
            let title = citation.get("title").and_then(Value::as_str);
            chunks.push(json!({"web": {"uri": url, "title": title.unwrap_or(url)}}));
            Value::from(chunks.len() - 1)
        });
        let count = |key: &str| citation.get(key).and_then(Value::as_u64);
        let (Some(start), Some(end)) = (count("start_index"), count("end_index")) else {
            continue;
        };
        let (start, end) = (places.byte_at(start), places.byte_at(end));
        let cited = text.get(start..end).unwrap_or_default();
        supports.push(json!({
            "segment": {"startIndex": start, "endIndex": end, "text": cited},
            "groundingChunkIndices": [number],
        }));
    }
    let is_empty = chunks.is_empty();
    let metadata = json!({"groundingChunks": chunks, "groundingSupports": supports});
    (!is_empty).then_some(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Größe: 3 m. Öl!";

    fn citation(url: &str, start: usize, end: usize) -> Value {
        json!({"type": "url_citation",
            "url_citation": {"url": url, "title": "T", "start_index": start, "end_index": end}})
    }

    #[test]
    fn bytes_are_characters_and_come_back() {
        let annotations = [
            citation("https://a", 0, 5),
            citation("https://b", 12, 15),
            citation("https://a", 12, 15),
        ];
        let metadata = from_openai(annotations.iter(), TEXT).unwrap();
        assert_eq!(
            metadata,
            json!({
                "groundingChunks": [{"web": {"uri": "https://a", "title": "T"}}, {"web": {"uri": "https://b", "title": "T"}}],
                "groundingSupports": [
                    {"segment": {"startIndex": 0, "endIndex": 7, "text": "Größe"}, "groundingChunkIndices": [0]},
                    {"segment": {"startIndex": 14, "endIndex": 18, "text": "Öl!"}, "groundingChunkIndices": [1]},
                    {"segment": {"startIndex": 14, "endIndex": 18, "text": "Öl!"}, "groundingChunkIndices": [0]},
                ],
            })
        );
        assert_eq!(to_openai(&metadata, TEXT), Some(json!(annotations)));
    }

    #[test]
    fn what_points_nowhere_is_cut_to_the_text_or_left_out() {
        let metadata = json!({
            "groundingChunks": [{"web": {"uri": "https://a"}}, {"novel": {}}],
            "groundingSupports": [
                {"segment": {"startIndex": 9, "endIndex": 999}, "groundingChunkIndices": [0, 1, 7, -1]},
                {"segment": null}, 3,
            ],
        });
        let read = to_openai(&metadata, TEXT).unwrap();
        assert_eq!(read.as_array().unwrap().len(), 1);
        assert_eq!(read[0]["url_citation"]["end_index"], 15);
        assert_eq!(to_openai(&json!({"groundingChunks": []}), TEXT), None);
        let far = from_openai([citation("https://a", 3, 999)].iter(), TEXT).unwrap();
        assert_eq!(far["groundingSupports"][0]["segment"]["endIndex"], 18);
        assert_eq!(
            from_openai([json!({"type": "file_citation"})].iter(), TEXT),
            None
        );
    }
}
