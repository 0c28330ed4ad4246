//! The parameters of what is no conversation.

use serde_json::json;

use super::{Row, model, own, required};

/// <https://platform.openai.com/docs/api-reference/embeddings/create>
pub(super) const EMBEDDINGS: &[Row] = &[
    required("model", model),
    required("input", |_| {
        json!({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}], "examples": [["Hello!", "Good-bye."]],
            "description": "A text, or several; texts may be given as tokens."})
    }),
    own("dimensions", |_| {
        json!({"type": "integer", "minimum": 1, "examples": [256],
            "description": "The length of the vectors, where the model can shorten them."})
    }),
    own("encoding_format", |_| {
        json!({"enum": ["float", "base64"], "default": "float", "examples": ["base64"],
            "description": "How vectors are written."})
    }),
    own(
        "user",
        |_| json!({"type": "string", "examples": ["user-7"], "description": "Your own pseudonym of the person who asks."}),
    ),
];

/// <https://platform.openai.com/docs/api-reference/audio/createSpeech>
pub(super) const SPEECH: &[Row] = &[
    required("model", model),
    required(
        "input",
        |_| json!({"type": "string", "minLength": 1, "examples": ["Hello!"], "description": "The text that is spoken."}),
    ),
    required(
        "voice",
        |_| json!({"type": "string", "examples": ["alloy"], "description": "Whose voice; models name their own."}),
    ),
    own(
        "instructions",
        |_| json!({"type": "string", "examples": ["Speak cheerfully."], "description": "How it is spoken."}),
    ),
    own("response_format", |_| {
        json!({"enum": ["mp3", "opus", "aac", "flac", "wav", "pcm"], "default": "mp3", "examples": ["wav"],
            "description": "The format of the sound."})
    }),
    own("speed", |_| {
        json!({"type": "number", "minimum": 0.25, "maximum": 4, "default": 1, "examples": [1.25],
            "description": "How fast it is spoken."})
    }),
];

/// <https://platform.openai.com/docs/api-reference/audio/createTranscription>: the members of a form.
pub(super) const TRANSCRIPTION: &[Row] = &[
    required("model", model),
    required("file", |_| {
        json!({"type": "string", "contentMediaType": "audio/*", "examples": ["speech.mp3"],
            "description": "The recording, as a file of a form (`multipart/form-data`)."})
    }),
    own(
        "language",
        |_| json!({"type": "string", "examples": ["en"], "description": "The language that is spoken (ISO 639-1)."}),
    ),
    own(
        "prompt",
        |_| json!({"type": "string", "examples": ["Names: Ann, Weir."], "description": "Words that help to understand it."}),
    ),
    own("response_format", |_| {
        json!({"enum": ["json", "text", "srt", "verbose_json", "vtt"], "default": "json", "examples": ["srt"],
            "description": "The form of the transcript; some models know `json` only."})
    }),
    own("temperature", |_| {
        json!({"type": "number", "minimum": 0, "maximum": 1, "default": 0, "examples": [0],
            "description": "How freely words are chosen."})
    }),
];

/// <https://docs.cohere.com/reference/rerank>
pub(super) const RERANK: &[Row] = &[
    required("model", model),
    required(
        "query",
        |_| json!({"type": "string", "minLength": 1, "examples": ["Where is Weir?"], "description": "What is looked for."}),
    ),
    required("documents", |_| {
        json!({"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "string"}, {"type": "object"}]},
            "examples": [["Weir is in Kansas.", "A weir is a small dam."]],
            "description": "The texts that are put in order."})
    }),
    own(
        "top_n",
        |_| json!({"type": "integer", "minimum": 1, "examples": [3], "description": "How many of the best are told."}),
    ),
    own("return_documents", |_| {
        json!({"type": "boolean", "default": false, "examples": [true],
            "description": "Whether the texts come back with their places."})
    }),
];

/// <https://platform.openai.com/docs/api-reference/moderations/create>
pub(super) const MODERATION: &[Row] = &[
    required("model", model),
    required("input", |_| {
        json!({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}], "examples": ["I want to hug you."],
            "description": "What is judged: a text, several, or parts with pictures."})
    }),
];

/// <https://platform.openai.com/docs/guides/realtime-websocket>: the query of the handshake; the rest is said in events.
pub(super) const REALTIME: &[Row] = &[required("model", model)];
