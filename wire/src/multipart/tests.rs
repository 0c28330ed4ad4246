use proptest::prelude::*;

use super::*;
use bytes::Bytes;

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// A body as the official SDKs write it.
fn body(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, data) in parts {
        body.extend_from_slice(format!("--{BOUNDARY}\r\n{head}\r\n\r\n{data}\r\n").as_bytes());
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn field(name: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{name}\"")
}

fn transcription() -> Vec<u8> {
    body(&[
        (&field("model"), "whisper-1"),
        (&field("timestamp_granularities[]"), "word"),
        (&field("timestamp_granularities[]"), "segment"),
        (&field("stream"), "True"),
        (
            "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".wav\"\r\nContent-Type: audio/wav",
            "RIFF\r\n--\r\n----WebKit\n\r\r\n\0data",
        ),
        (&field("response_format"), "verbose_json"),
    ])
}

fn read_in(body: &[u8], piece: usize) -> Result<Form, FormError> {
    let mut form = Form::new(content_type().as_bytes()).unwrap();
    for chunk in body.chunks(piece) {
        form.feed(chunk)?;
    }
    form.finish()?;
    Ok(form)
}

fn read(body: &[u8]) -> Result<Form, FormError> {
    read_in(body, body.len().max(1))
}

#[test]
fn a_form_tells_what_it_asks_for_however_it_is_cut() {
    let body = transcription();
    for piece in 1..=body.len() {
        let form = read_in(&body, piece).unwrap();
        let known = form.known();
        assert_eq!(known.model.as_deref(), Some("whisper-1"));
        assert_eq!(known.stream, Some(true));
        assert_eq!(known.response_format.as_deref(), Some("verbose_json"));
        assert_eq!(form.parts().len(), 6);
        let file = &form.parts()[4];
        assert_eq!(file.filename.as_deref(), Some("a \"b\".wav"));
        assert_eq!(file.content_type.as_deref(), Some("audio/wav"));
        assert_eq!(file.value(), None);
        assert_eq!(
            file.data_in(&body),
            Some(b"RIFF\r\n--\r\n----WebKit\n\r\r\n\0data".as_slice())
        );
        let place = form.model_place().unwrap();
        assert_eq!(
            &body[place.start as usize..place.end as usize],
            b"whisper-1"
        );
    }
}

#[test]
fn the_model_is_known_as_soon_as_its_part_ends() {
    let body = transcription();
    let mut form = Form::new(content_type().as_bytes()).unwrap();
    let after_model = body
        .windows(10)
        .position(|window| window == b"timestamp_")
        .unwrap();
    form.feed(&body[..after_model]).unwrap();
    assert_eq!(form.known().model.as_deref(), Some("whisper-1"));
    assert!(!form.has_file() && !form.is_complete());
    assert_eq!(form.finish(), Err(FormError::Incomplete));
}

#[test]
fn only_the_model_gives_way() {
    let body = transcription();
    let form = read(&body).unwrap();
    for piece in 1..=body.len() {
        let mut splice = form.splice_model("openai/whisper-large-v3").unwrap();
        let mut out = Vec::new();
        for chunk in body.chunks(piece) {
            splice.pass(Bytes::copy_from_slice(chunk), &mut out);
        }
        let sent = out.concat();
        assert_eq!(splice.length_of(body.len() as u64), sent.len() as u64);
        let expected = String::from_utf8(body.clone())
            .unwrap()
            .replace("whisper-1", "openai/whisper-large-v3");
        assert_eq!(sent, expected.as_bytes());
    }
}

#[test]
fn a_form_without_a_model_is_given_one_in_front() {
    let body = [b"\r\n", body(&[(&field("prompt"), "a cat")]).as_slice()].concat();
    let form = read(&body).unwrap();
    let mut splice = form.splice_model("dall-e-2").unwrap();
    let mut out = Vec::new();
    splice.pass(Bytes::copy_from_slice(&body), &mut out);
    let sent = out.concat();
    let read_again = read(&sent).unwrap();
    assert_eq!(read_again.known().model.as_deref(), Some("dall-e-2"));
    assert_eq!(read_again.field("prompt"), Some("a cat"));
    assert_eq!(splice.length_of(body.len() as u64), sent.len() as u64);
    assert!(form.splice_model("a\r\nb").is_none());
}

#[test]
fn a_model_that_is_still_coming_cannot_be_replaced() {
    let body = transcription();
    let mut form = Form::new(content_type().as_bytes()).unwrap();
    let within = body.windows(7).position(|it| it == b"whisper").unwrap() + 3;
    form.feed(&body[..within]).unwrap();
    assert!(form.splice_model("other").is_none());
}

#[test]
fn values_of_other_fields_are_kept_up_to_a_bound() {
    let fits = "x".repeat(MAX_FIELD_BYTES);
    let long = "x".repeat(MAX_FIELD_BYTES + 1);
    let body = body(&[
        (&field("model"), ""),
        (&field("a"), &fits),
        (&field("b"), &long),
        (&field("n"), " 3"),
        (&field("size"), "1024x1024"),
        (&field("quality"), "high"),
    ]);
    for piece in [1, 100, 65_536, body.len()] {
        let form = read_in(&body, piece).unwrap();
        assert_eq!(form.field("a"), Some(fits.as_str()));
        assert_eq!(form.field("b"), None);
        let long_part = &form.parts()[2];
        assert_eq!(long_part.data_in(&body), Some(long.as_bytes()));
        assert_eq!(form.known().n, Some(3));
        assert_eq!(form.known().size.as_deref(), Some("1024x1024"));
        assert_eq!(form.known().quality.as_deref(), Some("high"));
        assert_eq!(form.known().model.as_deref(), Some(""));
    }
}

#[test]
fn all_kept_values_together_are_bounded() {
    let value = "x".repeat(MAX_FIELD_BYTES);
    let names: Vec<String> = (0..10).map(|n| field(&format!("f{n}"))).collect();
    let parts: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), value.as_str()))
        .collect();
    let form = read(&body(&parts)).unwrap();
    let kept: usize = (0..10)
        .filter_map(|n| form.field(&format!("f{n}")))
        .map(str::len)
        .sum();
    assert_eq!(kept, MAX_KEPT_BYTES);
}

#[test]
fn what_readers_could_differ_about_is_refused() {
    let model = field("model");
    let plain = |data: &str| String::from_utf8(body(&[(&model, data)])).unwrap();
    let start = format!("--{BOUNDARY}");
    let cases: Vec<(String, FormError)> = vec![
        (format!("preamble\r\n{}", plain("m")), FormError::NoBoundary),
        (
            plain("m").replace("\r\n", "\n"),
            FormError::DisputableBoundary,
        ),
        (
            plain("m").replacen(&start, &format!("{start}-x"), 1),
            FormError::DisputableBoundary,
        ),
        (
            plain(&format!("m\n{start}\r\n")),
            FormError::DisputableBoundary,
        ),
        // A part without a blank line, or without data.
        (
            format!("{start}\r\n{model}\r\n\r\n{start}--\r\n"),
            FormError::DisputableBoundary,
        ),
        (format!("{}x", plain("m")), FormError::AfterEnd),
        (
            format!("{}{}", plain("m"), plain("other")),
            FormError::AfterEnd,
        ),
        (
            plain("m").trim_end().trim_end_matches('-').to_owned(),
            FormError::Incomplete,
        ),
        (format!("{start}--\r\n"), FormError::NoParts),
        (String::new(), FormError::Incomplete),
    ];
    refuse_all(&cases);
}

#[test]
fn fields_that_are_acted_on_must_say_one_thing() {
    let model = field("model");
    let cases: Vec<(String, FormError)> = vec![
        (
            String::from_utf8(body(&[(&model, "a"), (&model, "b")])).unwrap(),
            FormError::RepeatedField { name: "model" },
        ),
        (
            String::from_utf8(body(&[(&format!("{model}; filename=\"m\""), "a")])).unwrap(),
            FormError::FileAsField { name: "model" },
        ),
        (
            String::from_utf8(body(&[(&model, "m".repeat(257).as_str())])).unwrap(),
            FormError::WrongValue {
                name: "model",
                expected: "a short text in UTF-8",
            },
        ),
        (
            String::from_utf8(body(&[(&field("stream"), "maybe")])).unwrap(),
            FormError::WrongValue {
                name: "stream",
                expected: "true or false",
            },
        ),
        (
            String::from_utf8(body(&[(&field("n"), "-1")])).unwrap(),
            FormError::WrongValue {
                name: "n",
                expected: "a positive whole number",
            },
        ),
    ];
    refuse_all(&cases);
}

fn refuse_all(cases: &[(String, FormError)]) {
    for (body, expected) in cases {
        for piece in [1, 7, body.len().max(1)] {
            let refused = read_in(body.as_bytes(), piece).unwrap_err();
            assert_eq!(&refused, expected, "{body}");
        }
    }
}

#[test]
fn headers_that_can_be_read_in_two_ways_are_refused() {
    let heads = [
        "Content-Type: text/plain",
        "Content-Disposition: attachment; name=\"model\"",
        "Content-Disposition: form-data; filename=\"x\"",
        "Content-Disposition: form-data; name=\"a\"; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"",
        "Content-Disposition: form-data; name=\"mo\\del\"",
        "Content-Disposition: form-data; name*=UTF-8''model",
        "Content-Disposition: form-data; name=\"mo\"; name*0=\"del\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=utf-7",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset*=utf-7",
        "Content-Disposition: form-data; name=\"model",
        "Content-Disposition: form-data; name=\"a\"; filename=\"x\\\\\"; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"\r\n folded",
        "Content-Disposition: form-data;\n name=\"a\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: quoted-printable",
        "Content-Disposition form-data; name=\"a\"",
    ];
    for head in heads {
        let refused = read(&body(&[(head, "m")])).unwrap_err();
        assert!(
            matches!(refused, FormError::BadHead { .. }),
            "{head}: {refused}"
        );
    }
    for head in [
        "content-disposition:form-data;name=model",
        "Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; charset=utf-8",
    ] {
        assert_eq!(
            read(&body(&[(head, "m")])).unwrap().field("model"),
            Some("m")
        );
    }
}

#[test]
fn parts_and_headers_are_bounded() {
    let mut parts = vec![(field("f"), "x"); MAX_PARTS];
    let as_body = |parts: &[(String, &str)]| {
        let parts: Vec<_> = parts
            .iter()
            .map(|(head, data)| (head.as_str(), *data))
            .collect();
        body(&parts)
    };
    assert!(read(&as_body(&parts)).is_ok());
    parts.push((field("f"), "x"));
    assert_eq!(
        read(&as_body(&parts)).unwrap_err(),
        FormError::TooManyParts { max: MAX_PARTS }
    );
    let head = format!("{}\r\nX: {}", field("f"), "x".repeat(MAX_HEAD_BYTES));
    assert!(matches!(
        read(&body(&[(&head, "")])).unwrap_err(),
        FormError::HeadTooLong { .. }
    ));
}

#[test]
fn a_boundary_is_taken_only_as_the_standard_has_it() {
    for content_type in [
        "multipart/form-data; boundary=abc",
        "Multipart/Form-Data;boundary=\"a b:c\"; charset=utf-8",
        "multipart/form-data; charset=utf-8; BOUNDARY=a'()+_,-./:=?",
    ] {
        assert!(Form::new(content_type.as_bytes()).is_ok(), "{content_type}");
    }
    let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
    for content_type in [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; charset=utf-8",
        "multipart/mixed; boundary=a",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\r\n\"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a; boundary*0=b",
        "multipart/form-data; boundary=a; charset=utf-7",
        "multipart/form-data; boundary=a; charset=utf-16",
        "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=\"a",
        &long,
    ] {
        assert!(
            Form::new(content_type.as_bytes()).is_err(),
            "{content_type}"
        );
    }
}

/// CVE-2024-8984 and its kin: bodies made of what almost is a boundary. Each would take hours if it cost more than linear
/// time, as these are large.
#[test]
fn a_body_of_near_boundaries_costs_no_more_than_any_other() {
    let size = 1 << 18;
    let near = format!("\r\n--{}", &BOUNDARY[..BOUNDARY.len() - 1]);
    let head = format!("--{BOUNDARY}\r\n{}; filename=\"f\"\r\n\r\n", field("file"));
    for filling in [
        near.as_str(),
        "\r\n--",
        "\n",
        "\r",
        "-",
        "\r\n------WebKitForm",
    ] {
        let filled = filling.repeat(size / filling.len());
        let body = format!("{head}{filled}\r\n--{BOUNDARY}--");
        for piece in [1, 13, body.len()] {
            let form = read_in(body.as_bytes(), piece).unwrap();
            assert_eq!(
                form.parts()[0].data_in(body.as_bytes()).map(<[u8]>::len),
                Some(filled.len())
            );
        }
    }
    let dashes = format!("--{BOUNDARY}{}", "-".repeat(size));
    assert!(read_in(dashes.as_bytes(), 1).is_err());
}

fn small_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"\r\n-bx".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..40)
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_alike_in_any_chunks(
        data in prop::collection::vec(any::<u8>(), 0..200),
        begins_well: bool,
        cuts in prop::collection::vec(1_usize..20, 1..10),
    ) {
        let mut body = Vec::new();
        if begins_well {
            body.extend_from_slice(b"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
        }
        body.extend_from_slice(&data);
        let new = || Form::new(b"multipart/form-data; boundary=b").unwrap();
        let mut whole = new();
        let fed = whole.feed(&body);
        let mut cut = new();
        let mut result = Ok(());
        let (mut rest, mut sizes) = (body.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() && result.is_ok() {
            let size = (*sizes.next().unwrap()).min(rest.len());
            result = cut.feed(&rest[..size]);
            rest = &rest[size..];
        }
        prop_assert_eq!(fed, result);
        prop_assert_eq!(whole.finish(), cut.finish());
        prop_assert_eq!(whole.parts(), cut.parts());
    }

    /// Whatever the data of two parts is, as long as no boundary is in it, it is found again.
    #[test]
    fn parts_are_found_as_they_were_written(
        first in small_bytes(),
        second in small_bytes(),
        piece in 1_usize..50,
    ) {
        let needle = b"\n--b";
        let has_boundary = |data: &[u8]| {
            let before = [b"\r\n", data, b"\r"].concat();
            before.windows(needle.len()).any(|window| window == needle)
        };
        prop_assume!(!has_boundary(&first) && !has_boundary(&second));
        let mut body = Vec::new();
        for (name, data) in [("a", &first), ("f\"; filename=\"f", &second)] {
            body.extend_from_slice(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
            body.extend_from_slice(data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b--");
        let mut form = Form::new(b"multipart/form-data; boundary=b").unwrap();
        for chunk in body.chunks(piece) {
            form.feed(chunk).unwrap();
        }
        form.finish().unwrap();
        prop_assert_eq!(form.parts()[0].data_in(&body), Some(first.as_slice()));
        prop_assert_eq!(form.parts()[1].data_in(&body), Some(second.as_slice()));
        prop_assert_eq!(form.field("a"), std::str::from_utf8(&first).ok());
    }
}
