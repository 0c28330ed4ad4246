//! Writing the conversation: turns of `user` and `model`, in which neighbours of one role are one.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::format::Format;
use crate::gemini::model::Generation;
use crate::gemini::names::to_google;
use crate::gemini::part::{FunctionResponse, KnownPart, Object, WirePart};
use crate::gemini::signature;
use crate::loss::{Loss, Losses};
use crate::neutral::{
    Content, ContentKind, Message, Part, Request, Role, Source, Thinking, ToolCall, ToolResult,
};

/// One content.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    pub parts: Vec<WirePart<'a>>,
}

/// What is said.
pub(super) struct Conversation<'a> {
    /// What the application says.
    pub system: Option<Turn<'a>>,
    /// What the user and the model say.
    pub contents: Vec<Turn<'a>>,
}

impl<'a> Conversation<'a> {
    /// Writes all messages of a request.
    pub fn write(
        request: &'a Request,
        generation: Generation,
        losses: &mut Losses,
    ) -> Result<Self, Loss> {
        let system = write_system(request, losses)?;
        let mut writer = Writer::new(generation);
        for message in request.turns() {
            writer.add(message, losses)?;
        }
        let mut contents = writer.finish();
        // Google wants at least one content.
        if contents.is_empty() {
            contents.push(Turn {
                role: Some(USER),
                parts: system,
            });
            return Ok(Self {
                system: None,
                contents,
            });
        }
        let system = (!system.is_empty()).then_some(Turn {
            role: None,
            parts: system,
        });
        Ok(Self { system, contents })
    }
}

const USER: &str = "user";
const MODEL: &str = "model";

fn write_system<'a>(request: &'a Request, losses: &mut Losses) -> Result<Vec<WirePart<'a>>, Loss> {
    let mut parts = Vec::new();
    for part in request.system_parts() {
        match &part.content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => {
                parts.push(WirePart::Known(KnownPart::text(text.as_str())));
            }
            other => losses.meaning(
                &format!("system ({})", other.kind().as_str()),
                "its system instruction is text alone",
            )?,
        }
    }
    Ok(parts)
}

struct Writer<'a> {
    generation: Generation,
    turns: Vec<Turn<'a>>,
    /// The names of all functions called so far, by the calls' ids: a result must tell the name.
    names: HashMap<&'a str, &'a str>,
    /// The calls of the model's last turn by their place in it, which is the order their results must have.
    last_calls: HashMap<&'a str, usize>,
    /// The results of the user's turn at hand, with the place of each one's call.
    results: Vec<(usize, WirePart<'a>)>,
    /// What else the user says in it.
    said: Vec<WirePart<'a>>,
}

impl<'a> Writer<'a> {
    fn new(generation: Generation) -> Self {
        Self {
            generation,
            turns: Vec::new(),
            names: HashMap::new(),
            last_calls: HashMap::new(),
            results: Vec::new(),
            said: Vec::new(),
        }
    }

    fn add(&mut self, message: &'a Message, losses: &mut Losses) -> Result<(), Loss> {
        if message.role == Role::Assistant {
            self.close_user_turn();
            return self.add_model(message, losses);
        }
        for part in &message.parts {
            self.add_user(part, losses)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<Turn<'a>> {
        self.close_user_turn();
        if self.generation.checks_signatures() {
            self.turns.iter_mut().for_each(sign_first_call);
        }
        self.turns
    }

    fn close_user_turn(&mut self) {
        let mut results = std::mem::take(&mut self.results);
        results.sort_by_key(|(place, _)| *place);
        let mut parts: Vec<_> = results.into_iter().map(|(_, part)| part).collect();
        parts.append(&mut self.said);
        self.push(USER, parts);
    }

    fn push(&mut self, role: &'static str, mut parts: Vec<WirePart<'a>>) {
        if parts.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(last) if last.role == Some(role) => last.parts.append(&mut parts),
            _ => {
                if role == MODEL {
                    self.last_calls.clear();
                }
                self.turns.push(Turn {
                    role: Some(role),
                    parts,
                });
            }
        }
    }

    fn add_user(&mut self, part: &'a Part, losses: &mut Losses) -> Result<(), Loss> {
        match &part.content {
            Content::ToolResult(result) => self.add_result(result, losses),
            content => {
                let written = write_plain(content, losses)?;
                self.said.extend(written);
                Ok(())
            }
        }
    }

    fn add_result(&mut self, result: &'a ToolResult, losses: &mut Losses) -> Result<(), Loss> {
        // Its call is in the table of losses; a result without a call would be refused.
        if result.is_custom {
            return Ok(());
        }
        let known = self.names.get(result.call_id.as_str()).copied();
        let name = known.or(result.name.as_deref()).unwrap_or("unknown");
        let mut nested = Vec::new();
        for part in &result.parts {
            let nests = nests_in_result(&part.content, self.generation);
            match &part.content {
                Content::Text(_) | Content::Refusal(_) => {}
                content => match write_plain(content, losses)? {
                    Some(WirePart::Known(media)) if nests => nested.push(media),
                    beside => self.said.extend(beside),
                },
            }
        }
        let place = self.last_calls.get(result.call_id.as_str()).copied();
        let response = FunctionResponse {
            name: to_google(name),
            response: outcome(result),
            parts: nested,
        };
        let part = WirePart::Known(KnownPart {
            function_response: Some(response),
            ..KnownPart::default()
        });
        self.results.push((place.unwrap_or(usize::MAX), part));
        Ok(())
    }

    /// A signature that no part of its own came with goes to the part after it, as Google gives them; one that nothing
    /// follows stands alone.
    fn add_model(&mut self, message: &'a Message, losses: &mut Losses) -> Result<(), Loss> {
        let mut parts: Vec<WirePart<'a>> = Vec::new();
        let mut pending: Option<&'a str> = None;
        let mut calls = Vec::new();
        for part in &message.parts {
            let written = match &part.content {
                Content::Thinking(thinking) => {
                    let Some(signed) = write_thinking(thinking, losses)? else {
                        continue;
                    };
                    parts.extend(pending.take().map(signature_alone));
                    pending = Some(signed);
                    thought(thinking)
                }
                Content::ToolCall(call) if !call.is_custom => {
                    calls.push(call);
                    Some(sign(write_call(call, losses)?, &mut pending))
                }
                content => write_plain(content, losses)?.map(|part| sign(part, &mut pending)),
            };
            parts.extend(written);
        }
        parts.extend(pending.map(signature_alone));
        self.push(MODEL, parts);
        for call in calls {
            self.names.insert(&call.id, &call.name);
            let place = self.last_calls.len();
            self.last_calls.entry(&call.id).or_insert(place);
        }
        Ok(())
    }
}

fn signature_alone(signature: &str) -> WirePart<'_> {
    WirePart::Known(KnownPart {
        thought_signature: Some(Cow::Borrowed(signature)),
        ..KnownPart::text("")
    })
}

fn sign<'a>(mut part: WirePart<'a>, pending: &mut Option<&'a str>) -> WirePart<'a> {
    if let WirePart::Known(known) = &mut part
        && known.thought_signature.is_none()
    {
        known.thought_signature = pending.take().map(Cow::Borrowed);
    }
    part
}

/// A history of another model has no signatures, and Google answers 400 without one on the first call of a step.
fn sign_first_call(turn: &mut Turn<'_>) {
    let mut calls = turn.parts.iter_mut().filter_map(|part| match part {
        WirePart::Known(known) if known.function_call.is_some() => Some(known),
        _ => None,
    });
    if let Some(first) = calls.next() {
        first
            .thought_signature
            .get_or_insert(Cow::Borrowed(signature::SKIP));
    }
}

/// The signature of thoughts that are Google's own; thoughts of others are left out.
fn write_thinking<'a>(
    thinking: &'a Thinking,
    losses: &mut Losses,
) -> Result<Option<&'a str>, Loss> {
    let signed = thinking.signature.as_ref();
    let own = signed.and_then(|it| it.for_target(Format::Gemini));
    if own.is_none() {
        losses.hint(
            "thinking of another provider",
            "a provider takes only the thoughts that it has signed",
        )?;
    }
    Ok(own)
}

fn thought(thinking: &Thinking) -> Option<WirePart<'_>> {
    (!thinking.text.is_empty()).then(|| {
        WirePart::Known(KnownPart {
            thought: true,
            ..KnownPart::text(thinking.text.as_str())
        })
    })
}

fn write_call<'a>(call: &'a ToolCall, losses: &mut Losses) -> Result<WirePart<'a>, Loss> {
    if let Some(part) = KnownPart::call_for_google(call) {
        return Ok(WirePart::Known(part));
    }
    losses.meaning(
        &format!("arguments of the tool call `{}`", call.id),
        "arguments must be a JSON object there",
    )?;
    Ok(WirePart::Known(KnownPart::call_without_arguments(call)))
}

/// Text, media and Google's own parts.
fn write_plain<'a>(
    content: &'a Content,
    losses: &mut Losses,
) -> Result<Option<WirePart<'a>>, Loss> {
    match content {
        Content::Text(text) | Content::Refusal(text) => {
            // An empty text is refused.
            Ok((!text.is_empty()).then(|| WirePart::Known(KnownPart::text(text.as_str()))))
        }
        Content::Image { detail, .. } => {
            if detail.as_deref().is_some_and(|detail| detail != "auto") {
                losses.hint("image_url.detail", "images have no level of detail there")?;
            }
            write_media(content, losses)
        }
        Content::Audio { .. } | Content::Video { .. } | Content::File { .. } => {
            write_media(content, losses)
        }
        Content::Other {
            format: Format::Gemini,
            value,
            ..
        } => Ok(Some(WirePart::Own(value))),
        Content::Other { format, kind, .. } => {
            losses.meaning(&format!("{}'s `{kind}`", format.as_str()), OWN_PARTS)?;
            Ok(None)
        }
        // The table of losses has reported it.
        Content::ToolCall(call) if call.is_custom => Ok(None),
        Content::Thinking(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
            losses.meaning(content.kind().as_str(), "it cannot stand there")?;
            Ok(None)
        }
    }
}

const OWN_PARTS: &str = "only its own format knows such a part";

fn write_media<'a>(
    content: &'a Content,
    losses: &mut Losses,
) -> Result<Option<WirePart<'a>>, Loss> {
    if let Some(part) = KnownPart::media(content) {
        return Ok(Some(WirePart::Known(part)));
    }
    // Media known by an id alone are in the table of losses.
    if matches!(content.kind(), ContentKind::ImageId | ContentKind::FileId) {
        return Ok(None);
    }
    losses.meaning(
        content.kind().as_str(),
        "it needs a MIME type there, and its address does not give one away",
    )?;
    Ok(None)
}

/// Whether media of a result can stand inside of it (Gemini 3's multimodal function responses); else they follow it.
fn nests_in_result(content: &Content, generation: Generation) -> bool {
    let (Content::Image { source, .. } | Content::File { source, .. }) = content else {
        return false;
    };
    let Source::Data { media_type, .. } = source else {
        return false;
    };
    generation == Generation::Levels
        && matches!(
            media_type.as_str(),
            "image/png" | "image/jpeg" | "image/webp" | "application/pdf" | "text/plain"
        )
}

/// What a function gave, as the object that Google wants: an object as it is, anything else under a key.
fn outcome(result: &ToolResult) -> Object<'_> {
    let texts: Vec<&str> = result
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Text(text) | Content::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    if let [text] = texts.as_slice()
        && !result.is_error
        && let Some(object) = Object::of_text(text)
    {
        return object;
    }
    let text = texts.join("\n");
    if result.is_error {
        let object = serde_json::from_str::<Value>(&text).ok();
        let told = object.filter(Value::is_object).unwrap_or(json!(text));
        return Object::Made(json!({ "error": told }));
    }
    Object::Made(json!({ "result": text }))
}
