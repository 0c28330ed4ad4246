//! Money is held for every call before it is sent, whatever it is paid by; and a call whose gateway was killed is taken to
//! have used what it likely did.

use serde_json::{Value, json};
use weir_testkit::upstream::{Act, Play};
use weir_testkit::{Conn, Gateway, PATIENCE, Reply, Upstream, wait_until};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const EVERYTHING: &str = "endpoints: {images: true, audio_speech: true, audio_transcriptions: true, moderations: true, \
                          rerank: true, files: true}";

/// US dollars: for one image, a million tokens, a million characters, a second, a thousand searches.
const PRICES: &str = "
prices:
  version: test-1
  up:
    dall-e: {per_image: 0.04}
    gpt-image: {input: 5.00, output: 40.00, image_input: 10.00}
    tts: {per_million_characters: 15.00}
    tts-tokens: {input: 1.00, output: 10.00, audio_output: 12.00}
    whisper: {per_second: 0.0001}
    transcribe: {input: 2.00, output: 10.00, audio_input: 6.00, max_output_tokens: 2000}
    rerank: {per_thousand_searches: 2.00}
    moderation: {input: 1.00, output: 0}
    text: {input: 1.00, output: 2.00, max_output_tokens: 100}
    vectors: {input: 1.00, output: 0}
";

const FORM: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=bnd")];

/// A form as SDKs write it: fields, and one file.
fn form(fields: &[(&str, &str)], file: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        form.extend_from_slice(
            format!("--bnd\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .as_bytes(),
        );
    }
    form.extend_from_slice(
        b"--bnd\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n",
    );
    form.extend_from_slice(file);
    form.extend_from_slice(b"\r\n--bnd--\r\n");
    form
}

/// Sound of so many seconds, 8,000 bytes each.
fn wav(seconds: u32) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    for number in [8_000_u32, 8_000] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend_from_slice(b"\x01\0\x08\0data");
    file.extend_from_slice(&(8_000 * seconds).to_le_bytes());
    file.resize(file.len() + 8_000 * seconds as usize, 0);
    file
}

/// A call that the upstream never answers.
struct Asked {
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
}

impl Asked {
    fn json(path: &'static str, body: &Value) -> Self {
        Self {
            path,
            headers: &[("content-type", "application/json")],
            body: body.to_string().into_bytes(),
        }
    }

    fn form(path: &'static str, fields: &[(&str, &str)], file: &[u8]) -> Self {
        Self {
            path,
            headers: FORM,
            body: form(fields, file),
        }
    }

    fn bytes(&self) -> i64 {
        self.body.len() as i64
    }
}

fn held_nanousd(gateway: &Gateway) -> i64 {
    let metrics = gateway.metrics();
    let mut lines = metrics.lines();
    let held = lines.find_map(|line| line.strip_prefix("weir_held_nanousd "));
    held.and_then(|it| it.parse().ok()).unwrap_or(-1)
}

/// What is held for a call under way, and the row it has when the gateway was killed meanwhile.
fn killed(asked: &Asked) -> (i64, Value) {
    let upstream = Upstream::start();
    let mut gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", EVERYTHING)
        .provider_setting("up", "quirks: {rerank_api: jina}")
        .file("conf.d/90-prices.yaml", PRICES)
        .start();
    upstream.next(Play::new().act(Act::Hang));
    let client = gateway.client();
    let mut connection = Conn::open(client.address());
    connection.send(&client.request(asked.path, asked.headers, &asked.body));
    upstream.wait_for_requests(1);
    let held = held_nanousd(&gateway);
    gateway.kill();
    gateway.start_again();
    let rows = gateway.wait_for_calls(1);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = rows[0].clone();
    assert_eq!(row["end"], "interrupted", "{row}");
    assert_eq!(
        (&row["estimated"], &row["unpriced"]),
        (&json!(true), &json!(false)),
        "{row}"
    );
    (held, row)
}

/// The units of a row with what they cost, in order of their names.
fn items(row: &Value) -> Vec<(String, i64, i64)> {
    let mut items: Vec<_> = row["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            let number = |name: &str| item[name].as_i64().unwrap_or(-1);
            let unit = item["unit"].as_str().unwrap_or_default().to_owned();
            (unit, number("quantity"), number("cost_nanousd"))
        })
        .collect();
    items.sort();
    let sum: i64 = items.iter().map(|(_, _, cost)| cost).sum();
    assert_eq!(row["cost_nanousd"], sum, "{row}");
    items
}

fn assert_killed(asked: &Asked, kind: &str, held_nanousd: i64, expected: &[(&str, i64, i64)]) {
    let (held, row) = killed(asked);
    assert_eq!(row["kind"], kind);
    let expected: Vec<_> = expected
        .iter()
        .map(|(unit, quantity, cost)| ((*unit).to_owned(), *quantity, *cost))
        .collect();
    assert_eq!(items(&row), expected, "{kind}");
    assert_eq!(held, held_nanousd, "held for {kind}");
}

#[test]
fn images_are_held_one_by_one_or_by_their_tokens() {
    let body = json!({"model": "up/dall-e", "prompt": "a weir", "n": 3});
    let asked = Asked::json("/v1/images/generations", &body);
    assert_killed(
        &asked,
        "image_generation",
        120_000_000,
        &[("images", 3, 120_000_000)],
    );

    let body = json!({"model": "up/gpt-image", "prompt": "a weir", "n": 2, "quality": "low"});
    let asked = Asked::json("/v1/images/generations", &body);
    let input = asked.bytes();
    let expected = [
        ("image_output", 800, 800 * 40_000),
        ("input", input, input * 5_000),
    ];
    assert_killed(
        &asked,
        "image_generation",
        input * 5_000 + 2 * 1_024 * 40_000,
        &expected,
    );
}

#[test]
fn edits_and_variations_are_held_with_the_images_they_bring() {
    let fields = [
        ("model", "up/gpt-image"),
        ("quality", "medium"),
        ("prompt", "wet"),
    ];
    let asked = Asked::form("/v1/images/edits", &fields, b"a picture");
    let text = "up/gpt-image".len() + "medium".len() + "wet".len();
    let input = text as i64;
    let expected = [
        ("image_input", 8_192, 81_920_000),
        ("image_output", 1_500, 60_000_000),
        ("input", input, input * 5_000),
    ];
    let held = 81_920_000 + 4_096 * 40_000 + input * 5_000;
    assert_killed(&asked, "image_edit", held, &expected);

    let asked = Asked::form(
        "/v1/images/variations",
        &[("model", "up/dall-e"), ("n", "2")],
        b"x",
    );
    assert_killed(
        &asked,
        "image_variation",
        80_000_000,
        &[("images", 2, 80_000_000)],
    );

    // A large form passes by before it has come whole: more images may be asked for behind the file.
    let asked = Asked::form(
        "/v1/images/edits",
        &[("model", "up/dall-e")],
        &vec![7; 2_000_000],
    );
    assert_killed(
        &asked,
        "image_edit",
        400_000_000,
        &[("images", 1, 40_000_000)],
    );
}

#[test]
fn speech_is_held_to_the_character_or_by_a_bound_of_its_tokens() {
    let body = |model: &str| json!({"model": model, "input": "Grüße 👋", "voice": "alloy"});
    let asked = Asked::json("/v1/audio/speech", &body("up/tts"));
    assert_killed(&asked, "speech", 105_000, &[("characters", 7, 105_000)]);

    let asked = Asked::json("/v1/audio/speech", &body("up/tts-tokens"));
    let expected = [("audio_output", 14, 168_000), ("input", 7, 7_000)];
    assert_killed(&asked, "speech", 7_000 + 35 * 12_000, &expected);
}

#[test]
fn speech_that_is_paid_by_tokens_which_nobody_tells_is_estimated() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", EVERYTHING)
        .file("conf.d/90-prices.yaml", PRICES)
        .start();
    let sound = || Reply::new(200, "sound").header("content-type", "audio/mpeg");
    let expected = [
        ("tts", false, vec![("characters".to_owned(), 7, 105_000)]),
        (
            "tts-tokens",
            true,
            vec![
                ("audio_output".to_owned(), 14, 168_000),
                ("input".to_owned(), 7, 7_000),
            ],
        ),
    ];
    for (number, (model, is_estimated, units)) in expected.into_iter().enumerate() {
        upstream.next(sound());
        let ask = json!({"model": format!("up/{model}"), "input": "Grüße 👋", "voice": "alloy"});
        gateway
            .client()
            .post("/v1/audio/speech", &ask)
            .assert_status(200);
        let rows = gateway.wait_for_calls(number + 1);
        let row = rows
            .iter()
            .find(|row| row["served_model"] == model)
            .expect("a row");
        assert_eq!(
            (&row["estimated"], &row["unpriced"]),
            (&json!(is_estimated), &json!(false))
        );
        assert_eq!(items(row), units);
    }
}

#[test]
fn sound_is_held_by_its_length_where_its_header_tells_and_by_its_bytes_elsewhere() {
    let asked = Asked::form(
        "/v1/audio/transcriptions",
        &[("model", "up/whisper")],
        &wav(10),
    );
    assert_killed(
        &asked,
        "transcription",
        1_000_000,
        &[("seconds", 10, 1_000_000)],
    );

    // Large ones are on their way, or on disk, when their beginning tells.
    let asked = Asked::form(
        "/v1/audio/translations",
        &[("model", "up/whisper")],
        &wav(400),
    );
    assert_killed(
        &asked,
        "audio_translation",
        40_000_000,
        &[("seconds", 400, 40_000_000)],
    );

    // At 6 kbit/s 120,000 bytes are 160 s; they are rather 30.
    let asked = Asked::form(
        "/v1/audio/transcriptions",
        &[("model", "up/whisper")],
        &vec![7; 120_000],
    );
    assert_killed(
        &asked,
        "transcription",
        16_000_000,
        &[("seconds", 30, 3_000_000)],
    );

    let asked = Asked::form(
        "/v1/audio/transcriptions",
        &[("model", "up/transcribe")],
        &wav(10),
    );
    let expected = [("audio_input", 100, 600_000), ("output", 40, 400_000)];
    let text = "up/transcribe".len() as i64;
    let held = text * 2_000 + 320 * 6_000 + 2_000 * 10_000;
    assert_killed(&asked, "transcription", held, &expected);
}

#[test]
fn reranks_moderations_and_vectors_are_held_by_what_is_asked() {
    let documents = vec!["x".repeat(600); 150];
    let body = json!({"model": "up/rerank", "query": "q", "documents": documents});
    let asked = Asked::json("/v1/rerank", &body);
    // Each may count as three documents to a provider that cuts them.
    assert_killed(
        &asked,
        "rerank",
        4 * 2_000_000,
        &[("searches", 2, 4_000_000)],
    );

    let asked = Asked::json(
        "/v1/moderations",
        &json!({"model": "up/moderation", "input": "x"}),
    );
    let input = asked.bytes();
    assert_killed(
        &asked,
        "moderation",
        input * 1_000,
        &[("input", input, input * 1_000)],
    );

    let asked = Asked::json(
        "/v1/embeddings",
        &json!({"model": "up/vectors", "input": "x"}),
    );
    let input = asked.bytes();
    assert_killed(
        &asked,
        "embeddings",
        input * 1_000,
        &[("input", input, input * 1_000)],
    );
}

#[test]
fn a_picture_in_a_chat_is_not_held_by_its_bytes() {
    // The beginning of a PNG in base64.
    let picture = format!("data:image/png;base64,iVBORw0KGgo{}", "A".repeat(600_000));
    let parts = json!([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": picture}}]);
    let body = json!({"model": "up/text", "messages": [{"role": "user", "content": parts}]});
    let asked = Asked::json("/v1/chat/completions", &body);
    let words = asked.bytes() - picture.len() as i64;
    let input = words + 49_152;
    let held = input * 1_000 + 100 * 2_000;
    assert_killed(&asked, "chat", held, &[("input", input, input * 1_000)]);
}

#[test]
fn what_is_held_is_free_again_when_the_call_ends() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", EVERYTHING)
        .file("conf.d/90-prices.yaml", PRICES)
        .start();
    upstream.next(Play::new().act(Act::Hang));
    let client = gateway.client();
    let body = json!({"model": "up/dall-e", "prompt": "a weir"}).to_string();
    let mut connection = Conn::open(client.address());
    connection.send(&client.request("/v1/images/generations", &[], body.as_bytes()));
    upstream.wait_for_requests(1);
    assert_eq!(held_nanousd(&gateway), 40_000_000);
    connection.reset();
    let is_free = wait_until(PATIENCE, || (held_nanousd(&gateway) == 0).then_some(()));
    assert!(is_free.is_some());
    // Nobody told what the client left behind; it was likely made.
    let rows = gateway.wait_for_calls(1);
    assert_eq!(rows[0]["end"], "cancelled", "{rows:?}");
    assert_eq!(rows[0]["estimated"], true);
    assert_eq!(items(&rows[0]), [("images".to_owned(), 1, 40_000_000)]);
}
