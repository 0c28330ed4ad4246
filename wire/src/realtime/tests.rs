use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::websocket::{Message, Messages, Sender, text_frame};

fn learn(events: &[Value]) -> Session {
    let mut session = Session::default();
    for event in events {
        session.learn(event.to_string().as_bytes());
    }
    session
}

fn units(usage: &Usage) -> Vec<(Unit, u64)> {
    usage.iter().collect()
}

fn created() -> Value {
    json!({"type": "session.created", "event_id": "event_C9G5RJeJ2gF77mV7f2B1j", "session": {
        "object": "realtime.session", "type": "realtime", "id": "sess_C9G5QPteg4UIbotdKLoYQ",
        "model": "gpt-realtime-2025-08-28", "output_modalities": ["audio"],
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": null},
            "output": {"voice": "marin"}}}})
}

fn done(id: &str) -> Value {
    json!({"type": "response.done", "event_id": "event_CCXHxcMy86rrKhBLDdqCh", "response": {
        "object": "realtime.response", "id": id, "status": "completed", "status_details": null,
        "output": [{"id": "item_1", "type": "message", "role": "assistant",
            "content": [{"type": "output_audio", "transcript": "Great! How can I help?"}]}],
        "conversation_id": "conv_CCXHsurMKcaVxIZvaCI5m", "output_modalities": ["audio"],
        "usage": {"total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
            "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
                "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}},
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91}}}})
}

#[test]
fn responses_sum_up() {
    let session = learn(&[
        created(),
        json!({"type": "response.created", "response": {"id": "resp_1", "usage": null}}),
        json!({"type": "response.output_audio.delta", "delta": "AAAA"}),
        json!({"type": "response.output_audio_transcript.delta", "delta": "Great!"}),
        done("resp_1"),
        json!({"type": "rate_limits.updated", "rate_limits": []}),
        json!({"type": "response.created", "response": {"id": "resp_2"}}),
        done("resp_2"),
    ]);
    assert_eq!(session.id.as_deref(), Some("sess_C9G5QPteg4UIbotdKLoYQ"));
    assert_eq!(session.model.as_deref(), Some("gpt-realtime-2025-08-28"));
    assert_eq!(
        units(&session.usage),
        [
            (Unit::Input, 110),
            (Unit::CacheRead, 128),
            (Unit::AudioInput, 26),
            (Unit::Output, 60),
            (Unit::AudioOutput, 182)
        ]
    );
    assert_eq!((session.responses, session.open_responses), (2, 0));
    assert_eq!(session.open_output_bytes, 0);
    assert_eq!(session.untold_responses, 0);
}

#[test]
fn a_broken_session_tells_what_is_not_known() {
    let session = learn(&[
        json!({"type": "response.created", "response": {"id": "resp_1"}}),
        json!({"type": "response.output_text.delta", "delta": "Hello"}),
        json!({"type": "response.function_call_arguments.delta", "delta": "{}"}),
        json!({"type": "response.output_audio.delta", "delta": "AAAAAAAA"}),
        json!({"type": "response.audio.delta", "delta": "AAAAAAAA"}),
    ]);
    assert_eq!((session.open_responses, session.open_output_bytes), (1, 7));
    let session =
        learn(&[json!({"type": "response.done", "response": {"status": "failed", "usage": null}})]);
    assert_eq!((session.responses, session.untold_responses), (1, 1));
}

#[test]
fn the_transcription_of_the_client_has_its_own_sum() {
    let tokens = json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "Hi",
        "usage": {"type": "tokens", "total_tokens": 22, "input_tokens": 13, "output_tokens": 9,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 13}}});
    let seconds = json!({"type": "conversation.item.input_audio_transcription.completed",
        "usage": {"type": "duration", "seconds": 2.4}});
    let session = learn(&[
        json!({"type": "session.updated", "session": {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}}),
        tokens,
        seconds,
    ]);
    assert!(session.usage.is_zero());
    assert_eq!(
        units(&session.transcription_usage),
        [
            (Unit::AudioInput, 13),
            (Unit::Output, 9),
            (Unit::Seconds, 3)
        ]
    );
    assert_eq!(
        session.transcription_model.as_deref(),
        Some("gpt-4o-transcribe")
    );
}

#[test]
fn an_error_is_remembered() {
    let session = learn(&[
        json!({"type": "error", "event_id": "event_890", "error": {"type": "invalid_request_error",
            "code": "invalid_event", "message": "The 'type' field is missing.", "param": null}}),
    ]);
    let error = session.last_error.unwrap();
    assert_eq!(error.message, "The 'type' field is missing.");
    assert_eq!(error.code.as_deref(), Some("invalid_event"));
}

#[test]
fn models_that_a_client_names_are_found() {
    let named = |event: &str| {
        let found = named_models(event.as_bytes()).unwrap().into_iter();
        found
            .map(|named| (named.purpose, named.model))
            .collect::<Vec<_>>()
    };
    let session = |name: &str| (Purpose::Session, name.to_owned());
    let transcription = |name: &str| (Purpose::Transcription, name.to_owned());
    assert_eq!(
        named(
            r#"{"type":"session.update","session":{"type":"realtime","model":"gpt-realtime",
            "audio":{"input":{"transcription":{"model":"whisper-1","language":"de"}}}}}"#
        ),
        [session("gpt-realtime"), transcription("whisper-1")]
    );
    assert_eq!(
        named(
            r#"{"type":"transcription_session.update","session":{"input_audio_transcription":{"model":"a"}}}"#
        ),
        [transcription("a")]
    );
    // Twice, or in disguise.
    assert_eq!(
        named(r#"{"session":{"model":"a"},"sess\u0069on":{"\u006dodel":"b","model":"c"}}"#),
        [session("a"), session("b"), session("c")]
    );
    for event in [
        r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#,
        r#"{"type":"session.update","session":{"model":null,"audio":{"input":{"transcription":null}}}}"#,
        r#"{"type":"session.update","session":"model"}"#,
    ] {
        assert_eq!(named(event), [], "{event}");
    }
    // A lenient parser might read on where this one stops.
    for event in [
        "[]",
        "",
        "{\"session\":",
        "{\"a\":\"\n\",\"session\":{\"model\":\"b\"}}",
    ] {
        assert_eq!(named_models(event.as_bytes()), Err(NotAnEvent), "{event}");
    }
    let long = format!("{{\"session\":{{\"model\":\"{}\"}}}}", "é".repeat(200));
    assert_eq!(named(&long), [session(&"é".repeat(128))]);
}

#[test]
fn a_relayed_stream_is_metered_in_any_chunks() {
    let mut stream = text_frame(created().to_string().as_bytes());
    stream.extend(text_frame(
        json!({"type": "response.output_audio.delta", "delta": "A".repeat(70_000)})
            .to_string()
            .as_bytes(),
    ));
    stream.extend(b"\x89\x00");
    stream.extend(text_frame(done("resp_1").to_string().as_bytes()));
    for piece in [1, 7, 1400, stream.len()] {
        let (mut messages, mut session) = (Messages::new(Sender::Server), Session::default());
        for chunk in stream.chunks(piece) {
            let fed = messages.feed(chunk, |message| {
                if let Message::Data(Some(event)) = message {
                    session.learn(event);
                }
            });
            fed.unwrap();
        }
        assert_eq!(session.responses, 1);
        assert_eq!(session.usage.get(Unit::AudioOutput), 91);
    }
}

proptest! {
    #[test]
    fn nothing_panics(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        r#"(\{|\}|"type":|"session":|"response.done"|"response":|"usage":|"model":|"audio":|"error"|1|,|"é"){0,30}"#.prop_map(String::into_bytes),
    ]) {
        let _ = named_models(&bytes);
        Session::default().learn(&bytes);
    }
}
