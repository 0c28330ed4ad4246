//! Reading a whole answer.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::errors;
use crate::format::Format;
use crate::gemini::answer::{Answer, AnswerCall, AnswerPart, Candidate, filled, made_call_id};
use crate::gemini::names::Renamed;
use crate::gemini::{finish, grounding, logprobs, media, signature};
use crate::neutral::{Choice, Content, Fields, Finish, Part, Reply, Source, Thinking, ToolCall};
use crate::translate::{Context, ReplyError};

/// Reads the answer of `generateContent`.
pub(crate) fn read_reply(body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    let answer: Answer<'_> = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(reason) => {
            return Err(match errors::parse_error(body) {
                Some(error) => ReplyError::Reported(error),
                None => ReplyError::Unreadable(reason.to_string()),
            });
        }
    };
    if answer
        .error
        .is_some_and(|error| errors::is_error(error.get()))
    {
        return Err(ReplyError::Reported(errors::describe(body)));
    }
    let is_blocked = answer.is_blocked();
    let mut reply = Reply {
        id: filled(answer.response_id).map(Into::into),
        model: filled(answer.model_version).map(Into::into),
        usage: answer.usage_metadata.and_then(|counted| counted.usage()),
        ..Reply::default()
    };
    let mut reader = Reader {
        context,
        renamed: Renamed::of(&context.request),
        calls: 0,
    };
    for candidate in answer.candidates.unwrap_or_default() {
        note_rest(&candidate, &mut reply.rest);
        let choice = reader.read(candidate, reply.choices.len());
        reply.choices.push(choice);
    }
    if reply.choices.is_empty() {
        if !is_blocked {
            let reason = "it has no candidates, and does not say why".to_owned();
            return Err(ReplyError::Unreadable(reason));
        }
        reply.choices.push(Choice {
            index: 0,
            parts: Vec::new(),
            finish: Some(Finish::ContentFilter),
            logprobs: None,
        });
    }
    Ok(reply)
}

/// Keeps what only Google tells of its sources, of the first candidate that has any.
fn note_rest(candidate: &Candidate<'_>, rest: &mut Fields) {
    let members = [
        ("groundingMetadata", candidate.grounding_metadata),
        ("citationMetadata", candidate.citation_metadata),
        ("urlContextMetadata", candidate.url_context_metadata),
    ];
    for (key, raw) in members {
        if let Some(value) = raw.and_then(value_of) {
            rest.entry(key).or_insert(value);
        }
    }
}

fn value_of(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(raw.get()).ok()
}

struct Reader<'a> {
    context: &'a Context,
    renamed: Renamed,
    calls: u32,
}

impl Reader<'_> {
    fn read(&mut self, candidate: Candidate<'_>, place: usize) -> Choice {
        let index = candidate.index;
        let ended = candidate.finish_reason.as_ref().map(|word| word.0.clone());
        let result = candidate.logprobs_result.and_then(value_of);
        let grounding = candidate.grounding_metadata.and_then(value_of);
        let mut parts = Vec::new();
        let calls = self.calls;
        for part in candidate.into_parts() {
            self.read_part(part, &mut parts);
        }
        if let Some(metadata) = grounding {
            cite(&mut parts, &metadata);
        }
        let has_calls = self.calls > calls;
        Choice {
            index: index.unwrap_or_else(|| u32::try_from(place).unwrap_or(u32::MAX)),
            parts,
            finish: ended.and_then(|word| finish::read(&word, has_calls)),
            logprobs: result.as_ref().and_then(logprobs::read),
        }
    }

    fn read_part(&mut self, part: AnswerPart<'_>, parts: &mut Vec<Part>) {
        let is_thought = part.thought.unwrap_or(false);
        let signed = filled(part.thought_signature);
        if let Some(call) = &part.function_call {
            let signature = signed.map(|text| signature::read(&text).0);
            let call = self.read_call(call, signature);
            parts.push(Part::new(Content::ToolCall(call)));
            return;
        }
        let text = part.text.map(|text| text.0.into_owned());
        if is_thought {
            // Sketches of a thinking image model are no part of its answer.
            let thinking = read_signed(text.unwrap_or_default(), signed.as_deref());
            if !thinking.text.is_empty() || thinking.signature.is_some() {
                push_part(parts, Part::new(Content::Thinking(thinking)));
            }
            return;
        }
        if let Some(signed) = signed {
            let thinking = read_signed(String::new(), Some(&signed));
            push_part(parts, Part::new(Content::Thinking(thinking)));
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            push_part(parts, Part::text(text));
        }
        let blob = part.inline_data.and_then(|blob| {
            let media_type = filled(blob.mime_type)?.into_owned();
            let plain = media_type.clone();
            let base64 = blob.data?.0.into_owned();
            Some(media::content(
                &plain,
                Source::Data { media_type, base64 },
                None,
            ))
        });
        let file = part.file_data.and_then(|file| {
            let url = filled(file.file_uri)?.into_owned();
            let media_type = filled(file.mime_type).map(Into::into);
            let plain: String = media_type.clone().unwrap_or_default();
            Some(media::content(
                &plain,
                Source::Url { url, media_type },
                None,
            ))
        });
        let own = own("executableCode", part.executable_code)
            .or_else(|| own("codeExecutionResult", part.code_execution_result));
        parts.extend([blob, file, own].into_iter().flatten().map(Part::new));
    }

    fn read_call(
        &mut self,
        call: &AnswerCall<'_>,
        signature: Option<crate::neutral::Signature>,
    ) -> ToolCall {
        let number = self.calls;
        self.calls += 1;
        let name = call.name.as_ref().map(|name| name.0.as_ref());
        ToolCall {
            id: filled(call.id.clone()).map_or_else(
                || made_call_id(&self.context.call_id, number),
                |id| id.into_owned(),
            ),
            name: self.renamed.original(name.unwrap_or_default()).to_owned(),
            input: call.arguments().to_owned(),
            is_custom: false,
            signature,
        }
    }
}

/// Notes the sources of an answer's text, at the first part of it.
fn cite(parts: &mut [Part], metadata: &Value) {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let annotations = grounding::to_openai(metadata, &texts.collect::<String>());
    let is_text = |part: &&mut Part| matches!(part.content, Content::Text(_));
    if let (Some(annotations), Some(text)) = (annotations, parts.iter_mut().find(is_text)) {
        text.rest.insert("annotations".to_owned(), annotations);
    }
}

fn own(kind: &str, raw: Option<&RawValue>) -> Option<Content> {
    Some(Content::Other {
        format: Format::Gemini,
        kind: kind.to_owned(),
        value: json!({ kind: value_of(raw?)? }),
    })
}

/// Thoughts with their signature, if they have one.
fn read_signed(text: String, signed: Option<&str>) -> Thinking {
    let (signature, is_redacted) = signed.map(signature::read).unzip();
    Thinking {
        text,
        signature,
        is_redacted: is_redacted.unwrap_or(false),
    }
}

/// Adds a part of the model's. Texts that follow each other are one, as are thoughts up to their signature: chunks cut
/// them anywhere.
pub(in crate::gemini) fn push_part(parts: &mut Vec<Part>, part: Part) {
    let is_plain = part.rest.is_empty();
    match (parts.last_mut().map(|last| &mut last.content), part.content) {
        (Some(Content::Text(last)), Content::Text(text)) if is_plain => last.push_str(&text),
        (Some(Content::Thinking(last)), Content::Thinking(next))
            if last.signature.is_none() && !next.is_redacted =>
        {
            last.text.push_str(&next.text);
            last.signature = next.signature;
        }
        (_, content) => parts.push(Part {
            content,
            cache: part.cache,
            rest: part.rest,
        }),
    }
}
