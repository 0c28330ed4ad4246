//! From one format to another: which functions read and write which format.

use std::borrow::Cow;
use std::sync::Arc;

use crate::errors::UpstreamError;
use crate::fields::RequestError;
use crate::format::Format;
use crate::framing::Framing;
use crate::loss::{self, Carries, DropParams, Loss, Losses};
use crate::neutral::{Param, Reply, Request};
use crate::stream::{Decode, Encode, Relay};
use crate::{anthropic, bedrock, chat, cohere, gemini, ollama, responses};

/// What a writer must know of the target beside its format.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The provider's name, for messages.
    pub provider: &'a str,
    /// The provider's name of the model.
    pub model: &'a str,
    /// The most tokens the model can answer with, where known: what a format that needs a limit is given by default.
    pub max_output_tokens: Option<u64>,
    /// Whether an OpenAI-compatible target takes `stream_options`.
    pub stream_options: bool,
    /// The name an OpenAI-compatible target has for the output limit; none is `max_completion_tokens`.
    pub max_tokens_field: Option<&'static str>,
    /// The member in which an OpenAI-compatible target takes thoughts of earlier turns (`reasoning_content`,
    /// `reasoning`); none is not at all.
    pub reasoning_field: Option<&'static str>,
    /// Whether an OpenAI-compatible target takes proven thoughts of earlier turns as OpenRouter does: `reasoning_details`
    /// of chat, `signature` and `format` of Responses.
    pub reasoning_details: bool,
    /// How an OpenAI-compatible target goes on with an answer that is begun already.
    pub prefill: Prefill,
    /// `anthropic_version` in the body instead of the model, as Vertex AI wants it.
    pub anthropic_version: Option<&'a str>,
}

impl Target<'_> {
    /// Whether it takes proven thoughts of Claude's as OpenRouter does.
    pub(crate) fn takes_claudes_details(&self) -> bool {
        self.reasoning_details && self.model.contains("claude")
    }
}

/// How an OpenAI-compatible target goes on with an answer that is begun already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefill {
    /// Not at all: it begins a new one, as OpenAI's models do.
    #[default]
    None,
    /// By itself, where the last message is the model's.
    Plain,
    /// Where `continue_final_message` says so, as vLLM does.
    ContinueFinalMessage,
}

/// A request in the target's format.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The body.
    pub body: Vec<u8>,
    /// What was left out, for `x-weir-dropped`.
    pub dropped: Vec<String>,
}

/// What a writer of answers must know of the call.
#[derive(Clone, Debug)]
pub struct Context {
    /// The call's id, of which ids that a format needs are made: letters, digits and `-`.
    pub call_id: String,
    /// The model that serves, by the provider's name for it.
    pub model: String,
    /// The time, seconds since the Unix epoch.
    pub created_s: u64,
    /// Whether an OpenAI-compatible provider leaves the tags in the text in which its models think.
    pub think_tags: bool,
    /// The request that is answered.
    pub request: Arc<Request>,
}

/// The most tools of a translated request: many more than any provider takes. A choice among them names them again, and
/// looking each one up must not take for ever.
const MAX_TOOLS: usize = 4_096;

/// Reads a client's request. Gemini's model and whether it streams are in its URL, and set by the caller.
///
/// # Errors
/// If the body is not a request of this format.
pub fn read_request(from: Format, body: &[u8]) -> Result<Request, RequestError> {
    let request = read_any(from, body)?;
    if request.tools.len() > MAX_TOOLS {
        return Err(RequestError::new("tools", "a list of at most 4096 tools"));
    }
    Ok(request)
}

fn read_any(from: Format, body: &[u8]) -> Result<Request, RequestError> {
    match from {
        Format::Chat => chat::read_request(body),
        Format::Completions => chat::read_completions_request(body),
        Format::Responses => responses::read_request(body),
        Format::Anthropic => anthropic::read_request(body),
        Format::Gemini => gemini::read_request(body),
        Format::Bedrock | Format::Ollama | Format::Cohere => {
            Err(RequestError::new("body", "of a format that clients speak"))
        }
    }
}

/// What a format carries of another's requests.
pub fn carries(to: Format) -> &'static Carries {
    match to {
        Format::Chat | Format::Completions => &chat::CARRIES,
        Format::Responses => &responses::CARRIES,
        Format::Anthropic => &anthropic::CARRIES,
        Format::Gemini => &gemini::CARRIES,
        Format::Bedrock => &bedrock::CARRIES,
        Format::Ollama => &ollama::CARRIES,
        Format::Cohere => &cohere::CARRIES,
    }
}

/// The parameters that a format has and one of its models does not take, as far as its name tells; they are left out as hints.
pub fn not_taken(to: Format, model: &str) -> &'static [Param] {
    match to {
        Format::Anthropic => anthropic::not_taken(model),
        Format::Gemini => gemini::not_taken(model),
        Format::Bedrock => bedrock::not_taken(model),
        Format::Chat
        | Format::Completions
        | Format::Responses
        | Format::Ollama
        | Format::Cohere => &[],
    }
}

/// Writes a request for a target of another format.
///
/// # Errors
/// If it cannot be said there without losing what the policy keeps.
pub fn write_request(
    to: Format,
    request: &Request,
    target: &Target<'_>,
    policy: DropParams,
) -> Result<Rendered, Loss> {
    let mut losses = Losses::new(policy, target.provider, to);
    loss::check(request, carries(to), &mut losses)?;
    let request = &*with_prefill(to, request, target, &mut losses)?;
    let body = match to {
        Format::Chat | Format::Completions => chat::write_request(request, target, &mut losses),
        Format::Responses => responses::write_request(request, target, &mut losses),
        Format::Anthropic => anthropic::write_request(request, target, &mut losses),
        Format::Gemini => gemini::write_request(request, target, &mut losses),
        Format::Bedrock => bedrock::write_request(request, target, &mut losses),
        Format::Ollama => ollama::write_request(request, target, &mut losses),
        Format::Cohere => cohere::write_request(request, target, &mut losses),
    }?;
    Ok(Rendered {
        body,
        dropped: losses.into_dropped(),
    })
}

/// The request without the answer that was begun, where nobody would go on with it: a model that begins a new one would
/// say what the client has already.
fn with_prefill<'a>(
    to: Format,
    request: &'a Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Cow<'a, Request>, Loss> {
    let is_given = request.param(Param::Prefill).is_some();
    let is_chat = matches!(to, Format::Chat | Format::Completions);
    let is_carried = match is_chat {
        true => target.prefill != Prefill::None,
        false => carries(to).params.contains(&Param::Prefill),
    };
    if !is_given || is_carried {
        return Ok(Cow::Borrowed(request));
    }
    if is_chat {
        losses.meaning(Param::Prefill.as_str(), "it begins a new answer")?;
    }
    Ok(Cow::Owned(request.without_prefill()))
}

/// Why an answer cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It is not an answer of its format.
    #[error("the answer is not what its format says: {0}")]
    Unreadable(String),
    /// It reports an error, in a success.
    #[error("the answer reports an error: {}", .0.message)]
    Reported(UpstreamError),
}

/// Reads a provider's whole answer.
///
/// # Errors
/// If it cannot be understood, or is an error in the guise of a success.
pub fn read_reply(format: Format, body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    match format {
        Format::Chat | Format::Completions => chat::read_reply(body, context),
        Format::Responses => responses::read_reply(body, context),
        Format::Anthropic => anthropic::read_reply(body, context),
        Format::Gemini => gemini::read_reply(body, context),
        Format::Bedrock => bedrock::read_reply(body, context),
        Format::Ollama => ollama::read_reply(body, context),
        Format::Cohere => cohere::read_reply(body, context),
    }
}

/// Writes a whole answer for a client. Formats that no client speaks are written as OpenAI's chat.
pub fn write_reply(to: Format, reply: &Reply, context: &Context) -> Vec<u8> {
    match to {
        Format::Completions => chat::write_completions_reply(reply, context),
        Format::Responses => responses::write_reply(reply, context),
        Format::Anthropic => anthropic::write_reply(reply, context),
        Format::Gemini => gemini::write_reply(reply, context),
        Format::Chat | Format::Bedrock | Format::Ollama | Format::Cohere => {
            chat::write_reply(reply, context)
        }
    }
}

/// Writes a whole answer as the stream a client asked for, where its provider does not stream.
pub fn write_reply_as_stream(to: Format, reply: &Reply, context: &Context) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = encoder(to, context);
    reply.each_event(&mut |event| encoder.encode(&event, &mut out));
    out
}

fn decoder(format: Format, context: &Context) -> Box<dyn Decode> {
    match format {
        Format::Chat | Format::Completions => Box::new(chat::Decoder::new(context)),
        Format::Responses => Box::new(responses::Decoder::new(context)),
        Format::Anthropic => Box::new(anthropic::Decoder::new(context)),
        Format::Gemini => Box::new(gemini::Decoder::new(context)),
        Format::Bedrock => Box::new(bedrock::Decoder::new(context)),
        Format::Ollama => Box::new(ollama::Decoder::new(context)),
        Format::Cohere => Box::new(cohere::Decoder::new(context)),
    }
}

fn encoder(format: Format, context: &Context) -> Box<dyn Encode> {
    match format {
        Format::Completions => Box::new(chat::CompletionsEncoder::new(context)),
        Format::Responses => Box::new(responses::Encoder::new(context)),
        Format::Anthropic => Box::new(anthropic::Encoder::new(context)),
        Format::Gemini => Box::new(gemini::Encoder::new(context)),
        Format::Chat | Format::Bedrock | Format::Ollama | Format::Cohere => {
            Box::new(chat::Encoder::new(context))
        }
    }
}

/// The relay of a stream from a provider of one format to a client of the same or another one.
pub fn relay(provider: Format, client: Format, context: &Context) -> Relay {
    let framing = match provider {
        Format::Bedrock => Framing::event_stream(),
        Format::Ollama => Framing::lines(),
        _ => Framing::sse(),
    };
    let encoder = (provider != client).then(|| encoder(client, context));
    let relay = Relay::new(framing, decoder(provider, context), encoder);
    match provider {
        Format::Anthropic | Format::Responses => relay.naming_events(),
        _ => relay,
    }
}
