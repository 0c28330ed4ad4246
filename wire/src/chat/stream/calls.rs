//! The tool calls of one streamed answer: which call a piece belongs to, however its server numbers and names them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::chunk::CallDelta;
use crate::chat::assistant::read_signature;
use crate::chat::tool_names::{CallIds, ChangedNames};
use crate::format::Format;
use crate::framing::MAX_EVENT_BYTES;
use crate::neutral::{Event, Signature};

/// What names calls.
#[derive(Debug)]
pub(super) struct Naming {
    pub ids: CallIds,
    pub names: ChangedNames,
}

/// The calls of one answer, in the order in which they appeared.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    /// The server's number for it.
    index: Option<u32>,
    id: String,
    /// Known from the start with nearly all servers.
    name: String,
    is_custom: bool,
    signature: Option<Signature>,
    has_started: bool,
    has_input: bool,
    /// Input that came before the name.
    held: String,
}

/// A piece of a call.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    pub index: Option<u32>,
    pub id: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub input: Option<Cow<'a, str>>,
    pub is_custom: bool,
    pub signature: Option<Signature>,
}

impl<'a> Piece<'a> {
    pub fn of(delta: CallDelta<'a>) -> Self {
        let is_custom = delta.custom.is_some();
        let (name, input) = match (delta.custom, delta.function) {
            (Some(custom), _) => (custom.name.filled(), custom.input.filled()),
            (None, Some(function)) => {
                let arguments = function.arguments.and_then(arguments_text);
                (function.name.filled(), arguments)
            }
            (None, None) => (None, None),
        };
        let extra = delta
            .extra_content
            .and_then(|raw| serde_json::from_str(raw.get()).ok());
        Self {
            index: delta.index.0,
            id: delta.id.filled(),
            name,
            input,
            is_custom,
            signature: read_signature(extra.as_ref(), Format::Chat),
        }
    }
}

/// Arguments as text: they are JSON in a string, or with some servers the object itself.
pub(super) fn arguments_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    let text = match json.strip_prefix('"') {
        Some(rest) => match rest.strip_suffix('"') {
            Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
            _ => Cow::Owned(serde_json::from_str(json).ok()?),
        },
        None => Cow::Borrowed(json),
    };
    (!text.is_empty()).then_some(text)
}

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Takes a piece, and emits what it tells.
    pub fn take(
        &mut self,
        choice: u32,
        piece: Piece<'_>,
        naming: &mut Naming,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        let tool = self.find(&piece).unwrap_or(self.calls.len());
        if tool == self.calls.len() {
            self.calls.push(Call::new(&piece, naming));
        }
        let Some(call) = self.calls.get_mut(tool) else {
            return;
        };
        let tool = u32::try_from(tool).unwrap_or(u32::MAX);
        if !call.has_started {
            call.signature = piece.signature.or(call.signature.take());
            if let Some(name) = &piece.name {
                call.name = naming.names.restore(name).to_owned();
            }
            if call.name.is_empty() {
                let input = piece.input.as_deref().unwrap_or_default();
                // Whoever never names a call must not fill the memory either.
                if call.held.len() + input.len() <= MAX_EVENT_BYTES {
                    call.held.push_str(input);
                }
                return;
            }
            call.start(choice, tool, emit);
        }
        if let Some(text) = piece.input {
            call.has_input = true;
            emit(Event::ToolInput { choice, tool, text });
        }
    }

    /// The number of the call that a piece belongs to; none if it begins a new one.
    fn find(&self, piece: &Piece<'_>) -> Option<usize> {
        let last = self.calls.len().checked_sub(1);
        let Some(index) = piece.index else {
            // Without numbers an id tells calls apart, and without ids a name begins one.
            return match (&piece.id, &piece.name) {
                (Some(id), _) => self.calls.iter().rposition(|call| call.id == **id),
                (None, Some(_)) => None,
                (None, None) => last,
            };
        };
        let at = self
            .calls
            .iter()
            .rposition(|call| call.index == Some(index))?;
        // Some servers (Gemini's) give each whole call of an answer the number 0: another id is another call.
        let is_another = match (&piece.id, &piece.name, self.calls.get(at)) {
            (Some(id), Some(_), Some(call)) => call.id != **id,
            _ => false,
        };
        (!is_another).then_some(at)
    }

    /// The answer is over: what was held back is emitted, and calls without arguments get their empty object.
    pub fn finish(&mut self, choice: u32, emit: &mut dyn FnMut(Event<'_>)) {
        for (tool, call) in (0..).zip(&mut self.calls) {
            if !call.has_started {
                call.start(choice, tool, emit);
            }
            if !call.has_input && !call.is_custom {
                call.has_input = true;
                let text = Cow::Borrowed("{}");
                emit(Event::ToolInput { choice, tool, text });
            }
        }
    }
}

impl Call {
    fn new(piece: &Piece<'_>, naming: &mut Naming) -> Self {
        Self {
            index: piece.index,
            id: match &piece.id {
                Some(id) => id.clone().into_owned(),
                None => naming.ids.make(),
            },
            name: String::new(),
            is_custom: piece.is_custom,
            signature: None,
            has_started: false,
            has_input: false,
            held: String::new(),
        }
    }

    fn start(&mut self, choice: u32, tool: u32, emit: &mut dyn FnMut(Event<'_>)) {
        self.has_started = true;
        emit(Event::ToolStart {
            choice,
            tool,
            id: Cow::Borrowed(&self.id),
            name: Cow::Borrowed(&self.name),
            is_custom: self.is_custom,
            signature: self.signature.take(),
        });
        if !self.held.is_empty() {
            self.has_input = true;
            let text = Cow::Owned(std::mem::take(&mut self.held));
            emit(Event::ToolInput { choice, tool, text });
        }
    }
}
