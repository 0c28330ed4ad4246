//! Which test proves what the page says. A test that is not there stops the page from being written.

use super::findings::{Finding, Verdict};
use super::root;

/// What proves that a finding stays as it is: the most telling test there is, beside the probe itself.
pub fn of(finding: &Finding) -> &'static str {
    match &finding.verdict {
        Verdict::Supported(_) => of_supported(&finding.operation.path),
        Verdict::Passed if finding.operation.path.starts_with("/v1/files") => {
            "tests/passed.rs::files_are_passed_on_with_the_callers_own_key_only"
        }
        Verdict::Passed if finding.operation.path.starts_with("/providers/") => {
            "tests/passed.rs::a_providers_own_routes_are_reached_by_its_name"
        }
        Verdict::Passed if finding.operation.path.starts_with("/v1/realtime/calls") => {
            "tests/passed.rs::what_a_passed_request_has_made_is_named_by_its_location"
        }
        Verdict::Passed if finding.operation.path.starts_with("/v1/models/") => {
            "tests/passed.rs::a_model_is_deleted_where_its_name_says"
        }
        Verdict::Passed => {
            "tests/passed.rs::whatever_is_passed_on_keeps_its_method_its_body_and_its_answer"
        }
        Verdict::Refused(..) if finding.operation.path == "/v1/realtime" => {
            "tests/realtime.rs::what_cannot_become_a_session_is_told_before_a_provider_is_asked"
        }
        Verdict::Refused(404, _) => {
            "tests/passed.rs::routes_that_would_reach_beyond_what_is_passed_are_not_found"
        }
        Verdict::Refused(..) | Verdict::Missing => PROBE,
    }
}

/// What proves that conversations between formats are whole, beside the probe of each pair.
pub const MATRIX: &str = "tests/formats/main.rs::text_and_usage_arrive";
/// What proves that what is dropped is named, and what is refused.
pub const LOSSES: [&str; 3] = [
    "tests/formats/main.rs::a_hint_that_is_dropped_is_named",
    "tests/formats/main.rs::what_has_meaning_is_refused_by_name",
    "tests/formats/main.rs::a_dropped_meaning_is_named_where_the_caller_says_so",
];
/// The probe behind the page.
pub const PROBE: &str = "tests/conformance/main.rs::the_page_says_what_probing_finds";

fn of_supported(path: &str) -> &'static str {
    match path {
        "/v1/chat/completions" => "tests/fidelity.rs::only_the_model_of_a_request_changes",
        "/v1/responses" | "/v1/messages" => MATRIX,
        "/v1/responses/compact" => {
            "tests/passed_usage.rs::a_conversation_is_made_shorter_and_metered"
        }
        "/v1/realtime" => "tests/realtime.rs::a_session_is_relayed_and_metered_by_its_events",
        _ if path.contains(":generateContent") || path.contains(":streamGenerateContent") => MATRIX,
        "/v1/completions" => "tests/metering.rs::embeddings_and_completions_are_metered_like_chats",
        "/v1/embeddings" => "tests/python/test_answers.py::test_embeddings",
        "/v1/models" => {
            "tests/models.rs::models_are_listed_in_the_shape_of_openai_with_a_json_content_type"
        }
        "/v1/models/{model}" => {
            "tests/models.rs::a_listed_model_can_be_retrieved_and_another_cannot"
        }
        "/v1/moderations" | "/v1/rerank" => {
            "tests/media.rs::moderations_and_reranking_pass_with_their_models_checked"
        }
        "/v1/audio/speech" => "tests/media.rs::speech_comes_as_bytes_and_is_metered_by_characters",
        "/v1/audio/transcriptions" => {
            "tests/media.rs::a_form_reaches_the_provider_with_its_own_model_and_every_other_byte"
        }
        "/v1/images/generations" => {
            "tests/media.rs::images_are_metered_by_the_image_or_by_their_tokens"
        }
        _ if path.starts_with("/providers/") => {
            "tests/passed.rs::a_providers_own_routes_are_reached_by_its_name"
        }
        _ => PROBE,
    }
}

/// Fails unless `proof`, `file::test`, is a test in the sources.
pub fn assert_exists(proof: &str) {
    let (file, name) = proof.split_once("::").unwrap_or((proof, ""));
    let text = std::fs::read_to_string(root().join(file))
        .unwrap_or_else(|problem| panic!("{file}, which the page names: {problem}"));
    let is_there = match file.ends_with(".py") {
        true => text.contains(&format!("\ndef {name}(")),
        false => text.contains(&format!("#[test]\nfn {name}()")),
    };
    assert!(
        is_there,
        "{file} has no test `{name}`: name another one in tests/conformance/proofs.rs"
    );
}
