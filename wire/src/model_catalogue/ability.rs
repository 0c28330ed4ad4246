//! What a model can do, as far as anybody says.

/// Something a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Conversations, in every format that reaches it.
    Chat,
    /// `/v1/responses`.
    Responses,
    /// `/v1/completions` alone: text that goes on, and no conversation.
    Completions,
    /// Vectors.
    Embeddings,
    /// Pictures.
    Images,
    /// Spoken text.
    Speech,
    /// Text of what was spoken.
    Transcription,
    /// Orders of documents.
    Rerank,
    /// Judgement of content.
    Moderation,
    /// Spoken conversations over a WebSocket.
    Realtime,
    /// Calls of tools.
    Tools,
    /// Pictures in the prompt.
    Vision,
}

impl Ability {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::Chat,
        Self::Responses,
        Self::Completions,
        Self::Embeddings,
        Self::Images,
        Self::Speech,
        Self::Transcription,
        Self::Rerank,
        Self::Moderation,
        Self::Realtime,
        Self::Tools,
        Self::Vision,
    ];

    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Images => "images",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Rerank => "rerank",
            Self::Moderation => "moderation",
            Self::Realtime => "realtime",
            Self::Tools => "tools",
            Self::Vision => "vision",
        }
    }

    /// The ability of a name in answers.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    /// Whether it is an operation, and not something about one.
    fn is_operation(self) -> bool {
        !matches!(self, Self::Tools | Self::Vision)
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of abilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities(u16);

impl Abilities {
    /// Adds one.
    pub fn add(&mut self, ability: Ability) {
        self.0 |= ability.bit();
    }

    /// Takes one out.
    pub fn remove(&mut self, ability: Ability) {
        self.0 &= !ability.bit();
    }

    /// Adds one where `is_there`.
    pub fn add_if(&mut self, is_there: bool, ability: Ability) {
        if is_there {
            self.add(ability);
        }
    }

    /// Whether it is there.
    pub fn has(self, ability: Ability) -> bool {
        self.0 & ability.bit() != 0
    }

    /// Whether any operation is there.
    pub fn has_operation(self) -> bool {
        self.operation().is_some()
    }

    /// The first operation that is there.
    pub fn operation(self) -> Option<Ability> {
        self.iter().find(|one| one.is_operation())
    }

    /// Those that are there.
    pub fn iter(self) -> impl Iterator<Item = Ability> {
        Ability::ALL.into_iter().filter(move |one| self.has(*one))
    }

    /// What is in either.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The operation of a model by its name, where its provider says nothing: what vendors call their models tells. None
    /// where the name is of something that no operation here serves.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let mut abilities = Self::default();
        let operation = if has(&["rerank"]) {
            Ability::Rerank
        } else if has(&["embed", "bge-", "minilm", "/e5-", "/gte-"]) {
            Ability::Embeddings
        } else if has(&["moderation"]) {
            Ability::Moderation
        } else if has(&["whisper", "transcribe"]) {
            Ability::Transcription
        } else if has(&["tts", "text-to-speech"]) {
            Ability::Speech
        } else if has(&["dall-e", "gpt-image", "imagen", "flux", "stable-diffusion"]) {
            Ability::Images
        } else if has(&["realtime"]) {
            Ability::Realtime
        } else if has(&["davinci-", "babbage-"]) {
            Ability::Completions
        } else if has(&["sora", "veo-"]) {
            return abilities;
        } else {
            Ability::Chat
        };
        abilities.add(operation);
        abilities
    }
}
