//! The watch over a realtime session: it meters what the provider tells, and lets the client name no model that it may not
//! use.

use weir_wire::realtime::{Named, Session, named_models};
use weir_wire::websocket::{FrameError, Message, Messages, Sender, close_frame, text_frame};

use super::{Stop, Verdict, Watch};

/// What the caller of a session may do.
pub trait Rules: Send {
    /// Whether the client may name this model in the session.
    ///
    /// # Errors
    /// If not, with what to tell it.
    fn allow(&mut self, named: &Named) -> Result<(), Stop>;

    /// A response has ended. `session` has what was used so far, all responses together.
    ///
    /// # Errors
    /// If nothing more may be used, with what to tell the client.
    fn settle(&mut self, session: &Session) -> Result<(), Stop>;
}

/// Watches one session.
pub struct RealtimeWatch<R> {
    rules: R,
    from_client: Messages,
    from_upstream: Messages,
    session: Session,
    unread_events: u64,
}

impl<R: Rules> RealtimeWatch<R> {
    /// A session of which nothing was said yet.
    pub fn new(rules: R) -> Self {
        Self {
            rules,
            from_client: Messages::new(Sender::Client),
            from_upstream: Messages::new(Sender::Server),
            session: Session::default(),
            unread_events: 0,
        }
    }

    /// What the session has told so far.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether what was used is not known for sure: an event could not be read, a response told no usage, or the
    /// connection broke within one.
    pub fn is_estimated(&self) -> bool {
        self.unread_events + self.session.untold_responses + self.session.open_responses > 0
    }

    /// The rules, with what they learned.
    pub fn into_rules(self) -> R {
        self.rules
    }
}

fn not_websocket(error: FrameError) -> Stop {
    Stop {
        status: 1002,
        code: "websocket_protocol_error",
        message: error.to_string(),
    }
}

impl<R: Rules> Watch for RealtimeWatch<R> {
    fn client_sent(&mut self, bytes: &[u8]) -> Verdict {
        let Self {
            rules, from_client, ..
        } = self;
        let mut refused = None;
        let fed = from_client.feed(bytes, |message| {
            if let Message::Data(event) = message {
                let judged = judge(rules, event);
                refused = refused.take().or(judged.err());
            }
        });
        match (refused, fed) {
            (Some(stop), _) => Verdict::Stop(stop),
            (None, Err(error)) => Verdict::Stop(not_websocket(error)),
            (None, Ok(())) => Verdict::Pass,
        }
    }

    fn upstream_sent(&mut self, bytes: &[u8]) -> Verdict {
        let Self {
            from_upstream,
            session,
            unread_events,
            ..
        } = self;
        let before = (session.responses, session.transcription_usage);
        let fed = from_upstream.feed(bytes, |message| match message {
            Message::Data(Some(event)) => session.learn(event),
            Message::Data(None) => *unread_events += 1,
            Message::Close(_) | Message::Alive => {}
        });
        if let Err(error) = fed {
            return Verdict::Stop(not_websocket(error));
        }
        if (session.responses, session.transcription_usage) == before {
            return Verdict::Pass;
        }
        match self.rules.settle(session) {
            Ok(()) => Verdict::Pass,
            // What was used is the client's, however it ends.
            Err(stop) => Verdict::PassThenStop(stop),
        }
    }

    fn farewell(&self, stop: &Stop) -> Vec<u8> {
        let mut frames = Vec::new();
        if self.from_upstream.is_between_messages() {
            let event = serde_json::json!({"type": "error", "error": {
                "type": "gateway_error", "code": stop.code, "message": stop.message, "param": null}});
            frames.extend_from_slice(&text_frame(event.to_string().as_bytes()));
        }
        if self.from_upstream.is_between_frames() {
            frames.extend_from_slice(&close_frame(stop.status, &stop.message));
        }
        frames
    }
}

/// Holds one of the client's events against the rules.
fn judge(rules: &mut impl Rules, event: Option<&[u8]>) -> Result<(), Stop> {
    let event = event.ok_or_else(|| Stop {
        status: 1009,
        code: "event_too_large",
        message: "The gateway cannot read an event as large as this.".to_owned(),
    })?;
    let named = named_models(event).map_err(|error| Stop {
        status: 1007,
        code: "invalid_event",
        message: error.to_string(),
    })?;
    for named in named {
        rules.allow(&named)?;
    }
    Ok(())
}
