//! A whole answer for a client of chat.

use serde_json::{Map, Value, json};

use crate::chat::assistant::write_signature;
use crate::chat::finish;
use crate::chat::thinking;
use crate::chat::usage;
use crate::format::Format;
use crate::neutral::{Choice, Content, Finish, Part, Reply, Source, ToolCall};
use crate::translate::Context;

/// Writes a chat completion.
pub(crate) fn write_reply(reply: &Reply, context: &Context) -> Vec<u8> {
    let choices: Vec<Value> = reply
        .choices
        .iter()
        .map(|choice| write_choice(choice, context))
        .collect();
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    set("id", format!("chatcmpl-{}", context.call_id).into());
    set("object", "chat.completion".into());
    set("created", context.created_s.into());
    let model = reply.model.as_deref().unwrap_or(&context.model);
    set("model", model.into());
    set("choices", choices.into());
    if let Some(used) = &reply.usage {
        set("usage", usage::write(used));
    }
    if let Some(tier) = &reply.service_tier {
        set("service_tier", tier.as_str().into());
    }
    if let Some(print) = reply.rest.get("system_fingerprint") {
        set("system_fingerprint", print.clone());
    }
    Value::Object(body).to_string().into_bytes()
}

fn write_choice(choice: &Choice, context: &Context) -> Value {
    let message = Message::of(&choice.parts, context);
    json!({
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": finish_word(choice),
    })
}

/// The finish reason; an answer whose provider did not say why it ended has just ended.
pub(in crate::chat) fn finish_word(choice: &Choice) -> &str {
    let has = |is_it: fn(&Content) -> bool| choice.parts.iter().any(|part| is_it(&part.content));
    let has_call = has(|content| matches!(content, Content::ToolCall(_)));
    let has_refusal = has(|content| matches!(content, Content::Refusal(_)));
    let finish = choice.finish.as_ref().unwrap_or(&Finish::Stop);
    finish::write(finish, has_call, has_refusal)
}

/// All text of an answer.
pub(in crate::chat) fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// The members of a message, as they are gathered.
#[derive(Default)]
struct Message {
    refusal: String,
    thoughts: String,
    blocks: Vec<Value>,
    has_signature: bool,
    annotations: Vec<Value>,
    images: Vec<Value>,
    audio: Option<Value>,
    calls: Vec<Value>,
}

impl Message {
    fn of(parts: &[Part], context: &Context) -> Value {
        let mut message = Self::default();
        for part in parts {
            message.add(part, context);
        }
        message.into_value(text_of(parts))
    }

    fn add(&mut self, part: &Part, context: &Context) {
        match &part.content {
            Content::Text(_) => {
                if let Some(Value::Array(annotations)) = part.rest.get("annotations") {
                    self.annotations.extend(annotations.iter().cloned());
                }
            }
            Content::Refusal(text) => self.refusal.push_str(text),
            Content::Thinking(thinking) => {
                self.thoughts.push_str(&thinking.text);
                self.has_signature |= thinking.signature.is_some();
                self.blocks.push(thinking::write_block(thinking));
            }
            Content::Image { source, .. } => {
                let url = source.to_url();
                self.images.extend(url.map(|url| write_image(&url)));
            }
            Content::Audio {
                source: Source::Data { base64, .. },
            } => self.audio = Some(write_audio(base64, part, context)),
            Content::ToolCall(call) => self.calls.push(write_call(call)),
            _ => {}
        }
    }

    fn into_value(self, text: String) -> Value {
        let says_otherwise =
            !self.refusal.is_empty() || !self.calls.is_empty() || self.audio.is_some();
        let content = match text.is_empty() && says_otherwise {
            true => Value::Null,
            false => text.into(),
        };
        let refusal = match self.refusal.is_empty() {
            true => Value::Null,
            false => self.refusal.into(),
        };
        let mut message = Map::new();
        message.insert("role".to_owned(), "assistant".into());
        message.insert("content".to_owned(), content);
        message.insert("refusal".to_owned(), refusal);
        let mut set_filled = |key: &str, value: Value| {
            message.insert(key.to_owned(), value);
        };
        if !self.thoughts.is_empty() {
            set_filled("reasoning_content", self.thoughts.into());
        }
        if self.has_signature {
            set_filled("thinking_blocks", self.blocks.into());
        }
        for (key, list) in [
            ("annotations", self.annotations),
            ("images", self.images),
            ("tool_calls", self.calls),
        ] {
            if !list.is_empty() {
                set_filled(key, list.into());
            }
        }
        if let Some(audio) = self.audio {
            set_filled("audio", audio);
        }
        Value::Object(message)
    }
}

/// An image that the model made, where OpenRouter has it: OpenAI's chat makes none.
pub(in crate::chat) fn write_image(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

fn write_audio(base64: &str, part: &Part, context: &Context) -> Value {
    /// How long OpenAI keeps a spoken answer for the next turn; nothing of ours is kept, but clients read the member.
    const KEPT_S: u64 = 3_600;
    let told = |key: &str, otherwise: Value| part.rest.get(key).cloned().unwrap_or(otherwise);
    json!({
        "id": told("id", format!("audio_{}", context.call_id).into()),
        "data": base64,
        "expires_at": told("expires_at", context.created_s.saturating_add(KEPT_S).into()),
        "transcript": told("transcript", "".into()),
    })
}

fn write_call(call: &ToolCall) -> Value {
    let mut written = Map::new();
    written.insert("id".to_owned(), call.id.as_str().into());
    if call.is_custom {
        written.insert("type".to_owned(), "custom".into());
        let custom = json!({"name": call.name, "input": call.input});
        written.insert("custom".to_owned(), custom);
    } else {
        written.insert("type".to_owned(), "function".into());
        let arguments = match call.input.trim_ascii() {
            "" => "{}",
            _ => call.input.as_str(),
        };
        let function = json!({"name": call.name, "arguments": arguments});
        written.insert("function".to_owned(), function);
    }
    if let Some(signature) = client_signature(call.signature.as_ref()) {
        written.insert("extra_content".to_owned(), write_signature(signature));
    }
    Value::Object(written)
}

/// A call's signature that a client of chat can carry: Google's, from Gemini itself or from its endpoint of chat.
pub(in crate::chat) fn client_signature(
    signature: Option<&crate::neutral::Signature>,
) -> Option<&str> {
    let signature = signature?;
    let of_gemini = signature.for_target(Format::Gemini);
    of_gemini.or_else(|| signature.for_target(Format::Chat))
}
