//! Which routes are passed on, which are refused by name, and which paths are plain enough to be passed at all.

use http::Method;
use weir_wire::url;

use super::app::App;
use super::route::{Call, Route};

/// OpenAI's routes that are passed on, each with what is below it: what they keep and do is the provider's affair
/// (https://platform.openai.com/docs/api-reference).
const PASSED: [&str; 21] = [
    "/v1/files",
    "/v1/uploads",
    "/v1/batches",
    "/v1/vector_stores",
    "/v1/fine_tuning",
    "/v1/assistants",
    "/v1/threads",
    "/v1/containers",
    "/v1/evals",
    "/v1/videos",
    "/v1/skills",
    "/v1/chatkit",
    "/v1/content_provenance_checks",
    "/v1/audio/voices",
    "/v1/audio/voice_consents",
    "/v1/realtime/calls",
    "/v1/realtime/client_secrets",
    "/v1/realtime/sessions",
    "/v1/realtime/transcription_sessions",
    // Of responses, what keeps nothing; of chat completions, those that the provider has stored.
    "/v1/responses/input_tokens",
    "/v1/chat/completions",
];

pub(super) fn passes(path: &str) -> bool {
    let is_within = PASSED.iter().any(|route| is_within(path, route));
    is_within && is_plain(path) && bare(path) != "/v1/chat/completions"
}

/// A path as lenient servers read it: decoded, without empty segments, and without parameters behind the others. What is
/// carried and metered by one spelling must not be passed on by another.
pub(super) fn bare(path: &str) -> String {
    let decoded = url::decode(path);
    let segments = decoded.split('/').filter_map(|it| it.split(';').next());
    let filled = segments.filter(|it| !it.is_empty());
    filled.fold(String::new(), |bare, segment| bare + "/" + segment)
}

fn is_within(path: &str, route: &str) -> bool {
    let rest = path.strip_prefix(route);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `DELETE /v1/models/{model}`: only fine-tuned models can be deleted, and those belong to the account of a key. The name may
/// begin with its provider's, as models are listed here.
pub(super) fn deletion(app: &App, path: &str) -> Route {
    let Some(id) = path.strip_prefix("/v1/models/").filter(|id| is_plain(id)) else {
        return Route::Unknown;
    };
    let providers = &app.gateway.routes().settings.providers;
    let mut slashes = ["/", "%2F", "%2f"].into_iter();
    let named = slashes.find_map(|slash| id.split_once(slash));
    Route::Call(match named {
        Some((provider, model)) if providers.contains_key(provider) => {
            Call::pass(Some(provider), &format!("/v1/models/{model}"))
        }
        _ => Call::pass(None, path),
    })
}

/// OpenAI's routes that are refused, and why: a client is told so, instead of that the URL is unknown.
const NOT_SERVED: [(&str, &str, &str); 4] = [
    ("/v1/responses", "conversations_not_kept", NOT_KEPT),
    ("/v1/conversations", "conversations_not_kept", NOT_KEPT),
    ("/v1/organization", "administration_not_passed", NOT_PASSED),
    ("/v1/projects", "administration_not_passed", NOT_PASSED),
];
const NOT_KEPT: &str = "Conversations are not kept here yet: a response is answered once and then forgotten. Send the whole \
                        conversation in `input` of POST /v1/responses.";
const NOT_PASSED: &str = "The administration of a provider's organization is not passed on: send this to the provider itself, \
                          with its administrator's key.";

pub(super) fn not_served(path: &str) -> Option<Route> {
    let mut refused = NOT_SERVED.iter();
    let (_, code, why) = refused.find(|(route, ..)| is_within(path, route))?;
    Some(Route::NotServed(code, why))
}

/// Methods that are passed on. `TRACE` is not: it is answered with the request's own head, the provider's key in it.
const PASSED_METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// A path that is passed on as it is, if it is a plain one.
pub(super) fn pass_on(method: &Method, provider: Option<&str>, path: &str) -> Route {
    if !is_plain(path) {
        Route::Unknown
    } else if PASSED_METHODS.contains(method) {
        Route::Call(Call::pass(provider, path))
    } else {
        Route::WrongMethod("GET, HEAD, POST, PUT, PATCH, DELETE")
    }
}

/// Whether a path stays where it seems to lead, and takes nobody's token along. A segment of dots could leave the provider's
/// base, however often it is encoded, behind whichever slash, and with parameters or space behind it; a line break or what is
/// no text could become anything where a server decodes the path and writes it again.
pub(super) fn is_plain(path: &str) -> bool {
    let steps = |path: &str| {
        let mut segments = path.split(['/', '\\']);
        segments.any(|it| matches!(it.split(';').next().map(str::trim), Some("." | "..")))
    };
    let is_odd = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    let mut path = path.to_owned();
    for _ in 0..DECODINGS_MAX {
        if steps(&path) || path.contains(is_odd) || weir_store::may_hold_token(&path) {
            return false;
        }
        let decoded = url::decode(&path);
        if decoded == path {
            return true;
        }
        path = decoded;
    }
    false
}

/// How often a path may be encoded.
const DECODINGS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_lead_elsewhere_is_not_plain() {
        for path in [
            "/v1/files/../models",
            "/v1/files/%2e%2e/models",
            "/v1/files/%252e%252e%252fmodels",
            "/v1/files/..%5cmodels",
            "/v1/files/.\\x",
            "/v1/files/..;x=1/models",
            "/v1/files/%25252525252e",
            "/v1/files/..%20/models",
            "/v1/files/a%0d%0aX:%20y",
            "/v1/files/a%2500",
            "/v1/files/%c0%ae%c0%ae/models",
            "/bot/sk-weir-abc/x",
            "/bot/sk%2dweir%2dabc/x",
        ] {
            assert!(!is_plain(path), "{path}");
        }
        for path in [
            "/v1/files/a..b",
            "/v1/files/a%2Fb",
            "/v1/files/50%",
            "/v1/files/%C3%A9 1",
            "/v1/x/...",
            "/",
        ] {
            assert!(is_plain(path), "{path}");
        }
    }

    #[test]
    fn another_spelling_leads_to_the_same() {
        for path in [
            "/v1/chat/completions/",
            "//v1/chat//completions",
            "/v1/chat/%63ompletions",
            "/v1/chat%2Fcompletions;x=1",
        ] {
            assert_eq!(bare(path), "/v1/chat/completions");
            assert!(!passes(path), "{path}");
        }
        assert!(passes("/v1/chat/completions/chatcmpl-1"));
    }

    #[test]
    fn only_plain_paths_and_harmless_methods_are_passed_on() {
        let is_passed =
            |method: &Method, path: &str| matches!(pass_on(method, None, path), Route::Call(_));
        assert!(is_passed(&Method::DELETE, "/v1/files/file-1"));
        assert!(!is_passed(&Method::GET, "/v1/files/../models"));
        for method in [Method::TRACE, Method::CONNECT, Method::OPTIONS] {
            assert!(!is_passed(&method, "/v1/files/file-1"));
        }
    }
}
