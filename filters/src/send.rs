//! One attempt's request on its way: its key shown, its body sent whole or piece by piece.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use weir_wire::multipart::Splice;

use crate::answer;
use crate::ask::Inbound;
use crate::attempt::Run;
use crate::credential::{CredentialError, Signing};
use crate::demo::Demo;
use crate::failure::{Failure, Next, Stop};
use crate::fault::Fault;
use crate::inject::{self, RequestHead};
use crate::link::{Link, LinkError};
use crate::passage::Passage;
use crate::plan::Target;
use crate::provider::UpstreamKey;
use crate::render::{Outbound, Payload};
use crate::sink::Sink;

/// Everything about an attempt that its steps share.
pub(crate) struct Attempt<'t> {
    pub(crate) target: &'t Target,
    pub(crate) key: &'t UpstreamKey,
    pub(crate) outbound: Outbound,
    /// The path and query of the URL, where this key is sent to.
    path: String,
    accept: HeaderValue,
    /// The headers by which the key is shown, or the request signed.
    auth: Vec<(HeaderName, HeaderValue)>,
}

impl<'t> Attempt<'t> {
    pub(crate) fn new(
        target: &'t Target,
        key: &'t UpstreamKey,
        outbound: Outbound,
        inbound: &Inbound,
    ) -> Self {
        let upstream = &target.upstream;
        let path = match (&inbound.pass, &inbound.handshake) {
            (Some(pass), _) => pass.path_below(&upstream.site(key).base_url.path),
            (None, handshake) => {
                let path = upstream.path_for(key, outbound.path_name, &target.model);
                match handshake {
                    Some(handshake) => handshake.add_query(path, &target.model),
                    None => path,
                }
            }
        };
        let fixed = key.static_header();
        Self {
            target,
            key,
            accept: inject::accept(&outbound),
            outbound,
            path,
            auth: fixed
                .map(|(name, value)| (name.clone(), value.clone()))
                .into_iter()
                .collect(),
        }
    }

    /// The head of the request.
    pub(crate) fn head<'a>(&'a self, inbound: &'a Inbound) -> RequestHead<'a> {
        let upstream = &self.target.upstream;
        RequestHead {
            method: &self.outbound.method,
            host: &upstream.site(self.key).host,
            path: &self.path,
            content_type: &self.outbound.content_type,
            accept: &self.accept,
            auth: &self.auth,
            forwarded: &inbound.forwarded,
            own: upstream.headers(self.key),
            format: self.outbound.format,
            is_native: !self.outbound.way.is_translated(),
        }
    }
}

impl<S: Sink> Run<'_, S> {
    /// Signs the request, or gets the token that shows its key.
    pub(crate) async fn authorize(&mut self, attempt: &mut Attempt<'_>) -> Result<(), Stop> {
        let (target, key) = (attempt.target, attempt.key);
        let body = match &attempt.outbound.body {
            Payload::Bytes(body) => body.clone(),
            // Only signatures cover a body, and nobody who wants them takes forms.
            Payload::Form(_) => Bytes::new(),
        };
        let host = target.upstream.site(key).host.clone();
        let signing = Signing {
            method: attempt.outbound.method.as_str(),
            host: host.to_str().unwrap_or_default(),
            path_and_query: &attempt.path,
            body: &body,
            now_ms: self.gateway.clock.now_ms(),
        };
        let connectors = &self.gateway.connectors;
        let proven = self
            .delivery
            .wait(key.authorize(&signing, connectors))
            .await?;
        match proven {
            Ok(auth) => attempt.auth = auth,
            Err(why) => {
                tracing::warn!(provider = %target.upstream.name, key = %key.id, %why, "the key cannot prove itself");
                return Err(Stop::Failed(Box::new(unproven(target, key, &why))));
            }
        }
        Ok(())
    }

    /// Connects, or takes a connection that is there, and sends the request.
    pub(crate) async fn send(&mut self, attempt: &Attempt<'_>, fresh: bool) -> Result<Link, Stop> {
        let target = attempt.target;
        let upstream = &target.upstream;
        let ask = &self.held.planned.allowed.ask;
        let outbound = &attempt.outbound;
        let body = match &outbound.body {
            Payload::Bytes(body) => body.clone(),
            Payload::Form(_) if upstream.is_demo() => {
                return Err(self.broken(target, "the demo provider takes no files"));
            }
            // Boxed, as everything rare on the way: a stream carries the largest branch as long as it lives.
            Payload::Form(splice) => {
                return Box::pin(self.send_form(attempt, splice.clone())).await;
            }
        };
        if upstream.is_demo() {
            let demo = Demo::answer(outbound.way, &body)
                .map_err(|_| self.broken(target, "the demo provider failed"))?;
            return Ok(Link::Demo(Box::new(demo)));
        }
        let head = attempt.head(&ask.inbound);
        let turn = self.tally.attempts() as usize - 1;
        let gateway = self.gateway;
        let connect = async {
            let address = upstream
                .address_for(attempt.key, &gateway.clock, turn)
                .await;
            let address = address.map_err(|_| LinkError::Connect("its host does not resolve"))?;
            gateway.connectors.send(&address, head, body, fresh).await
        };
        let sent = self.delivery.wait(connect).await?;
        sent.map_err(|error| self.link_failure(target, &error))
    }

    /// Sends a form piece by piece, as it is kept or as it comes from the client.
    async fn send_form(
        &mut self,
        attempt: &Attempt<'_>,
        splice: Option<Splice>,
    ) -> Result<Link, Stop> {
        let target = attempt.target;
        let ask = &self.held.planned.allowed.ask;
        let Some(upload) = ask.upload.as_ref().filter(|it| !it.is_spent()) else {
            return Err(passed(target));
        };
        let head = attempt.head(&ask.inbound);
        let turn = self.tally.attempts() as usize - 1;
        let gateway = self.gateway;
        let length = splice
            .as_ref()
            .map_or(upload.len, |it| it.length_of(upload.len));
        let begin = async {
            let upstream = &target.upstream;
            let address = upstream
                .address_for(attempt.key, &gateway.clock, turn)
                .await;
            let address = address.map_err(|_| LinkError::Connect("its host does not resolve"))?;
            gateway.connectors.begin(&address, head, length, true).await
        };
        let begun = self.delivery.wait(begin).await?;
        let mut sending = begun.map_err(|error| self.link_failure(target, &error))?;
        let mut passage = Passage::new(upload, splice);
        match self.pass_on(target, &mut passage, &mut sending).await {
            Ok(true) => Ok(sending.finish()),
            Ok(false) => Ok(sending.stop()),
            Err(stop) => {
                gateway.connectors.cancel(sending.stop()).await;
                Err(stop)
            }
        }
    }
}

/// A key that cannot prove itself: refused by whoever gives tokens, or none to be had just now.
fn unproven(target: &Target, key: &UpstreamKey, why: &CredentialError) -> Failure {
    if why.is_refusal() {
        return answer::key_rejected(target, key);
    }
    Failure {
        fault: Fault::Broken {
            provider: Arc::clone(&target.upstream.name),
            reason: "no token can be had for its key now",
        },
        answer: None,
        next: Next::Key,
        retry_after: None,
        may_repeat: true,
    }
}

/// A form that passed by on its way to a provider is gone: nobody else can be sent it.
fn passed(target: &Target) -> Stop {
    Stop::Failed(Box::new(Failure {
        fault: Fault::Broken {
            provider: Arc::clone(&target.upstream.name),
            reason: "the form was passed on already and cannot be sent again",
        },
        answer: None,
        next: Next::Target,
        retry_after: None,
        may_repeat: false,
    }))
}
