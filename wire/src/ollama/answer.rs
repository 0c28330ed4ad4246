//! What Ollama answers: one object, or one a line in a stream, of the same shape.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::lenient::{count, text};
use crate::neutral::Finish;
use crate::translate::Context;
use crate::usage::{Unit, Usage};

/// A whole answer, or a piece of one.
#[derive(Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub model: Cow<'a, str>,
    #[serde(borrow, default)]
    pub message: Option<Message<'a>>,
    #[serde(default)]
    pub done: bool,
    #[serde(borrow, default, deserialize_with = "text")]
    pub done_reason: Cow<'a, str>,
    #[serde(default, deserialize_with = "count")]
    prompt_eval_count: u64,
    #[serde(default, deserialize_with = "count")]
    eval_count: u64,
    #[serde(default)]
    logprobs: Option<Vec<Logprob>>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub content: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub thinking: Cow<'a, str>,
    #[serde(borrow, default)]
    pub tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct ToolCall<'a> {
    /// Newer versions have one.
    #[serde(borrow, default, deserialize_with = "text")]
    id: Cow<'a, str>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Logprob {
    #[serde(flatten)]
    token: TokenLogprob,
    #[serde(default)]
    top_logprobs: Option<Vec<TokenLogprob>>,
}

#[derive(Deserialize)]
struct TokenLogprob {
    #[serde(default)]
    token: String,
    #[serde(default)]
    logprob: Value,
    #[serde(default)]
    bytes: Value,
}

impl TokenLogprob {
    fn to_openai(&self) -> Value {
        json!({ "token": self.token, "logprob": self.logprob, "bytes": self.bytes })
    }
}

impl<'a> ToolCall<'a> {
    /// The call's id, made of the gateway's id of the call where there is none.
    pub fn id(&self, number: usize, context: &Context) -> Cow<'a, str> {
        if self.id.is_empty() {
            let call: String = context.call_id.split('-').collect();
            return Cow::Owned(format!("call_{call}_{number}"));
        }
        self.id.clone()
    }

    pub fn name(&self) -> Cow<'a, str> {
        self.function.name.clone()
    }

    pub fn arguments(&self) -> &'a str {
        match self.function.arguments.map(RawValue::get) {
            None | Some("null") => "{}",
            Some(arguments) => arguments,
        }
    }
}

impl Answer<'_> {
    /// The tokens, once they are told. Those of thoughts are among the output.
    pub fn usage(&self) -> Option<Usage> {
        let mut usage = Usage::default();
        usage.set(Unit::Input, self.prompt_eval_count);
        usage.set(Unit::Output, self.eval_count);
        (!usage.is_zero()).then_some(usage)
    }

    /// Log probabilities in the shape of OpenAI's.
    pub fn logprobs(&self) -> Option<Value> {
        let list = self.logprobs.as_ref().filter(|list| !list.is_empty())?;
        let content: Vec<Value> = list
            .iter()
            .map(|one| {
                let TokenLogprob {
                    token,
                    logprob,
                    bytes,
                } = &one.token;
                let top = one.top_logprobs.as_deref().unwrap_or_default();
                let top: Vec<_> = top.iter().map(TokenLogprob::to_openai).collect();
                json!({ "token": token, "logprob": logprob, "bytes": bytes, "top_logprobs": top })
            })
            .collect();
        Some(json!({ "content": content, "refusal": null }))
    }

    /// Why the answer ended. Old versions do not say.
    pub fn finish(&self, calls_tool: bool) -> Finish {
        match self.done_reason.as_ref() {
            "" | "stop" if calls_tool => Finish::ToolCalls,
            "" | "stop" => Finish::Stop,
            "length" => Finish::Length,
            other => Finish::Other(other.to_owned()),
        }
    }
}
