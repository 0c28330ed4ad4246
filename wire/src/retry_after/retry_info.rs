//! Google's advice, which is in the body: `{"error":{"details":[{"@type":"….RetryInfo","retryDelay":"34.07s"}]}}`, or a
//! list of that (<https://cloud.google.com/apis/design/errors>).

use std::time::Duration;

use super::{MAX_VALUE_BYTES, span};
use crate::errors::MAX_RAW_BYTES;
use crate::json;

/// The type's name as it ends every `@type` of it.
const NAME: &str = "google.rpc.RetryInfo";

/// The advice in an error body. A body that does not name it, or is longer than errors are, is not parsed.
pub(super) fn delay(body: &[u8]) -> Option<Duration> {
    if body.len() > MAX_RAW_BYTES {
        return None;
    }
    memchr::memmem::find(body, NAME.as_bytes())?;
    let text = std::str::from_utf8(body).ok()?.trim_ascii();
    let envelope = match text.starts_with('[') {
        true => json::elements(text).first().copied()?,
        false => text,
    };
    let details = member(member(envelope, "error")?, "details")?;
    json::elements(details).into_iter().find_map(of_detail)
}

fn of_detail(detail: &str) -> Option<Duration> {
    let kind = json::string(member(detail, "@type")?)?;
    let asked = member(detail, "retryDelay").filter(|it| it.len() <= MAX_VALUE_BYTES)?;
    let asked = json::string(asked)?;
    kind.ends_with(NAME).then(|| span(&asked)).flatten()
}

/// The value of an object's member.
fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut value = None;
    json::members(object, |member| {
        if member.key == name {
            value = Some(member.value);
        }
    })
    .ok()?;
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXHAUSTED: &str = r#"{
  "error": {
    "code": 429,
    "message": "You exceeded your current quota. Please retry in 34.074824224s.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [
      {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": "10"}]
      },
      {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
      {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.074824224s"}
    ]
  }
}
"#;

    #[test]
    fn the_advice_is_found_among_the_details_and_in_a_list() {
        let expected = Some(Duration::from_nanos(34_074_824_224));
        assert_eq!(delay(EXHAUSTED.as_bytes()), expected);
        assert_eq!(delay(format!("\n[{EXHAUSTED}]").as_bytes()), expected);
    }

    #[test]
    fn anything_else_gives_none() {
        for body in [
            "",
            "google.rpc.RetryInfo",
            "[]",
            r#"["google.rpc.RetryInfo"]"#,
            r#"{"error":"google.rpc.RetryInfo"}"#,
            r#"{"error":{"details":[1,{"@type":"x/google.rpc.RetryInfo"}]}}"#,
            r#"{"error":{"details":[{"@type":"x/google.rpc.RetryInfo","retryDelay":5}]}}"#,
            r#"{"error":{"details":[{"@type":"x/google.rpc.RetryInfo","retryDelay":"-5s"}]}}"#,
            r#"{"error":{"message":"google.rpc.RetryInfo","details":[{"@type":"x","retryDelay":"5s"}]}}"#,
        ] {
            assert_eq!(delay(body.as_bytes()), None, "{body}");
        }
        let long = format!("{EXHAUSTED}{}", " ".repeat(MAX_RAW_BYTES));
        assert_eq!(delay(long.as_bytes()), None);
    }
}
