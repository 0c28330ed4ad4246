//! A stream for a legacy client.

use serde_json::Value;

use super::logprobs;
use super::reply::plain_word;
use crate::chat::finish;
use crate::chat::stream::Head;
use crate::chat::write_json::write_json;
use crate::neutral::{Event, Finish};
use crate::stream::Encode;
use crate::translate::Context;

/// Writes the chunks of one legacy completion: text, and nothing else that a model says.
pub(crate) struct CompletionsEncoder {
    head: Head,
    answers: Vec<Answer>,
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
        Self {
            head: Head::new("cmpl-", "text_completion", context),
            answers: Vec::new(),
        }
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
        self.head.write(out);
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
        self.head.write_end(out);
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
            Event::Start {
                model: Some(model), ..
            } => self.head.set_model(model),
            Event::Usage(usage) => self.head.set_usage(*usage),
            // A sign of life is all that a client needs while the model thinks or calls.
            Event::Ping => out.extend_from_slice(b": keepalive\n\n"),
            Event::Done => self.done(out),
            _ => {}
        }
    }
}
