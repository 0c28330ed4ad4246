//! The conversation as Anthropic takes it: the application's words apart, user and model in turn, each call of a tool
//! answered at the start of the turn that follows it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::body::{Block, BlockContent, CacheControl, Input, Speaker, System, Turn};
use super::media;
use crate::anthropic::names::fit;
use crate::format::Format;
use crate::loss::{Loss, Losses};
use crate::neutral::{Content, Part, Request, Role, Thinking, ToolCall, ToolResult};

/// Stands where a conversation lacks the user's first turn, which must be there and must say something.
const OPENING: &str = "Begin.";

pub(super) struct Conversation<'a> {
    pub system: Option<System<'a>>,
    pub turns: Vec<Turn<'a>>,
}

pub(super) fn write<'a>(
    request: &'a Request,
    losses: &mut Losses,
) -> Result<Conversation<'a>, Loss> {
    let mut writer = Writer {
        losses,
        place: String::new(),
    };
    let mut system = Vec::new();
    let mut turns = Turns(Vec::new());
    for (at, message) in request.messages.iter().enumerate() {
        writer.place = format!("messages[{at}]");
        if message.name.is_some() {
            let why = "that format's messages have no name";
            writer.losses.hint("name", why)?;
        }
        let blocks = writer.blocks(&message.parts)?;
        match message.role {
            Role::System | Role::Developer => system.append(&mut writer.only_text(blocks)?),
            Role::User => turns.push(Speaker::User, blocks),
            Role::Assistant => turns.push(Speaker::Assistant, blocks),
        }
    }
    Ok(Conversation {
        system: join_system(system),
        turns: turns.settle(),
    })
}

/// One text without a mark is a string, as most requests write it.
fn join_system(mut blocks: Vec<Block<'_>>) -> Option<System<'_>> {
    match blocks.as_mut_slice() {
        [] => None,
        [
            Block {
                content: BlockContent::Text { text },
                cache_control: None,
            },
        ] => Some(System::Text(std::mem::take(text))),
        _ => Some(System::Blocks(blocks)),
    }
}

struct Writer<'l> {
    losses: &'l mut Losses,
    /// The message at hand, for messages about it.
    place: String,
}

impl Writer<'_> {
    fn blocks<'a>(&mut self, parts: &'a [Part]) -> Result<Vec<Block<'a>>, Loss> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            let Some(content) = self.content(&part.content)? else {
                continue;
            };
            let can_be_marked = !matches!(
                content,
                BlockContent::Thinking { .. }
                    | BlockContent::RedactedThinking { .. }
                    | BlockContent::Other(_)
            );
            blocks.push(Block {
                content,
                cache_control: part.cache.filter(|_| can_be_marked).map(CacheControl::from),
            });
        }
        Ok(blocks)
    }

    fn only_text<'a>(&mut self, mut blocks: Vec<Block<'a>>) -> Result<Vec<Block<'a>>, Loss> {
        let count = blocks.len();
        blocks.retain(|block| matches!(block.content, BlockContent::Text { .. }));
        if blocks.len() < count {
            self.lose(
                "in a system message",
                "that format's system messages have only text",
            )?;
        }
        Ok(blocks)
    }

    /// None for what is left out.
    fn content<'a>(&mut self, content: &'a Content) -> Result<Option<BlockContent<'a>>, Loss> {
        let written = match content {
            Content::Text(text) | Content::Refusal(text) => {
                // Blocks of nothing but white space are refused.
                return Ok((!text.trim().is_empty()).then(|| BlockContent::text(text)));
            }
            Content::Image { source, detail } => {
                if detail.as_deref().is_some_and(|it| it != "auto") {
                    let why = "that format always looks as closely as it can";
                    self.losses.hint("image_url.detail", why)?;
                }
                media::image(source)
            }
            Content::File { source, name } => media::document(source, name.as_deref()),
            Content::Audio { .. } | Content::Video { .. } => Err("that format has nothing like it"),
            Content::Thinking(thinking) => return self.thinking(thinking),
            Content::ToolCall(call) => return self.tool_use(call),
            Content::ToolResult(result) => return Ok(Some(self.tool_result(result)?)),
            Content::Other { format, value, .. }
                if *format == Format::Anthropic && value.is_object() =>
            {
                Ok(BlockContent::Other(value))
            }
            Content::Other { .. } => Err("only its own format knows it"),
        };
        match written {
            Ok(written) => Ok(Some(written)),
            Err(why) => {
                let kind = match content {
                    Content::Other { kind, .. } => kind,
                    known => known.kind().as_str(),
                };
                self.lose(kind, why)?;
                Ok(None)
            }
        }
    }

    fn lose(&mut self, what: &str, why: &'static str) -> Result<(), Loss> {
        self.losses
            .meaning(&format!("{} ({what})", self.place), why)
    }

    fn thinking<'a>(&mut self, thinking: &'a Thinking) -> Result<Option<BlockContent<'a>>, Loss> {
        let signature = thinking.signature.as_ref();
        let Some(signature) = signature.and_then(|it| it.for_target(Format::Anthropic)) else {
            let why = "only thoughts that Anthropic has signed may be sent back to it";
            self.losses.hint("thinking of another provider", why)?;
            return Ok(None);
        };
        Ok(Some(if thinking.is_redacted {
            BlockContent::RedactedThinking { data: signature }
        } else {
            BlockContent::Thinking {
                thinking: &thinking.text,
                signature,
            }
        }))
    }

    fn tool_use<'a>(&mut self, call: &'a ToolCall) -> Result<Option<BlockContent<'a>>, Loss> {
        let input = if call.is_custom {
            Input::FreeText { input: &call.input }
        } else {
            match object(&call.input) {
                Some(input) => input,
                None => {
                    let what = format!("{} (arguments of tool call `{}`)", self.place, call.id);
                    self.losses.meaning(&what, "they are not a JSON object")?;
                    Input::Empty {}
                }
            }
        };
        Ok(Some(BlockContent::ToolUse {
            id: fit(&call.id),
            name: fit(&call.name),
            input,
        }))
    }

    fn tool_result<'a>(&mut self, result: &'a ToolResult) -> Result<BlockContent<'a>, Loss> {
        Ok(BlockContent::ToolResult {
            tool_use_id: fit(&result.call_id),
            content: self.blocks(&result.parts)?,
            is_error: result.is_error,
        })
    }
}

/// Arguments as they are written, if they are an object or nothing.
fn object(arguments: &str) -> Option<Input<'_>> {
    if arguments.trim().is_empty() {
        return Some(Input::Empty {});
    }
    let raw: &RawValue = serde_json::from_str(arguments).ok()?;
    raw.get().starts_with('{').then_some(Input::Json(raw))
}

struct Turns<'a>(Vec<Turn<'a>>);

impl<'a> Turns<'a> {
    /// Adds what is said; neighbours of one speaker are one turn.
    fn push(&mut self, role: Speaker, mut content: Vec<Block<'a>>) {
        if content.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.role == role => last.content.append(&mut content),
            _ => self.0.push(Turn { role, content }),
        }
    }

    fn settle(mut self) -> Vec<Turn<'a>> {
        self.answer_calls_at_once();
        let mut settled = Turns(Vec::with_capacity(self.0.len() + 1));
        if self
            .0
            .first()
            .is_none_or(|turn| turn.role == Speaker::Assistant)
        {
            settled.push(Speaker::User, vec![BlockContent::text(OPENING).into()]);
        }
        for turn in self.0 {
            settled.push(turn.role, turn.content);
        }
        settled.0.iter_mut().for_each(put_thoughts_first);
        settled.trim_end();
        settled.0
    }

    /// Puts the results of each turn's calls at the start of the turn that follows it.
    fn answer_calls_at_once(&mut self) {
        let mut caller: HashMap<Cow<'a, str>, usize> = HashMap::new();
        let mut results: Vec<Vec<Block<'a>>> = Vec::new();
        results.resize_with(self.0.len(), Vec::new);
        for (at, turn) in self.0.iter_mut().enumerate() {
            if turn.role == Speaker::Assistant {
                let calls = turn
                    .content
                    .iter()
                    .filter_map(|block| match &block.content {
                        BlockContent::ToolUse { id, .. } => Some((id.clone(), at)),
                        _ => None,
                    });
                caller.extend(calls);
                continue;
            }
            for block in std::mem::take(&mut turn.content) {
                let BlockContent::ToolResult { tool_use_id, .. } = &block.content else {
                    turn.content.push(block);
                    continue;
                };
                // A result without a call stays where it is: Anthropic says what is wrong with it.
                let after_call = caller.get(tool_use_id).map_or(at, |call_at| call_at + 1);
                if let Some(results) = results.get_mut(after_call) {
                    results.push(block);
                }
            }
        }
        for (turn, mut results) in self.0.iter_mut().zip(results) {
            results.append(&mut turn.content);
            turn.content = results;
        }
    }

    /// The beginning of an answer must not end with white space.
    fn trim_end(&mut self) {
        let Some(turn) = self
            .0
            .last_mut()
            .filter(|turn| turn.role == Speaker::Assistant)
        else {
            return;
        };
        if let Some(Block {
            content: BlockContent::Text { text },
            ..
        }) = turn.content.last_mut()
        {
            let length = text.trim_end().len();
            match text {
                Cow::Borrowed(text) => *text = text.trim_end(),
                Cow::Owned(text) => text.truncate(length),
            }
        }
    }
}

/// Thoughts stand at the start of the turn they belong to. Where one does, all are where the model put them.
fn put_thoughts_first(turn: &mut Turn<'_>) {
    let is_thought = |block: &Block<'_>| {
        matches!(
            block.content,
            BlockContent::Thinking { .. } | BlockContent::RedactedThinking { .. }
        )
    };
    if turn.role == Speaker::Assistant && !turn.content.first().is_some_and(is_thought) {
        // A stable sort keeps the order among thoughts and among the rest.
        turn.content.sort_by_key(|block| !is_thought(block));
    }
}

/// Whether the model is in the middle of using tools without the thoughts that led to it, which Anthropic's older models
/// need if they are to think on.
pub(super) fn lacks_thoughts_of_calls(turns: &[Turn<'_>]) -> bool {
    let is_result = |block: &Block<'_>| matches!(block.content, BlockContent::ToolResult { .. });
    let mut from_end = turns.iter().rev();
    let ends_with_results = from_end
        .next()
        .is_some_and(|turn| turn.content.iter().any(is_result));
    let begins_with_thought = |turn: &Turn<'_>| {
        matches!(
            turn.content.first().map(|block| &block.content),
            Some(BlockContent::Thinking { .. } | BlockContent::RedactedThinking { .. })
        )
    };
    ends_with_results && !from_end.next().is_some_and(begins_with_thought)
}

/// Every tool that was called, by its fitted name, once.
pub(super) fn called_tools<'a>(turns: &[Turn<'a>]) -> Vec<Cow<'a, str>> {
    let mut names: Vec<Cow<'a, str>> = Vec::new();
    let mut known = HashSet::new();
    for block in turns.iter().flat_map(|turn| &turn.content) {
        if let BlockContent::ToolUse { name, .. } = &block.content
            && known.insert(name)
        {
            names.push(name.clone());
        }
    }
    names
}

/// Takes all but the last `max` marks away, in the order in which the prompt is cached; true if there were more. The last
/// ones mark the longest prefixes.
pub(super) fn keep_last_marks<'m>(
    marks: impl DoubleEndedIterator<Item = &'m mut Option<CacheControl>>,
    max: usize,
) -> bool {
    let marked = marks.rev().filter(|mark| mark.is_some());
    let mut has_more = false;
    for surplus in marked.skip(max) {
        *surplus = None;
        has_more = true;
    }
    has_more
}

/// The marks of turns, those within tool results included.
pub(super) fn marks_of<'m>(blocks: &'m mut [Block<'_>]) -> Vec<&'m mut Option<CacheControl>> {
    let mut marks = Vec::new();
    for block in blocks {
        if let BlockContent::ToolResult { content, .. } = &mut block.content {
            marks.extend(content.iter_mut().map(|inner| &mut inner.cache_control));
        }
        marks.push(&mut block.cache_control);
    }
    marks
}
