//! A chat (or legacy) completion, streamed if the request asks for it, with every trap a stream can hold.

use std::time::Duration;

use super::act::Behaviour;

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `data: …` and LF.
    Lf,
    /// `data: …` and CRLF.
    CrLf,
    /// `data:…`, no space after the colon.
    NoSpace,
    /// With `id:` and `retry:` fields in every event and comments in between.
    Chatty,
    /// With `: OPENROUTER PROCESSING` comments in between.
    Comments,
    /// With an `event:` field in every event.
    Named,
}

/// How the stream's bytes are cut into chunks and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// One chunk an event.
    Event,
    /// The whole stream in two chunks, cut at this byte.
    At(usize),
    /// Chunks of so many bytes, without regard to events and characters.
    Every(usize),
}

/// What is wrong with the stream's end. Counts are of content events sent before it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing: finish, usage if asked, `[DONE]`.
    None,
    /// No `[DONE]`.
    NoDone,
    /// No blank line after `[DONE]`.
    NoFinalBlank,
    /// The body ends in good order, but neither finish reason nor `[DONE]` came.
    EndAfter(usize),
    /// The connection closes in the middle of an event.
    MidEventAfter(usize),
    /// The connection is reset.
    ResetAfter(usize),
    /// Nothing more comes.
    HangAfter(usize),
    /// An error event comes, and the body ends in good order.
    ErrorAfter(usize),
    /// The body is empty.
    Empty,
}

/// Where usage is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageStyle {
    /// In a last chunk of its own if the request asked, as OpenAI does; always in a whole answer.
    Asked,
    /// Cumulative on every chunk, as vLLM can.
    EachChunk,
    /// On the chunk with the finish reason.
    LastChunk,
    /// Nowhere.
    Never,
}

/// A completion; the builder says what is special about it.
#[derive(Clone, Debug)]
pub struct Chat {
    pub(super) text: Option<String>,
    pub(super) pieces: usize,
    pub(super) every: Duration,
    pub(super) first_byte: Duration,
    pub(super) tools: Vec<(String, String)>,
    pub(super) structured: bool,
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) cached_tokens: u64,
    pub(super) usage: UsageStyle,
    pub(super) framing: Framing,
    pub(super) split: Split,
    pub(super) cut: Cut,
    pub(super) dribble: Option<usize>,
    pub(super) headers: Vec<(String, String)>,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            text: None,
            pieces: 5,
            every: Duration::ZERO,
            first_byte: Duration::ZERO,
            tools: Vec::new(),
            structured: false,
            prompt_tokens: 19,
            completion_tokens: 7,
            cached_tokens: 0,
            usage: UsageStyle::Asked,
            framing: Framing::Lf,
            split: Split::Event,
            cut: Cut::None,
            dribble: None,
            headers: Vec::new(),
        }
    }
}

impl Chat {
    /// An ordinary completion: [`TEXT`](super::TEXT) in five pieces, 19 prompt tokens, 7 completion tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream that ends so, with pauses that let what comes before the break reach a client: where nothing has, a gateway
    /// may try again and the client sees no break at all.
    pub fn breaking(cut: Cut) -> Self {
        Self::new().cut(cut).every(Duration::from_millis(40))
    }

    /// Says `text`.
    pub fn text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// Streams the text in so many pieces; text that is too short for that is repeated, once a piece.
    pub fn pieces(mut self, pieces: usize) -> Self {
        self.pieces = pieces;
        self
    }

    /// Waits so long before each content event.
    pub fn every(mut self, pause: Duration) -> Self {
        self.every = pause;
        self
    }

    /// Waits so long before the first byte.
    pub fn first_byte(mut self, pause: Duration) -> Self {
        self.first_byte = pause;
        self
    }

    /// Calls a tool; more than one are parallel.
    pub fn tool(mut self, name: &str, arguments: &str) -> Self {
        self.tools.push((name.to_owned(), arguments.to_owned()));
        self
    }

    /// Answers with the smallest JSON that the request's `response_format` allows.
    pub fn structured(mut self) -> Self {
        self.structured = true;
        self
    }

    /// Counts these tokens; `cached` of the prompt's were read from a cache.
    pub fn tokens(mut self, prompt: u64, completion: u64, cached: u64) -> Self {
        (
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
        ) = (prompt, completion, cached);
        self
    }

    /// Tells usage so.
    pub fn usage(mut self, style: UsageStyle) -> Self {
        self.usage = style;
        self
    }

    /// Writes events so.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Cuts the stream's bytes so.
    pub fn split(mut self, split: Split) -> Self {
        self.split = split;
        self
    }

    /// Ends the stream so.
    pub fn cut(mut self, cut: Cut) -> Self {
        self.cut = cut;
        self
    }

    /// Writes everything, the head too, in writes of so many bytes.
    pub fn dribble(mut self, bytes: usize) -> Self {
        self.dribble = Some(bytes);
        self
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl From<Chat> for Behaviour {
    fn from(chat: Chat) -> Self {
        Self::new(move |seen| chat.play(seen))
    }
}
