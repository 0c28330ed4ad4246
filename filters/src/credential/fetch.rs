//! Fetching tokens over the connectors that reach providers.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::upstreams::peer::HttpPeer;
use weir_config::Secret;

use super::{FetchError, FetchToken};
use crate::link::Connectors;

/// How long everything may take, the look-up of the host included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// TLS's port.
const PORT: u16 = 443;

#[async_trait]
impl FetchToken for Connectors {
    async fn post_form(
        &self,
        host: &str,
        path: &str,
        form: &Secret,
    ) -> Result<(u16, Bytes), FetchError> {
        let posting = post(&self.secure, host, path, form);
        let outcome = tokio::time::timeout(TIMEOUT, posting).await;
        outcome.unwrap_or(Err(FetchError("it does not answer in time")))
    }
}

async fn post(
    connector: &Connector,
    host: &str,
    path: &str,
    form: &Secret,
) -> Result<(u16, Bytes), FetchError> {
    let unresolved = FetchError("its host does not resolve");
    let mut found = tokio::net::lookup_host((host, PORT))
        .await
        .map_err(|_| unresolved.clone())?;
    let address = found.next().ok_or(unresolved)?;
    let peer = HttpPeer::new(address, true, host.to_owned());
    let (mut session, _) = connector
        .get_http_session(&peer)
        .await
        .map_err(|_| FetchError("the connection failed"))?;
    let broken = |_| FetchError("the connection broke");
    let head = head(host, path, form).map_err(broken)?;
    let body = Bytes::copy_from_slice(form.expose().as_bytes());
    session
        .write_request_header(Box::new(head))
        .await
        .map_err(broken)?;
    session
        .write_request_body(body, true)
        .await
        .map_err(broken)?;
    session.finish_request_body().await.map_err(broken)?;
    session.read_response_header().await.map_err(broken)?;
    let status = session.response_header().map(|head| head.status.as_u16());
    let status = status.ok_or(FetchError("its answer is not HTTP"))?;
    let mut answer = BytesMut::new();
    while let Some(piece) = session.read_response_body().await.map_err(broken)? {
        if answer.len() + piece.len() > ANSWER_MAX_BYTES {
            return Err(FetchError("its answer is too large"));
        }
        answer.extend_from_slice(&piece);
    }
    connector.release_http_session(session, &peer, None).await;
    Ok((status, answer.freeze()))
}

fn head(host: &str, path: &str, form: &Secret) -> pingora::Result<RequestHeader> {
    let mut head = RequestHeader::build("POST", path.as_bytes(), Some(5))?;
    head.insert_header("host", host)?;
    head.insert_header("content-type", "application/x-www-form-urlencoded")?;
    head.insert_header("content-length", form.expose().len().to_string())?;
    head.insert_header("accept", "application/json")?;
    head.insert_header("user-agent", concat!("weir/", env!("CARGO_PKG_VERSION")))?;
    Ok(head)
}
