//! The same questions in every client's format.

use serde_json::{Value, json};
use weir_testkit::upstream::formats::{ARGUMENTS, TOOL};

use crate::dialects::Dialect;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// One turn, nothing else.
    Plain,
    /// One turn, and thoughts are wanted: Gemini's clients are shown them only where they ask.
    WithThoughts,
    /// One turn, with a tool at hand.
    WithTool,
    /// A tool was called before, and here is its result.
    WithResult,
}

impl Question {
    /// Whether it can be asked only where there are tools.
    pub fn has_tools(self) -> bool {
        matches!(self, Self::WithTool | Self::WithResult)
    }
}

const PROMPT: &str = "How is the weather in Oslo?";
const SYSTEM: &str = "Be brief.";
const DESCRIPTION: &str = "The weather of a city.";
/// What the tool gave.
pub const RESULT: &str = "8 degrees";

/// The body of a question, without its model.
pub fn body(dialect: Dialect, question: Question) -> Value {
    let has_result = question == Question::WithResult;
    let (mut body, tools) = match dialect {
        Dialect::Chat => (chat(has_result), chat_tools()),
        Dialect::Completions => (json!({"prompt": PROMPT, "max_tokens": 100}), Value::Null),
        Dialect::Responses => (responses(has_result), responses_tools()),
        Dialect::Anthropic => (anthropic(has_result), anthropic_tools()),
        Dialect::Gemini => (gemini(has_result), gemini_tools()),
    };
    if question.has_tools() {
        body["tools"] = tools;
    }
    if question == Question::WithThoughts && dialect == Dialect::Gemini {
        body["generationConfig"]["thinkingConfig"] = json!({"includeThoughts": true});
    }
    body
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

fn arguments() -> Value {
    serde_json::from_str(ARGUMENTS).unwrap_or_default()
}

fn chat(has_result: bool) -> Value {
    let mut messages = vec![
        json!({"role": "system", "content": SYSTEM}),
        json!({"role": "user", "content": PROMPT}),
    ];
    if has_result {
        let function = json!({"name": TOOL, "arguments": ARGUMENTS});
        let call = json!({"id": "call_1", "type": "function", "function": function});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": "call_1", "content": RESULT}));
    }
    json!({"messages": messages})
}

fn chat_tools() -> Value {
    let function = json!({"name": TOOL, "description": DESCRIPTION, "parameters": schema()});
    json!([{"type": "function", "function": function}])
}

fn responses(has_result: bool) -> Value {
    let mut input = vec![json!({"role": "user", "content": PROMPT})];
    if has_result {
        input.push(json!({"type": "function_call", "call_id": "call_1", "name": TOOL, "arguments": ARGUMENTS}));
        input.push(json!({"type": "function_call_output", "call_id": "call_1", "output": RESULT}));
    }
    json!({"instructions": SYSTEM, "input": input, "store": false})
}

fn responses_tools() -> Value {
    json!([{"type": "function", "name": TOOL, "description": DESCRIPTION, "parameters": schema(), "strict": false}])
}

fn anthropic(has_result: bool) -> Value {
    let mut messages = vec![json!({"role": "user", "content": PROMPT})];
    if has_result {
        let call = json!({"type": "tool_use", "id": "call_1", "name": TOOL, "input": arguments()});
        let result = json!({"type": "tool_result", "tool_use_id": "call_1", "content": RESULT});
        messages.push(json!({"role": "assistant", "content": [call]}));
        messages.push(json!({"role": "user", "content": [result]}));
    }
    json!({"system": SYSTEM, "messages": messages, "max_tokens": 100})
}

fn anthropic_tools() -> Value {
    json!([{"name": TOOL, "description": DESCRIPTION, "input_schema": schema()}])
}

fn gemini(has_result: bool) -> Value {
    let mut contents = vec![json!({"role": "user", "parts": [{"text": PROMPT}]})];
    if has_result {
        let call = json!({"functionCall": {"name": TOOL, "args": arguments()}});
        let response = json!({"name": TOOL, "response": {"result": RESULT}});
        contents.push(json!({"role": "model", "parts": [call]}));
        contents.push(json!({"role": "user", "parts": [{"functionResponse": response}]}));
    }
    json!({"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": contents,
        "generationConfig": {"maxOutputTokens": 100}})
}

fn gemini_tools() -> Value {
    let function = json!({"name": TOOL, "description": DESCRIPTION, "parameters": schema()});
    json!([{"functionDeclarations": [function]}])
}
