//! The parameters of pictures (<https://platform.openai.com/docs/api-reference/images/create>): models share few of them.

use serde_json::{Value, json};

use super::{Facts, Fate, Row, lost, model, own, required};

/// Families of models that know different parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    GptImage,
    DallE,
    /// Gemini's own, which talk.
    Gemini,
    Imagen,
    Other,
}

impl Family {
    fn of(facts: &Facts<'_>) -> Self {
        let is = |part| facts.provider_model.contains(part);
        match () {
            () if facts.is_adapted && is("imagen") => Self::Imagen,
            () if facts.is_adapted => Self::Gemini,
            () if is("gpt-image") => Self::GptImage,
            () if is("dall-e") => Self::DallE,
            () => Self::Other,
        }
    }
}

/// What becomes of a parameter; none where nobody knows.
pub(super) fn fate(facts: &Facts<'_>, name: &str) -> Option<Fate> {
    use Family::{DallE, Gemini, GptImage, Imagen, Other};
    let family = Family::of(facts);
    let takers: &[Family] = match name {
        "quality" => &[GptImage, DallE, Other],
        "response_format" => &[DallE, Gemini, Imagen, Other],
        "style" => &[DallE],
        "background" | "moderation" => &[GptImage],
        "output_format" | "output_compression" => &[GptImage, Imagen],
        _ => return Some(Fate::Carried),
    };
    match family {
        _ if takers.contains(&family) => Some(Fate::Carried),
        // A transparent background is a wish that a picture without it does not fulfil.
        Gemini | Imagen => Some(lost(facts.policy, name != "background")),
        GptImage | DallE => Some(Fate::Refused),
        Other => None,
    }
}

/// A schema with the default of the models that have one.
fn with_auto(facts: &Facts<'_>, mut schema: Value) -> Value {
    if matches!(Family::of(facts), Family::GptImage | Family::DallE) {
        schema["default"] = "auto".into();
    }
    schema
}

pub(super) const ROWS: &[Row] = &[
    required("model", model),
    required("prompt", |_| {
        json!({"type": "string", "minLength": 1, "examples": ["A lighthouse in the fog"],
            "description": "What the picture shows."})
    }),
    own("n", |facts| {
        let most = match Family::of(facts) {
            Family::Gemini => 1,
            _ => 10,
        };
        json!({"type": "integer", "minimum": 1, "maximum": most, "default": 1, "examples": [1],
            "description": "How many pictures are made; each is paid."})
    }),
    own("size", |facts| {
        with_auto(
            facts,
            json!({"type": "string", "examples": ["1024x1024"], "description": "Width and height in pixels, or `auto`."}),
        )
    }),
    own("quality", |facts| {
        with_auto(
            facts,
            json!({"type": "string", "examples": ["high"],
                "description": "How carefully it is made; models name their own grades."}),
        )
    }),
    own("style", |_| {
        json!({"enum": ["vivid", "natural"], "default": "vivid", "examples": ["natural"],
            "description": "Whether the picture is dramatic or plain."})
    }),
    own("background", |_| {
        json!({"enum": ["auto", "transparent", "opaque"], "default": "auto", "examples": ["transparent"],
            "description": "What is behind the subject."})
    }),
    own("output_format", |facts| {
        let formats = match Family::of(facts) {
            Family::Imagen => json!(["png", "jpeg"]),
            _ => json!(["png", "jpeg", "webp"]),
        };
        json!({"enum": formats, "default": "png", "examples": ["jpeg"], "description": "The format of the picture."})
    }),
    own("output_compression", |_| {
        json!({"type": "integer", "minimum": 0, "maximum": 100, "default": 100, "examples": [80],
            "description": "How much of the quality is kept, in per cent, in `jpeg` and `webp`."})
    }),
    own("moderation", |_| {
        json!({"enum": ["auto", "low"], "default": "auto", "examples": ["low"],
            "description": "How strictly the provider judges what is asked for."})
    }),
    own("response_format", |facts| {
        let (ways, default) = match Family::of(facts) {
            Family::Gemini | Family::Imagen => (json!(["b64_json"]), "b64_json"),
            _ => (json!(["url", "b64_json"]), "url"),
        };
        json!({"enum": ways, "default": default, "examples": ["b64_json"],
            "description": "Whether the picture is linked to or comes with the answer; some models know one only."})
    }),
];
