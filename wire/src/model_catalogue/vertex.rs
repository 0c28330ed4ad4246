//! What a publisher has in Vertex AI's Model Garden
//! (<https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list>).

use serde_json::Value;

use super::page::{ListError, Next, Page};
use super::read::is_id;
use super::{Listed, MODELS_MAX};
use crate::json;

/// What the names begin with that are served as they are. The garden has also what must be deployed first.
const SERVED: [&str; 2] = ["gemini-", "claude-"];
/// The stage of models that only those see who were let in.
const PRIVATE: &str = "PRIVATE_PREVIEW";

/// Reads a page of `publisherModels`, adding its models to `models`.
pub(super) fn read(body: &[u8], models: &mut Vec<Listed>) -> Result<Option<Next>, ListError> {
    // Google leaves an empty list out.
    if body.trim_ascii() == b"{}" {
        return Ok(None);
    }
    let page = Page::of(body, &["publisherModels"])?;
    for entry in json::elements(page.entries) {
        if models.len() >= MODELS_MAX {
            return Ok(None);
        }
        let entry = serde_json::from_str::<Value>(entry).ok();
        let Some(model) = entry.as_ref().and_then(listed) else {
            continue;
        };
        // Versions of one model come one by one.
        if !models.iter().any(|known| known.id == model.id) {
            models.push(model);
        }
    }
    Ok(page.next)
}

/// A model, by its resource's name: `publishers/google/models/gemini-3-pro`.
fn listed(entry: &Value) -> Option<Listed> {
    let name = entry.get("name")?.as_str()?;
    let (publisher, id) = name.strip_prefix("publishers/")?.split_once("/models/")?;
    let is_served = SERVED.iter().any(|begin| id.starts_with(begin));
    let is_private = entry.get("launchStage").and_then(Value::as_str) == Some(PRIVATE);
    (is_served && !is_private && is_id(id)).then(|| Listed {
        id: id.to_owned(),
        owned_by: Some(publisher.to_owned()),
        ..Listed::default()
    })
}
