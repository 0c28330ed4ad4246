//! Reading a stream.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::errors;
use crate::framing::Frame;
use crate::gemini::answer::{
    Answer, AnswerCall, AnswerPart, Blob, Candidate, Text, filled, made_call_id,
};
use crate::gemini::names::Renamed;
use crate::gemini::{finish, grounding, logprobs, signature};
use crate::neutral::{Event, Finish};
use crate::stream::Decode;
use crate::translate::Context;
use crate::usage::Usage;

/// Reads `streamGenerateContent` with `alt=sse`.
///
/// An end is told only when the stream is over: Google may tell the finish reason on more than one chunk, and has no
/// terminator.
pub(crate) struct Decoder {
    call_id: String,
    renamed: Renamed,
    has_started: bool,
    choices: Vec<ChoiceSoFar>,
    /// Whether the text is kept, of which sources are told at its end.
    may_cite: bool,
    calls: u32,
    usage: Option<Usage>,
    /// The prompt was refused.
    is_blocked: bool,
    /// A chunk could not be read, so the answer is not whole, whatever follows.
    is_damaged: bool,
    is_over: bool,
}

struct ChoiceSoFar {
    index: u32,
    tools: u32,
    finish: Option<Finish>,
    /// The text so far, where it may have sources.
    text: String,
    /// The sources, as last told.
    grounding: Option<Value>,
}

impl Decoder {
    pub fn new(context: &Context) -> Self {
        Self {
            call_id: context.call_id.clone(),
            renamed: Renamed::of(&context.request),
            has_started: false,
            choices: Vec::new(),
            may_cite: grounding::may_cite(&context.request),
            calls: 0,
            usage: None,
            is_blocked: false,
            is_damaged: false,
            is_over: false,
        }
    }

    fn read<'a>(&mut self, answer: Answer<'a>, emit: &mut dyn FnMut(Event<'_>)) {
        self.is_blocked |= answer.is_blocked();
        if !self.has_started {
            self.has_started = true;
            emit(Event::Start {
                id: filled(answer.response_id),
                model: filled(answer.model_version),
            });
        }
        for candidate in answer.candidates.unwrap_or_default() {
            self.read_candidate(candidate, emit);
        }
        let usage = answer.usage_metadata.and_then(|counted| counted.usage());
        if usage.is_some() && usage != self.usage {
            self.usage = usage;
            usage
                .into_iter()
                .for_each(|usage| emit(Event::Usage(usage)));
        }
    }

    fn read_candidate<'a>(&mut self, candidate: Candidate<'a>, emit: &mut dyn FnMut(Event<'_>)) {
        let choice = candidate.index.unwrap_or(0);
        let at = self.find(choice);
        let ended = filled(candidate.finish_reason.clone());
        let result = candidate.logprobs_result;
        let grounding = candidate.grounding_metadata.filter(|_| self.may_cite);
        for part in candidate.into_parts() {
            self.read_part(part, choice, at, emit);
        }
        if let Some(value) = result.and_then(read_logprobs) {
            emit(Event::Logprobs { choice, value });
        }
        if let Some(value) = grounding.and_then(|raw| serde_json::from_str(raw.get()).ok())
            && let Some(known) = self.choices.get_mut(at)
        {
            known.grounding = Some(value);
        }
        if let Some(word) = ended
            && let Some(known) = self.choices.get_mut(at)
        {
            known.finish = finish::read(&word, known.tools > 0).or(known.finish.take());
        }
    }

    fn find(&mut self, index: u32) -> usize {
        let mut choices = self.choices.iter();
        choices
            .position(|known| known.index == index)
            .unwrap_or_else(|| {
                self.choices.push(ChoiceSoFar {
                    index,
                    tools: 0,
                    finish: None,
                    text: String::new(),
                    grounding: None,
                });
                self.choices.len() - 1
            })
    }

    fn read_part<'a>(
        &mut self,
        part: AnswerPart<'a>,
        choice: u32,
        at: usize,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        let signed = filled(part.thought_signature);
        if let Some(call) = part.function_call {
            return self.read_call(call, signed, choice, at, emit);
        }
        let text = filled(part.text);
        if part.thought.unwrap_or(false) {
            if let Some(text) = text {
                emit(Event::Thinking { choice, text });
            }
            if let Some(signed) = signed {
                emit_signature(choice, &signed, emit);
            }
            return;
        }
        // The signature of a text is that of the thoughts before it.
        if let Some(signed) = signed {
            emit_signature(choice, &signed, emit);
        }
        if let Some(text) = text {
            if self.may_cite
                && let Some(known) = self.choices.get_mut(at)
            {
                known.text.push_str(&text);
            }
            emit(Event::Text { choice, text });
        }
        if let Some(blob) = part.inline_data {
            emit_media(choice, blob, emit);
        }
    }

    fn read_call<'a>(
        &mut self,
        call: AnswerCall<'a>,
        signed: Option<Cow<'a, str>>,
        choice: u32,
        at: usize,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        let input = call.arguments();
        // Vertex can stream arguments in pieces, to clients that ask for it in its own format; later pieces have no name.
        let Some(name) = filled(call.name) else {
            return;
        };
        let Some(known) = self.choices.get_mut(at) else {
            return;
        };
        let tool = known.tools;
        known.tools += 1;
        let number = self.calls;
        self.calls += 1;
        let made = || Cow::Owned(made_call_id(&self.call_id, number));
        let name = match self.renamed.original(&name) {
            same if same == name => name,
            original => Cow::Owned(original.to_owned()),
        };
        emit(Event::ToolStart {
            choice,
            tool,
            id: filled(call.id).unwrap_or_else(made),
            name,
            is_custom: false,
            signature: signed.map(|signed| signature::read(&signed).0),
        });
        emit(Event::ToolInput {
            choice,
            tool,
            text: Cow::Borrowed(input),
        });
    }
}

fn emit_signature(choice: u32, signed: &str, emit: &mut dyn FnMut(Event<'_>)) {
    let (signature, is_redacted) = signature::read(signed);
    emit(if is_redacted {
        Event::RedactedThinking { choice, signature }
    } else {
        Event::Signature { choice, signature }
    });
}

fn emit_media(choice: u32, blob: Blob<'_>, emit: &mut dyn FnMut(Event<'_>)) {
    let (Some(media_type), Some(Text(base64))) = (filled(blob.mime_type), blob.data) else {
        return;
    };
    if media_type.starts_with("image/") {
        emit(Event::Image {
            choice,
            media_type,
            base64,
        });
    } else if media_type.starts_with("audio/") {
        emit(Event::Audio {
            choice,
            value: serde_json::json!({"data": base64, "mime_type": media_type}),
        });
    }
}

fn read_logprobs(raw: &RawValue) -> Option<Value> {
    let result: Value = serde_json::from_str(raw.get()).ok()?;
    logprobs::read(&result)
}

impl Decode for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if self.is_over {
            return;
        }
        if frame.data.is_empty() {
            return emit(Event::Ping);
        }
        if frame.name == "error" {
            self.is_over = true;
            return emit(Event::Error(errors::describe(frame.data)));
        }
        match serde_json::from_slice::<Answer<'_>>(frame.data) {
            Ok(answer) if has_error(&answer) => {
                self.is_over = true;
                emit(Event::Error(errors::describe(frame.data)));
            }
            Ok(answer) => self.read(answer, emit),
            // A list around an error; else a proxy's `[DONE]`, or damage.
            Err(_) => match errors::parse_error(frame.data) {
                Some(error) => {
                    self.is_over = true;
                    emit(Event::Error(error));
                }
                None => self.is_damaged |= frame.data != b"[DONE]",
            },
        }
    }

    fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if std::mem::replace(&mut self.is_over, true) || self.is_damaged {
            return;
        }
        if self.choices.is_empty() {
            if self.is_blocked {
                emit(Event::Finish {
                    choice: 0,
                    finish: Finish::ContentFilter,
                });
                emit(Event::Done);
            }
            return;
        }
        if self.choices.iter().any(|choice| choice.finish.is_none()) {
            return;
        }
        for choice in &self.choices {
            let metadata = choice.grounding.as_ref();
            if let Some(value) = metadata.and_then(|it| grounding::to_openai(it, &choice.text)) {
                let choice = choice.index;
                emit(Event::Annotations { choice, value });
            }
            if let Some(finish) = choice.finish.clone() {
                let choice = choice.index;
                emit(Event::Finish { choice, finish });
            }
        }
        emit(Event::Done);
    }
}

fn has_error(answer: &Answer<'_>) -> bool {
    answer
        .error
        .is_some_and(|error| errors::is_error(error.get()))
}
