//! Small whole answers that need no way: errors of the door itself, health, metrics.

use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use weir_wire::errors::ErrorBody;

/// Writes a whole JSON answer.
pub async fn write(
    session: &mut ServerSession,
    status: u16,
    headers: &[(&'static str, &str)],
    body: Bytes,
) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(status, Some(headers.len() + 4))?;
    head.insert_header(http::header::CONTENT_TYPE, "application/json")?;
    head.insert_header(http::header::CONTENT_LENGTH, body.len())?;
    for (name, value) in headers {
        head.insert_header(*name, *value)?;
    }
    session.write_response_header(Box::new(head)).await?;
    session.write_response_body(body, true).await
}

/// An error in OpenAI's envelope.
pub fn error(message: &str, code: Option<&str>) -> Bytes {
    let body = ErrorBody {
        message,
        kind: "invalid_request_error",
        param: None,
        code,
    };
    Bytes::from(body.to_json())
}

/// The body of an answer to something that is not a request.
pub fn malformed(status: u16) -> Bytes {
    match status {
        408 => error(
            "the request's head did not arrive in time",
            Some("request_timeout"),
        ),
        _ => error("the request is not valid HTTP", None),
    }
}
