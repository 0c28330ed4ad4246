//! Headers that are added to every request to a provider.

use std::collections::BTreeMap;

use crate::file::{entries, text_of};
use crate::report::{Place, Report, quoted};
use crate::section::Shape;
use crate::yaml::Node;

/// Headers that carry keys, which have settings of their own.
const OF_KEYS: &[&str] = &[
    "authorization",
    "api-key",
    "x-api-key",
    "proxy-authorization",
    "cookie",
];
/// Headers that Weir sets itself, or that belong to one connection (RFC 9110, 7.6.1).
const OF_WEIR: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads a map of headers.
pub(crate) fn read(
    node: &Node,
    path: &str,
    file: &Place,
    report: &mut Report,
) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for entry in entries(node, path, file, report) {
        let name = entry.key.to_ascii_lowercase();
        let value = check_name(&name)
            .and_then(|()| text_of(&entry.node, Shape::One))
            .and_then(check_value);
        match value {
            Ok(value) => {
                headers.insert(name, value);
            }
            Err(why) => {
                let message = format!("`{path}.{}`: {why}", entry.key);
                report.error(&file.at(entry.line), message);
            }
        }
    }
    headers
}

fn check_name(name: &str) -> Result<(), String> {
    // The characters of a token, RFC 9110, 5.6.2.
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(format!("{} is not a header's name", quoted(name)));
    }
    if OF_KEYS.contains(&name) {
        return Err(
            "carries a key; give the key with `key_env` or `keys`, and its header with `auth`"
                .into(),
        );
    }
    if OF_WEIR.contains(&name) {
        return Err("is set by Weir itself".into());
    }
    Ok(())
}

fn check_value(value: String) -> Result<String, String> {
    let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if value.trim() != value || !value.bytes().all(is_plain) {
        return Err("must be plain ASCII on one line, without spaces around it".into());
    }
    Ok(value)
}
