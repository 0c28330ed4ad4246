//! Requests that only a provider which keeps conversations can answer.

use crate::json;

/// A request that needs what an earlier one left behind, or asks to leave something behind: HTTP 400, naming it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{parameter}` needs stored conversations, which this gateway does not keep yet; send the whole conversation in \
     `input` and `store: false`."
)]
pub struct StatefulError {
    /// The member, such as `previous_response_id`.
    pub parameter: &'static str,
}

/// Holds a request against what can be answered without stored conversations. One shallow pass, for every request of
/// this format whatever its target; what is no JSON object is left for others to refuse. An absent `store` is fine,
/// although it means true at OpenAI: the client did not ask for it. An item that refers to a stored one is fine, too, as
/// long as the provider that stored it is asked; a translation refuses it.
///
/// # Errors
/// If `previous_response_id` or `conversation` is set, or `background` or `store` is true.
pub fn check_stateless(body: &[u8]) -> Result<(), StatefulError> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Ok(());
    };
    let mut stateful = None;
    let _not_an_object = json::members(text, |member| {
        let parameter = match member.key.as_ref() {
            "previous_response_id" if member.value != "null" => "previous_response_id",
            "conversation" if member.value != "null" => "conversation",
            "background" if member.value == "true" => "background",
            "store" if member.value == "true" => "store",
            _ => return,
        };
        stateful.get_or_insert(parameter);
    });
    match stateful {
        Some(parameter) => Err(StatefulError { parameter }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(body: &str) -> Option<&'static str> {
        check_stateless(body.as_bytes())
            .err()
            .map(|error| error.parameter)
    }

    #[test]
    fn what_needs_a_stored_conversation_is_named() {
        for (body, named) in [
            (
                r#"{"previous_response_id":"resp_1"}"#,
                "previous_response_id",
            ),
            (r#"{"conversation":{"id":"conv_1"}}"#, "conversation"),
            (r#"{"background": true}"#, "background"),
            (r#"{"model":"m","store":true}"#, "store"),
        ] {
            assert_eq!(parameter(body), Some(named), "{body}");
        }
        assert_eq!(
            check_stateless(br#"{"store":true}"#)
                .unwrap_err()
                .to_string(),
            "`store` needs stored conversations, which this gateway does not keep yet; send the whole conversation in \
             `input` and `store: false`."
        );
    }

    #[test]
    fn everything_else_passes() {
        for body in [
            r#"{"previous_response_id":null,"conversation":null,"background":false,"store":false}"#,
            r#"{"input":[{"id":"rs_1","type":"item_reference"}],"metadata":{"store":true}}"#,
            "{}",
            "[]",
            "{",
            "null",
        ] {
            assert_eq!(parameter(body), None, "{body}");
        }
        assert_eq!(check_stateless(b"\xFF"), Ok(()));
    }
}
