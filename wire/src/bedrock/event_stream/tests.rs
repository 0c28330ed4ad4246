use proptest::prelude::*;

use super::*;

/// What a visitor saw.
type Seen = Vec<(String, Vec<u8>)>;

fn feed<'a>(
    messages: &mut Messages,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Seen, Vec<u8>, Result<(), StreamError>) {
    let mut seen = Seen::new();
    let mut raw_bytes = Vec::new();
    for chunk in chunks {
        let fed = messages.feed(chunk, |name, payload, raw| {
            seen.push((name.to_owned(), payload.to_vec()));
            raw_bytes.extend_from_slice(raw);
            true
        });
        if fed.is_err() {
            return (seen, raw_bytes, fed);
        }
    }
    (seen, raw_bytes, Ok(()))
}

fn written(messages: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, payload) in messages {
        write_message(name, payload, &mut bytes);
    }
    bytes
}

/// A message as AWS's documentation of the framing shows it byte by byte: no headers, no payload.
const EMPTY: [u8; 16] = [
    0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff,
];

#[test]
fn the_published_vector_is_read_and_written() {
    let (seen, raw, fed) = feed(&mut Messages::default(), [EMPTY.as_slice()]);
    assert_eq!(fed, Ok(()));
    assert_eq!(seen, [(String::new(), Vec::new())]);
    assert_eq!(raw, EMPTY);
    let mut out = Vec::new();
    write_raw(&[], &[], &mut out);
    assert_eq!(out, EMPTY);
}

#[test]
fn a_prelude_may_be_split_anywhere() {
    let bytes = written(&[("messageStart", b"{}"), ("messageStop", b"{\"x\":1}")]);
    for cut in 0..=bytes.len() {
        let (first, second) = (&bytes[..cut], &bytes[cut..]);
        let mut messages = Messages::default();
        let (seen, raw, fed) = feed(&mut messages, [first, second]);
        assert_eq!(fed, Ok(()));
        assert_eq!(
            seen,
            [
                ("messageStart".to_owned(), b"{}".to_vec()),
                ("messageStop".to_owned(), b"{\"x\":1}".to_vec())
            ]
        );
        assert_eq!(raw, bytes);
        assert!(!messages.has_rest());
    }
}

#[test]
fn an_unfinished_message_is_noticed() {
    let bytes = written(&[("messageStart", b"{}")]);
    let mut messages = Messages::default();
    let (seen, _, fed) = feed(&mut messages, [&bytes[..bytes.len() - 1]]);
    assert_eq!((seen, fed), (Vec::new(), Ok(())));
    assert!(messages.has_rest());
}

#[test]
fn exceptions_and_errors_are_named_like_exceptions() {
    let mut bytes = written(&[("throttlingException", b"{\"message\":\"slow\"}")]);
    let mut headers = Vec::new();
    headers::write_text(":message-type", "error", &mut headers);
    headers::write_text(":error-code", "InternalFailure", &mut headers);
    headers::write_text(":error-message", "It \"broke\".", &mut headers);
    write_raw(&headers, b"", &mut bytes);
    let (seen, _, fed) = feed(&mut Messages::default(), [bytes.as_slice()]);
    assert_eq!(fed, Ok(()));
    assert_eq!(
        seen,
        [
            (
                "throttlingException".to_owned(),
                b"{\"message\":\"slow\"}".to_vec()
            ),
            (
                "InternalFailureException".to_owned(),
                b"{\"message\":\"It \\\"broke\\\".\"}".to_vec()
            ),
        ]
    );
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    let prelude = |total: u32, headers: u32| {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes
    };
    let outcome = |bytes: Vec<u8>| feed(&mut Messages::default(), [bytes.as_slice()]).2;
    assert_eq!(outcome(prelude(15, 0)), Err(StreamError::BadFrame));
    assert_eq!(outcome(prelude(20, 5)), Err(StreamError::BadFrame));
    assert_eq!(outcome(prelude(20, u32::MAX)), Err(StreamError::BadFrame));
    let too_long = StreamError::EventTooLong {
        max: MAX_EVENT_BYTES,
    };
    assert_eq!(outcome(prelude(u32::MAX, 0)), Err(too_long));
    assert_eq!(outcome(prelude(MAX_EVENT_BYTES as u32, 0)), Ok(()));
}

#[test]
fn after_the_visitor_stops_nothing_is_kept() {
    let bytes = written(&[("a", b"1"), ("b", b"2")]);
    for cut in 0..=bytes.len() {
        let (first, second) = (&bytes[..cut], &bytes[cut..]);
        let mut messages = Messages::default();
        let mut names = Vec::new();
        for chunk in [first, second, &bytes[..7]] {
            let visit = |name: &str, _: &[u8], _: &[u8]| {
                names.push(name.to_owned());
                false
            };
            messages.feed(chunk, visit).unwrap();
        }
        assert_eq!(names, ["a"]);
        assert!(!messages.has_rest());
    }
}

fn arbitrary_messages() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let message = (
        "[a-zA-Z]{1,20}",
        proptest::collection::vec(any::<u8>(), 0..80),
    );
    proptest::collection::vec(message, 0..6)
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_messages(
        messages in arbitrary_messages(),
        chunk_length in 1_usize..60,
    ) {
        let mut bytes = Vec::new();
        for (name, payload) in &messages {
            write_message(name, payload, &mut bytes);
        }
        let mut reader = Messages::default();
        let (seen, raw, fed) = feed(&mut reader, bytes.chunks(chunk_length));
        prop_assert_eq!(fed, Ok(()));
        prop_assert_eq!(seen, messages);
        prop_assert_eq!(raw, bytes);
        prop_assert!(!reader.has_rest());
    }

    #[test]
    fn a_changed_byte_is_a_bad_frame(
        payload in proptest::collection::vec(any::<u8>(), 0..80),
        at in any::<prop::sample::Index>(),
        change in 1_u8..,
        chunk_length in 1_usize..60,
    ) {
        let mut bytes = Vec::new();
        write_message("contentBlockDelta", &payload, &mut bytes);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        let (seen, _, fed) = feed(&mut Messages::default(), bytes.chunks(chunk_length));
        prop_assert_eq!(seen, Vec::new());
        prop_assert_eq!(fed, Err(StreamError::BadFrame));
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        headers in proptest::collection::vec(any::<u8>(), 0..60),
        chunk_length in 1_usize..60,
    ) {
        let _bad_frames = feed(&mut Messages::default(), bytes.chunks(chunk_length));
        let mut framed = Vec::new();
        write_raw(&headers, &bytes, &mut framed);
        let _seen_or_bad = feed(&mut Messages::default(), framed.chunks(chunk_length));
    }
}
