//! Reading a provider's whole answer.

use serde_json::{Value, json};

use crate::chat::tool_names::ChangedNames;
use crate::errors;
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{Choice, Content, Fields, Finish, Part, Reply, Source, ToolCall};
use crate::responses::searches;
use crate::responses::thoughts::{self, Thought};
use crate::translate::{Context, ReplyError};
use crate::usage::{Usage, from_openai};

pub(crate) fn read_reply(body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    let mut response = Taker::of_body(body).map_err(unreadable)?;
    if response.peek("error").is_some() {
        return Err(ReplyError::Reported(errors::describe(body)));
    }
    let status = response.string("status").map_err(unreadable)?;
    let finish = match status.as_deref() {
        Some("completed") | None => None,
        Some("incomplete") => Some(cut_off(response.take("incomplete_details").as_ref())),
        Some("failed" | "cancelled") => {
            let mut error = errors::describe(body);
            error.message = "The upstream gave its answer up without saying why.".to_owned();
            return Err(ReplyError::Reported(error));
        }
        Some(status) => return Err(ReplyError::Unreadable(format!("its status is `{status}`"))),
    };
    let Some(output) = response.list("output").map_err(unreadable)? else {
        return Err(ReplyError::Unreadable("it has no `output`".to_owned()));
    };
    let usage = response.take("usage").as_ref().and_then(read_usage);
    let usage = searches::add(output.iter(), usage);
    let output = read_output(output, 0, context).map_err(unreadable)?;
    let is_refusal = |part: &Part| matches!(part.content, Content::Refusal(_));
    let finish = finish.unwrap_or(if output.has_calls {
        Finish::ToolCalls
    } else if output.parts.iter().any(is_refusal) {
        Finish::Refusal
    } else {
        Finish::Stop
    });
    Ok(Reply {
        id: response.string("id").map_err(unreadable)?,
        model: response.string("model").map_err(unreadable)?,
        created_s: response.take("created_at").as_ref().and_then(seconds),
        choices: vec![Choice {
            index: 0,
            parts: output.parts,
            finish: Some(finish),
            logprobs: nested_logprobs(output.logprobs),
        }],
        usage,
        service_tier: response.string("service_tier").map_err(unreadable)?,
        rest: Fields::new(),
    })
}

fn unreadable(error: RequestError) -> ReplyError {
    ReplyError::Unreadable(error.to_string())
}

/// Some write `1741476777.0`.
fn seconds(value: &Value) -> Option<u64> {
    // `as` saturates and takes negatives for zero, which is what is wanted.
    value
        .as_u64()
        .or_else(|| value.as_f64().map(|it| it as u64))
}

pub(in crate::responses) fn read_usage(usage: &Value) -> Option<Usage> {
    from_openai(usage.to_string().as_bytes())
}

/// Why an answer is incomplete, by its `incomplete_details`.
pub(in crate::responses) fn cut_off(details: Option<&Value>) -> Finish {
    let reason = details
        .and_then(|it| it.get("reason"))
        .and_then(Value::as_str);
    match reason {
        Some("content_filter") => Finish::ContentFilter,
        Some("max_output_tokens") | None => Finish::Length,
        Some(other) => Finish::Other(other.to_owned()),
    }
}

#[derive(Default)]
pub(in crate::responses) struct Output {
    pub parts: Vec<Part>,
    pub has_calls: bool,
    logprobs: Vec<Value>,
}

/// Reads output items, the first of which has the number `first`.
pub(in crate::responses) fn read_output(
    items: Vec<Value>,
    first: usize,
    context: &Context,
) -> Result<Output, RequestError> {
    let mut output = Output::default();
    for (at, item) in (first..).zip(items) {
        let mut item = Taker::of(item, format!("output[{at}]"))?;
        let Some(Value::String(kind)) = item.peek("type").cloned() else {
            return Err(item.error("type", "a string"));
        };
        let content = match kind.as_str() {
            "message" => {
                output.read_message(item)?;
                continue;
            }
            "reasoning" => match thoughts::read(&mut item)? {
                Thought::Thinking(thinking) => Content::Thinking(thinking),
                Thought::OfCall(_) => continue,
            },
            "function_call" => output.read_call(item, false, at, context)?,
            "custom_tool_call" => output.read_call(item, true, at, context)?,
            "image_generation_call" if item.peek("result").is_some() => read_image(item)?,
            _ => Content::Other {
                format: Format::Responses,
                kind,
                value: item.into_value(),
            },
        };
        output.parts.push(Part::new(content));
    }
    Ok(output)
}

impl Output {
    fn read_message(&mut self, mut item: Taker) -> Result<(), RequestError> {
        let path = item.at("content");
        let parts = item.list("content")?.unwrap_or_default();
        for (at, part) in parts.into_iter().enumerate() {
            let mut part = Taker::of(part, format!("{path}[{at}]"))?;
            let kind = part.string("type")?;
            if kind.as_deref() == Some("refusal") {
                let refusal = part.required_string("refusal")?;
                self.parts.push(Part::new(Content::Refusal(refusal)));
                continue;
            }
            let Some(text) = part.string("text")? else {
                continue;
            };
            let mut read = Part::text(text);
            let annotations = part.list("annotations")?.unwrap_or_default();
            if !annotations.is_empty() {
                let nested = annotations.into_iter().map(nested_annotation).collect();
                read.rest
                    .insert("annotations".to_owned(), Value::Array(nested));
            }
            self.parts.push(read);
            self.logprobs
                .extend(part.list("logprobs")?.unwrap_or_default());
        }
        Ok(())
    }

    fn read_call(
        &mut self,
        mut item: Taker,
        is_custom: bool,
        at: usize,
        context: &Context,
    ) -> Result<Content, RequestError> {
        self.has_calls = true;
        let names = ChangedNames::of(&context.request);
        let key = if is_custom { "input" } else { "arguments" };
        let input = item.string(key)?.unwrap_or_default();
        let call_id = item.string("call_id")?.filter(|id| !id.is_empty());
        let item_id = item.string("id")?.filter(|id| !id.is_empty());
        Ok(Content::ToolCall(ToolCall {
            id: call_id
                .or(item_id)
                .unwrap_or_else(|| made_up_call_id(context, at)),
            name: names.restore(&item.required_string("name")?).to_owned(),
            input: if input.trim().is_empty() && !is_custom {
                "{}".to_owned()
            } else {
                input
            },
            is_custom,
            signature: None,
        }))
    }
}

/// The id of a call to which the provider gave none.
pub(in crate::responses) fn made_up_call_id(context: &Context, at: usize) -> String {
    format!("call_{}_{at}", context.call_id.replace('-', ""))
}

fn read_image(mut item: Taker) -> Result<Content, RequestError> {
    let format = item.string("output_format")?;
    Ok(Content::Image {
        source: Source::Data {
            media_type: image_media_type(format.as_deref()),
            base64: item.required_string("result")?,
        },
        detail: None,
    })
}

/// The media type of an `output_format`, which is PNG where nothing is said.
pub(in crate::responses) fn image_media_type(format: Option<&str>) -> String {
    match format {
        Some("svg") => "image/svg+xml".to_owned(),
        Some(format) => format!("image/{format}"),
        None => "image/png".to_owned(),
    }
}

/// An annotation as chat has it, which is the neutral form: nested in a member of its type's name.
pub(in crate::responses) fn nested_annotation(annotation: Value) -> Value {
    match annotation {
        Value::Object(mut inner) => match inner.shift_remove("type") {
            Some(Value::String(kind)) => json!({"type": kind, kind: inner}),
            _ => Value::Object(inner),
        },
        other => other,
    }
}

/// `logprobs` as chat has them, which is the neutral form.
pub(in crate::responses) fn nested_logprobs(tokens: Vec<Value>) -> Option<Value> {
    (!tokens.is_empty()).then(|| json!({"content": tokens, "refusal": null}))
}
