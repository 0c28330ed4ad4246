//! The parameters of a chat completion (<https://platform.openai.com/docs/api-reference/chat/create>).

use serde_json::{Value, json};

use super::{Facts, Row, model, own, required};
use crate::anthropic::DEFAULT_MAX_TOKENS;
use crate::format::Format;
use crate::neutral::Param;

/// What some providers refuse although they stream.
pub(super) const STREAM_OPTIONS: &str = "stream_options";

/// A row that goes to the provider as one of these parameters.
const fn row(name: &'static str, params: &'static [Param], schema: fn(&Facts<'_>) -> Value) -> Row {
    Row {
        params,
        ..own(name, schema)
    }
}

pub(super) const ROWS: &[Row] = &[
    required("model", model),
    required("messages", messages),
    Row {
        name: "max_completion_tokens",
        params: &[Param::MaxTokens],
        is_required: false,
        schema: max_tokens,
    },
    row("max_tokens", &[Param::MaxTokens], |facts| {
        let mut schema = max_tokens(facts);
        schema["description"] =
            "The older name of `max_completion_tokens`; give one of them.".into();
        schema["deprecated"] = (facts.max_tokens_field != Some("max_tokens")).into();
        schema
    }),
    row("temperature", &[Param::Temperature], |facts| {
        // Anthropic's and Cohere's scale ends at 1.
        let most = match facts.format {
            Some(Format::Anthropic | Format::Bedrock | Format::Cohere) => 1,
            _ => 2,
        };
        json!({"type": "number", "minimum": 0, "maximum": most, "default": 1, "examples": [0.7],
            "description": "How freely the answer is chosen: 0 is nearly always the same, higher is more varied."})
    }),
    row("top_p", &[Param::TopP], |_| {
        json!({"type": "number", "minimum": 0, "maximum": 1, "default": 1, "examples": [0.9],
            "description": "Only the likeliest tokens that together have this probability are chosen from. Change this or `temperature`."})
    }),
    row("top_k", &[Param::TopK], |_| {
        json!({"type": "integer", "minimum": 1, "examples": [40],
            "description": "Only so many of the likeliest tokens are chosen from."})
    }),
    row("min_p", &[Param::MinP], |_| {
        json!({"type": "number", "minimum": 0, "maximum": 1, "examples": [0.05],
            "description": "Tokens less likely than this part of the likeliest are not chosen."})
    }),
    row("stop", &[Param::Stop], |_| {
        json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 4}],
            "examples": [["\n\n"]], "description": "Texts that end the answer; they are not part of it."})
    }),
    row("n", &[Param::N], |_| {
        json!({"type": "integer", "minimum": 1, "default": 1, "examples": [1],
            "description": "How many answers are given; each is paid."})
    }),
    row("seed", &[Param::Seed], |_| {
        json!({"type": "integer", "examples": [42],
            "description": "The same seed and request give the same answer, as far as the provider can."})
    }),
    row("presence_penalty", &[Param::PresencePenalty], |_| {
        json!({"type": "number", "minimum": -2, "maximum": 2, "default": 0, "examples": [0.5],
            "description": "Above 0, words that were used are less likely: new topics come up."})
    }),
    row("frequency_penalty", &[Param::FrequencyPenalty], |_| {
        json!({"type": "number", "minimum": -2, "maximum": 2, "default": 0, "examples": [0.5],
            "description": "Above 0, words are the less likely the more often they were used."})
    }),
    row("logit_bias", &[Param::LogitBias], |_| {
        json!({"type": "object", "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
            "examples": [{"50256": -100}], "description": "Makes tokens, by their id, more or less likely."})
    }),
    row("logprobs", &[Param::Logprobs], |_| {
        json!({"type": "boolean", "default": false, "examples": [true],
            "description": "Whether the answer tells how likely each of its tokens was."})
    }),
    row("top_logprobs", &[Param::TopLogprobs], |_| {
        json!({"type": "integer", "minimum": 0, "maximum": 20, "examples": [5],
            "description": "How many other tokens are told with `logprobs`."})
    }),
    row("tools", &[Param::Tools], tools),
    row("tool_choice", &[Param::ToolChoice], |_| {
        json!({"anyOf": [{"enum": ["none", "auto", "required"]}, {"type": "object", "required": ["type", "function"]}],
            "examples": ["auto", {"type": "function", "function": {"name": "get_weather"}}],
            "description": "Whether a tool may, must or must not be called, or which."})
    }),
    row("parallel_tool_calls", &[Param::ParallelToolCalls], |_| {
        json!({"type": "boolean", "default": true, "examples": [false],
            "description": "Whether several tools may be called at once."})
    }),
    row(
        "response_format",
        &[Param::JsonObject, Param::JsonSchema],
        |_| {
            json!({"type": "object", "required": ["type"],
            "properties": {"type": {"enum": ["text", "json_object", "json_schema"]}, "json_schema": {"type": "object"}},
            "examples": [{"type": "json_schema", "json_schema": {"name": "city", "strict": true,
                "schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                    "additionalProperties": false}}}],
            "description": "What form the answer has: text, any JSON, or JSON by a schema."})
        },
    ),
    row("reasoning_effort", &[Param::Reasoning], |_| {
        json!({"enum": ["none", "minimal", "low", "medium", "high", "xhigh"], "examples": ["low"],
            "description": "How much a model that reasons thinks before it answers."})
    }),
    row("verbosity", &[Param::Verbosity], |_| {
        json!({"enum": ["low", "medium", "high"], "default": "medium", "examples": ["low"],
            "description": "How long answers are."})
    }),
    row("modalities", &[Param::Modalities], |_| {
        json!({"type": "array", "items": {"enum": ["text", "audio", "image"]}, "examples": [["text"]],
            "description": "What the answer is made of, if the model can do more than text."})
    }),
    row("audio", &[Param::AudioOutput], |_| {
        json!({"type": "object", "required": ["voice", "format"], "examples": [{"voice": "alloy", "format": "mp3"}],
            "description": "The voice and format of a spoken answer, where `modalities` has `audio`."})
    }),
    row("prediction", &[Param::Prediction], |_| {
        json!({"type": "object", "required": ["type", "content"], "examples": [{"type": "content", "content": "fn main() {}"}],
            "description": "Text that the answer will mostly consist of, which makes it quicker."})
    }),
    row("web_search_options", &[Param::WebSearchOptions], |_| {
        json!({"type": "object", "examples": [{"search_context_size": "low"}],
            "description": "Lets a model that searches the web do so."})
    }),
    row(
        "service_tier",
        &[Param::ServiceTier],
        |_| json!({"type": "string", "examples": ["auto"], "description": "How the provider processes, and prices, the request."}),
    ),
    row("store", &[Param::Store], |_| {
        json!({"type": "boolean", "default": false, "examples": [false],
            "description": "Whether the provider keeps the answer."})
    }),
    row("metadata", &[Param::Metadata], |_| {
        json!({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 16,
            "examples": [{"purpose": "test"}], "description": "Words of your own that the provider keeps with the request."})
    }),
    row("prompt_cache_key", &[Param::PromptCacheKey], |_| {
        json!({"type": "string", "examples": ["chat-42"],
            "description": "Requests of the same key are more likely to find each other's prompts in the cache."})
    }),
    row(
        "safety_identifier",
        &[Param::SafetyIdentifier],
        |_| json!({"type": "string", "examples": ["user-7"], "description": "Your own pseudonym of the person who asks."}),
    ),
    row("user", &[Param::User], |_| {
        json!({"type": "string", "examples": ["user-7"],
            "description": "The older name of `safety_identifier` and `prompt_cache_key`."})
    }),
    own("stream", |_| {
        json!({"type": "boolean", "default": false, "examples": [true],
            "description": "Whether the answer comes piece by piece, as server-sent events."})
    }),
    own(STREAM_OPTIONS, |_| {
        json!({"type": "object", "properties": {"include_usage": {"type": "boolean", "default": false}},
            "examples": [{"include_usage": true}], "description": "Whether a stream ends by telling its usage."})
    }),
];

fn messages(_: &Facts<'_>) -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["role"],
            "properties": {
                "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
                "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}, {"type": "null"}]},
            },
        },
        "examples": [[{"role": "user", "content": "Hello!"}]],
        "description": "The conversation so far, the oldest message first.",
    })
}

fn max_tokens(facts: &Facts<'_>) -> Value {
    let mut schema = json!({
        "type": "integer",
        "minimum": 1,
        "examples": [1_024],
        "description": "The most tokens of the answer, its reasoning included.",
    });
    if let Some(most) = facts.max_output_tokens {
        schema["maximum"] = most.into();
    }
    if facts.format == Some(Format::Anthropic) {
        schema["default"] = facts.output_limit.unwrap_or(DEFAULT_MAX_TOKENS).into();
    }
    schema
}

fn tools(_: &Facts<'_>) -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["type", "function"],
            "properties": {
                "type": {"const": "function"},
                "function": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string"},
                        "description": {"type": "string"},
                        "parameters": {"type": "object"},
                        "strict": {"type": "boolean"},
                    },
                },
            },
        },
        "examples": [[{"type": "function", "function": {"name": "get_weather", "description": "The weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]],
        "description": "Functions that the model may ask for.",
    })
}
