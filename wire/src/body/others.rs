//! The models that a body names beside its `model`. Some servers turn to those by themselves: OpenRouter's `models` and
//! LiteLLM's `fallbacks`, and tools that bring a model of their own.

use crate::json::{self, skip_space, string_end};

/// The first model that a request names beside its `model` and that is not allowed: in members about models or fallbacks,
/// of the body itself and of its tools and plugins. The body must have been parsed.
pub fn other_model(body: &[u8], is_allowed: impl FnMut(&str) -> bool) -> Option<String> {
    let mut is_within_tools = false;
    let is_meant = |depth: usize, key: &str| {
        if depth == 1 {
            is_within_tools = matches!(key, "tools" | "plugins");
        }
        let is_place = (depth == 1 && key != "model") || (depth <= 3 && is_within_tools);
        is_place && names_models(key)
    };
    search(body, is_meant, is_allowed)
}

/// The first model that is not allowed, wherever in a body it is named: of a request nobody here interprets, any member
/// about models may be the one that counts. The body must have been parsed.
pub fn any_model(body: &[u8], is_allowed: impl FnMut(&str) -> bool) -> Option<String> {
    search(body, |_, key| names_models(key), is_allowed)
}

fn names_models(key: &str) -> bool {
    let key = key.to_lowercase();
    key.contains("model") || key.contains("fallback")
}

/// Goes once over valid JSON and holds every string in the members that are meant against what is allowed.
fn search(
    json: &[u8],
    mut is_meant: impl FnMut(usize, &str) -> bool,
    mut is_allowed: impl FnMut(&str) -> bool,
) -> Option<String> {
    let (mut at, mut depth) = (0, 0_usize);
    // The depth of the key whose value is looked at.
    let mut within: Option<usize> = None;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = string_end(json, at);
                let token = std::str::from_utf8(json.get(at..end)?).unwrap_or_default();
                let colon = skip_space(json, end);
                if json.get(colon) != Some(&b':') {
                    let name = json::unquote(token);
                    if within.is_some() && !is_allowed(&name) {
                        return Some(name.into_owned());
                    }
                    at = end;
                } else {
                    at = skip_space(json, colon + 1);
                    // What a value was looked at for ends with it; one without brackets, with the next key.
                    within = within.filter(|key_depth| *key_depth < depth);
                    if within.is_none() && is_meant(depth, &json::unquote(token)) {
                        within = Some(depth);
                    }
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                within = within.filter(|key_depth| *key_depth <= depth);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(body: &str) -> Option<String> {
        other_model(body.as_bytes(), |name| name == "cheap")
    }

    #[test]
    fn a_model_beside_the_model_is_found() {
        for body in [
            r#"{"model":"cheap","models":["cheap","dear"]}"#,
            r#"{"model":"cheap","fallbacks":[{"model":"dear"}]}"#,
            r#"{"model":"cheap","\u0066allbacks":"dear"}"#,
            r#"{"model":"cheap","draft_model":"dear"}"#,
            r#"{"tools":[{"type":"function"},{"type":"image_generation","model":"dear"}]}"#,
            r#"{"plugins":[{"id":"fusion","models":["dear"]}]}"#,
        ] {
            assert_eq!(other(body).as_deref(), Some("dear"), "{body}");
        }
        assert_eq!(
            other(r#"{"models":["\ud800"]}"#),
            Some(r#""\ud800""#.into())
        );
    }

    #[test]
    fn what_only_speaks_of_models_is_none() {
        for body in [
            r#"{"model":"dear"}"#,
            r#"{"models":["cheap"],"fallbacks":null}"#,
            r#"{"messages":[{"role":"user","content":"x","model":"dear"}],"metadata":{"model":"dear"}}"#,
            r#"{"tools":[{"type":"function","function":{"parameters":{"properties":{"model":{"enum":["dear"]}}}}}]}"#,
            r#"{"modalities":["text"],"tools":"auto"}"#,
            "[]",
        ] {
            assert_eq!(other(body), None, "{body}");
        }
    }

    #[test]
    fn of_what_nobody_interprets_every_model_is_found() {
        let any = |body: &str| any_model(body.as_bytes(), |name| name == "cheap");
        let body = r#"{"model":"cheap","data":[{"source":{"Model":"dear"}}]}"#;
        assert_eq!(any(body).as_deref(), Some("dear"));
        assert_eq!(any(r#"{"model":"cheap","data":[{"x":"dear"}]}"#), None);
    }
}
