//! Reading a request as a whole.

use serde_json::{Value, json};

use super::{read_config, read_contents, read_tools};
use crate::fields::{RequestError, Taker};
use crate::gemini::members;
use crate::neutral::{Param, Request};

/// Reads a body of `generateContent` or `streamGenerateContent`.
pub(crate) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let mut top = members::open_body(body)?;
    let mut request = Request::default();
    if let Some(model) = top.string("model")? {
        request.model = model.strip_prefix("models/").unwrap_or(&model).to_owned();
    }
    read_contents::read_system(&mut top, &mut request)?;
    read_contents::read_contents(&mut top, &mut request)?;
    request.note_prefill();
    read_tools::read_tools(&mut top, &mut request)?;
    read_tools::read_tool_config(&mut top, &mut request)?;
    read_config::read_generation_config(&mut top, &mut request)?;
    read_others(&mut top, &mut request)?;
    request.rest.extend(top.rest());
    Ok(request)
}

fn read_others(top: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    if let Some(settings) = top.list("safetySettings")? {
        request.set_param(Param::SafetySettings, Value::Array(settings));
    }
    if let Some(name) = top.string("cachedContent")? {
        request.set_param(Param::StoredPrompt, Value::String(name));
    }
    match top.take("labels") {
        None => {}
        Some(labels @ Value::Object(_)) => request.set_param(Param::Metadata, labels),
        Some(_) => return Err(top.error("labels", "an object")),
    }
    if let Some(tier) = top.string("serviceTier")? {
        let tier = match tier.to_ascii_lowercase().as_str() {
            "standard" => json!("default"),
            "unspecified" => json!("auto"),
            other => json!(other),
        };
        request.set_param(Param::ServiceTier, tier);
    }
    if let Some(store) = top.flag("store")? {
        request.set_param(Param::Store, Value::Bool(store));
    }
    Ok(())
}
