//! Operations that are no conversations, at providers whose API for them is another one than the client's: embeddings,
//! reranking, images.

use bytes::Bytes;
use weir_config::{EmbeddingsApi, RerankApi};
use weir_wire::embeddings::{self, Api as EmbeddingsWire};
use weir_wire::fields::RequestError;
use weir_wire::format::Format;
use weir_wire::images::{ImageRequest, ImageTarget, StreamKind};
use weir_wire::loss::{Loss, Losses};
use weir_wire::rerank::{self, Api as RerankWire};
use weir_wire::translate::{Context, ReplyError};
use weir_wire::usage::{Unit, Usage};

use crate::ask::{Ask, Endpoint};
use crate::plan::Target;

/// How an operation is said to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    Embeddings(EmbeddingsWire),
    Rerank(RerankWire),
    Images(ImageTarget),
}

/// What was asked through an adapter, for answering it.
pub(crate) enum Adapted {
    Embeddings {
        api: EmbeddingsWire,
        client: Endpoint,
        request: embeddings::Request,
    },
    Rerank {
        api: RerankWire,
        request: rerank::Request,
    },
    Images {
        target: ImageTarget,
        kind: StreamKind,
        request: Box<ImageRequest>,
    },
}

/// Why an ask cannot be sent to a target.
#[derive(Debug, thiserror::Error)]
pub enum Unsaid {
    /// It is not what its own format says.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The target cannot be sent all of it.
    #[error(transparent)]
    Loss(#[from] Loss),
}

/// An answer in the client's shape.
pub(crate) struct Answer {
    pub body: Bytes,
    pub usage: Option<Usage>,
    pub id: Option<String>,
    /// Whether the body is the events of a stream.
    pub is_stream: bool,
}

impl Adapter {
    /// The format whose vendor this is, for its headers and to name it. Who has Cohere's or OpenAI's shape under another name
    /// is taken for one of OpenAI's kind.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Images(_)
            | Self::Embeddings(EmbeddingsWire::Gemini | EmbeddingsWire::VertexPredict) => {
                Format::Gemini
            }
            Self::Embeddings(EmbeddingsWire::BedrockTitan | EmbeddingsWire::BedrockCohere)
            | Self::Rerank(RerankWire::BedrockAgent) => Format::Bedrock,
            Self::Embeddings(EmbeddingsWire::Cohere) | Self::Rerank(RerankWire::Cohere) => {
                Format::Cohere
            }
            Self::Embeddings(EmbeddingsWire::Ollama) => Format::Ollama,
            Self::Embeddings(EmbeddingsWire::Openai)
            | Self::Rerank(RerankWire::Jina | RerankWire::Voyage | RerankWire::Vllm) => {
                Format::Chat
            }
        }
    }

    /// The adapter for embeddings of this target; none where the client's bytes can be relayed.
    pub(crate) fn of_embeddings(target: &Target, endpoint: Endpoint) -> Option<Self> {
        let api = match target.upstream.provider().embeddings_api(&target.model) {
            EmbeddingsApi::Openai => EmbeddingsWire::Openai,
            EmbeddingsApi::Gemini => EmbeddingsWire::Gemini,
            EmbeddingsApi::Cohere => EmbeddingsWire::Cohere,
            EmbeddingsApi::Ollama => EmbeddingsWire::Ollama,
            EmbeddingsApi::Titan => EmbeddingsWire::BedrockTitan,
            EmbeddingsApi::BedrockCohere => EmbeddingsWire::BedrockCohere,
            EmbeddingsApi::Vertex => EmbeddingsWire::VertexPredict,
        };
        let is_native = match endpoint {
            Endpoint::Embeddings => api == EmbeddingsWire::Openai,
            // Gemini's name the model again in each request, where it must be the provider's own as well.
            _ => false,
        };
        (!is_native).then_some(Self::Embeddings(api))
    }

    /// The adapter for reranking; none where the provider takes what clients send.
    pub(crate) fn of_rerank(target: &Target) -> Option<Self> {
        match target.upstream.provider().quirks.rerank_api {
            RerankApi::Jina | RerankApi::Vllm => None,
            RerankApi::Cohere => Some(Self::Rerank(RerankWire::Cohere)),
            RerankApi::Voyage => Some(Self::Rerank(RerankWire::Voyage)),
            RerankApi::Bedrock => Some(Self::Rerank(RerankWire::BedrockAgent)),
        }
    }

    /// The adapter for images at a provider of Gemini's format.
    pub(crate) fn of_images(target: &Target) -> Option<Self> {
        let serves = target.formats.contains(&Format::Gemini);
        let is_imagen = target.model.contains("imagen");
        let way = if is_imagen {
            ImageTarget::Predict
        } else {
            ImageTarget::GenerateContent
        };
        serves.then_some(Self::Images(way))
    }

    /// The name of the provider's path.
    pub(crate) fn path_name(self) -> &'static str {
        match self {
            Self::Embeddings(api) => match api {
                EmbeddingsWire::Openai => "embeddings",
                EmbeddingsWire::Gemini => "embed_gemini",
                EmbeddingsWire::Cohere => "cohere_embed",
                EmbeddingsWire::Ollama => "ollama_embed",
                EmbeddingsWire::BedrockTitan | EmbeddingsWire::BedrockCohere => "invoke",
                EmbeddingsWire::VertexPredict => "predict",
            },
            Self::Rerank(_) => "rerank",
            Self::Images(ImageTarget::GenerateContent) => "generate",
            Self::Images(ImageTarget::Predict) => "predict",
        }
    }

    /// Says an ask in the provider's way.
    pub(crate) fn write(
        self,
        ask: &Ask,
        target: &Target,
        losses: &mut Losses,
    ) -> Result<(Vec<u8>, Adapted), Unsaid> {
        match self {
            Self::Embeddings(api) => {
                let client = ask.inbound.endpoint;
                let request = match client {
                    Endpoint::GeminiEmbed => embeddings::read_gemini(&ask.body, false),
                    Endpoint::GeminiBatchEmbed => embeddings::read_gemini(&ask.body, true),
                    _ => embeddings::read_openai(&ask.body),
                }?;
                let body = embeddings::write(api, &request, &target.model, losses)?;
                let adapted = Adapted::Embeddings {
                    api,
                    client,
                    request,
                };
                Ok((body, adapted))
            }
            Self::Rerank(api) => {
                let request = rerank::read_request(&ask.body)?;
                let body = rerank::write_request(api, &request, &target.model, losses)?;
                Ok((body, Adapted::Rerank { api, request }))
            }
            Self::Images(way) => {
                let request = Box::new(image_request(ask)?);
                let body = way.write_request(&request, losses)?;
                let kind = match ask.inbound.endpoint {
                    Endpoint::ImageGenerations => StreamKind::Generation,
                    _ => StreamKind::Edit,
                };
                let adapted = Adapted::Images {
                    target: way,
                    kind,
                    request,
                };
                Ok((body, adapted))
            }
        }
    }
}

fn image_request(ask: &Ask) -> Result<ImageRequest, RequestError> {
    let Some(upload) = &ask.upload else {
        return ImageRequest::of_json(&ask.body);
    };
    match (&upload.form, upload.whole()) {
        (Some(form), Some(body)) => ImageRequest::of_form(form, body),
        _ => Err(RequestError::new(
            "image",
            "smaller: this provider takes images inside of JSON, and so only forms of up to 1 MiB",
        )),
    }
}

impl Adapted {
    /// Reads the provider's answer and says it as the client expects it.
    pub(crate) fn answer(&self, body: &[u8], context: &Context) -> Result<Answer, ReplyError> {
        match self {
            Self::Embeddings {
                api,
                client,
                request,
            } => {
                let reply = embeddings::read_reply(*api, body)?;
                let written = match client {
                    Endpoint::GeminiEmbed => embeddings::write_gemini(&reply, false),
                    Endpoint::GeminiBatchEmbed => embeddings::write_gemini(&reply, true),
                    _ => embeddings::write_openai(&reply, request, &context.model),
                };
                Ok(Answer {
                    body: written.into(),
                    usage: reply.usage,
                    id: None,
                    is_stream: false,
                })
            }
            Self::Rerank { api, request } => {
                let reply = rerank::read_reply(*api, body)?;
                let mut searches = Usage::default();
                searches.set(Unit::Searches, request.searches());
                Ok(Answer {
                    body: rerank::write_reply(&reply, request, &context.call_id).into(),
                    usage: reply.usage.or(Some(searches)),
                    id: reply.id,
                    is_stream: false,
                })
            }
            Self::Images {
                target,
                kind,
                request,
            } => {
                let reply = target.read_reply(body)?;
                let mut images = Usage::default();
                images.set(Unit::Images, reply.images.len() as u64);
                let written = if request.stream {
                    reply.write_stream(*kind, request, context.created_s)
                } else {
                    reply.write(context.created_s)
                };
                Ok(Answer {
                    body: written.into(),
                    usage: reply.usage.or(Some(images)),
                    id: None,
                    is_stream: request.stream,
                })
            }
        }
    }
}
