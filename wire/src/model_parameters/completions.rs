//! The parameters of a text that goes on (<https://platform.openai.com/docs/api-reference/completions/create>).

use serde_json::json;

use super::{Row, chat, model, own, required};

pub(super) const ROWS: &[Row] = &[
    required("model", model),
    required("prompt", |_| {
        json!({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}], "examples": ["Once upon a time"],
            "description": "The text that is gone on with, or several; texts may be given as tokens."})
    }),
    own("max_tokens", |facts| {
        let mut schema = json!({"type": "integer", "minimum": 1, "default": 16, "examples": [256],
            "description": "The most tokens of the answer."});
        if let Some(most) = facts.max_output_tokens {
            schema["maximum"] = most.into();
        }
        schema
    }),
    own("temperature", |_| {
        json!({"type": "number", "minimum": 0, "maximum": 2, "default": 1, "examples": [0.7],
            "description": "How freely the answer is chosen: 0 is nearly always the same, higher is more varied."})
    }),
    own("top_p", |_| {
        json!({"type": "number", "minimum": 0, "maximum": 1, "default": 1, "examples": [0.9],
            "description": "Only the likeliest tokens that together have this probability are chosen from."})
    }),
    own("stop", |_| {
        json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 4}],
            "examples": [["\n\n"]], "description": "Texts that end the answer; they are not part of it."})
    }),
    own("suffix", |_| {
        json!({"type": "string", "examples": ["The end."],
            "description": "What follows the answer, where the model can fill a gap."})
    }),
    own("echo", |_| {
        json!({"type": "boolean", "default": false, "examples": [true],
            "description": "Whether the answer begins with the prompt."})
    }),
    own("n", |_| {
        json!({"type": "integer", "minimum": 1, "default": 1, "examples": [1],
            "description": "How many answers are given; each is paid."})
    }),
    own("logprobs", |_| {
        json!({"type": "integer", "minimum": 0, "maximum": 5, "examples": [5],
            "description": "How many of the likeliest tokens are told at each place."})
    }),
    own("seed", |_| {
        json!({"type": "integer", "examples": [42],
            "description": "The same seed and request give the same answer, as far as the provider can."})
    }),
    own("stream", |_| {
        json!({"type": "boolean", "default": false, "examples": [true],
            "description": "Whether the answer comes piece by piece, as server-sent events."})
    }),
    own(chat::STREAM_OPTIONS, |_| {
        json!({"type": "object", "properties": {"include_usage": {"type": "boolean", "default": false}},
            "examples": [{"include_usage": true}], "description": "Whether a stream ends by telling its usage."})
    }),
];
