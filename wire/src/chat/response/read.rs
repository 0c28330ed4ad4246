//! A provider's whole answer.

use serde_json::Value;

use crate::chat::assistant::{self, Place};
use crate::chat::content::audio_type;
use crate::chat::finish::{self, Seen};
use crate::chat::think_tags::{Side, ThinkTags};
use crate::chat::tool_names::{CallIds, ChangedNames};
use crate::errors::{self, describe, parse_error};
use crate::fields::{RequestError, Taker};
use crate::neutral::{Choice, Content, Finish, Param, Part, Reply, Request, Source, Thinking};
use crate::translate::{Context, ReplyError};
use crate::usage::from_openai;

/// Reads a chat completion, or a legacy one.
pub(crate) fn read_reply(body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(body) else {
        return Err(not_read(body, "it is not a JSON object"));
    };
    if let Some(error) = fields.get("error")
        && errors::is_error(&error.to_string())
    {
        return Err(ReplyError::Reported(describe(body)));
    }
    let Some(Value::Array(listed)) = fields.get("choices") else {
        return Err(not_read(body, "it has no `choices`"));
    };
    if listed.is_empty() {
        return Err(not_read(body, "its `choices` are empty"));
    }
    read_fields(Value::Object(fields), context)
        .map_err(|error| ReplyError::Unreadable(error.to_string()))
}

/// What is no answer may still be an error in one of the other envelopes.
fn not_read(body: &[u8], why: &str) -> ReplyError {
    match parse_error(body) {
        Some(error) => ReplyError::Reported(error),
        None => ReplyError::Unreadable(why.to_owned()),
    }
}

fn read_fields(body: Value, context: &Context) -> Result<Reply, RequestError> {
    let mut taker = Taker::of(body, "")?;
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let mut reply = Reply {
        id: text(taker.take("id")),
        model: text(taker.take("model")),
        created_s: taker.take("created").and_then(|value| value.as_u64()),
        service_tier: text(taker.take("service_tier")),
        ..Reply::default()
    };
    let usage = taker.take("usage");
    reply.usage = usage.and_then(|usage| from_openai(usage.to_string().as_bytes()));
    let mut reader = Reader {
        ids: CallIds::new(&context.call_id),
        names: ChangedNames::of(&context.request),
        request: &context.request,
        think_tags: context.think_tags,
    };
    for (at, choice) in taker.list("choices")?.into_iter().flatten().enumerate() {
        let choice = Taker::of(choice, format!("choices[{at}]"))?;
        reply.choices.push(reader.choice(choice, at)?);
    }
    taker.take("object");
    reply.rest = taker.rest();
    Ok(reply)
}

struct Reader<'a> {
    ids: CallIds,
    names: ChangedNames,
    request: &'a Request,
    think_tags: bool,
}

impl Reader<'_> {
    fn choice(&mut self, mut choice: Taker, at: usize) -> Result<Choice, RequestError> {
        let index = choice.take("index").and_then(|value| value.as_u64());
        let index = u32::try_from(index.unwrap_or(at as u64)).unwrap_or(u32::MAX);
        let mut parts = Vec::new();
        if let Some(text) = choice.string("text")?.filter(|text| !text.is_empty()) {
            parts.push(Part::text(text));
        }
        if let Some(mut message) = choice.object("message")? {
            parts.extend(self.message(&mut message)?);
        }
        if self.think_tags {
            take_thoughts(&mut parts);
        }
        let finish = self.finish(&mut choice, &parts)?;
        Ok(Choice {
            index,
            parts,
            finish,
            logprobs: choice.take("logprobs"),
        })
    }

    fn message(&mut self, message: &mut Taker) -> Result<Vec<Part>, RequestError> {
        let mut place = Place::Reply {
            ids: &mut self.ids,
            names: &self.names,
        };
        let mut parts = assistant::read(message, &mut place)?;
        // An empty text beside tool calls says nothing.
        parts.retain(|part| !matches!(&part.content, Content::Text(text) if text.is_empty()));
        if let Some(annotations) = message.take("annotations").filter(is_filled_list) {
            annotate(&mut parts, annotations);
        }
        if let Some(Value::Object(audio)) = message.take("audio") {
            parts.extend(self.audio(audio));
        }
        Ok(parts)
    }

    /// A spoken answer; its id and what is said in it stand in `rest`.
    fn audio(&self, mut audio: crate::neutral::Fields) -> Option<Part> {
        let Some(Value::String(base64)) = audio.shift_remove("data") else {
            return None;
        };
        let asked = self.request.param(Param::AudioOutput);
        let format = asked.and_then(|audio| audio.get("format")?.as_str());
        let media_type = audio_type(format.unwrap_or("wav"));
        let mut part = Part::new(Content::Audio {
            source: Source::Data { media_type, base64 },
        });
        part.rest = audio;
        Some(part)
    }

    fn finish(&self, choice: &mut Taker, parts: &[Part]) -> Result<Option<Finish>, RequestError> {
        let stop_text = match choice.take("stop_reason") {
            Some(Value::String(text)) if self.request.stop.contains(&text) => Some(text),
            _ => None,
        };
        let has = |is_it: fn(&Content) -> bool| parts.iter().any(|part| is_it(&part.content));
        let seen = Seen {
            tool_call: has(|content| matches!(content, Content::ToolCall(_))),
            refusal: has(|content| matches!(content, Content::Refusal(_))),
            stop_text: stop_text.as_deref(),
        };
        let word = choice.string("finish_reason")?;
        let word = word.as_deref().filter(|word| !word.is_empty());
        Ok(word.map(|word| finish::read(word, seen)))
    }
}

/// Makes thoughts of what stands between tags at the beginning of the first text.
fn take_thoughts(parts: &mut Vec<Part>) {
    let texts = parts.iter_mut().enumerate();
    let mut texts = texts.filter_map(|(at, part)| match &mut part.content {
        Content::Text(text) => Some((at, text)),
        _ => None,
    });
    let Some((at, text)) = texts.next() else {
        return;
    };
    let (mut thoughts, mut said) = (String::new(), String::new());
    let mut tell = |side, piece: &str| match side {
        Side::Thought => thoughts.push_str(piece),
        Side::Text => said.push_str(piece),
    };
    let mut tags = ThinkTags::new(true);
    tags.feed(text, &mut tell);
    tags.finish(&mut tell);
    let is_left = !said.is_empty();
    *text = said;
    if !is_left {
        parts.remove(at);
    }
    if !thoughts.is_empty() {
        let thinking = Thinking {
            text: thoughts,
            ..Thinking::default()
        };
        parts.insert(at, Part::new(Content::Thinking(thinking)));
    }
}

fn is_filled_list(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty())
}

/// Annotations are of the text: they stand in `rest` of its part.
fn annotate(parts: &mut [Part], annotations: Value) {
    let is_text = |part: &&mut Part| matches!(part.content, Content::Text(_));
    if let Some(text) = parts.iter_mut().find(is_text) {
        text.rest.insert("annotations".to_owned(), annotations);
    }
}
