//! Writing a stream.

use serde::Serialize;
use serde_json::{Value, json};

use crate::gemini::part::{FunctionCall, InlineData, KnownPart, Object};
use crate::gemini::{finish, grounding, logprobs, signature, usage};
use crate::neutral::{Event, Request, Signature};
use crate::stream::Encode;
use crate::translate::Context;
use crate::usage::Usage;

/// A sign of life. Google's SDK for Python takes a comment for JSON and dies of it, and forgets a turn that has a chunk
/// without parts: so it is a chunk with an empty text.
pub const KEEP_ALIVE: &[u8] =
    b"data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]}}]}\r\n\r\n";

const TEXT: &[u8] = b",\"content\":{\"role\":\"model\",\"parts\":[{\"text\":";
const TEXT_END: &[u8] = b"}]}}]}\r\n\r\n";
const THOUGHT_END: &[u8] = b",\"thought\":true}]}}]}\r\n\r\n";

/// Writes `streamGenerateContent` with `alt=sse`.
///
/// Calls of tools are whole there, so they are held until something else follows. The reasons why the answers ended come
/// in one last chunk with the usage, so that a stream which breaks off never looks complete.
pub(crate) struct Encoder {
    id: String,
    model: String,
    /// What every chunk begins with, up to the number of the answer.
    prefix: Vec<u8>,
    tools: Vec<OpenTool>,
    ends: Vec<(u32, String)>,
    usage: Option<Usage>,
    shows_thoughts: bool,
    /// Thoughts that the client did not ask for: sent only if a signature shows that they must come back.
    hidden: String,
    /// The text so far, of which citations tell. Kept for the first answer alone.
    text: String,
    annotations: Vec<Value>,
}

struct OpenTool {
    choice: u32,
    tool: u32,
    id: String,
    name: String,
    input: String,
    is_custom: bool,
    signature: Option<Signature>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LastChunk<'a> {
    response_id: &'a str,
    model_version: &'a str,
    candidates: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Value>,
}

impl Encoder {
    pub fn new(context: &Context) -> Self {
        let mut encoder = Self {
            id: context.call_id.clone(),
            model: context.model.clone(),
            prefix: Vec::new(),
            tools: Vec::new(),
            ends: Vec::new(),
            usage: None,
            shows_thoughts: shows_thoughts(&context.request),
            hidden: String::new(),
            text: String::new(),
            annotations: Vec::new(),
        };
        encoder.build_prefix();
        encoder
    }

    fn build_prefix(&mut self) {
        self.prefix.clear();
        self.prefix.extend_from_slice(b"data: {\"responseId\":");
        write_json(&mut self.prefix, &self.id);
        self.prefix.extend_from_slice(b",\"modelVersion\":");
        write_json(&mut self.prefix, &self.model);
        self.prefix
            .extend_from_slice(b",\"candidates\":[{\"index\":");
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>) {
        if let Some(id) = id {
            id.clone_into(&mut self.id);
        }
        if let Some(model) = model {
            model.clone_into(&mut self.model);
        }
        self.build_prefix();
    }

    fn begin(&self, choice: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        if choice == 0 {
            out.push(b'0');
        } else {
            out.extend_from_slice(choice.to_string().as_bytes());
        }
    }

    /// Every token comes by here.
    fn write_text(&mut self, choice: u32, text: &str, end: &[u8], out: &mut Vec<u8>) {
        self.hidden.clear();
        self.flush_tools(choice, out);
        self.begin(choice, out);
        out.extend_from_slice(TEXT);
        write_json(out, text);
        out.extend_from_slice(end);
    }

    fn write_parts(&self, choice: u32, parts: &[KnownPart<'_>], out: &mut Vec<u8>) {
        self.begin(choice, out);
        out.extend_from_slice(b",\"content\":{\"role\":\"model\",\"parts\":");
        write_json(out, parts);
        out.extend_from_slice(b"}}]}\r\n\r\n");
    }

    fn write_signature(
        &mut self,
        choice: u32,
        signature: &Signature,
        is_redacted: bool,
        out: &mut Vec<u8>,
    ) {
        self.flush_tools(choice, out);
        let hidden = if is_redacted {
            String::new()
        } else {
            std::mem::take(&mut self.hidden)
        };
        let part = KnownPart {
            thought: true,
            thought_signature: Some(signature::write(signature, is_redacted)),
            ..KnownPart::text(hidden)
        };
        self.write_parts(choice, &[part], out);
    }

    fn write_inline(&mut self, choice: u32, mime_type: &str, data: &str, out: &mut Vec<u8>) {
        self.flush_tools(choice, out);
        let part = KnownPart {
            inline_data: Some(InlineData { mime_type, data }),
            ..KnownPart::default()
        };
        self.write_parts(choice, &[part], out);
    }

    fn write_audio(&mut self, choice: u32, audio: &Value, out: &mut Vec<u8>) {
        let text = |key| audio.get(key).and_then(Value::as_str);
        if let Some(data) = text("data") {
            let mime_type = text("mime_type").unwrap_or("audio/L16;codec=pcm;rate=24000");
            self.write_inline(choice, mime_type, data, out);
        }
        if let Some(transcript) = text("transcript") {
            self.write_text(choice, transcript, TEXT_END, out);
        }
    }

    fn write_logprobs(&mut self, choice: u32, value: &Value, out: &mut Vec<u8>) {
        let Some(result) = logprobs::write(value) else {
            return;
        };
        self.flush_tools(choice, out);
        self.begin(choice, out);
        out.extend_from_slice(TEXT);
        out.extend_from_slice(b"\"\"}]},\"logprobsResult\":");
        write_json(out, &result);
        out.extend_from_slice(b"}]}\r\n\r\n");
    }

    /// Writes the calls of an answer, together as Google does.
    fn flush_tools(&mut self, choice: u32, out: &mut Vec<u8>) {
        if self.tools.is_empty() {
            return;
        }
        let (flushed, kept) = std::mem::take(&mut self.tools)
            .into_iter()
            .partition(|tool| tool.choice == choice);
        self.tools = kept;
        let flushed: Vec<OpenTool> = flushed;
        if !flushed.is_empty() {
            let parts: Vec<_> = flushed.iter().map(OpenTool::part).collect();
            self.write_parts(choice, &parts, out);
        }
    }

    fn add_input(&mut self, choice: u32, tool: u32, text: &str) {
        let mut open = self.tools.iter_mut();
        if let Some(open) = open.find(|open| open.choice == choice && open.tool == tool) {
            open.input.push_str(text);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        while let Some(choice) = self.tools.first().map(|tool| tool.choice) {
            self.flush_tools(choice, out);
        }
        if self.ends.is_empty() {
            self.ends.push((0, "STOP".to_owned()));
        }
        let mut grounding = grounding::from_openai(self.annotations.iter(), &self.text);
        let candidates = self.ends.iter().map(|(choice, word)| {
            let mut candidate = json!({
                "index": choice,
                "content": {"role": "model", "parts": [{"text": ""}]},
                "finishReason": word,
            });
            if let Some(metadata) = grounding.take_if(|_| *choice == 0) {
                candidate["groundingMetadata"] = metadata;
            }
            candidate
        });
        let chunk = LastChunk {
            response_id: &self.id,
            model_version: &self.model,
            candidates: candidates.collect(),
            usage_metadata: self.usage.as_ref().map(usage::write),
        };
        out.extend_from_slice(b"data: ");
        write_json(out, &chunk);
        out.extend_from_slice(b"\r\n\r\n");
    }
}

impl OpenTool {
    fn part(&self) -> KnownPart<'_> {
        let args = if self.is_custom {
            None
        } else {
            Object::of_arguments(&self.input)
        };
        let signed = self.signature.as_ref();
        KnownPart {
            function_call: Some(FunctionCall {
                id: Some(&self.id),
                name: self.name.as_str().into(),
                args: args.unwrap_or_else(|| Object::Made(json!({ "input": self.input }))),
            }),
            thought_signature: signed.map(|it| signature::write(it, false)),
            ..KnownPart::default()
        }
    }
}

impl Encode for Encoder {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                if *choice == 0 {
                    self.text.push_str(text);
                }
                self.write_text(*choice, text, TEXT_END, out);
            }
            Event::Thinking { text, .. } if !self.shows_thoughts => self.hidden.push_str(text),
            Event::Thinking { choice, text } => {
                self.write_text(*choice, text, THOUGHT_END, out);
            }
            Event::ToolInput { choice, tool, text } => self.add_input(*choice, *tool, text),
            Event::Start { id, model } => self.start(id.as_deref(), model.as_deref()),
            Event::Signature { choice, signature } => {
                self.write_signature(*choice, signature, false, out);
            }
            Event::RedactedThinking { choice, signature } => {
                self.write_signature(*choice, signature, true, out);
            }
            Event::ToolStart {
                choice,
                tool,
                id,
                name,
                is_custom,
                signature,
            } => self.tools.push(OpenTool {
                choice: *choice,
                tool: *tool,
                id: id.as_ref().to_owned(),
                name: name.as_ref().to_owned(),
                input: String::new(),
                is_custom: *is_custom,
                signature: signature.clone(),
            }),
            Event::Image {
                choice,
                media_type,
                base64,
            } => self.write_inline(*choice, media_type, base64, out),
            Event::Audio { choice, value } => self.write_audio(*choice, value, out),
            Event::Logprobs { choice, value } => self.write_logprobs(*choice, value, out),
            Event::Finish { choice, finish } => {
                self.flush_tools(*choice, out);
                self.ends.push((*choice, finish::write(finish).to_owned()));
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => out.extend_from_slice(KEEP_ALIVE),
            Event::Done => self.end(out),
            Event::Annotations { choice: 0, value } => {
                let list = value.as_array();
                self.annotations.extend(list.into_iter().flatten().cloned());
            }
            // How an error is told is decided elsewhere.
            Event::Annotations { .. } | Event::Error(_) => {}
        }
    }
}

/// Whether the client wants to see thoughts: Google shows them only to those who ask.
pub(in crate::gemini) fn shows_thoughts(request: &Request) -> bool {
    let reasoning = request.reasoning.as_ref();
    reasoning.is_some_and(|reasoning| reasoning.include_thoughts == Some(true))
}

/// Appends JSON. Line separators other than CR and LF, which clients have split lines at (older versions of Google's SDK
/// for Python), are escaped: they can stand in strings alone.
#[expect(clippy::expect_used, reason = "writing values to memory cannot fail")]
fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    serde_json::to_writer(&mut *out, value).expect("values serialize");
    let written = out.get(start..).unwrap_or_default();
    // The first bytes that U+0085, U+2028 and U+2029 have in UTF-8.
    if memchr::memchr2(0xC2, 0xE2, written).is_none() {
        return;
    }
    let text = std::str::from_utf8(written).unwrap_or_default();
    if text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        let escaped = text
            .replace('\u{85}', "\\u0085")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
        out.truncate(start);
        out.extend_from_slice(escaped.as_bytes());
    }
}
