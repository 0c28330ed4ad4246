//! The address of a provider.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use crate::report::quoted;

/// Where a provider is reached: an absolute `http` or `https` URL in its parts (RFC 3986), without user, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether it is `https`.
    pub tls: bool,
    /// Host name or IP address; an IPv6 address without its brackets.
    pub host: String,
    /// The port, the scheme's own where none is written.
    pub port: u16,
    /// What precedes `/chat/completions`: empty, or `/` and more without a `/` at the end.
    pub path: String,
    /// The unix socket to connect to instead of host and port.
    pub unix_socket: Option<PathBuf>,
}

impl BaseUrl {
    /// The value of the `Host` header: brackets around IPv6, the port unless it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == default_port(self.tls) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// Reads a URL.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => {
                // Not quoted, as it may hold a password.
                return Err("is not a URL; write it with http:// or https://".into());
            }
        };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
            None => (rest, ""),
        };
        // Checked before anything is quoted: a user part holds a password.
        if authority.contains('@') {
            return Err(
                "must not hold a user or password; give the key with `key_env` or `keys`".into(),
            );
        }
        if path.contains(['?', '#']) {
            return Err(format!(
                "{} must not have a query or fragment",
                quoted(text.split(['?', '#']).next().unwrap_or(""))
            ));
        }
        let (host, port) = split_port(authority, tls)?;
        Ok(Self {
            tls,
            host,
            port,
            path: read_path(path)?,
            unix_socket: None,
        })
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

fn split_port(authority: &str, tls: bool) -> Result<(String, u16), String> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            return Err(format!("{} lacks a `]`", quoted(authority)));
        };
        if address.parse::<Ipv6Addr>().is_err() {
            return Err(format!("{} is not an IPv6 address", quoted(address)));
        }
        match after.strip_prefix(':') {
            Some(port) => (address, Some(port)),
            None if after.is_empty() => (address, None),
            None => return Err(format!("{} is not host:port", quoted(authority))),
        }
    } else {
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        check_host(host)?;
        (host, port)
    };
    let port = match port {
        None => default_port(tls),
        Some(port) => match port.parse() {
            Ok(number) if number > 0 => number,
            _ => return Err(format!("{} is not a port from 1 to 65535", quoted(port))),
        },
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn check_host(host: &str) -> Result<(), String> {
    // Underscores are no part of a DNS name, but container networks use them.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() {
        return Err("must name a host".into());
    }
    if host.len() > 253 || !host.chars().all(is_plain) {
        return Err(format!(
            "{} is not a host name; write it in ASCII, an IPv6 address in brackets",
            quoted(host)
        ));
    }
    Ok(())
}

fn read_path(path: &str) -> Result<String, String> {
    let path = path.trim_end_matches('/');
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{} must be plain ASCII without spaces",
            quoted(path)
        ));
    }
    for operation in ["/chat/completions", "/completions", "/embeddings"] {
        if let Some(base) = path.strip_suffix(operation) {
            return Err(format!(
                "ends in `{operation}`, which Weir adds itself; write the path as {}",
                quoted(if base.is_empty() { "/" } else { base })
            ));
        }
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Result<(bool, String, u16, String), String> {
        let url = BaseUrl::parse(text)?;
        Ok((url.tls, url.host, url.port, url.path))
    }

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(
            parts("https://API.example.com/v1/"),
            Ok((true, "api.example.com".into(), 443, "/v1".into()))
        );
        assert_eq!(
            parts("http://127.0.0.1:11434"),
            Ok((false, "127.0.0.1".into(), 11434, String::new()))
        );
        assert_eq!(
            parts("http://[::1]:8000/v1"),
            Ok((false, "::1".into(), 8000, "/v1".into()))
        );
    }

    #[test]
    fn the_authority_is_what_the_host_header_needs() {
        let authority = |text| BaseUrl::parse(text).unwrap().authority();
        assert_eq!(authority("https://a.example/v1"), "a.example");
        assert_eq!(authority("https://a.example:8443"), "a.example:8443");
        assert_eq!(authority("http://[::1]:8000/v1"), "[::1]:8000");
        assert_eq!(authority("http://[::1]"), "[::1]");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let error = |text| BaseUrl::parse(text).unwrap_err();
        assert_eq!(
            error("api.example.com/v1"),
            "is not a URL; write it with http:// or https://"
        );
        assert_eq!(
            error("https://me:hunter2@example.com"),
            "must not hold a user or password; give the key with `key_env` or `keys`"
        );
        assert_eq!(
            error("https://a.example/v1?key=hunter2"),
            "`https://a.example/v1` must not have a query or fragment"
        );
        assert_eq!(error("https:///v1"), "must name a host");
        assert_eq!(error("http://a:0/v1"), "`0` is not a port from 1 to 65535");
        assert_eq!(error("http://[::1/v1"), "`[::1` lacks a `]`");
        assert_eq!(error("http://[a]/v1"), "`a` is not an IPv6 address");
        assert_eq!(
            error("http://bücher.example"),
            "`bücher.example` is not a host name; write it in ASCII, an IPv6 address in brackets"
        );
        assert_eq!(
            error("https://a.example/v1/chat/completions"),
            "ends in `/chat/completions`, which Weir adds itself; write the path as `/v1`"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(https?://)?[\\[\\]a-z0-9:/@?#é .]{0,40}") {
            let _ = BaseUrl::parse(&text);
        }
    }
}
