//! The conversation: turns that alternate, results of tools first, and the system prompt apart.

use std::borrow::Cow;

use super::blocks::{Block, Bytes, CachePoint, Document, Media, Reasoning, Side, Turn};
use super::media::{DocumentNames, audio_format, document_format, image_format, video_format};
use crate::arguments;
use crate::bedrock::family::Family;
use crate::bedrock::names::{call_id, tool_name};
use crate::bedrock::proof;
use crate::loss::{Loss, Losses};
use crate::neutral::{
    CacheMark, Content, Message, Part, Request, Role, Source, Thinking, ToolCall, ToolResult,
};

/// Stands where Bedrock wants a text and the client gave none.
const FILLER: &str = ".";
/// Stands for a tool's result that is empty, which is refused.
const NO_OUTPUT: &str = "(no output)";

/// The conversation as it is written.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    pub turns: Vec<Turn<'a>>,
    pub system: Vec<Block<'a>>,
    /// Whether any turn calls a tool or holds a tool's result.
    pub has_tool_blocks: bool,
}

impl<'a> Conversation<'a> {
    pub fn write(request: &'a Request, family: Family, losses: &mut Losses) -> Result<Self, Loss> {
        let mut writer = Writer {
            family,
            losses,
            drafts: Vec::new(),
            names: DocumentNames::default(),
        };
        let system = writer.system(request)?;
        for (at, message) in request.messages.iter().enumerate() {
            if !message.is_system() {
                writer.message(at, message)?;
            }
        }
        let drafts = writer.drafts;
        let is_tool =
            |block: &Block<'_>| matches!(block, Block::ToolUse { .. } | Block::ToolResult { .. });
        let has_tool_blocks = drafts
            .iter()
            .any(|draft| !draft.results.is_empty() || draft.content.iter().any(is_tool));
        Ok(Self {
            turns: finish(drafts, family),
            system,
            has_tool_blocks,
        })
    }

    /// Whether the last turn brings results of calls that the model made without showing signed thoughts first. Then
    /// thinking with a budget is refused.
    pub fn continues_without_thoughts(&self) -> bool {
        let last_calls = self
            .turns
            .iter()
            .rfind(|turn| turn.role == Side::Assistant)
            .filter(|turn| {
                turn.content
                    .iter()
                    .any(|block| matches!(block, Block::ToolUse { .. }))
            });
        last_calls
            .is_some_and(|turn| !matches!(turn.content.first(), Some(Block::ReasoningContent(_))))
    }
}

/// A turn on its way: results go before everything else.
struct Draft<'a> {
    side: Side,
    results: Vec<Block<'a>>,
    content: Vec<Block<'a>>,
}

impl<'a> Draft<'a> {
    fn new(side: Side) -> Self {
        Self {
            side,
            results: Vec::new(),
            content: Vec::new(),
        }
    }

    fn push(&mut self, block: Block<'a>, cache: Option<Block<'a>>) {
        let blocks = match block {
            Block::ToolResult { .. } => &mut self.results,
            _ => &mut self.content,
        };
        blocks.push(block);
        blocks.extend(cache);
    }
}

struct Writer<'a, 'l> {
    family: Family,
    losses: &'l mut Losses,
    drafts: Vec<Draft<'a>>,
    names: DocumentNames,
}

impl<'a> Writer<'a, '_> {
    fn system(&mut self, request: &'a Request) -> Result<Vec<Block<'a>>, Loss> {
        let mut system = Vec::new();
        for part in request.system_parts() {
            let (Content::Text(text) | Content::Refusal(text)) = &part.content else {
                let what = format!("system message ({})", part.content.kind().as_str());
                self.losses.meaning(&what, "it takes text alone there")?;
                continue;
            };
            if !text.trim().is_empty() {
                system.push(Block::Text(Cow::Borrowed(text)));
                system.extend(self.cache_point(part.cache)?);
            }
        }
        Ok(system)
    }

    fn message(&mut self, at: usize, message: &'a Message) -> Result<(), Loss> {
        if message.name.is_some() {
            self.losses.hint("name", "it has no names of speakers")?;
        }
        for part in &message.parts {
            self.part(at, message.role, part)?;
        }
        Ok(())
    }

    fn part(&mut self, at: usize, role: Role, part: &'a Part) -> Result<(), Loss> {
        let side = match (&part.content, role) {
            (Content::ToolResult(_), _) => Side::User,
            (Content::ToolCall(_) | Content::Thinking(_), _) | (_, Role::Assistant) => {
                Side::Assistant
            }
            _ => Side::User,
        };
        let (block, cache) = match &part.content {
            Content::Thinking(thinking) => (self.thinking(thinking)?, None),
            Content::ToolCall(call) => (tool_use(call), part.cache),
            Content::ToolResult(result) => {
                let inner = result.parts.iter().find_map(|inner| inner.cache);
                (self.tool_result(at, result)?, part.cache.or(inner))
            }
            content => (self.block(at, side, content)?, part.cache),
        };
        let Some(block) = block else {
            return Ok(());
        };
        let cache = self.cache_point(cache)?;
        match self.drafts.last_mut() {
            Some(draft) if draft.side == side => draft.push(block, cache),
            _ => {
                let mut draft = Draft::new(side);
                draft.push(block, cache);
                self.drafts.push(draft);
            }
        }
        Ok(())
    }

    /// Text and media. What the tables of losses have told of already, and text of white space alone, is none.
    fn block(
        &mut self,
        at: usize,
        side: Side,
        content: &'a Content,
    ) -> Result<Option<Block<'a>>, Loss> {
        let (source, name) = match content {
            Content::Text(text) | Content::Refusal(text) => {
                let is_blank = text.trim().is_empty();
                return Ok((!is_blank).then_some(Block::Text(Cow::Borrowed(text))));
            }
            Content::Image { source, .. }
            | Content::Audio { source }
            | Content::Video { source } => (source, None),
            Content::File { source, name } => (source, name.as_deref()),
            _ => return Ok(None),
        };
        let Source::Data { media_type, base64 } = source else {
            return Ok(None);
        };
        let what = format!("messages[{at}] ({})", content.kind().as_str());
        if side == Side::Assistant {
            self.losses
                .meaning(&what, "only messages of the user may have it there")?;
            return Ok(None);
        }
        let format = match content {
            Content::Image { .. } => image_format(media_type),
            Content::Audio { .. } => audio_format(media_type),
            Content::Video { .. } => video_format(media_type),
            _ => document_format(media_type, name),
        };
        let Some(format) = format else {
            let what = format!("{what}: {media_type}");
            self.losses
                .meaning(&what, "it does not take files of this type")?;
            return Ok(None);
        };
        let source = Bytes { bytes: base64 };
        Ok(Some(match content {
            Content::Image { .. } => Block::Image(Media { format, source }),
            Content::Audio { .. } => Block::Audio(Media { format, source }),
            Content::Video { .. } => Block::Video(Media { format, source }),
            _ => Block::Document(Document {
                format,
                name: self.names.name(name),
                source,
            }),
        }))
    }

    fn thinking(&mut self, thinking: &'a Thinking) -> Result<Option<Block<'a>>, Loss> {
        let signature = thinking.signature.as_ref();
        let is_hidden = thinking.is_redacted;
        let proof = signature.and_then(|it| proof::write(it, is_hidden, self.family));
        let Some(proof) = proof else {
            self.losses.hint(
                "thinking of another provider",
                "the model takes thoughts with its own signature alone",
            )?;
            return Ok(None);
        };
        Ok(Some(Block::ReasoningContent(if is_hidden {
            Reasoning::RedactedContent(proof)
        } else {
            Reasoning::ReasoningText {
                text: &thinking.text,
                signature: proof,
            }
        })))
    }

    fn tool_result(
        &mut self,
        at: usize,
        result: &'a ToolResult,
    ) -> Result<Option<Block<'a>>, Loss> {
        if result.is_custom {
            // Its call is not carried either.
            return Ok(None);
        }
        let mut content = Vec::new();
        for part in &result.parts {
            if let Content::Audio { .. } = part.content {
                let what = format!("messages[{at}] (audio in a tool result)");
                self.losses.meaning(&what, "it takes no sound there")?;
                continue;
            }
            content.extend(self.block(at, Side::User, &part.content)?);
        }
        if content.is_empty() {
            content.push(Block::Text(Cow::Borrowed(NO_OUTPUT)));
        }
        let mut status = None;
        if result.is_error {
            if self.family.takes_status() {
                status = Some("error");
            } else {
                self.losses.hint("is_error", "the model does not take it")?;
            }
        }
        Ok(Some(Block::ToolResult {
            tool_use_id: call_id(&result.call_id),
            content,
            status,
        }))
    }

    fn cache_point(&mut self, mark: Option<CacheMark>) -> Result<Option<Block<'a>>, Loss> {
        let Some(mark) = mark else {
            return Ok(None);
        };
        cache_point(mark, self.family.caches(), self.family, self.losses)
    }
}

/// What a mark becomes where `is_taken`.
pub(super) fn cache_point<'a>(
    mark: CacheMark,
    is_taken: bool,
    family: Family,
    losses: &mut Losses,
) -> Result<Option<Block<'a>>, Loss> {
    if !is_taken {
        losses.hint("cache_control", "the model caches nothing there")?;
        return Ok(None);
    }
    let asks_an_hour = mark == CacheMark::OneHour;
    if asks_an_hour && !family.caches_an_hour() {
        losses.hint("cache_control.ttl", "the model caches for five minutes")?;
    }
    let lasts_an_hour = asks_an_hour && family.caches_an_hour();
    Ok(Some(Block::CachePoint(CachePoint::new(lasts_an_hour))))
}

fn tool_use(call: &ToolCall) -> Option<Block<'_>> {
    // The tables of losses have told of calls whose input is free text.
    (!call.is_custom).then(|| Block::ToolUse {
        tool_use_id: call_id(&call.id),
        name: tool_name(&call.name),
        input: arguments::as_object(&call.input),
    })
}

/// Puts the drafts into the shape that is taken: the user begins, and a document is never without a text beside it.
fn finish(drafts: Vec<Draft<'_>>, family: Family) -> Vec<Turn<'_>> {
    let mut turns = Vec::with_capacity(drafts.len() + 1);
    if drafts
        .first()
        .is_none_or(|draft| draft.side == Side::Assistant)
    {
        turns.push(Turn {
            role: Side::User,
            content: vec![Block::Text(Cow::Borrowed(FILLER))],
        });
    }
    for mut draft in drafts {
        let has = |is_it: fn(&Block<'_>) -> bool| draft.content.iter().any(is_it);
        let has_document = has(|block| matches!(block, Block::Document(_)));
        if has_document && !has(|block| matches!(block, Block::Text(_))) {
            draft.content.push(Block::Text(Cow::Borrowed(FILLER)));
        }
        let mut content = draft.results;
        content.append(&mut draft.content);
        turns.push(Turn {
            role: draft.side,
            content,
        });
    }
    if matches!(family, Family::Claude(_)) {
        trim_prefill(&mut turns);
    }
    turns
}

/// Claude refuses a begun answer that ends with white space.
fn trim_prefill(turns: &mut [Turn<'_>]) {
    if let Some(turn) = turns.last_mut()
        && turn.role == Side::Assistant
        && let Some(Block::Text(text)) = turn.content.last_mut()
        && text.ends_with(char::is_whitespace)
    {
        *text = Cow::Owned(text.trim_end().to_owned());
    }
}
