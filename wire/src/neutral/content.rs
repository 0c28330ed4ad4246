//! Messages and what they are made of.

use serde_json::Value;

use super::{Class, Fields};
use crate::format::Format;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The application, above the user.
    System,
    /// The same, as newer OpenAI models call it.
    Developer,
    /// The user; results of tools come from this side too, as [`Content::ToolResult`].
    User,
    /// The model.
    Assistant,
}

/// One turn, or a part of one: formats differ in how they cut a conversation, so neighbours of one role may have to be
/// joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// The speaker's name, if one is given.
    pub name: Option<String>,
    /// Members that only the client's format knows.
    pub rest: Fields,
}

impl Message {
    /// A message of these parts and nothing else.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            parts,
            name: None,
            rest: Fields::new(),
        }
    }
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// Whether the prompt up to here is to be cached.
    pub cache: Option<CacheMark>,
    /// Members that only the client's format knows.
    pub rest: Fields,
}

impl Part {
    /// A part of this content and nothing else.
    pub fn new(content: Content) -> Self {
        Self {
            content,
            cache: None,
            rest: Fields::new(),
        }
    }

    /// A part of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }
}

/// How long a marked prompt prefix is to be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMark {
    /// Anthropic's `ephemeral`: five minutes, which is the default.
    FiveMinutes,
    /// `"ttl": "1h"`.
    OneHour,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// An image.
    Image {
        /// Where it is.
        source: Source,
        /// OpenAI's `detail`: how closely to look.
        detail: Option<String>,
    },
    /// Sound, as OpenAI's `input_audio` has it.
    Audio {
        /// Where it is.
        source: Source,
    },
    /// A moving picture.
    Video {
        /// Where it is.
        source: Source,
    },
    /// A document: a PDF, a text.
    File {
        /// Where it is.
        source: Source,
        /// Its name.
        name: Option<String>,
    },
    /// What the model thought before it spoke.
    Thinking(Thinking),
    /// The model says that it will not.
    Refusal(String),
    /// The model asks for a tool.
    ToolCall(ToolCall),
    /// What a tool gave.
    ToolResult(ToolResult),
    /// Something only one format knows, as written there: a server tool's block, a citation, a new part.
    Other {
        /// The format it is written in.
        format: Format,
        /// Its `type` or key, for messages about it.
        kind: String,
        /// The part as it came.
        value: Value,
    },
}

/// The kinds of [`Content`] as the tables of losses know them: by what a target must be able to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentKind {
    /// Text.
    Text,
    /// An image by its address.
    ImageUrl,
    /// An image as data.
    ImageData,
    /// An image by the id of an uploaded file.
    ImageId,
    /// Sound by its address.
    AudioUrl,
    /// Sound as data.
    AudioData,
    /// A moving picture by its address.
    VideoUrl,
    /// A moving picture as data.
    VideoData,
    /// A document by its address.
    FileUrl,
    /// A document as data.
    FileData,
    /// A document (or sound, or a moving picture) by the id of an uploaded file.
    FileId,
    /// Thoughts of an earlier turn.
    Thinking,
    /// A refusal of an earlier turn.
    Refusal,
    /// A call of a function.
    ToolCall,
    /// A call of a custom tool, whose input is free text.
    CustomToolCall,
    /// A tool's result.
    ToolResult,
    /// What only the client's own format knows.
    Other,
}

impl ContentKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::Text,
        Self::ImageUrl,
        Self::ImageData,
        Self::ImageId,
        Self::AudioUrl,
        Self::AudioData,
        Self::VideoUrl,
        Self::VideoData,
        Self::FileUrl,
        Self::FileData,
        Self::FileId,
        Self::Thinking,
        Self::Refusal,
        Self::ToolCall,
        Self::CustomToolCall,
        Self::ToolResult,
        Self::Other,
    ];

    /// What becomes of it at a target that cannot take it: thoughts of earlier turns are context, not what is asked.
    pub fn class(self) -> Class {
        match self {
            Self::Thinking => Class::Hint,
            _ => Class::Meaning,
        }
    }

    /// What messages and documents call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::ImageUrl => "image by URL",
            Self::ImageData => "image as data",
            Self::ImageId => "image by file id",
            Self::AudioUrl => "audio by URL",
            Self::AudioData => "audio as data",
            Self::VideoUrl => "video by URL",
            Self::VideoData => "video as data",
            Self::FileUrl => "file by URL",
            Self::FileData => "file as data",
            Self::FileId => "file by id",
            Self::Thinking => "thinking",
            Self::Refusal => "refusal",
            Self::ToolCall => "tool call",
            Self::CustomToolCall => "custom tool call",
            Self::ToolResult => "tool result",
            Self::Other => "part that only its own format knows",
        }
    }
}

impl Content {
    /// Its kind.
    pub fn kind(&self) -> ContentKind {
        use ContentKind as Kind;
        match self {
            Self::Text(_) => Kind::Text,
            Self::Image { source, .. } => match source {
                Source::Url { .. } => Kind::ImageUrl,
                Source::Data { .. } => Kind::ImageData,
                Source::Id(_) => Kind::ImageId,
            },
            Self::Audio { source } => source.kind(Kind::AudioUrl, Kind::AudioData),
            Self::Video { source } => source.kind(Kind::VideoUrl, Kind::VideoData),
            Self::File { source, .. } => source.kind(Kind::FileUrl, Kind::FileData),
            Self::Thinking(_) => Kind::Thinking,
            Self::Refusal(_) => Kind::Refusal,
            Self::ToolCall(call) if call.is_custom => Kind::CustomToolCall,
            Self::ToolCall(_) => Kind::ToolCall,
            Self::ToolResult(_) => Kind::ToolResult,
            Self::Other { .. } => Kind::Other,
        }
    }
}

/// Where media is.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// At an address that the provider fetches.
    Url {
        /// The address.
        url: String,
        /// Its media type, where the client told it.
        media_type: Option<String>,
    },
    /// In the request.
    Data {
        /// The media type, such as `image/png`.
        media_type: String,
        /// Base64 (RFC 4648, section 4), not decoded.
        base64: String,
    },
    /// Uploaded before; known by its id to one provider.
    Id(String),
}

impl Source {
    fn kind(&self, url: ContentKind, data: ContentKind) -> ContentKind {
        match self {
            Self::Url { .. } => url,
            Self::Data { .. } => data,
            Self::Id(_) => ContentKind::FileId,
        }
    }

    /// The source behind a URL as clients write it: a `data:` URL (RFC 2397) in base64 is data.
    pub fn from_url(url: &str) -> Self {
        let data = url.strip_prefix("data:").and_then(|it| it.split_once(','));
        if let Some((head, base64)) = data
            && let Some(media_type) = head.strip_suffix(";base64")
        {
            // Parameters of the type, such as a charset, are no part of what providers take.
            let plain = media_type.split(';').next().unwrap_or_default();
            return Self::Data {
                media_type: if plain.is_empty() {
                    "text/plain"
                } else {
                    plain
                }
                .to_owned(),
                base64: base64.to_owned(),
            };
        }
        Self::Url {
            url: url.to_owned(),
            media_type: None,
        }
    }

    /// The source as a URL, data as a `data:` URL; none for an id.
    pub fn to_url(&self) -> Option<String> {
        match self {
            Self::Url { url, .. } => Some(url.clone()),
            Self::Data { media_type, base64 } => Some(format!("data:{media_type};base64,{base64}")),
            Self::Id(_) => None,
        }
    }
}

/// What a model thought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thinking {
    /// The thoughts, or their summary; may be empty where only a signature is shown.
    pub text: String,
    /// What proves to its provider that the thoughts are its own, to be sent back unchanged on the next turn.
    pub signature: Option<Signature>,
    /// Whether the thoughts themselves are hidden and `signature` holds them encrypted (Anthropic's
    /// `redacted_thinking`, OpenAI's `encrypted_content`).
    pub is_redacted: bool,
}

/// A provider's opaque proof, good where its maker's models are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The format of its maker: Claude's proofs are Anthropic's on whatever platform they were made.
    pub origin: Format,
    /// The proof as it came.
    pub value: String,
}

/// What stands before a signature that travels in another format's member: `weir.<format>.<value>`.
const FOREIGN: &str = "weir.";

impl Signature {
    /// A signature of this format.
    pub fn new(origin: Format, value: impl Into<String>) -> Self {
        Self {
            origin,
            value: value.into(),
        }
    }

    /// How it is written into a member of `carrier`, so that [`Self::read`] finds its origin again.
    pub fn write(&self, carrier: Format) -> String {
        if self.origin == carrier {
            self.value.clone()
        } else {
            format!("{FOREIGN}{}.{}", self.origin.as_str(), self.value)
        }
    }

    /// Reads what stands in a member of `carrier`.
    pub fn read(text: &str, carrier: Format) -> Self {
        let foreign = text
            .strip_prefix(FOREIGN)
            .and_then(|rest| rest.split_once('.'))
            .and_then(|(name, value)| Some((name.parse().ok()?, value)));
        match foreign {
            Some((origin, value)) => Self::new(origin, value),
            None => Self::new(carrier, text),
        }
    }

    /// The value, if a provider of `target` made it.
    pub fn for_target(&self, target: Format) -> Option<&str> {
        (self.origin == target).then_some(self.value.as_str())
    }
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The id that its result refers to.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as JSON text, `{}` where there are none; the free text of a custom tool.
    pub input: String,
    /// Whether the tool is one with free text instead of JSON arguments.
    pub is_custom: bool,
    /// Gemini's `thoughtSignature`, which must come back with the call.
    pub signature: Option<Signature>,
}

/// The result of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: String,
    /// The tool's name, where the format tells it.
    pub name: Option<String>,
    /// What the tool gave.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// Whether it answers a custom tool's call.
    pub is_custom: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_url_is_data_and_comes_back() {
        let source = Source::from_url("data:image/png;base64,AAAA");
        assert_eq!(
            source,
            Source::Data {
                media_type: "image/png".to_owned(),
                base64: "AAAA".to_owned()
            }
        );
        assert_eq!(source.to_url().unwrap(), "data:image/png;base64,AAAA");
        let plain = "https://example.com/a,b";
        assert_eq!(Source::from_url(plain).to_url().unwrap(), plain);
    }

    #[test]
    fn a_signature_keeps_its_origin_in_any_carrier() {
        let signature = Signature::new(Format::Gemini, "ab.c=");
        for carrier in Format::ALL {
            let written = signature.write(carrier);
            assert_eq!(Signature::read(&written, carrier), signature);
        }
        assert_eq!(signature.for_target(Format::Anthropic), None);
    }
}
