//! Amazon's signature, version 4 (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use std::fmt::Write;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use ring::{digest, hmac};
use weir_config::AwsKey;

use super::{CredentialError, Signing, date, sensitive};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The headers that sign a request for a service in a region: the signature, the date, and the session's token.
pub(super) fn sign(
    key: &AwsKey,
    region: &str,
    service: &str,
    request: &Signing<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, CredentialError> {
    let (day, moment) = date::stamp(request.now_ms);
    let token = key.session_token.as_ref().map(|token| token.expose());
    let mut signed = vec![("host", request.host), ("x-amz-date", moment.as_str())];
    signed.extend(token.map(|token| ("x-amz-security-token", token)));

    let scope = format!("{day}/{region}/{service}/aws4_request");
    let canonical = digest::digest(&digest::SHA256, canonical(request, &signed).as_bytes());
    let text = format!(
        "{ALGORITHM}\n{moment}\n{scope}\n{}",
        hex(canonical.as_ref())
    );
    let signature = signature(key, [&day, region, service], &text);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
        key.access_key_id,
        names(&signed),
    );

    let moment = HeaderValue::from_str(&moment)
        .map_err(|_| CredentialError::Unusable("it cannot stand in a header"))?;
    let mut headers = vec![(AUTHORIZATION, sensitive(&authorization)?), (DATE, moment)];
    if let Some(token) = token {
        headers.push((TOKEN, sensitive(token)?));
    }
    Ok(headers)
}

/// The region that a host's name has in it, as `bedrock-runtime.eu-central-1.amazonaws.com` has.
pub(super) fn region_of(host: &str) -> Option<&str> {
    let host = host.split(':').next()?;
    let mut labels = host.strip_suffix(".amazonaws.com")?.split('.');
    labels.find(|label| {
        let mut parts = label.split('-');
        let (first, last) = (parts.next(), parts.next_back());
        let is_area =
            first.is_some_and(|it| it.len() == 2 && is_all(it, |b| b.is_ascii_lowercase()));
        let is_number = last.is_some_and(|it| is_all(it, |b| b.is_ascii_digit()));
        is_area && is_number && parts.next().is_some()
    })
}

fn is_all(text: &str, is: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(is)
}

/// The request in the one form in which both sides sign it. The headers are in the order of their names.
fn canonical(request: &Signing<'_>, headers: &[(&str, &str)]) -> String {
    let (path, query) = match request.path_and_query.split_once('?') {
        Some((path, query)) => (path, query),
        None => (request.path_and_query, ""),
    };
    let mut text = format!("{}\n", request.method);
    // Encoded once more than it is sent: only S3 signs what is sent.
    encode(
        if path.is_empty() { "/" } else { path }.as_bytes(),
        b"/",
        &mut text,
    );
    text.push('\n');
    text.push_str(&canonical_query(query));
    text.push('\n');
    for (name, value) in headers {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}:{}", value.trim());
    }
    let body = digest::digest(&digest::SHA256, request.body);
    let _ = write!(text, "\n{}\n{}", names(headers), hex(body.as_ref()));
    text
}

/// The parameters in the order of their names and values, each encoded in one way.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode_anew(name), encode_anew(value))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// What is percent-encoded in one way or another, in the one way.
fn encode_anew(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, after @ ..]) => nibble(*high)
                .zip(nibble(*low))
                .map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    let mut encoded = String::with_capacity(text.len());
    encode(&bytes, b"", &mut encoded);
    encoded
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-encodes all but what is unreserved (RFC 3986, section 2.3) and `kept`.
pub(super) fn encode(bytes: &[u8], kept: &[u8], into: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            into.push(char::from(*byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

fn names(headers: &[(&str, &str)]) -> String {
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.join(";")
}

/// The text signed with a key that is good for this day, region and service alone.
fn signature(key: &AwsKey, scope: [&str; 3], text: &str) -> String {
    let sign = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
    };
    let secret = weir_config::Secret::new(format!("AWS4{}", key.secret_access_key.expose()));
    let [day, region, service] = scope;
    let mut derived = sign(secret.expose().as_bytes(), day);
    for part in [region, service, "aws4_request", text] {
        derived = sign(derived.as_ref(), part);
    }
    hex(derived.as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
