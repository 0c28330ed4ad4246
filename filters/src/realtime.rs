//! `/v1/realtime` up to the handshake: what a client asks for, how a provider is asked for the same, and whether it agrees.
//! What follows is a [`crate::session::Session`].

use std::sync::Arc;
use std::time::Duration;

use pingora::http::RequestHeader;
use weir_config::Price;
use weir_store::EndKind;
use weir_wire::body::Head;
use weir_wire::url;

use crate::answer;
use crate::ask::{Admitted, Ask, Inbound};
use crate::attempt::{Run, first_byte_limit};
use crate::failure::Stop;
use crate::link::LinkError;
use crate::plan::Target;
use crate::read::ReadError;
use crate::send::Attempt;
use crate::settle::Finish;
use crate::sink::{Headers, Sink};
use crate::tunnel::{NotAnUpgrade, OpenError, Opened, Refused, Upgrade, Upgraded};

/// The longest wait for the answer to a handshake: nothing is generated for it.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// What the name of a parameter has in it that chooses what the plan chooses, or a call of somebody else's.
const OURS: [&str; 3] = ["model", "deployment", "call_id"];
/// What the name of a parameter that carries a credential has in it.
const SECRET: [&str; 4] = ["key", "token", "secret", "authorization"];

/// What a client asks for with `GET /v1/realtime`.
#[derive(Clone, Debug)]
pub struct Handshake {
    upgrade: Upgrade,
    model: Option<String>,
    /// The query's other parameters that may travel: their names in lower case, and how they stand there.
    rest: Vec<(String, String)>,
}

impl Handshake {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// If it cannot become a WebSocket.
    pub fn read(head: &RequestHeader) -> Result<Self, NotAnUpgrade> {
        let upgrade = Upgrade::read(head)?;
        let (mut model, mut rest) = (None, Vec::new());
        for (name, value, pair) in url::parameters(head.uri.query().unwrap_or_default()) {
            // Azure's servers do not tell capitals.
            let lower = name.to_lowercase();
            let mut staying = OURS.iter().chain(&SECRET);
            // A semicolon parts parameters too, to some.
            let stays = pair.contains(';')
                || staying.any(|it| lower.contains(it))
                || weir_store::may_hold_token(&value);
            if !stays {
                rest.push((lower, pair.to_owned()));
            }
            if name == "model" {
                model.get_or_insert(value);
            }
        }
        Ok(Self {
            upgrade,
            model: model.filter(|name| !name.is_empty()),
            rest,
        })
    }

    /// Adds the provider's name of the model to its path, and what the client asked for beside it. A path that has a
    /// parameter already keeps it.
    pub(crate) fn add_query(&self, mut path: String, model: &str) -> String {
        let query = path.split_once('?').map(|(_, query)| query);
        let taken: Vec<_> = url::parameters(query.unwrap_or_default())
            .map(|(name, ..)| name.to_lowercase())
            .collect();
        let is_taken = |name: &str| taken.iter().any(|it| it == name);
        let mut separator = if query.is_some() { '&' } else { '?' };
        let mut push = |pair: &str| {
            path.push(separator);
            path.push_str(pair);
            separator = '&';
        };
        if !is_taken("model") && !is_taken("deployment") {
            push(&format!("model={}", url::encode(model)));
        }
        for (_, pair) in self.rest.iter().filter(|(name, _)| !is_taken(name)) {
            push(pair);
        }
        path
    }
}

/// The ask of a handshake: it has no body to read.
pub(crate) fn read(admitted: Admitted, inbound: Inbound) -> Result<Ask, ReadError> {
    let named = inbound.handshake.as_ref();
    let model = named.and_then(|handshake| handshake.model.clone());
    Ok(Ask {
        admitted,
        inbound,
        head: Head::of_form(model, false, 1)?,
        upload: None,
        body: bytes::Bytes::new(),
        memory: None,
    })
}

/// A provider that has agreed to a WebSocket.
pub(crate) struct Agreed {
    pub upgraded: Box<Upgraded>,
    pub provider: Arc<str>,
    /// The provider's name of the model.
    pub model: Arc<str>,
    pub price: Option<Price>,
    /// Which target it is, for the answer.
    pub headers: Headers,
}

impl<S: Sink> Run<'_, S> {
    /// Asks a provider to become a WebSocket.
    pub(crate) async fn shake_hands(
        &mut self,
        attempt: &Attempt<'_>,
        handshake: &Handshake,
    ) -> Result<Finish, Stop> {
        let target = attempt.target;
        if target.upstream.is_demo() {
            return Err(self.broken(target, "the demo provider has no sessions"));
        }
        let ask = &self.held.planned.allowed.ask;
        let head = attempt.head(&ask.inbound).to_pingora(0);
        let written = head.and_then(|mut head| handshake.upgrade.write(&mut head).map(|()| head));
        let Ok(head) = written else {
            return Err(self.broken(target, "the handshake cannot be written"));
        };
        let turn = self.tally.attempts() as usize - 1;
        let gateway = self.gateway;
        let patience = first_byte_limit(target).min(HANDSHAKE_MAX);
        let opening = async {
            let upstream = &target.upstream;
            let address = upstream
                .address_for(attempt.key, &gateway.clock, turn)
                .await;
            let address = address.map_err(|_| LinkError::Connect("its host does not resolve"))?;
            let opened = gateway.tunnels.open(&address, *head, patience).await;
            opened.map_err(link_error)
        };
        let opened = self.delivery.wait(Box::pin(opening)).await?;
        match opened.map_err(|error| self.link_failure(target, &error))? {
            Opened::Upgraded(upgraded) => Ok(self.agree(target, upgraded)),
            Opened::Refused(refused) => Err(self.handshake_refused(attempt, *refused)),
        }
    }

    fn agree(&mut self, target: &Target, upgraded: Box<Upgraded>) -> Finish {
        let mut names = upgraded.head().headers.iter();
        if let Some((_, id)) = names.find(|(name, _)| answer::is_request_id(name.as_str())) {
            self.tally.set_upstream_id(id.to_str().unwrap_or_default());
        }
        let mut headers = answer::rate_headers(self.held.planned.allowed.ask.admitted.lease());
        answer::push_served(target, self.tally.attempts(), &mut headers);
        self.agreed = Some(Agreed {
            provider: Arc::clone(&target.upstream.name),
            model: Arc::clone(&target.model),
            price: target.price,
            headers,
            upgraded,
        });
        Finish {
            end: EndKind::Done,
            status: 101,
            side: None,
        }
    }

    fn handshake_refused(&mut self, attempt: &Attempt<'_>, refused: Refused) -> Stop {
        let status = refused.head.status.as_u16();
        if status < 300 {
            return self.broken(attempt.target, "it speaks no WebSocket at this URL");
        }
        let headers = refused.head.headers.clone();
        self.judge_refusal(attempt, status, headers, refused.body)
    }
}

fn link_error(error: OpenError) -> LinkError {
    match error {
        OpenError::Connect => LinkError::Connect("the connection failed"),
        OpenError::TimedOut => LinkError::FirstByteTimeout,
        OpenError::Broken(reason) => LinkError::Broken(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(query: &str) -> Handshake {
        let path = format!("/v1/realtime?{query}");
        let mut head = RequestHeader::build("GET", path.as_bytes(), None).unwrap();
        for (name, value) in [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            head.insert_header(name, value).unwrap();
        }
        Handshake::read(&head).unwrap()
    }

    #[test]
    fn the_query_travels_without_keys_and_with_the_providers_model() {
        let asked = handshake(
            "mod%65l=up%2Frt&intent=transcription&api-key=sk-1&Deployment=other&x=1+2&call_id=rtc_1&access_t%6Fken=t\
             &y=1;model=other&session[model]=other&model_id=other",
        );
        assert_eq!(asked.model.as_deref(), Some("up/rt"));
        assert_eq!(
            asked.add_query("/v1/realtime".to_owned(), "rt:1/a"),
            "/v1/realtime?model=rt%3A1%2Fa&intent=transcription&x=1+2"
        );
    }

    #[test]
    fn a_path_with_a_deployment_names_no_model_twice() {
        let asked = handshake("model=azure/rt&api-version=1&intent=transcription");
        let path = "/openai/realtime?api-version=2025-04-01-preview&deployment=rt".to_owned();
        assert_eq!(
            asked.add_query(path.clone(), "rt"),
            format!("{path}&intent=transcription")
        );
    }
}
