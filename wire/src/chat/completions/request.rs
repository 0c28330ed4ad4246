//! A legacy request.

use serde_json::Value;

use crate::chat::request::read_shared_params;
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{Content, Message, Param, Part, Request, Role};

/// Reads a request of Completions.
pub(crate) fn read_completions_request(body: &[u8]) -> Result<Request, RequestError> {
    let mut taker = Taker::of_body(body)?;
    let mut request = Request {
        model: taker.required_string("model")?,
        ..Request::default()
    };
    let prompt = Part::new(read_prompt(&mut taker)?);
    request.messages = vec![Message::new(Role::User, vec![prompt])];
    read_shared_params(&mut taker, &mut request)?;
    // A number here: of the most likely tokens, 0 for the chosen ones alone.
    if let Some(count) = taker.count("logprobs")? {
        request.set_param(Param::Logprobs, true.into());
        if count > 0 {
            request.set_param(Param::TopLogprobs, count.into());
        }
    }
    let suffix = taker.string("suffix")?.filter(|text| !text.is_empty());
    request.set_param(Param::Suffix, suffix.into());
    if taker.flag("echo")? == Some(true) {
        request.set_param(Param::Echo, true.into());
    }
    let best_of = taker.count("best_of")?.filter(|&count| count > 1);
    request.set_param(Param::BestOf, best_of.into());
    request.rest.extend(taker.rest());
    Ok(request)
}

/// The prompt, if it is one text. Several prompts in one request, and prompts of tokens, only Completions itself has.
fn read_prompt(taker: &mut Taker) -> Result<Content, RequestError> {
    const EXPECTED: &str = "a string, or a list of strings or of tokens";
    let prompts = match taker.take("prompt") {
        None => return Ok(Content::Text(String::new())),
        Some(Value::String(text)) => return Ok(Content::Text(text)),
        Some(Value::Array(prompts)) => prompts,
        Some(_) => return Err(taker.error("prompt", EXPECTED)),
    };
    let kind = match prompts.as_slice() {
        [] => return Err(taker.error("prompt", EXPECTED)),
        [Value::String(text)] => return Ok(Content::Text(text.clone())),
        [Value::String(_), ..] => "several prompts",
        _ => "prompt of tokens",
    };
    Ok(Content::Other {
        format: Format::Completions,
        kind: kind.to_owned(),
        value: prompts.into(),
    })
}
