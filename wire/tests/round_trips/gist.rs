//! What an answer comes to.

use serde_json::Value;
use weir_wire::format::Format;
use weir_wire::neutral::{Content, Finish, Reply};
use weir_wire::usage::{Unit, Usage, from_openai};

/// What must survive. Formats differ in how they interleave text and thoughts, and not all of them count thoughts apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gist {
    text: String,
    thoughts: String,
    /// What proves the thoughts, as a client of chat or of Anthropic's is shown it.
    proof: String,
    calls: Vec<Call>,
    finish: String,
    input: u64,
    cached: u64,
    output: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Call {
    id: String,
    name: String,
    arguments: Value,
}

impl Gist {
    /// Of an answer as it is.
    pub fn of(reply: &Reply) -> Self {
        let mut gist = Self::default();
        let choice = &reply.choices[0];
        for part in &choice.parts {
            match &part.content {
                Content::Text(text) => gist.text.push_str(text),
                Content::Thinking(thinking) => {
                    gist.thoughts.push_str(&thinking.text);
                    let proof = thinking.signature.as_ref();
                    let proof = proof.map(|it| it.write(Format::Anthropic));
                    gist.proof.push_str(&proof.unwrap_or_default());
                }
                Content::ToolCall(call) => gist.calls.push(Call {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    arguments: serde_json::from_str(&call.input).unwrap(),
                }),
                other => panic!("nobody said {other:?}"),
            }
        }
        gist.finish = match choice.finish.as_ref().unwrap() {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::ToolCalls => "tool_calls",
            // Formats that do not tell who refused take the one for the other.
            Finish::ContentFilter | Finish::Refusal => "content_filter",
            other => panic!("nobody ended with {other:?}"),
        }
        .to_owned();
        gist.count(reply.usage.unwrap());
        gist
    }

    /// Of a stream of OpenAI's chat, put together as its SDKs do.
    pub fn of_chat_stream(stream: &[u8]) -> Self {
        let mut gist = Self::default();
        let mut inputs: Vec<String> = Vec::new();
        let stream = std::str::from_utf8(stream).unwrap();
        assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
        for line in stream.split("\n\n") {
            let Some(chunk) = line.strip_prefix("data: {") else {
                continue;
            };
            let chunk: Value = serde_json::from_str(&format!("{{{chunk}")).unwrap();
            if chunk["usage"].is_object() {
                assert_eq!(chunk["choices"].as_array().map(Vec::len), Some(0));
                gist.count(from_openai(chunk["usage"].to_string().as_bytes()).unwrap());
                continue;
            }
            let choice = &chunk["choices"][0];
            let delta = &choice["delta"];
            gist.text
                .push_str(delta["content"].as_str().unwrap_or_default());
            let thought = delta["reasoning_content"].as_str();
            gist.thoughts.push_str(thought.unwrap_or_default());
            for block in delta["thinking_blocks"].as_array().into_iter().flatten() {
                let proof = block["signature"].as_str();
                gist.proof.push_str(proof.unwrap_or_default());
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                gist.add(call, &mut inputs);
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                assert_eq!(gist.finish, "", "an answer ends once");
                gist.finish = reason.to_owned();
            }
        }
        for (call, input) in gist.calls.iter_mut().zip(&inputs) {
            call.arguments = serde_json::from_str(input).unwrap();
        }
        gist
    }

    fn add(&mut self, call: &Value, inputs: &mut Vec<String>) {
        let at = call["index"].as_u64().unwrap() as usize;
        assert!(at <= inputs.len(), "no call is passed over");
        if at == inputs.len() {
            assert_eq!(call["type"], "function");
            inputs.push(String::new());
            self.calls.push(Call {
                id: call["id"].as_str().unwrap().to_owned(),
                name: call["function"]["name"].as_str().unwrap().to_owned(),
                arguments: Value::Null,
            });
        } else {
            assert!(call["id"].is_null(), "an id is told once: {call}");
        }
        inputs[at].push_str(call["function"]["arguments"].as_str().unwrap());
    }

    fn count(&mut self, usage: Usage) {
        self.input = usage.input_total();
        self.cached = usage.get(Unit::CacheRead);
        self.output = usage.output_total();
    }

    /// The names of the tools that are called.
    pub fn call_names(&self) -> Vec<String> {
        self.calls.iter().map(|call| call.name.clone()).collect()
    }

    /// As a provider tells it that proves all thoughts with this.
    pub fn with_proof(mut self, proof: &str) -> Self {
        self.proof.clear();
        if !self.thoughts.is_empty() {
            self.proof.push_str(proof);
        }
        self
    }

    /// As a provider tells it who does not tell what was cached.
    pub fn without_cache(mut self) -> Self {
        self.cached = 0;
        self
    }

    /// As a provider tells it who has no filter.
    pub fn without_filter(mut self) -> Self {
        if self.finish == "content_filter" {
            let is_plain = self.calls.is_empty();
            self.finish = if is_plain { "stop" } else { "tool_calls" }.to_owned();
        }
        self
    }

    /// As a provider tells it who gives calls no ids.
    pub fn with_ids(mut self, id: impl Fn(usize) -> String) -> Self {
        for (at, call) in self.calls.iter_mut().enumerate() {
            call.id = id(at);
        }
        self
    }
}
