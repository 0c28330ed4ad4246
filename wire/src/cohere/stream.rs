//! Streams: server-sent events with their type in `event:` and in `type`, ended by `message-end`.

mod text;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{THINKING, TOOL_PLAN, citations, failure, finish, logprobs, made_up_id, mark, usage};
use crate::errors;
use crate::framing::Frame;
use crate::neutral::{Event, Finish};
use crate::stream::Decode;
use crate::translate::Context;
use text::Text;

/// The kinds of events that say something, the commonest first.
const KINDS: [&str; 9] = [
    "content-delta",
    "tool-call-delta",
    "content-start",
    "message-start",
    "tool-plan-delta",
    "tool-call-start",
    "tool-call-end",
    "citation-start",
    "message-end",
];

type Emit<'e> = &'e mut dyn FnMut(Event<'_>);

pub(crate) struct Decoder {
    call_id: String,
    has_started: bool,
    is_over: bool,
    /// The kind of the thoughts whose mark is still to come.
    open_thoughts: Option<&'static str>,
    tools: Vec<Tool>,
}

/// A tool call, at its place in the order of appearance.
struct Tool {
    /// Cohere's number of it, which counts blocks of text too.
    index: Option<u64>,
    has_input: bool,
}

/// `content-start` and `content-delta`.
#[derive(Deserialize)]
struct ContentEvent<'a> {
    #[serde(borrow, default)]
    delta: ContentDelta<'a>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct ContentDelta<'a> {
    #[serde(borrow, default)]
    message: ContentMessage<'a>,
}

#[derive(Default, Deserialize)]
struct ContentMessage<'a> {
    #[serde(borrow, default)]
    content: Block<'a>,
}

#[derive(Default, Deserialize)]
struct Block<'a> {
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    thinking: Text<'a>,
}

/// `tool-call-delta`, as far as it is written as documented.
#[derive(Deserialize)]
struct InputEvent<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow)]
    delta: InputDelta<'a>,
}

#[derive(Deserialize)]
struct InputDelta<'a> {
    #[serde(borrow)]
    message: InputMessage<'a>,
}

#[derive(Deserialize)]
struct InputMessage<'a> {
    #[serde(borrow)]
    tool_calls: InputCall<'a>,
}

#[derive(Deserialize)]
struct InputCall<'a> {
    #[serde(borrow)]
    function: InputFunction<'a>,
}

#[derive(Deserialize)]
struct InputFunction<'a> {
    #[serde(borrow, default)]
    arguments: Text<'a>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
}

impl Decoder {
    pub fn new(context: &Context) -> Self {
        Self {
            call_id: context.call_id.clone(),
            has_started: false,
            is_over: false,
            open_thoughts: None,
            tools: Vec::new(),
        }
    }

    /// Reads an event of a known kind. None if it is not written as its kind is.
    fn event(&mut self, kind: &str, data: &[u8], emit: Emit<'_>) -> Option<()> {
        match kind {
            "content-delta" | "content-start" => self.content(data, emit),
            "tool-call-delta" => self.tool_input(data, emit),
            "message-start" => {
                let event = value(data)?;
                self.start(event.get("id").and_then(Value::as_str), emit);
                Some(())
            }
            "tool-plan-delta" => self.plan(&value(data)?, emit),
            "tool-call-start" => self.tool_start(&value(data)?, emit),
            "tool-call-end" => {
                let index = value(data)?.get("index").and_then(Value::as_u64);
                if let Some(number) = self.number_of(index) {
                    self.complete(number, emit);
                }
                Some(())
            }
            "citation-start" => {
                let event = value(data)?;
                let cited = event.pointer("/delta/message/citations");
                let all = match cited {
                    Some(Value::Array(all)) => all.as_slice(),
                    one => one.map(std::slice::from_ref).unwrap_or_default(),
                };
                if let Some(value) = citations::to_openai(all) {
                    self.start(None, emit);
                    emit(Event::Annotations { choice: 0, value });
                }
                Some(())
            }
            "message-end" => {
                self.end(&value(data)?, emit);
                Some(())
            }
            _ => Some(()),
        }
    }

    fn start(&mut self, id: Option<&str>, emit: Emit<'_>) {
        if !std::mem::replace(&mut self.has_started, true) {
            let id = id.map(Into::into);
            emit(Event::Start { id, model: None });
        }
    }

    /// What must come before output, which is thoughts of a kind or none.
    fn prepare(&mut self, thoughts: Option<&'static str>, emit: Emit<'_>) {
        self.start(None, emit);
        let before = std::mem::replace(&mut self.open_thoughts, thoughts);
        if let Some(kind) = before.filter(|_| before != thoughts) {
            let signature = mark(kind);
            emit(Event::Signature {
                choice: 0,
                signature,
            });
        }
    }

    fn content(&mut self, data: &[u8], emit: Emit<'_>) -> Option<()> {
        let event: ContentEvent<'_> = serde_json::from_slice(data).ok()?;
        self.start(None, emit);
        let Block { text, thinking } = event.delta.message.content;
        if !thinking.0.is_empty() {
            self.prepare(Some(THINKING), emit);
            let text = thinking.0;
            emit(Event::Thinking { choice: 0, text });
        }
        if !text.0.is_empty() {
            self.prepare(None, emit);
            let text = text.0;
            emit(Event::Text { choice: 0, text });
        }
        if let Some(told) = event.logprobs {
            let items = match serde_json::from_str(told.get()).ok()? {
                Value::Array(items) => items,
                one => vec![one],
            };
            if let Some(value) = logprobs::to_openai(&items) {
                emit(Event::Logprobs { choice: 0, value });
            }
        }
        Some(())
    }

    fn plan(&mut self, event: &Value, emit: Emit<'_>) -> Option<()> {
        let text = event.pointer("/delta/message/tool_plan")?.as_str()?;
        if !text.is_empty() {
            self.prepare(Some(TOOL_PLAN), emit);
            let text = text.into();
            emit(Event::Thinking { choice: 0, text });
        }
        Some(())
    }

    fn tool_start(&mut self, event: &Value, emit: Emit<'_>) -> Option<()> {
        let call = only(event.pointer("/delta/message/tool_calls")?)?;
        let name = call.pointer("/function/name")?.as_str()?;
        let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
        let number = self.tools.len();
        let id = match id {
            "" => made_up_id(&self.call_id, number).into(),
            id => id.into(),
        };
        self.prepare(None, emit);
        self.tools.push(Tool {
            index: event.get("index").and_then(Value::as_u64),
            has_input: false,
        });
        emit(Event::ToolStart {
            choice: 0,
            tool: number as u32,
            id,
            name: name.into(),
            is_custom: false,
            signature: None,
        });
        let input = call.pointer("/function/arguments").and_then(Value::as_str);
        self.input(number, input.unwrap_or_default().into(), emit);
        Some(())
    }

    fn tool_input(&mut self, data: &[u8], emit: Emit<'_>) -> Option<()> {
        if let Ok(event) = serde_json::from_slice::<InputEvent<'_>>(data) {
            let number = self.number_of(event.index)?;
            let piece = event.delta.message.tool_calls.function.arguments;
            self.input(number, piece.0, emit);
            return Some(());
        }
        let event = value(data)?;
        let call = only(event.pointer("/delta/message/tool_calls")?)?;
        let piece = call.pointer("/function/arguments").and_then(Value::as_str);
        let number = self.number_of(event.get("index").and_then(Value::as_u64))?;
        self.input(number, piece.unwrap_or_default().into(), emit);
        Some(())
    }

    fn input(&mut self, number: usize, piece: std::borrow::Cow<'_, str>, emit: Emit<'_>) {
        let Some(tool) = self.tools.get_mut(number) else {
            return;
        };
        if piece.is_empty() {
            return;
        }
        // Some models write the arguments of a call without any as null.
        let is_null = !tool.has_input && piece == "null";
        tool.has_input = true;
        emit(Event::ToolInput {
            choice: 0,
            tool: number as u32,
            text: if is_null { "{}".into() } else { piece },
        });
    }

    /// The number of the tool that Cohere calls `index`; the last one where it does not say.
    fn number_of(&self, index: Option<u64>) -> Option<usize> {
        let last = self.tools.len().checked_sub(1)?;
        let of_index = |tool: &Tool| tool.index == index;
        Some(self.tools.iter().rposition(of_index).unwrap_or(last))
    }

    /// A call without arguments has an empty object of them.
    fn complete(&mut self, number: usize, emit: Emit<'_>) {
        if self.tools.get(number).is_some_and(|tool| !tool.has_input) {
            self.input(number, "{}".into(), emit);
        }
    }

    fn end(&mut self, event: &Value, emit: Emit<'_>) {
        self.prepare(None, emit);
        for number in 0..self.tools.len() {
            self.complete(number, emit);
        }
        let used = event.pointer("/delta/usage").and_then(usage::read);
        if let Some(used) = used {
            emit(Event::Usage(used));
        }
        let told = |name: &str| event.get("delta")?.get(name)?.as_str();
        let (reason, message) = (told("finish_reason"), told("error"));
        let ended = match (reason, message) {
            (None, Some(message)) => Err(Box::new(failure("ERROR", Some(message)))),
            (None, None) => Ok(Finish::Stop),
            (Some(reason), _) => {
                let finish = finish(reason, !self.tools.is_empty());
                finish.ok_or_else(|| Box::new(failure(reason, message)))
            }
        };
        match ended {
            Ok(finish) => {
                emit(Event::Finish { choice: 0, finish });
                emit(Event::Done);
            }
            Err(error) => emit(Event::Error(*error)),
        }
    }

    /// An event of no kind: an error, or nothing that is known.
    fn untyped(&mut self, data: &[u8], emit: Emit<'_>) {
        if let Some(error) = errors::parse_error(data) {
            emit(Event::Error(error));
        }
    }
}

impl Decode for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let data = frame.data;
        if data.is_empty() {
            emit(Event::Ping);
            return;
        }
        // What follows the end is told already.
        if self.is_over || data == b"[DONE]" {
            return;
        }
        let mut is_over = false;
        let mut watch = |event: Event<'_>| {
            is_over |= matches!(event, Event::Done | Event::Error(_));
            emit(event);
        };
        let understood = match frame.name {
            "error" => None,
            name if KINDS.contains(&name) => self.event(name, data, &mut watch),
            _ => match serde_json::from_slice::<Kind<'_>>(data) {
                Ok(Kind { kind }) if kind.0.is_empty() => {
                    self.untyped(data, &mut watch);
                    Some(())
                }
                Ok(Kind { kind }) => self.event(&kind.0, data, &mut watch),
                Err(_) => None,
            },
        };
        if understood.is_none() {
            watch(Event::Error(errors::describe(data)));
        }
        self.is_over |= is_over;
    }

    fn finish(&mut self, _emit: &mut dyn FnMut(Event<'_>)) {
        // `message-end` is what makes an answer whole; without it there is nothing to add.
    }
}

fn value(data: &[u8]) -> Option<Value> {
    serde_json::from_slice(data).ok().filter(Value::is_object)
}

/// The call of a tool event, which is documented as an object and has been seen in a list.
fn only(calls: &Value) -> Option<&Value> {
    match calls {
        Value::Array(calls) => calls.first(),
        call => Some(call),
    }
}
