//! Asks in every format that clients speak for an answer from every format that providers speak, whole and streamed.

use serde_json::{Value, json};
use weir_testkit::upstream::{self, formats};
use weir_testkit::{Client, Gateway, Response, Seen as Request, Upstream};
use weir_wire::format::Format;

use super::WEIR;

/// What becomes of a conversation between two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// One and the same: the provider's bytes arrive.
    Same,
    /// Translated both ways.
    Translated,
    /// Refused: the client's format cannot be said in the provider's.
    Gap,
}

impl Pair {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "untouched",
            Self::Translated => "translated",
            Self::Gap => "gap",
        }
    }
}

/// A client's format, a provider's, and what was seen between them.
pub type Seen = (Format, Format, Pair);

/// Probes every pair, and holds what it sees against what the formats promise.
pub fn probe() -> Vec<Seen> {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream)
        .set("catalogue", "fetch: false")
        .provider_at("p-completions", &upstream.base_url())
        .provider_setting("p-completions", "formats: [completions]")
        .start();
    let mut found = Vec::new();
    for client in Format::IN {
        for provider in Format::ALL {
            let probe = Probe {
                upstream: &upstream,
                gateway: &gateway,
                client,
                provider,
            };
            let pair = probe.pair();
            assert_eq!(pair, promised(client, provider), "{client:?} {provider:?}");
            found.push((client, provider, pair));
        }
    }
    assert_metered(&gateway, &found);
    found
}

fn promised(client: Format, provider: Format) -> Pair {
    match client.served_by().contains(&provider) {
        true if client == provider => Pair::Same,
        true => Pair::Translated,
        false => Pair::Gap,
    }
}

/// Every call that was carried has a row with the tokens of both sides.
fn assert_metered(gateway: &Gateway, found: &[Seen]) {
    let carried = found.iter().filter(|(.., pair)| *pair != Pair::Gap);
    let expected = 2 * carried.count();
    let rows = gateway.wait_for_calls(expected);
    let is_metered = |row: &&Value| {
        let units: Vec<_> = row["items"].as_array().into_iter().flatten().collect();
        let has = |unit: &str| units.iter().any(|item| item["unit"] == unit);
        has("input") && has("output")
    };
    assert_eq!(rows.iter().filter(is_metered).count(), expected);
}

struct Probe<'a> {
    upstream: &'a Upstream,
    gateway: &'a Gateway,
    client: Format,
    provider: Format,
}

impl Probe<'_> {
    fn pair(&self) -> Pair {
        self.upstream.forget();
        let whole = self.send(false);
        if whole.status != 200 {
            whole.assert_status(404);
            assert!(self.upstream.requests().is_empty(), "{}", self.names());
            return Pair::Gap;
        }
        assert_eq!(text_of(&whole.json()), self.text(), "{}", self.names());
        let streamed = self.send(true);
        streamed.assert_status(200);
        let events = streamed.text();
        let data = events
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        let pieces = data.filter_map(|data| serde_json::from_str(data).ok());
        let text: String = pieces.map(|piece: Value| piece_of(&piece)).collect();
        assert_eq!(text, self.text(), "{}: {events}", self.names());
        let requests = self.upstream.requests();
        assert_eq!(requests.len(), 2, "{}", self.names());
        for seen in &requests {
            assert!(is_path_of(self.provider, &seen.path), "{}", seen.path);
        }
        if whole.body == self.own_answer(&requests) {
            Pair::Same
        } else {
            Pair::Translated
        }
    }

    /// What the upstream says to the first request without a gateway between: its ids count from the same start again.
    fn own_answer(&self, requests: &[Request]) -> Vec<u8> {
        let first = &requests[0];
        self.upstream.forget();
        let of_this_message = ["host", "content-length", "content-type", "connection"];
        let headers = first.headers.iter();
        let kept = headers.filter(|(name, _)| !of_this_message.contains(&name.as_str()));
        let direct = Client::new(self.upstream.address());
        let client = kept.fold(direct, |client, (name, value)| {
            client.with_header(name, value)
        });
        let answer = client.post_bytes(&first.path, &[], &first.body);
        answer.assert_status(200);
        answer.body
    }

    fn send(&self, stream: bool) -> Response {
        let model = format!("p-{}/{}", self.provider.as_str(), self.model());
        let said = json!([{"role": "user", "content": "Hello"}]);
        let (path, mut body) = match self.client {
            Format::Completions => ("/v1/completions", json!({"prompt": "Hello"})),
            Format::Responses => ("/v1/responses", json!({"input": "Hello", "store": false})),
            Format::Anthropic => ("/v1/messages", json!({"max_tokens": 99, "messages": said})),
            Format::Gemini => return self.send_gemini(&model, stream),
            _ => ("/v1/chat/completions", json!({"messages": said})),
        };
        body["model"] = json!(model);
        body["stream"] = json!(stream);
        self.gateway.client().post(path, &body)
    }

    fn send_gemini(&self, model: &str, stream: bool) -> Response {
        let method = match stream {
            true => "streamGenerateContent?alt=sse",
            false => "generateContent",
        };
        let body = json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]});
        let path = format!("/v1beta/models/{model}:{method}");
        self.gateway.client().post(&path, &body)
    }

    /// The upstream's stories have no teller in the legacy format, which its catalogue answers.
    fn model(&self) -> &'static str {
        match self.provider {
            Format::Completions => "ok",
            _ => "story-text",
        }
    }

    fn text(&self) -> &'static str {
        match self.provider {
            Format::Completions => upstream::TEXT,
            _ => formats::TEXT,
        }
    }

    fn names(&self) -> String {
        format!("{} to {}", self.client.as_str(), self.provider.as_str())
    }
}

/// The text of a whole answer, in whichever format.
fn text_of(answer: &Value) -> String {
    let places = [
        "/choices/0/message/content",
        "/choices/0/text",
        "/output/0/content/0/text",
        "/content/0/text",
        "/candidates/0/content/parts/0/text",
    ];
    let text = places
        .iter()
        .find_map(|place| answer.pointer(place)?.as_str());
    text.unwrap_or_default().to_owned()
}

/// The text that an event of a stream adds, in whichever format.
fn piece_of(event: &Value) -> String {
    let place = match event["type"].as_str() {
        Some("response.output_text.delta") => "/delta",
        Some("content_block_delta") => "/delta/text",
        Some(_) => return String::new(),
        None if event.get("candidates").is_some() => "/candidates/0/content/parts/0/text",
        None if event.pointer("/choices/0/text").is_some() => "/choices/0/text",
        None => "/choices/0/delta/content",
    };
    let text = event.pointer(place).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn is_path_of(provider: Format, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let ends: &[&str] = match provider {
        Format::Chat => &["/v1/chat/completions"],
        Format::Completions => &["/v1/completions"],
        Format::Responses => &["/v1/responses"],
        Format::Anthropic => &["/v1/messages"],
        Format::Gemini => &[":generateContent", ":streamGenerateContent"],
        Format::Bedrock => &["/converse", "/converse-stream"],
        Format::Ollama => &["/api/chat"],
        Format::Cohere => &["/v2/chat"],
    };
    ends.iter().any(|end| path.ends_with(end))
}
