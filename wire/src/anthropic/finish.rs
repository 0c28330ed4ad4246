//! Why an answer ended (<https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>).

use crate::neutral::Finish;

/// Reads a `stop_reason`.
pub(super) fn read(word: &str, stop_sequence: Option<String>, has_tool_call: bool) -> Finish {
    match word {
        // Some who speak this format say so with tool calls, too.
        "end_turn" if has_tool_call => Finish::ToolCalls,
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence(stop_sequence),
        "max_tokens" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "pause_turn" => Finish::Pause,
        "refusal" => Finish::Refusal,
        "model_context_window_exceeded" => Finish::ContextWindow,
        other => Finish::Other(other.to_owned()),
    }
}

/// What an answer had in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub tool_call: bool,
    pub refusal: bool,
}

/// The `stop_reason` and the `stop_sequence` of an answer.
pub(super) fn write(finish: &Finish, said: Said) -> (&'static str, Option<&str>) {
    let reason = match finish {
        Finish::Stop | Finish::Other(_) if said.tool_call => "tool_use",
        Finish::Stop if said.refusal => "refusal",
        Finish::Stop | Finish::Other(_) => "end_turn",
        Finish::StopSequence(sequence) => return ("stop_sequence", sequence.as_deref()),
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter | Finish::Refusal => "refusal",
        Finish::Pause => "pause_turn",
        Finish::ContextWindow => "model_context_window_exceeded",
    };
    (reason, None)
}
