//! Requests that only a provider which keeps conversations can answer.

use memchr::memmem;

use crate::json;

/// A request that needs what an earlier one left behind, or asks to leave something behind: HTTP 400, naming it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{parameter}` needs stored conversations, which this gateway does not keep yet; send the whole conversation in \
     `input` and `store: false`."
)]
pub struct StatefulError {
    /// The member, such as `previous_response_id` or `input[2]`.
    pub parameter: String,
}

/// Holds a request against what can be answered without stored conversations. One shallow pass, for every request of
/// this format whatever its target; what is no JSON object is left for others to refuse. An absent `store` is fine,
/// although it means true at OpenAI: the client did not ask for it.
///
/// # Errors
/// If `previous_response_id` or `conversation` is set, `background` or `store` is true, or an item of `input` is a
/// reference to a stored one.
pub fn check_stateless(body: &[u8]) -> Result<(), StatefulError> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Ok(());
    };
    // Almost no request has a reference, and then its items need not be looked at.
    let may_refer = memmem::find(body, b"item_reference").is_some();
    let mut stateful = None;
    let _not_an_object = json::members(text, |member| {
        let found = match member.key.as_ref() {
            key @ ("previous_response_id" | "conversation") if member.value != "null" => {
                Some(key.to_owned())
            }
            key @ ("background" | "store") if member.value == "true" => Some(key.to_owned()),
            "input" if may_refer => first_reference(member.value),
            _ => None,
        };
        stateful = stateful.take().or(found);
    });
    match stateful {
        Some(parameter) => Err(StatefulError { parameter }),
        None => Ok(()),
    }
}

fn first_reference(input: &str) -> Option<String> {
    let items = json::elements(input);
    let at = items.into_iter().position(is_reference)?;
    Some(format!("input[{at}]"))
}

fn is_reference(item: &str) -> bool {
    let mut is_one = false;
    let _not_an_object = json::members(item, |member| {
        is_one |= member.key == "type" && member.value == "\"item_reference\"";
    });
    is_one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(body: &str) -> Option<String> {
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
            (
                r#"{"input":["x",{"id":"rs_1","type":"item_reference"}]}"#,
                "input[1]",
            ),
        ] {
            assert_eq!(parameter(body).as_deref(), Some(named), "{body}");
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
            r#"{"input":[{"role":"user","content":"what is an item_reference?"}]}"#,
            r#"{"input":"item_reference","metadata":{"store":true}}"#,
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
