//! Sends one minimal request for an operation through the real binary, and sees what becomes of it.

use serde_json::{Value, json};
use weir_testkit::{Act, Behaviour, Gateway, Play, Reply, Response, Seen, Upstream};
use weir_wire::websocket;

use super::WEIR;
use super::findings::{Finding, Verdict};
use super::operations::{self, Operation};

const EVERYTHING: &str = "endpoints: {images: true, audio_speech: true, audio_transcriptions: true, moderations: true, \
                          rerank: true, files: true, realtime: true}";
const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=bnd");
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// A request and the provider's answer to it; none where the upstream knows one by the model's name.
struct Script {
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    answer: Value,
    reply: Option<Behaviour>,
}

impl Script {
    fn json(body: &Value, answer: Value) -> Self {
        Self {
            headers: vec![("content-type", "application/json")],
            body: body.to_string().into_bytes(),
            reply: Some(Reply::json(200, &answer).into()),
            answer,
        }
    }

    fn form(model: &str, file: &str, answer: Value) -> Self {
        let body = format!(
            "--bnd\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n\
             --bnd\r\nContent-Disposition: form-data; name=\"{file}\"; filename=\"a\"\r\n\
             Content-Type: application/octet-stream\r\n\r\nbytes\r\n--bnd--\r\n"
        );
        Self {
            headers: vec![FORM],
            body: body.into_bytes(),
            ..Self::json(&Value::Null, answer)
        }
    }

    /// Nothing is sent beyond the head.
    fn bare(headers: &[(&'static str, &'static str)], answer: Value) -> Self {
        Self {
            headers: headers.to_vec(),
            body: Vec::new(),
            ..Self::json(&Value::Null, answer)
        }
    }
}

/// What is found of OpenAI's operations.
pub fn operations() -> Vec<Finding> {
    examine(operations::pinned())
}

/// What is found of the routes beyond.
pub fn further() -> Vec<Finding> {
    examine(operations::further())
}

fn examine(operations: Vec<Operation>) -> Vec<Finding> {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream)
        .set("catalogue", "fetch: false")
        .provider("up", &upstream)
        .provider_setting("up", EVERYTHING)
        .provider_setting("up", "formats: [chat, completions, responses]")
        .provider_setting("up", "quirks: {rerank_api: jina}")
        .start();
    let exchanges: Vec<_> = operations
        .into_iter()
        .map(|operation| Exchange::of(&gateway, &upstream, operation))
        .collect();
    let carried = exchanges.iter().filter(|it| it.seen.is_some()).count();
    let rows = gateway.wait_for_calls(carried);
    let judged = exchanges.into_iter().map(|it| it.judge(&rows));
    judged.collect()
}

/// One operation's request, as it went out and as it arrived.
struct Exchange {
    operation: Operation,
    script: Script,
    seen: Option<Seen>,
    response: Response,
}

impl Exchange {
    fn of(gateway: &Gateway, upstream: &Upstream, operation: Operation) -> Self {
        let script = script(&operation);
        upstream.forget();
        if let Some(reply) = &script.reply {
            upstream.next(reply.clone());
        }
        let method = match operation.method.as_str() {
            "WS" => "GET",
            method => method,
        };
        let client = gateway.client();
        let length = (!script.body.is_empty()).then_some(script.body.len());
        let mut connection = client.connect();
        connection.send(&client.head(method, &operation.filled(), &script.headers, length));
        connection.send(&script.body);
        let response = connection.response();
        Self {
            seen: upstream.requests().pop(),
            operation,
            script,
            response,
        }
    }

    fn judge(self, rows: &[Value]) -> Finding {
        let verdict = match &self.seen {
            Some(seen) => self.carried(seen, rows),
            None if self.response.status < 400 => Verdict::Supported(None),
            None => {
                let code = self.response.error("code");
                match code.as_str() {
                    "unknown_url" => Verdict::Missing,
                    _ => Verdict::Refused(self.response.status, code),
                }
            }
        };
        Finding {
            operation: self.operation,
            verdict,
        }
    }

    fn carried(&self, seen: &Seen, rows: &[Value]) -> Verdict {
        let operation = &self.operation;
        let expected = match operation.method.as_str() {
            "WS" => 101,
            _ => 200,
        };
        let status = self.response.status;
        assert_eq!(status, expected, "{operation:?}: {}", self.response.text());
        let id = json!(self.response.header("x-request-id"));
        let row = rows.iter().find(|row| row["id"] == id);
        let row = row.unwrap_or_else(|| panic!("{operation:?} has no row"));
        if row["kind"] != "pass" {
            let items = row["items"].as_array().cloned().unwrap_or_default();
            let unit = |item: &Value| item["unit"].as_str().unwrap_or_default().to_owned();
            let mut units: Vec<String> = items.iter().map(unit).collect();
            units.sort();
            units.dedup();
            return Verdict::Supported(Some(units));
        }
        assert_eq!(seen.method, operation.method, "{operation:?}");
        let path = operation.filled();
        // What named the provider is taken off.
        let below = path.strip_prefix("/providers/up").unwrap_or(&path);
        let below = below.replacen("/models/up/", "/models/", 1);
        assert_eq!(seen.path, below, "{operation:?}");
        assert!(seen.body == self.script.body, "{operation:?}");
        assert_eq!(self.response.json(), self.script.answer, "{operation:?}");
        Verdict::Passed
    }
}

/// The request for an operation and its answer: small, and of the shapes that the vendor documents.
fn script(operation: &Operation) -> Script {
    if operation.method == "WS" {
        return Script {
            reply: Some(socket()),
            ..Script::bare(&UPGRADE, Value::Null)
        };
    }
    if operation.method != "POST" {
        return Script::bare(&[], json!({"id": operation.name}));
    }
    conversation(operation)
        .or_else(|| media(operation))
        .or_else(|| numbers(operation))
        .unwrap_or_else(|| {
            let body = json!({"of": operation.name, "model": "ok"});
            Script::json(&body, json!({"id": operation.name}))
        })
}

/// A WebSocket that tells of one answer and closes. The key is that of RFC 6455, section 1.3, and so is what agrees with it.
fn socket() -> Behaviour {
    let usage = json!({"total_tokens": 19, "input_tokens": 12, "output_tokens": 7});
    let done = json!({"type": "response.done", "response": {"id": "resp_1", "usage": usage}});
    let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let play = Play::new()
        .send(head)
        .send(websocket::text_frame(done.to_string().as_bytes()))
        .send(websocket::close_frame(1000, ""));
    play.act(Act::Close).into()
}

fn conversation(operation: &Operation) -> Option<Script> {
    let path = operation.path.as_str();
    let said = json!([{"role": "user", "content": "Hello"}]);
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]});
    let body = match path {
        "/v1/chat/completions" => json!({"model": "up/story-text", "messages": said}),
        "/providers/{name}/v1/chat/completions" => json!({"model": "story-text", "messages": said}),
        "/v1/completions" => json!({"model": "up/ok", "prompt": "Hello"}),
        "/v1/responses" => json!({"model": "up/story-text", "input": "Hello", "store": false}),
        "/v1/messages" => {
            json!({"model": "p-anthropic/story-text", "max_tokens": 9, "messages": said})
        }
        "/v1/messages/count_tokens" => {
            json!({"model": "p-anthropic/story-text", "messages": said})
        }
        _ if path.starts_with("/v1beta/") && !path.contains(":batch") => contents,
        _ => return None,
    };
    (!path.ends_with(":embedContent")).then(|| Script {
        reply: None,
        ..Script::json(&body, Value::Null)
    })
}

fn media(operation: &Operation) -> Option<Script> {
    let image = json!({"created": 1, "data": [{"b64_json": "AA=="}]});
    let heard = json!({"text": "hello", "usage": {"type": "duration", "seconds": 7}});
    Some(match operation.path.as_str() {
        "/v1/images/generations" => {
            let body = json!({"model": "up/dall-e-3", "prompt": "a weir"});
            Script::json(&body, image)
        }
        "/v1/images/edits" | "/v1/images/variations" => Script::form("up/dall-e-2", "image", image),
        "/v1/audio/transcriptions" | "/v1/audio/translations" => {
            Script::form("up/whisper-1", "file", heard)
        }
        "/v1/audio/speech" => {
            let body = json!({"model": "up/tts-1", "input": "Hello", "voice": "alloy"});
            let sound = Reply::new(200, "sound").header("content-type", "audio/mpeg");
            Script {
                reply: Some(sound.into()),
                ..Script::json(&body, Value::Null)
            }
        }
        _ => return None,
    })
}

fn numbers(operation: &Operation) -> Option<Script> {
    let path = operation.path.as_str();
    let content = json!({"parts": [{"text": "Hello"}]});
    let values = json!({"embeddings": [{"values": [0.5]}]});
    Some(match path {
        "/v1/embeddings" => {
            let answer = json!({"object": "list", "model": "ok",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                "usage": {"prompt_tokens": 1, "total_tokens": 1}});
            Script::json(&json!({"model": "up/ok", "input": "Hello"}), answer)
        }
        "/v1/responses/compact" => {
            let answer = json!({"id": "resp_1", "object": "response.compaction", "output": [],
                "usage": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}});
            Script::json(&json!({"model": "up/ok", "input": "Hello"}), answer)
        }
        "/v1/moderations" => {
            let answer = json!({"id": "modr-1", "model": "ok", "results": []});
            Script::json(&json!({"model": "up/ok", "input": "Hello"}), answer)
        }
        _ if path.ends_with("/rerank") => {
            let answer = json!({"results": [{"index": 0, "relevance_score": 0.5}],
                "usage": {"total_tokens": 9}});
            let body = json!({"model": "up/ok", "query": "q", "documents": ["a"]});
            Script::json(&body, answer)
        }
        _ if path.ends_with(":embedContent") => Script::json(&json!({"content": content}), values),
        _ if path.ends_with(":batchEmbedContents") => {
            let asks = json!({"requests": [{"model": "models/ok", "content": content}]});
            Script::json(&asks, values)
        }
        _ => return None,
    })
}
