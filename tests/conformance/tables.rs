//! What each format carries of another one's requests, straight from what the translation itself reads.

use weir_wire::format::Format;
use weir_wire::neutral::{Class, ContentKind, Param};
use weir_wire::translate::carries;

/// The formats that requests are translated to: a legacy completion is only ever asked for by its own clients.
pub const TARGETS: [Format; 7] = [
    Format::Chat,
    Format::Responses,
    Format::Anthropic,
    Format::Gemini,
    Format::Bedrock,
    Format::Ollama,
    Format::Cohere,
];

/// Each parameter, and what becomes of it on the way to each of [`TARGETS`].
pub fn params() -> Vec<(&'static str, [&'static str; 7])> {
    let row = |param: &Param| {
        let fate = |to| match (carries(to).params.contains(param), param.class()) {
            (true, _) => "carried",
            (false, Class::Hint) => "dropped",
            (false, Class::Meaning) => "refused",
        };
        (param.as_str(), TARGETS.map(fate))
    };
    Param::ALL.iter().map(row).collect()
}

/// Each kind of content, likewise.
pub fn content() -> Vec<(&'static str, [&'static str; 7])> {
    let row = |kind: ContentKind| {
        let fate = |to| match (carries(to).content.contains(&kind), kind.class()) {
            (true, _) => "carried",
            (false, Class::Hint) => "dropped",
            (false, Class::Meaning) => "refused",
        };
        (kind.as_str(), TARGETS.map(fate))
    };
    ContentKind::ALL.into_iter().map(row).collect()
}
