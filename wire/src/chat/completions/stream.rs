//! A stream for a legacy client.

use serde_json::Value;

use super::logprobs;
use super::reply::plain_word;
use crate::chat::finish;
use crate::chat::usage;
use crate::chat::write_json::write_json;
use crate::neutral::{Event, Finish};
use crate::stream::Encode;
use crate::translate::Context;
use crate::usage::Usage;

/// Writes the chunks of one legacy completion: text, and nothing else that a model says.
pub(crate) struct CompletionsEncoder {
    call_id: String,
    created_s: u64,
    include_usage: bool,
    /// Everything before the choices.
    head: Vec<u8>,
    answers: Vec<Answer>,
    usage: Option<Usage>,
}

#[derive(Default)]
struct Answer {
    index: u32,
    /// Characters whose probabilities were told.
    offset: usize,
    is_finished: bool,
}

impl CompletionsEncoder {
    pub fn new(context: &Context) -> Self {
        let mut encoder = Self {
            call_id: context.call_id.clone(),
            created_s: context.created_s,
            include_usage: context.request.include_usage,
            head: Vec::new(),
            answers: Vec::new(),
            usage: None,
        };
        encoder.set_model(&context.model);
        encoder
    }

    fn set_model(&mut self, model: &str) {
        self.head.clear();
        self.head.extend_from_slice(b"data: {\"id\":");
        write_json(&format!("cmpl-{}", self.call_id), &mut self.head);
        let object = b",\"object\":\"text_completion\",\"created\":";
        self.head.extend_from_slice(object);
        write_json(&self.created_s, &mut self.head);
        self.head.extend_from_slice(b",\"model\":");
        write_json(model, &mut self.head);
        self.head.extend_from_slice(b",\"choices\":[");
    }

    fn answer(&mut self, index: u32) -> Option<&mut Answer> {
        let known = self.answers.iter().position(|one| one.index == index);
        let place = known.unwrap_or_else(|| {
            self.answers.push(Answer {
                index,
                ..Answer::default()
            });
            self.answers.len() - 1
        });
        self.answers.get_mut(place)
    }

    fn chunk(
        &self,
        index: u32,
        text: &str,
        probabilities: &Value,
        word: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":");
        write_json(&index, out);
        out.extend_from_slice(b",\"text\":");
        write_json(text, out);
        out.extend_from_slice(b",\"logprobs\":");
        write_json(probabilities, out);
        out.extend_from_slice(b",\"finish_reason\":");
        write_json(&word, out);
        out.extend_from_slice(b"}]}\n\n");
    }

    fn text(&mut self, index: u32, text: &str, out: &mut Vec<u8>) {
        self.answer(index);
        self.chunk(index, text, &Value::Null, None, out);
    }

    fn logprobs(&mut self, index: u32, value: &Value, out: &mut Vec<u8>) {
        let Some(answer) = self.answer(index) else {
            return;
        };
        let written = logprobs::write(value, &mut answer.offset);
        self.chunk(index, "", &written, None, out);
    }

    fn finish(&mut self, index: u32, finish: &Finish, out: &mut Vec<u8>) {
        let Some(answer) = self.answer(index) else {
            return;
        };
        if !std::mem::replace(&mut answer.is_finished, true) {
            let word = plain_word(finish::write(finish, false, true)).to_owned();
            self.chunk(index, "", &Value::Null, Some(&word), out);
        }
    }

    fn done(&mut self, out: &mut Vec<u8>) {
        let open = self.answers.iter().filter(|answer| !answer.is_finished);
        let open: Vec<u32> = open.map(|answer| answer.index).collect();
        for index in open {
            self.finish(index, &Finish::Stop, out);
        }
        if let Some(used) = self.usage.filter(|_| self.include_usage) {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            write_json(&usage::write(&used), out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl Encode for CompletionsEncoder {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.text(*choice, text, out);
            }
            Event::Logprobs { choice, value } => self.logprobs(*choice, value, out),
            Event::Finish { choice, finish } => self.finish(*choice, finish, out),
            Event::Start { model, .. } => {
                if let Some(model) = model {
                    self.set_model(model);
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            // A sign of life is all that a client needs while the model thinks or calls.
            Event::Ping => out.extend_from_slice(b": keepalive\n\n"),
            Event::Done => self.done(out),
            _ => {}
        }
    }
}
