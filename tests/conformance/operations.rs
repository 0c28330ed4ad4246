//! What is probed: the pinned list of OpenAI's operations, and the routes beyond it.

/// One operation of an API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// The method; `WS` asks for a WebSocket.
    pub method: String,
    /// The path, with `{…}` for what a client fills in.
    pub path: String,
    /// The operation's name.
    pub name: String,
}

impl Operation {
    fn new(method: &str, path: &str, name: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The path as a client sends it: what stands in braces is a name that a provider could have given.
    pub fn filled(&self) -> String {
        let path = self.path.replace("{name}", "up");
        let path = path.replace("{model}", "up/ok").replace(['{', '}'], "");
        match self.method.as_str() {
            "WS" => path + "?model=up/ok",
            _ => path,
        }
    }

    /// The first word of the path below `/v1`.
    pub fn group(&self) -> &str {
        self.path.split('/').nth(2).unwrap_or_default()
    }
}

/// OpenAI's operations, as `operations.txt` lists them.
pub fn pinned() -> Vec<Operation> {
    let lines = include_str!("operations.txt").lines();
    let filled = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    filled.map(parse).collect()
}

fn parse(line: &str) -> Operation {
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(path), Some(name), None | Some("*")) => {
            Operation::new(method, path, name)
        }
        _ => panic!("operations.txt: write `METHOD PATH OPERATION`, not {line:?}"),
    }
}

/// Routes that are no operations of OpenAI's: other vendors', and our own.
pub fn further() -> Vec<Operation> {
    [
        ("POST", "/v1/messages", "Anthropic: messages"),
        (
            "POST",
            "/v1/messages/count_tokens",
            "Anthropic: count tokens",
        ),
        (
            "POST",
            "/v1beta/models/p-gemini/story-text:generateContent",
            "Gemini: generate",
        ),
        (
            "POST",
            "/v1beta/models/p-gemini/story-text:streamGenerateContent",
            "Gemini: generate, streamed",
        ),
        (
            "POST",
            "/v1beta/models/p-gemini/story-text:countTokens",
            "Gemini: count tokens",
        ),
        (
            "POST",
            "/v1beta/models/p-gemini/story-text:embedContent",
            "Gemini: embed",
        ),
        (
            "POST",
            "/v1beta/models/p-gemini/story-text:batchEmbedContents",
            "Gemini: embed several",
        ),
        ("POST", "/v1/rerank", "Jina and Cohere: rerank"),
        ("POST", "/v2/rerank", "Cohere: rerank"),
        ("POST", "/rerank", "Infinity and vLLM: rerank"),
        (
            "POST",
            "/providers/{name}/v1/chat/completions",
            "One provider's, known here",
        ),
        (
            "GET",
            "/providers/{name}/v1/novelties/{id}",
            "One provider's, unknown here",
        ),
        ("GET", "/v1/realtime", "Realtime without an upgrade"),
        ("GET", "/v1/anything_else", "A path that nobody knows"),
    ]
    .map(|(method, path, name)| Operation::new(method, path, name))
    .to_vec()
}
