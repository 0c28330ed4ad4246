//! The one request that is sent over and over.

use std::net::{SocketAddr, ToSocketAddrs};

use thiserror::Error;

/// Why a request cannot be made of what the command line says.
#[derive(Debug, Error)]
pub enum RequestError {
    /// Only plain HTTP is spoken.
    #[error("`{0}` is not of the form http://HOST:PORT/PATH")]
    Url(String),
    /// The host has no address.
    #[error("`{0}` cannot be resolved: use HOST:PORT")]
    Host(String),
    /// A header without a colon, or with a line break.
    #[error("`{0}` is not of the form `Name: value`")]
    Header(String),
}

/// Where to send, and the bytes to send.
pub struct Request {
    /// The server's address.
    pub address: SocketAddr,
    /// A whole HTTP/1.1 POST.
    pub bytes: Vec<u8>,
}

impl Request {
    /// A POST of the JSON in `body` to `url` with extra `headers`, each `Name: value`.
    ///
    /// # Errors
    /// When the URL or a header is malformed.
    pub fn post(url: &str, headers: &[String], body: &[u8]) -> Result<Self, RequestError> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| RequestError::Url(url.into()))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address = host
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next());
        let address = address.ok_or_else(|| RequestError::Host(host.into()))?;
        let mut head =
            format!("POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n");
        for header in headers {
            if !header.contains(':') || header.contains(['\r', '\n']) {
                return Err(RequestError::Header(header.clone()));
            }
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Ok(Self { address, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_whole() {
        let request = Request::post("http://127.0.0.1:80/v1/x", &["A: b".into()], b"{}").unwrap();
        assert_eq!(request.address, "127.0.0.1:80".parse().unwrap());
        let expected = "POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\n\
            A: b\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(request.bytes).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for url in ["https://127.0.0.1:80/", "127.0.0.1:80", "http://nowhere/"] {
            assert!(Request::post(url, &[], b"").is_err(), "{url}");
        }
        for header in ["no colon", "a: b\r\nc: d"] {
            assert!(
                Request::post("http://127.0.0.1:80/", &[header.into()], b"").is_err(),
                "{header}"
            );
        }
    }
}
