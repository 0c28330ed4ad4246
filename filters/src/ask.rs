//! What the steps of the way hand to one another. Each is made by one step alone, so the types make the order.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;
use weir_wire::body::Head;
use weir_wire::format::Format;
use weir_wire::loss::{DropParams, UnknownDropParams};

use crate::counters::Lease;
use crate::directory::Known;
use crate::realtime::Handshake;
use crate::upload::Upload;
use crate::{inject, read};

/// An operation of the API that goes to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/responses/compact`
    Compact,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`
    Generate,
    /// `POST /v1beta/models/{model}:countTokens`
    GeminiCountTokens,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1beta/models/{model}:embedContent`
    GeminiEmbed,
    /// `POST /v1beta/models/{model}:batchEmbedContents`
    GeminiBatchEmbed,
    /// `POST /v1/rerank`
    Rerank,
    /// `POST /v1/moderations`
    Moderations,
    /// `POST /v1/images/generations`
    ImageGenerations,
    /// `POST /v1/images/edits`
    ImageEdits,
    /// `POST /v1/images/variations`
    ImageVariations,
    /// `POST /v1/audio/speech`
    Speech,
    /// `POST /v1/audio/transcriptions`
    Transcriptions,
    /// `POST /v1/audio/translations`
    Translations,
    /// `GET /v1/realtime`, which becomes a WebSocket
    Realtime,
    /// A route that is passed on as it is: files, batches, and what only the provider knows.
    Pass,
}

impl Endpoint {
    /// The operation's name in usage rows and metrics (OpenTelemetry `gen_ai.operation.name`).
    pub fn kind(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "text_completion",
            Self::Responses => "responses",
            Self::Compact => "compact",
            Self::Messages => "messages",
            Self::CountTokens | Self::GeminiCountTokens => "count_tokens",
            Self::Generate => "generate_content",
            Self::Embeddings | Self::GeminiEmbed | Self::GeminiBatchEmbed => "embeddings",
            Self::Rerank => "rerank",
            Self::Moderations => "moderation",
            Self::ImageGenerations => "image_generation",
            Self::ImageEdits => "image_edit",
            Self::ImageVariations => "image_variation",
            Self::Speech => "speech",
            Self::Transcriptions => "transcription",
            Self::Translations => "audio_translation",
            Self::Realtime => "realtime",
            Self::Pass => "pass",
        }
    }

    /// The format of the conversation that is asked for; none where nothing is generated.
    pub fn conversation(self) -> Option<Format> {
        match self {
            Self::Chat => Some(Format::Chat),
            Self::Completions => Some(Format::Completions),
            Self::Responses => Some(Format::Responses),
            Self::Messages => Some(Format::Anthropic),
            Self::Generate => Some(Format::Gemini),
            _ => None,
        }
    }

    /// Whether it takes a form with files instead of JSON.
    pub fn takes_form(self) -> bool {
        matches!(
            self,
            Self::ImageEdits | Self::ImageVariations | Self::Transcriptions | Self::Translations
        )
    }

    /// Whether it only counts tokens, which is free everywhere.
    pub fn counts(self) -> bool {
        matches!(self, Self::CountTokens | Self::GeminiCountTokens)
    }

    /// Whether it costs nothing where nobody says otherwise.
    pub fn is_free(self) -> bool {
        self.counts() || matches!(self, Self::Pass | Self::Moderations)
    }

    /// Whether its answer may be a stream of events. Where it cannot be, nothing may be put between the provider's bytes,
    /// whatever `stream` says in the body.
    pub fn has_events(self) -> bool {
        let is_media = matches!(
            self,
            Self::ImageGenerations | Self::ImageEdits | Self::Transcriptions
        );
        is_media || self == Self::Compact || self.conversation().is_some()
    }

    /// The format in which this operation's clients read errors and signs of life.
    pub fn dialect(self) -> Format {
        match self {
            Self::Messages | Self::CountTokens => Format::Anthropic,
            Self::Generate
            | Self::GeminiCountTokens
            | Self::GeminiEmbed
            | Self::GeminiBatchEmbed => Format::Gemini,
            Self::Responses | Self::Compact => Format::Responses,
            _ => Format::Chat,
        }
    }
}

/// The head of a client's request, as far as the way needs it.
#[derive(Clone)]
pub struct Inbound {
    /// The operation asked for.
    pub endpoint: Endpoint,
    /// The call's id, also the answer's `x-request-id`.
    pub call_id: Uuid,
    /// When the request's head had arrived, microseconds since the Unix epoch.
    pub started_at_us: i64,
    /// The body's `Content-Encoding`, if any.
    pub encoding: Option<Encoding>,
    /// The type of a form, with its boundary; none for JSON.
    pub form_type: Option<HeaderValue>,
    /// Headers of the client that may travel upstream: names and values from the allow-list only.
    pub forwarded: Vec<(HeaderName, HeaderValue)>,
    /// The model and whether to stream, where the URL says so instead of the body, as Gemini's does.
    pub in_url: Option<InUrl>,
    /// What may be left out of a translated request, where the client says so itself.
    pub drop_params: Option<DropParams>,
    /// The one provider that may serve, where the URL names it.
    pub provider: Option<Arc<str>>,
    /// What is passed on as it is.
    pub pass: Option<Pass>,
    /// What is asked of a provider to become a WebSocket.
    pub handshake: Option<Handshake>,
}

/// A request of which nothing is interpreted.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Its method.
    pub method: Method,
    /// The path and query below the provider's base URL, or from its root.
    pub path: String,
    /// The type of its body.
    pub content_type: HeaderValue,
}

impl Pass {
    /// What must go along with a body of which nothing is undone, and what asks for a part of an answer of which nothing is.
    pub fn forward(&self, headers: &HeaderMap, forwarded: &mut Vec<(HeaderName, HeaderValue)>) {
        let names: &[HeaderName] = match self.method {
            Method::GET | Method::HEAD => &[RANGE, IF_RANGE],
            _ => &[CONTENT_ENCODING],
        };
        for name in names {
            if let Some(value) = headers.get(name) {
                forwarded.push((name.clone(), value.clone()));
            }
        }
    }

    /// The path at a provider whose base URL has the path `base`, which the client may have written as well.
    pub(crate) fn path_below(&self, base: &str) -> String {
        let rest = self.path.strip_prefix(base);
        let has_base = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        if has_base {
            self.path.clone()
        } else {
            format!("{base}{}", self.path)
        }
    }
}

/// What Gemini's URLs say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUrl {
    /// The model.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a stream is wanted as a JSON array, which it is where nobody asks for `alt=sse`.
    pub is_array: bool,
}

/// The header by which a client says itself what may be left out of a translated request.
static DROP_PARAMS: HeaderName = HeaderName::from_static("x-weir-drop-params");

impl Inbound {
    /// Whether the answer is a stream that is wanted as a JSON array.
    pub(crate) fn wants_array(&self) -> bool {
        self.in_url.as_ref().is_some_and(|it| it.is_array)
    }

    /// The head of a request for `endpoint`, with its headers sorted into what the way needs.
    ///
    /// # Errors
    /// If a header of ours says something that is not understood.
    pub fn new(
        call_id: Uuid,
        started_at_us: i64,
        endpoint: Endpoint,
        in_url: Option<InUrl>,
        headers: &HeaderMap,
    ) -> Result<Self, UnknownDropParams> {
        let forwarded = inject::FORWARDED
            .into_iter()
            .filter_map(|name| Some((name.clone(), joined(headers, &name)?)))
            .collect();
        let drop_params = headers
            .get(&DROP_PARAMS)
            .map(|word| word.to_str().unwrap_or_default().parse());
        Ok(Self {
            endpoint,
            call_id,
            started_at_us,
            encoding: read::encoding(headers),
            form_type: form_type(endpoint, headers),
            forwarded,
            in_url,
            provider: None,
            pass: None,
            handshake: None,
            drop_params: drop_params.transpose()?,
        })
    }
}

/// A header's value. Several lines of it are one list (RFC 9110, section 5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    match lines.as_slice() {
        [] => None,
        [only] => Some((*only).clone()),
        _ => {
            let lines: Vec<_> = lines.iter().map(|it| it.as_bytes()).collect();
            HeaderValue::from_bytes(&lines.join(b", ".as_slice())).ok()
        }
    }
}

/// The type of a form, where the operation takes one and the client sends one: image edits may be JSON as well.
fn form_type(endpoint: Endpoint, headers: &HeaderMap) -> Option<HeaderValue> {
    let told = headers.get(http::header::CONTENT_TYPE)?;
    let is_json = told.as_bytes().starts_with(b"application/json");
    (endpoint.takes_form() && !is_json).then(|| told.clone())
}

/// A compression a request body may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`
    Gzip,
    /// `br`
    Brotli,
    /// `zstd`
    Zstd,
    /// Anything else, which is refused.
    Unknown,
}

/// Who calls: made by `identify` alone.
pub struct Caller {
    pub(crate) known: Arc<Known>,
}

/// A caller within the limits: made by `admit` alone. Holds the concurrency slots until the call ends.
pub struct Admitted {
    pub(crate) caller: Caller,
    pub(crate) lease: Lease,
}

impl Admitted {
    /// What the answer's `x-ratelimit-*` headers say.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

/// What is asked: made by `read` alone. The body is the client's own bytes.
pub struct Ask {
    pub(crate) admitted: Admitted,
    pub(crate) inbound: Inbound,
    pub(crate) head: Head,
    /// The form that is sent instead of a JSON body.
    pub(crate) upload: Option<Box<Upload>>,
    /// The JSON body; empty for a form.
    pub(crate) body: Bytes,
    /// The body's share of the memory for bodies.
    pub(crate) memory: Option<OwnedSemaphorePermit>,
}

impl Ask {
    /// Whether it costs nothing where nobody says otherwise.
    pub(crate) fn is_free(&self) -> bool {
        self.inbound.endpoint.is_free() && !self.generates_text()
    }

    /// Whether text is made, whose length is known only at its end.
    pub(crate) fn generates_text(&self) -> bool {
        let endpoint = self.inbound.endpoint;
        let pass = self.inbound.pass.as_ref();
        endpoint.conversation().is_some()
            || endpoint == Endpoint::Compact
            || pass.is_some_and(Pass::generates_text)
    }
}

/// An ask this caller may make: made by `allow` alone.
pub struct Allowed {
    pub(crate) ask: Ask,
    /// The model's name as asked for, or the configured default.
    pub(crate) model: Arc<str>,
}
