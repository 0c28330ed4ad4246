use proptest::prelude::*;
use serde_json::json;

use super::*;
use Unit::{
    AudioInput, AudioOutput, CacheRead, CacheWrite5m, ImageInput, Input, Output, Reasoning,
};

fn units(usage: &serde_json::Value) -> Vec<(Unit, u64)> {
    from_openai(usage.to_string().as_bytes())
        .unwrap()
        .iter()
        .collect()
}

#[test]
fn openai_counts_parts_inside_of_the_whole() {
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5,
            "accepted_prediction_tokens": 4, "rejected_prediction_tokens": 1},
    });
    assert_eq!(
        units(&usage),
        [
            (Input, 30),
            (CacheRead, 60),
            (AudioInput, 10),
            (Output, 15),
            (Reasoning, 30),
            (AudioOutput, 5)
        ]
    );
}

#[test]
fn responses_have_other_names() {
    let usage = json!({
        "input_tokens": 36, "input_tokens_details": {"cached_tokens": 16, "image_tokens": 8},
        "output_tokens": 87, "output_tokens_details": {"reasoning_tokens": 80}, "total_tokens": 123,
    });
    assert_eq!(
        units(&usage),
        [
            (Input, 12),
            (CacheRead, 16),
            (ImageInput, 8),
            (Output, 7),
            (Reasoning, 80)
        ]
    );
}

#[test]
fn embeddings_have_only_a_prompt() {
    assert_eq!(
        units(&json!({"prompt_tokens": 8, "total_tokens": 8})),
        [(Input, 8)]
    );
    assert_eq!(units(&json!({"total_tokens": 8})), [(Input, 8)]);
}

#[test]
fn deepseek_tells_hits_and_misses() {
    let usage = json!({
        "prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70,
        "prompt_cache_hit_tokens": 40, "prompt_cache_miss_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 40},
    });
    assert_eq!(units(&usage), [(Input, 10), (CacheRead, 40), (Output, 20)]);
    let usage = json!({"prompt_cache_hit_tokens": 40, "prompt_cache_miss_tokens": 10, "completion_tokens": 2});
    assert_eq!(units(&usage), [(Input, 10), (CacheRead, 40), (Output, 2)]);
}

#[test]
fn openrouter_tells_what_was_written_to_the_cache() {
    let usage = json!({
        "prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196, "cost": 0.95,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 100, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    });
    assert_eq!(
        units(&usage),
        [(Input, 94), (CacheWrite5m, 100), (Output, 2)]
    );
}

#[test]
fn reasoning_outside_of_the_completion_is_not_taken_out_of_it() {
    // xAI: 32 + 9 + 94 = 135.
    let xai = json!({
        "prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
        "completion_tokens_details": {"reasoning_tokens": 94},
    });
    assert_eq!(units(&xai), [(Input, 32), (Output, 9), (Reasoning, 94)]);
    // Gemini's OpenAI endpoint counts its thoughts in the total only.
    let gemini = json!({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623});
    assert_eq!(
        units(&gemini),
        [(Input, 20), (Output, 198), (Reasoning, 405)]
    );
}

#[test]
fn a_total_that_fits_nothing_is_not_believed() {
    let usage = json!({
        "prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 500,
        "completion_tokens_details": {"reasoning_tokens": 4},
    });
    assert_eq!(units(&usage), [(Input, 10), (Output, 5), (Reasoning, 4)]);
}

#[test]
fn odd_numbers_are_taken_for_what_they_mean() {
    let usage = json!({
        "prompt_tokens": 12.0, "completion_tokens": -3, "total_tokens": null,
        "prompt_tokens_details": null, "completion_tokens_details": {"reasoning_tokens": null},
    });
    assert_eq!(units(&usage), [(Input, 12)]);
    assert_eq!(
        units(&json!({"prompt_tokens": 1e300})),
        [(Input, MAX_COUNT)]
    );
    assert_eq!(
        units(&json!({"prompt_tokens": u64::MAX})),
        [(Input, MAX_COUNT)]
    );
}

#[test]
fn parts_larger_than_their_whole_leave_nothing_negative() {
    let usage = json!({
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 30}, "completion_tokens_details": {"reasoning_tokens": 8},
    });
    assert_eq!(units(&usage), [(CacheRead, 30), (Reasoning, 8)]);
}

#[test]
fn what_is_cached_is_not_counted_as_an_image_besides() {
    // xAI tells the modalities of the whole prompt, cached or not.
    let usage = json!({
        "prompt_tokens": 1200, "completion_tokens": 9,
        "prompt_tokens_details": {"text_tokens": 200, "image_tokens": 1000, "audio_tokens": 0, "cached_tokens": 1100},
    });
    assert_eq!(
        units(&usage),
        [(CacheRead, 1100), (ImageInput, 100), (Output, 9)]
    );
}

#[test]
fn images_that_a_chat_has_made_are_no_text() {
    let usage = json!({
        "prompt_tokens": 10, "completion_tokens": 1310, "total_tokens": 1320,
        "completion_tokens_details": {"reasoning_tokens": 10, "image_tokens": 1290},
    });
    assert_eq!(
        units(&usage),
        [
            (Input, 10),
            (Output, 10),
            (Reasoning, 10),
            (Unit::ImageOutput, 1290)
        ]
    );
}

#[test]
fn what_counts_no_tokens_is_none() {
    for usage in [
        "null",
        "{}",
        "[]",
        "",
        "{\"cost\":1}",
        "{\"prompt_tokens\":null}",
        "{\"prompt_tokens\":1",
    ] {
        assert_eq!(from_openai(usage.as_bytes()), None, "{usage}");
    }
    assert!(from_openai(b"{\"prompt_tokens\":0}").unwrap().is_zero());
}

proptest! {
    #[test]
    fn units_add_up_to_what_was_reported(
        parts in prop::array::uniform7(0..1_000_000_u64),
        is_reasoning_outside: bool,
    ) {
        let [text, cached, audio, visible, reasoning, audio_out, image] = parts;
        let prompt = text + cached + audio + image;
        let all_output = visible + reasoning + audio_out;
        let completion = all_output - if is_reasoning_outside { reasoning } else { 0 };
        let usage = from_openai(json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + all_output,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": audio, "image_tokens": image},
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": audio_out},
        }).to_string().as_bytes()).unwrap();
        prop_assert_eq!(usage.input_total(), prompt);
        prop_assert_eq!(usage.output_total(), all_output);
        prop_assert_eq!(usage.get(Input), text);
        prop_assert_eq!(usage.get(Output), visible);
    }

    #[test]
    fn nonsense_never_wraps_around(numbers in prop::array::uniform5(any::<f64>()), counts in prop::array::uniform4(any::<u64>())) {
        let usage = json!({
            "prompt_tokens": numbers[0], "completion_tokens": counts[0], "total_tokens": numbers[1],
            "prompt_cache_hit_tokens": counts[1], "prompt_cache_miss_tokens": numbers[2],
            "prompt_tokens_details": {"cached_tokens": numbers[3], "audio_tokens": counts[2]},
            "completion_tokens_details": {"reasoning_tokens": numbers[4], "audio_tokens": counts[3]},
        });
        if let Some(usage) = from_openai(usage.to_string().as_bytes()) {
            prop_assert!(usage.input_total() + usage.output_total() < i64::MAX as u64);
        }
    }
}
