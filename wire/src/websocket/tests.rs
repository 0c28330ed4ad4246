use proptest::prelude::*;

use super::*;

/// What was visited, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Data(Option<Vec<u8>>),
    Close(Option<u16>),
    Alive,
}

fn read(sender: Sender, bytes: &[u8], piece: usize) -> (Vec<Seen>, Result<(), FrameError>) {
    let mut messages = Messages::new(sender);
    let mut seen = Vec::new();
    let mut result = Ok(());
    for chunk in bytes.chunks(piece.max(1)) {
        result = messages.feed(chunk, |message| {
            seen.push(match message {
                Message::Data(text) => Seen::Data(text.map(<[u8]>::to_vec)),
                Message::Close(status) => Seen::Close(status),
                Message::Alive => Seen::Alive,
            });
        });
    }
    (seen, result)
}

/// A frame as either side writes it.
fn frame(sender: Sender, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = frame::write(first & 0x0F, payload);
    frame[0] = first;
    if sender == Sender::Client {
        let mask = [0x37, 0xFA, 0x21, 0x3D];
        let head = frame.len() - payload.len();
        frame[1] |= 0x80;
        let masked: Vec<u8> = payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key)
            .collect();
        frame.truncate(head);
        frame.extend_from_slice(&mask);
        frame.extend_from_slice(&masked);
    }
    frame
}

fn text(text: &str) -> Seen {
    Seen::Data(Some(text.as_bytes().to_vec()))
}

/// The examples of RFC 6455, section 5.7.
#[test]
fn the_standards_examples_are_read() {
    let cases: [(Sender, &[u8], Seen); 4] = [
        (Sender::Server, b"\x81\x05Hello", text("Hello")),
        (
            Sender::Client,
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
            text("Hello"),
        ),
        (Sender::Server, b"\x01\x03Hel\x80\x02lo", text("Hello")),
        (Sender::Server, b"\x89\x05Hello", Seen::Alive),
    ];
    for (sender, bytes, expected) in cases {
        for piece in 1..=bytes.len() {
            assert_eq!(read(sender, bytes, piece), (vec![expected.clone()], Ok(())));
        }
    }
}

#[test]
fn messages_in_pieces_with_pings_between_are_read_in_any_chunks() {
    for sender in [Sender::Client, Sender::Server] {
        let long = format!("{{\"type\":\"{}\"}}", "x".repeat(300));
        let stream = [
            frame(sender, 0x01, b"{\"type\":"),
            frame(sender, 0x89, b"ping"),
            frame(sender, 0x00, b""),
            frame(sender, 0x80, b"\"session.update\"}"),
            frame(sender, 0x81, long.as_bytes()),
            frame(sender, 0x8A, b""),
            frame(sender, 0x82, b"\x00\x01"),
            frame(sender, 0x88, b"\x03\xE8bye"),
        ]
        .concat();
        for piece in 1..=stream.len() {
            let (seen, result) = read(sender, &stream, piece);
            assert_eq!(result, Ok(()));
            assert_eq!(
                seen,
                [
                    Seen::Alive,
                    text("{\"type\":\"session.update\"}"),
                    text(&long),
                    Seen::Alive,
                    Seen::Data(Some(vec![0, 1])),
                    Seen::Close(Some(1000)),
                ]
            );
        }
    }
}

#[test]
fn sound_of_megabytes_is_seen_in_short() {
    let sound = "A".repeat(4 << 20);
    let event =
        format!("{{\"type\":\"response.output_audio.delta\",\"delta\":\"{sound}\",\"n\":1}}");
    let stream = frame(Sender::Client, 0x81, event.as_bytes());
    let (seen, result) = read(Sender::Client, &stream, 1400);
    assert_eq!(result, Ok(()));
    let [Seen::Data(Some(short))] = seen.as_slice() else {
        panic!("one message");
    };
    let value: serde_json::Value = serde_json::from_slice(short).unwrap();
    assert_eq!(value["n"], 1);
    assert!(short.len() < 4096);
}

#[test]
fn a_message_too_long_even_in_short_is_known_to_be() {
    let many = frame(Sender::Server, 0x81, &vec![b'1'; SHORT_MESSAGE_BYTES + 1]);
    let (seen, _) = read(Sender::Server, &many, 65_536);
    assert_eq!(seen, [Seen::Data(None)]);
}

#[test]
fn what_is_no_websocket_is_refused() {
    let data = frame(Sender::Server, 0x81, b"x");
    let cases: [(Vec<u8>, FrameError); 10] = [
        (frame(Sender::Server, 0xC1, b"x"), FrameError::Reserved),
        (frame(Sender::Server, 0x83, b"x"), FrameError::UnknownOpcode),
        (frame(Sender::Client, 0x81, b"x"), FrameError::Masking),
        (frame(Sender::Server, 0x09, b"x"), FrameError::BadControl),
        (
            frame(Sender::Server, 0x89, &[0; 126]),
            FrameError::BadControl,
        ),
        (
            frame(Sender::Server, 0x80, b"x"),
            FrameError::BadContinuation,
        ),
        (
            [frame(Sender::Server, 0x01, b"x"), data.clone()].concat(),
            FrameError::BadContinuation,
        ),
        (
            [b"\x81\x7F\x80".as_slice(), &[0; 7]].concat(),
            FrameError::BadLength,
        ),
        (
            [frame(Sender::Server, 0x88, b""), data].concat(),
            FrameError::AfterClose,
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
            FrameError::Reserved,
        ),
    ];
    for (bytes, expected) in cases {
        for piece in 1..=bytes.len() {
            let (_, result) = read(Sender::Server, &bytes, piece);
            assert_eq!(result, Err(expected), "{bytes:?}");
        }
    }
}

#[test]
fn frames_of_ones_own_go_only_where_they_may() {
    let mut messages = Messages::new(Sender::Server);
    let mut state = |bytes: &[u8]| {
        messages.feed(bytes, |_| {}).unwrap();
        (messages.is_between_frames(), messages.is_between_messages())
    };
    assert_eq!(state(b""), (true, true));
    assert_eq!(state(b"\x01"), (false, false));
    assert_eq!(state(b"\x02a"), (false, false));
    assert_eq!(state(b"b"), (true, false));
    assert_eq!(state(b"\x80\x00"), (true, true));
    assert_eq!(state(b"\x88\x00"), (false, false));
}

#[test]
fn own_frames_are_read_again() {
    for length in [0, 125, 126, 65_535, 65_536] {
        let payload = "x".repeat(length);
        let (seen, _) = read(Sender::Server, &text_frame(payload.as_bytes()), 1000);
        assert_eq!(seen, [text(&payload)]);
    }
    let close = close_frame(1008, &"é".repeat(200));
    assert_eq!(close.len(), 2 + 124);
    let (seen, result) = read(Sender::Server, &close, 3);
    assert_eq!((seen, result), (vec![Seen::Close(Some(1008))], Ok(())));
}

proptest! {
    #[test]
    fn any_bytes_mean_the_same_in_any_chunks(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(vec![0x81, 0x01, 0x80, 0x00, 0x02, 0x7E, 0x7F, 0x88])], 0..200),
        is_client: bool,
        piece in 1_usize..30,
    ) {
        let sender = if is_client { Sender::Client } else { Sender::Server };
        prop_assert_eq!(read(sender, &bytes, piece), read(sender, &bytes, bytes.len()));
    }

    #[test]
    fn payloads_arrive_as_they_were_sent(
        payloads in prop::collection::vec(prop::collection::vec("[a-z ]{0,90}", 1..4), 0..5),
        is_client: bool,
        piece in 1_usize..30,
    ) {
        let sender = if is_client { Sender::Client } else { Sender::Server };
        let mut stream = Vec::new();
        for pieces in &payloads {
            for (index, payload) in pieces.iter().enumerate() {
                let opcode = u8::from(index == 0);
                let is_last = index + 1 == pieces.len();
                let first = opcode | if is_last { 0x80 } else { 0 };
                stream.extend(frame(sender, first, payload.as_bytes()));
            }
        }
        let expected: Vec<Seen> = payloads.iter().map(|pieces| text(&pieces.concat())).collect();
        prop_assert_eq!(read(sender, &stream, piece), (expected, Ok(())));
    }
}
