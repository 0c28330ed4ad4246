//! Why an answer ended, in OpenAI's words and those of servers like it.

use crate::neutral::Finish;

/// What else of an answer says why it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen<'a> {
    pub tool_call: bool,
    pub refusal: bool,
    /// The text that stopped it, where the server tells (vLLM's `stop_reason`), if it is one that was asked for.
    pub stop_text: Option<&'a str>,
}

/// Reads a `finish_reason`.
pub(super) fn read(word: &str, seen: Seen<'_>) -> Finish {
    match word {
        "stop" | "eos" | "eos_token" | "end_turn" if seen.tool_call => Finish::ToolCalls,
        "stop" | "eos" | "eos_token" | "end_turn" if seen.refusal => Finish::Refusal,
        "stop" | "stop_sequence" if seen.stop_text.is_some() => {
            Finish::StopSequence(seen.stop_text.map(str::to_owned))
        }
        "stop" | "eos" | "eos_token" | "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence(None),
        // `model_length` is Mistral's.
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::ContentFilter,
        "refusal" => Finish::Refusal,
        _ => Finish::Other(word.to_owned()),
    }
}

/// Writes a `finish_reason`; `has_refusal` tells whether the refusal was put in words, which OpenAI calls a plain end.
pub(super) fn write(finish: &Finish, has_tool_call: bool, has_refusal: bool) -> &str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) if has_tool_call => "tool_calls",
        Finish::Stop | Finish::StopSequence(_) | Finish::Pause => "stop",
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Refusal if has_refusal => "stop",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
        Finish::Other(word) => word,
    }
}
