//! What an answer that is no conversation used: tokens where it tells them, else what was asked for and got.

use weir_wire::errors::UpstreamError;
use weir_wire::images::{self, ImageAsk};
use weir_wire::overheard::Overheard;
use weir_wire::usage::Usage;
use weir_wire::{audio, chat_reply, rerank};

use crate::ask::{Ask, Endpoint, Pass};

/// What an answer tells of itself.
#[derive(Default)]
pub(crate) struct Told {
    pub usage: Option<Usage>,
    /// Whether the usage was guessed.
    pub is_estimated: bool,
    /// Whether no usage means that there was none.
    pub is_free: bool,
    /// Bytes of text that was made, where no usage is told.
    pub untold_bytes: u64,
    pub id: Option<String>,
    /// An error in an answer whose status says that all is well.
    pub error: Option<UpstreamError>,
}

/// What is known of the usage before an answer: the characters to speak.
pub(crate) fn asked(ask: &Ask) -> Option<Usage> {
    match ask.inbound.endpoint {
        Endpoint::Speech => audio::speech_usage(&ask.body),
        _ => None,
    }
}

/// Reads a whole answer.
pub(crate) fn told(ask: &Ask, body: &[u8]) -> Told {
    let endpoint = ask.inbound.endpoint;
    match endpoint {
        Endpoint::ImageGenerations | Endpoint::ImageEdits | Endpoint::ImageVariations => {
            of_images(ask, body)
        }
        Endpoint::Transcriptions | Endpoint::Translations => {
            let sound = ask.upload.as_ref().and_then(|it| it.sound());
            let used = audio::transcription_usage(body, sound);
            Told {
                usage: used.map(|it| it.usage),
                is_estimated: used.is_some_and(|it| it.is_estimated),
                ..of_json(body)
            }
        }
        Endpoint::Rerank => Told {
            usage: rerank::inspect(body),
            ..of_json(body)
        },
        Endpoint::Pass => of_passed(ask, body),
        // What was made is the context in short, most of it unreadable: its length must do.
        Endpoint::Compact => Told {
            untold_bytes: body.len() as u64,
            ..of_json(body)
        },
        _ => Told {
            is_free: ask.is_free(),
            ..of_json(body)
        },
    }
}

/// An answer that is passed on. An error in it is no reason to fail: it may be a job's, and the job's past.
fn of_passed(ask: &Ask, body: &[u8]) -> Told {
    let pass = ask.inbound.pass.as_ref();
    let may_tell = pass.is_some_and(Pass::may_tell_usage);
    Told {
        usage: may_tell.then(|| Overheard::usage_of(body)).flatten(),
        is_free: ask.is_free(),
        untold_bytes: body.len() as u64,
        error: None,
        ..of_json(body)
    }
}

fn of_images(ask: &Ask, body: &[u8]) -> Told {
    let form = ask.upload.as_ref().and_then(|it| it.form.as_ref());
    let asked = match form {
        Some(form) => ImageAsk::of_form(form.known()),
        None => ImageAsk::of_json(&ask.body),
    };
    let told = images::inspect(body, &asked);
    Told {
        usage: Some(told.usage),
        is_estimated: told.is_estimated,
        error: told.error,
        ..Told::default()
    }
}

/// What JSON in OpenAI's shape tells; nothing where it is something else, such as captions.
fn of_json(body: &[u8]) -> Told {
    let Some(reply) = chat_reply::inspect(body) else {
        return Told::default();
    };
    Told {
        usage: reply.usage,
        id: reply.id,
        error: reply.error,
        ..Told::default()
    }
}
