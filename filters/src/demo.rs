//! The built-in provider: answers offline, streams, and counts its tokens (one a word), so that the first run works
//! without any key.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use pingora::http::ResponseHeader;
use serde::Deserialize;
use serde_json::{Value, json};

use weir_wire::format::Format;

use crate::ask::Endpoint;
use crate::way::Way;

/// The pause between two words of a stream: enough to see it flow.
const WORD_PAUSE: Duration = Duration::from_millis(8);
/// Words of the caller's text that are repeated in the answer.
const ECHO_WORDS_MAX: usize = 200;
/// The length of an embedding where the caller names none.
const DIMENSIONS: usize = 64;
/// Numbers in the embeddings of one answer.
const NUMBERS_MAX: usize = 1 << 18;
/// The longest embedding.
const DIMENSIONS_MAX: usize = 4_096;
/// The moment the demo's objects say they were created; a fixed one, as nothing is really created.
const CREATED: u64 = 1_767_225_600;

/// An answer of the demo provider.
pub(crate) struct Demo {
    head: ResponseHeader,
    pieces: VecDeque<Bytes>,
    pause: Duration,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DemoAsk {
    model: String,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    messages: Vec<Value>,
    prompt: Value,
    input: Value,
    encoding_format: Option<String>,
    dimensions: Option<usize>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StreamOptions {
    include_usage: bool,
}

impl Demo {
    /// The answer to a request body.
    pub(crate) fn answer(way: Way, body: &[u8]) -> pingora::Result<Self> {
        let endpoint = match way {
            Way::Conversation {
                provider: Format::Completions,
                ..
            } => Endpoint::Completions,
            Way::Conversation { .. } => Endpoint::Chat,
            Way::Plain | Way::Adapted(_) => Endpoint::Embeddings,
        };
        let Ok(ask) = serde_json::from_slice::<DemoAsk>(body) else {
            return Self::refuse(
                "the demo provider could not read the request: a field has the wrong type",
            );
        };
        match endpoint {
            Endpoint::Embeddings => match embeddings(&ask) {
                Some(answer) => Self::whole(200, &answer),
                None => Self::refuse(
                    "the demo provider embeds less at once: fewer inputs or dimensions",
                ),
            },
            _ => Self::text(endpoint, &ask),
        }
    }

    fn text(endpoint: Endpoint, ask: &DemoAsk) -> pingora::Result<Self> {
        let prompt = match endpoint {
            Endpoint::Chat => ask
                .messages
                .iter()
                .map(|it| text_of(&it["content"]))
                .collect(),
            _ => vec![text_of(&ask.prompt)],
        };
        let prompt_tokens: usize = prompt.iter().map(|text| count_words(text)).sum();
        let said = prompt.last().map(String::as_str).unwrap_or_default();
        let answer = reply_to(said);
        let mut pieces = words(&answer);
        let limit = ask.max_completion_tokens.or(ask.max_tokens);
        let is_cut = limit.is_some_and(|limit| limit < pieces.len());
        pieces.truncate(limit.unwrap_or(usize::MAX));
        let finish = if is_cut { "length" } else { "stop" };
        let usage = usage(prompt_tokens, pieces.len());
        if ask.stream.unwrap_or(false) {
            return Self::stream(endpoint, ask, &pieces, finish, &usage);
        }
        let text = pieces.concat();
        let choice = match endpoint {
            Endpoint::Chat => {
                json!({"index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
                "logprobs": null, "finish_reason": finish})
            }
            _ => json!({"index": 0, "text": text, "logprobs": null, "finish_reason": finish}),
        };
        let whole = json!({"id": "chatcmpl-demo", "object": object(endpoint, false), "created": CREATED,
            "model": ask.model, "choices": [choice], "usage": usage});
        Self::whole(200, &whole)
    }

    fn stream(
        endpoint: Endpoint,
        ask: &DemoAsk,
        words: &[String],
        finish: &str,
        usage: &Value,
    ) -> pingora::Result<Self> {
        let chunk = |choices: Value, usage: Option<&Value>| {
            let mut chunk = json!({"id": "chatcmpl-demo", "object": object(endpoint, true),
                "created": CREATED, "model": ask.model, "choices": choices});
            if let Some(usage) = usage {
                chunk["usage"] = usage.clone();
            }
            Bytes::from(format!("data: {chunk}\n\n"))
        };
        let choice = |content: Option<&str>, finish: Option<&str>| match endpoint {
            Endpoint::Chat => {
                let delta = content.map_or_else(|| json!({}), |text| json!({"content": text}));
                json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}])
            }
            _ => {
                json!([{"index": 0, "text": content.unwrap_or(""), "logprobs": null, "finish_reason": finish}])
            }
        };
        let mut pieces = VecDeque::with_capacity(words.len() + 4);
        if endpoint == Endpoint::Chat {
            let first = json!([{"index": 0, "delta": {"role": "assistant", "content": ""},
                "logprobs": null, "finish_reason": null}]);
            pieces.push_back(chunk(first, None));
        }
        pieces.extend(
            words
                .iter()
                .map(|word| chunk(choice(Some(word), None), None)),
        );
        pieces.push_back(chunk(choice(None, Some(finish)), None));
        if ask
            .stream_options
            .as_ref()
            .is_some_and(|it| it.include_usage)
        {
            pieces.push_back(chunk(json!([]), Some(usage)));
        }
        pieces.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
        let mut head = ResponseHeader::build(200, Some(1))?;
        head.insert_header(http::header::CONTENT_TYPE, "text/event-stream")?;
        Ok(Self {
            head,
            pieces,
            pause: WORD_PAUSE,
        })
    }

    fn refuse(message: &str) -> pingora::Result<Self> {
        let error = json!({"error": {
            "message": message, "type": "invalid_request_error", "param": null, "code": null}});
        Self::whole(400, &error)
    }

    fn whole(status: u16, body: &Value) -> pingora::Result<Self> {
        let mut head = ResponseHeader::build(status, Some(1))?;
        head.insert_header(http::header::CONTENT_TYPE, "application/json")?;
        Ok(Self {
            head,
            pieces: VecDeque::from([Bytes::from(body.to_string())]),
            pause: Duration::ZERO,
        })
    }

    pub(crate) fn head(&self) -> &ResponseHeader {
        &self.head
    }

    pub(crate) async fn next_piece(&mut self) -> Option<Bytes> {
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        self.pieces.pop_front()
    }
}

fn object(endpoint: Endpoint, streamed: bool) -> &'static str {
    match (endpoint, streamed) {
        (Endpoint::Chat, false) => "chat.completion",
        (Endpoint::Chat, true) => "chat.completion.chunk",
        _ => "text_completion",
    }
}

fn reply_to(said: &str) -> String {
    let heard: Vec<&str> = said.split_whitespace().take(ECHO_WORDS_MAX).collect();
    let heard = heard.join(" ");
    if heard.is_empty() {
        return "Hello from Weir's demo provider. Send me a message and I will repeat it."
            .to_owned();
    }
    format!(
        "This is Weir's built-in demo provider; it repeats what it hears. You said: {heard} \
         — Add a provider key to talk to a real model."
    )
}

/// The text of a message's content, be it a string or parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().map(|part| match part {
                Value::String(text) => text.as_str(),
                part => part["text"].as_str().unwrap_or_default(),
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// Words with the white space before them, so that they concatenate to the text again.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (at, word) in text.split_whitespace().enumerate() {
        words.push(if at == 0 {
            word.to_owned()
        } else {
            format!(" {word}")
        });
    }
    words
}

fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn usage(prompt: usize, completion: usize) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

/// `None` where the numbers asked for would take more memory than a demo is worth.
fn embeddings(ask: &DemoAsk) -> Option<Value> {
    let inputs: Vec<String> = match &ask.input {
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().map(text_of).collect()
        }
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    };
    let dimensions = ask
        .dimensions
        .unwrap_or(DIMENSIONS)
        .clamp(1, DIMENSIONS_MAX);
    if inputs.len().saturating_mul(dimensions) > NUMBERS_MAX {
        return None;
    }
    let is_base64 = ask.encoding_format.as_deref() == Some("base64");
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = embed(text, dimensions);
            let embedding = if is_base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|it| it.to_le_bytes()).collect();
                json!(base64::engine::general_purpose::STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: usize = inputs.iter().map(|text| count_words(text)).sum();
    Some(json!({"object": "list", "model": ask.model, "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}))
}

/// A unit vector that depends on the words of the text: equal texts are equal, texts that share words are near.
fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0_f32; dimensions];
    for word in text.split_whitespace() {
        // FNV-1a (Fowler, Noll, Vo): a spread of words over the dimensions, no more.
        let hash = word
            .to_lowercase()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let at = usize::try_from(hash % dimensions as u64).unwrap_or(0);
        vector[at] += if hash & (1 << 40) == 0 { 1.0 } else { -1.0 };
    }
    let norm = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    if norm > 0.0 {
        for it in &mut vector {
            *it /= norm;
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Way = Way::Conversation {
        client: Format::Chat,
        provider: Format::Chat,
    };

    async fn drain(mut demo: Demo) -> String {
        let mut text = String::new();
        while let Some(piece) = demo.next_piece().await {
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        text
    }

    #[tokio::test]
    async fn it_answers_with_what_it_heard_and_counts_words() {
        let body = br#"{"model":"demo","messages":[{"role":"user","content":"one two three"}]}"#;
        let answer = drain(Demo::answer(CHAT, body).unwrap()).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(text.contains("You said: one two three"));
        assert_eq!(answer["usage"]["prompt_tokens"], 3);
        assert_eq!(answer["usage"]["completion_tokens"], words(text).len());
    }

    #[tokio::test(start_paused = true)]
    async fn it_streams_and_tells_usage_only_if_asked() {
        let ask = |extra: &str| {
            format!(
                r#"{{"model":"demo","stream":true,"max_tokens":2{extra},"messages":[{{"role":"user","content":[{{"type":"text","text":"hi"}}]}}]}}"#
            )
        };
        let plain = drain(Demo::answer(CHAT, ask("").as_bytes()).unwrap()).await;
        assert!(plain.ends_with("data: [DONE]\n\n") && !plain.contains("usage"));
        assert!(plain.contains(r#""finish_reason":"length""#));
        let extra = r#","stream_options":{"include_usage":true}"#;
        let counted = drain(Demo::answer(CHAT, ask(extra).as_bytes()).unwrap()).await;
        assert_eq!(counted.matches(r#""completion_tokens":2"#).count(), 1);
    }

    #[tokio::test]
    async fn embeddings_come_as_floats_or_base64() {
        let floats = drain(
            Demo::answer(
                Way::Plain,
                br#"{"model":"demo","input":["a b","c"],"dimensions":8}"#,
            )
            .unwrap(),
        )
        .await;
        let floats: Value = serde_json::from_str(&floats).unwrap();
        assert_eq!(floats["data"][1]["embedding"].as_array().unwrap().len(), 8);
        let coded = drain(
            Demo::answer(
                Way::Plain,
                br#"{"model":"demo","input":"a","encoding_format":"base64"}"#,
            )
            .unwrap(),
        )
        .await;
        let coded: Value = serde_json::from_str(&coded).unwrap();
        assert!(coded["data"][0]["embedding"].is_string());
    }
}
