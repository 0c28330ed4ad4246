//! Why an answer ended, in Google's words.

use crate::neutral::Finish;

/// Reads a `finishReason`; none where it says nothing. Google says `STOP` even where the model waits for tools.
pub(super) fn read(word: &str, has_tool_calls: bool) -> Option<Finish> {
    Some(match word {
        "" | "FINISH_REASON_UNSPECIFIED" => return None,
        "STOP" if has_tool_calls => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    })
}

/// Words for an end that no other format has; the SDKs take any word, but warn of ones they do not know.
const OWN_WORDS: [&str; 12] = [
    "LANGUAGE",
    "OTHER",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "ESCALATION",
    "CONTINUATION",
    "PUP_LIMITED_DISABLED",
];

/// The `finishReason` for an end.
pub(super) fn write(finish: &Finish) -> &str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls => "STOP",
        Finish::Length | Finish::ContextWindow => "MAX_TOKENS",
        Finish::ContentFilter | Finish::Refusal => "SAFETY",
        Finish::Pause => "OTHER",
        Finish::Other(word) if OWN_WORDS.contains(&word.as_str()) => word,
        Finish::Other(_) => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_survives_a_round_trip_as_far_as_google_tells_them_apart() {
        for (word, finish) in [
            ("STOP", Finish::Stop),
            ("MAX_TOKENS", Finish::Length),
            ("SAFETY", Finish::ContentFilter),
            (
                "MALFORMED_FUNCTION_CALL",
                Finish::Other("MALFORMED_FUNCTION_CALL".to_owned()),
            ),
        ] {
            assert_eq!(read(word, false), Some(finish.clone()));
            assert_eq!(write(&finish), word);
        }
        assert_eq!(read("STOP", true), Some(Finish::ToolCalls));
        assert_eq!(read("MAX_TOKENS", true), Some(Finish::Length));
        assert_eq!(read("SPII", false), Some(Finish::ContentFilter));
        assert_eq!(write(&Finish::Other("eos".to_owned())), "OTHER");
    }
}
