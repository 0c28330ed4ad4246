//! What is told, apart from how: a story is chosen by the model's name, and becomes a tale for one request.

use serde_json::{Value, json};

use super::super::payload::instance_of;
use super::super::record::Seen;

/// What `story-text` says: several scripts, and characters that JSON escapes.
pub const TEXT: &str = "Grüße aus \"Oslo\", 世界 🌍.";
/// What `story-think` thinks first.
pub const THOUGHTS: &str = "The user wants a greeting.";
/// What proves `story-think`'s thoughts, where a format has such proofs; base64, as most are.
pub const SIGNATURE: &str = "c2lnbmVkLWJ5LXRoZS1zdG9yeQ==";
/// The tool that `story-tool` calls.
pub const TOOL: &str = "get_weather";
/// With what it calls it.
pub const ARGUMENTS: &str = r#"{"city":"Oslo"}"#;
/// The words of `story-error`.
pub const ERROR_WORDS: &str = "The scripted vendor asks you to slow down.";
/// The wait that `story-error` asks for.
pub const RETRY_AFTER_S: u64 = 7;
/// What has been said when `story-cut` and `story-fault` break off: the beginning of [`TEXT`].
pub const CUT_TEXT: &str = "Grüße";
/// The words of `story-fault`, which come in the middle of its stream.
pub const FAULT_WORDS: &str = "The scripted vendor broke while it was speaking.";
/// How many events `story-cut` and `story-fault` send whole; in every format some of them carry text by then.
pub(super) const CUT_AFTER: usize = 5;

/// Tokens of the prompt, those from the cache among them.
pub(super) const INPUT: u64 = 12;
/// Tokens of the prompt that came from the cache.
pub(super) const CACHED: u64 = 5;
/// Tokens of the answer, thoughts included.
pub(super) const OUTPUT: u64 = 7;
/// Tokens of `story-think`'s thoughts, where a format counts them.
pub(super) const REASONING: u64 = 3;

/// A story, by the model's name up to a dot; what follows the dot makes a name a test's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Story {
    Text,
    Tool,
    Parallel,
    Json,
    Think,
    Length,
    Error,
    Cut,
    Fault,
    Echo,
}

impl Story {
    pub fn of(model: &str) -> Self {
        match model.split('.').next().unwrap_or_default() {
            "story-tool" => Self::Tool,
            "story-parallel" => Self::Parallel,
            "story-json" => Self::Json,
            "story-think" => Self::Think,
            "story-length" => Self::Length,
            "story-error" => Self::Error,
            "story-cut" => Self::Cut,
            "story-fault" => Self::Fault,
            "story-echo" => Self::Echo,
            _ => Self::Text,
        }
    }

    /// The story told to one request.
    pub fn tale(self, asked: &Asked, seen: &Seen) -> Tale {
        let answers = asked.has_tools && !asked.has_result;
        let weather = || Call::new(0, TOOL, ARGUMENTS);
        match self {
            Self::Tool if answers => Tale::calling(vec![weather()]),
            Self::Parallel if answers => {
                let second = Call::new(1, TOOL, r#"{"city":"Bergen"}"#);
                Tale::calling(vec![weather(), second])
            }
            Self::Json => asked.structured(),
            Self::Think => Tale {
                thoughts: Some(THOUGHTS),
                ..Tale::saying(TEXT)
            },
            Self::Length => Tale {
                end: End::Length,
                ..Tale::saying(TEXT)
            },
            Self::Echo => Tale::saying(&echo(seen)),
            _ => Tale::saying(TEXT),
        }
    }
}

/// What a request asks for, as far as a story depends on it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub has_tools: bool,
    /// Whether a tool's result is among the messages.
    pub has_result: bool,
    /// The tool that must be called, with its schema.
    pub forced: Option<(String, Value)>,
    /// The schema that the answer must follow.
    pub schema: Option<Value>,
}

impl Asked {
    /// The smallest answer that the schema allows.
    fn structured(&self) -> Tale {
        if let Some((name, schema)) = &self.forced {
            let arguments = instance_of(schema, schema).to_string();
            return Tale::calling(vec![Call::new(0, name, &arguments)]);
        }
        let schema = self.schema.clone().unwrap_or_else(|| json!({}));
        match instance_of(&schema, &schema) {
            Value::Null => Tale::saying(r#"{"answer":42}"#),
            instance => Tale::saying(&instance.to_string()),
        }
    }
}

/// Why a tale ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Stop,
    Calls,
    Length,
}

/// A tool call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub id: String,
    pub name: String,
    pub arguments: String,
}

impl Call {
    fn new(index: usize, name: &str, arguments: &str) -> Self {
        Self {
            id: format!("call_story{index}"),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }
    }

    /// The arguments as an object, for formats that have them so.
    pub fn input(&self) -> Value {
        serde_json::from_str(&self.arguments).unwrap_or(Value::Null)
    }

    /// The arguments in pieces, as they are streamed: an empty one, and two halves.
    pub fn fragments(&self) -> [&str; 3] {
        let half = self.arguments.len() / 2;
        let first = self.arguments.get(..half).unwrap_or_default();
        let second = self.arguments.get(half..).unwrap_or_default();
        ["", first, second]
    }
}

/// What is told to one request.
#[derive(Clone, Debug)]
pub(super) struct Tale {
    pub thoughts: Option<&'static str>,
    pub text: String,
    pub calls: Vec<Call>,
    pub end: End,
}

impl Tale {
    fn saying(text: &str) -> Self {
        Self {
            thoughts: None,
            text: text.to_owned(),
            calls: Vec::new(),
            end: End::Stop,
        }
    }

    fn calling(calls: Vec<Call>) -> Self {
        Self {
            calls,
            end: End::Calls,
            ..Self::saying("")
        }
    }

    /// The text as it is streamed: its first word, then pieces of three characters; nothing where nothing is said.
    pub fn pieces(&self) -> Vec<String> {
        let Some(space) = self.text.find(' ') else {
            return Some(self.text.clone())
                .filter(|text| !text.is_empty())
                .into_iter()
                .collect();
        };
        let (first, rest) = self.text.split_at_checked(space).unwrap_or_default();
        let rest: Vec<char> = rest.chars().collect();
        // A long text, such as an echo, is not worth thousands of events.
        let size = (rest.len() / 32).max(3);
        let rest = rest.chunks(size).map(|piece| piece.iter().collect());
        std::iter::once(first.to_owned()).chain(rest).collect()
    }

    /// Tokens of thoughts, for formats that count them.
    pub fn reasoning(&self) -> u64 {
        self.thoughts.map_or(0, |_| REASONING)
    }

    /// The word for the end, of those a format has.
    pub fn ending<'a>(&self, stop: &'a str, calls: &'a str, length: &'a str) -> &'a str {
        match self.end {
            End::Stop => stop,
            End::Calls => calls,
            End::Length => length,
        }
    }
}

/// What was sent, as JSON.
fn echo(seen: &Seen) -> String {
    let headers: serde_json::Map<String, Value> = seen
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), json!(value)))
        .collect();
    json!({"path": seen.path, "headers": headers, "body": seen.json()}).to_string()
}
