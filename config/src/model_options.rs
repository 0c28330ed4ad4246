//! What is different about some of a provider's models.

use std::collections::BTreeMap;

use weir_wire::format::Format;
use weir_wire::loss::DropParams;
use weir_wire::model_catalogue::{Abilities, Ability};

use crate::endpoints::{EMBEDDINGS_API, EmbeddingsApi};
use crate::file::{entries, read_section};
use crate::kinds::{DROP_PARAMS, OPTIONAL_TOKENS, read_formats};
use crate::model_pattern::ModelGlob;
use crate::report::{Place, Report, quoted};
use crate::section::{Kind, Shape, section};
use crate::yaml::Node;

/// The word for what the provider says.
const INHERIT: &str = "inherit";

section! {
    /// What may be different.
    #[derive(Clone, Debug)]
    pub(crate) struct ModelOptionValues {
        /// The formats in which these models are served, instead of the provider's.
        formats: Option<Vec<Format>> = "inherit" as OWN_FORMATS,
        /// What may be left out of their requests, instead of the provider's `drop_params`.
        drop_params: Option<DropParams> = "inherit" as OWN_DROP_PARAMS,
        /// Tokens of their longest answer, where no price says so: what a format that needs a limit is given.
        max_output_tokens: Option<u64> = "none" as OPTIONAL_TOKENS,
        /// How they take embeddings, instead of the provider's `quirks.embeddings_api`.
        embeddings_api: Option<EmbeddingsApi> = "inherit" as OWN_EMBEDDINGS_API,
        /// What they can do, as `GET /v1/models` tells it, where the provider does not: `tools` and `vision` of a conversation, or operations (`chat`, `embeddings`, `images` …), which count instead of what the name says.
        abilities: Option<Abilities> = "inherit" as OWN_ABILITIES,
    }
}

const OWN_FORMATS: Kind<Option<Vec<Format>>> = Kind {
    name: "list of formats",
    shape: Shape::List,
    read: |text| own(text, read_formats),
};

const OWN_DROP_PARAMS: Kind<Option<DropParams>> = Kind {
    name: DROP_PARAMS.name,
    shape: Shape::One,
    read: |text| own(text, DROP_PARAMS.read),
};

const OWN_EMBEDDINGS_API: Kind<Option<EmbeddingsApi>> = Kind {
    name: EMBEDDINGS_API.name,
    shape: Shape::One,
    read: |text| own(text, EMBEDDINGS_API.read),
};

const OWN_ABILITIES: Kind<Option<Abilities>> = Kind {
    name: "list of abilities",
    shape: Shape::List,
    read: |text| own(text, read_abilities),
};

fn read_abilities(text: &str) -> Result<Abilities, String> {
    let mut abilities = Abilities::default();
    let words = text.split(',').map(str::trim);
    for word in words.filter(|word| !word.is_empty()) {
        let ability = Ability::named(word).ok_or_else(|| {
            let known = Ability::ALL.map(Ability::as_str).join("`, `");
            format!(
                "{} is no ability; the abilities are `{known}`",
                quoted(word)
            )
        })?;
        abilities.add(ability);
    }
    Ok(abilities)
}

fn own<T>(text: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == INHERIT {
        return Ok(None);
    }
    read(text).map(Some)
}

/// The options under construction, by glob.
pub(crate) type ModelOptionDrafts = BTreeMap<String, ModelOptionValues>;

/// Reads a `model_options` map over what is there.
pub(crate) fn read(
    node: &Node,
    path: &str,
    file: &Place,
    report: &mut Report,
    drafts: &mut ModelOptionDrafts,
) {
    for entry in entries(node, path, file, report) {
        let path = format!("{path}.{}", entry.key);
        match ModelGlob::parse(&entry.key) {
            Ok(_) => {
                let values = drafts.entry(entry.key.clone()).or_default();
                read_section(values, &entry.node, &path, file, report);
            }
            Err(why) => report.error(&file.at(entry.line), format!("`{path}`: {why}")),
        }
    }
}

/// The options of a provider's models, those that say most of a name first.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelOptions(Vec<(ModelGlob, ModelOptionValues)>);

impl ModelOptions {
    /// The finished options.
    pub fn new(drafts: ModelOptionDrafts) -> Self {
        let read = |(glob, values): (String, _)| Some((ModelGlob::parse(&glob).ok()?, values));
        let mut all: Vec<_> = drafts.into_iter().filter_map(read).collect();
        all.sort_by_key(|(glob, _)| std::cmp::Reverse(glob.weight()));
        Self(all)
    }

    /// An option of `model`: as the most telling glob has it that says something about it.
    pub fn find<'a, T>(
        &'a self,
        model: &str,
        pick: impl Fn(&'a ModelOptionValues) -> Option<T>,
    ) -> Option<T> {
        let mut of_model = self.0.iter().filter(|(glob, _)| glob.matches(model));
        of_model.find_map(|(_, values)| pick(values))
    }
}
