//! The models that a body names beside its `model`. Some servers turn to those by themselves: OpenRouter's `models` and
//! LiteLLM's `fallbacks`, and tools that bring a model of their own.

use crate::json;

/// The first model that a request names beside its `model` and that is not allowed: in members about models or fallbacks,
/// of the body itself and of its tools and plugins.
pub fn other_model(body: &[u8], is_allowed: impl FnMut(&str) -> bool) -> Option<String> {
    let mut search = Search {
        is_allowed,
        refused: None,
    };
    search.members(text(body), |search, key, value| match key {
        "model" => {}
        "tools" | "plugins" => {
            for element in json::elements(value) {
                search.members(element, |search, key, value| {
                    if names_models(key) {
                        search.strings(value);
                    }
                });
            }
        }
        key if names_models(key) => search.strings(value),
        _ => {}
    });
    search.refused
}

/// The first model that is not allowed, wherever in a body it is named: of a request nobody here interprets, any member
/// about models may be the one that counts.
pub fn any_model(body: &[u8], is_allowed: impl FnMut(&str) -> bool) -> Option<String> {
    let mut search = Search {
        is_allowed,
        refused: None,
    };
    search.anywhere(text(body));
    search.refused
}

/// What is no text was refused when it was parsed.
fn text(body: &[u8]) -> &str {
    std::str::from_utf8(body).unwrap_or_default()
}

fn names_models(key: &str) -> bool {
    let key = key.to_lowercase();
    key.contains("model") || key.contains("fallback")
}

struct Search<F> {
    is_allowed: F,
    refused: Option<String>,
}

/// How deep it recurses is bounded by how deep a body may nest ([`super::MAX_DEPTH`]).
impl<F: FnMut(&str) -> bool> Search<F> {
    /// Visits the members of an object; none if it is anything else.
    fn members(&mut self, object: &str, mut each: impl FnMut(&mut Self, &str, &str)) {
        if !object.trim_ascii_start().starts_with('{') {
            return;
        }
        let _not_an_object = json::members(object, |member| {
            if self.refused.is_none() {
                each(self, &member.key, member.value);
            }
        });
    }

    /// Holds every string in a value against what is allowed.
    fn strings(&mut self, value: &str) {
        match value.as_bytes().first() {
            Some(b'"') => {
                let name = json::string(value).unwrap_or_else(|| value.to_owned());
                if self.refused.is_none() && !(self.is_allowed)(&name) {
                    self.refused = Some(name);
                }
            }
            Some(b'[') => json::elements(value)
                .into_iter()
                .for_each(|element| self.strings(element)),
            _ => self.members(value, |search, _, value| search.strings(value)),
        }
    }

    /// Looks for members about models at any depth.
    fn anywhere(&mut self, value: &str) {
        if value.starts_with('[') {
            for element in json::elements(value) {
                self.anywhere(element);
            }
            return;
        }
        self.members(value, |search, key, value| {
            if names_models(key) {
                search.strings(value);
            } else {
                search.anywhere(value);
            }
        });
    }
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
