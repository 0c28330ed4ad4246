//! Own names for models, and what to try when a model fails: the `aliases` and `fallbacks` sections.

use std::collections::BTreeMap;

use crate::draft::Reading;
use crate::file::{entries, texts};
use crate::provider::Provider;
use crate::report::{Place, Report, quoted};
use crate::settings::{Alias, Fallbacks};
use crate::yaml::{Node, Value};

/// Targets of one alias or fallback list: more would only be waited for.
const TARGETS_MAX: usize = 16;

/// A name as written, and where.
type Placed = (String, Place);

/// Aliases and fallbacks under construction.
#[derive(Default)]
pub(crate) struct AliasDrafts {
    aliases: BTreeMap<String, (Place, Vec<Placed>)>,
    global: Vec<Placed>,
    models: BTreeMap<String, (Place, Vec<Placed>)>,
}

/// Reads an `aliases` section over what the draft holds.
pub(crate) fn read_aliases(node: &Node, file: &Place, reading: &mut Reading<'_>) {
    for entry in entries(node, "aliases", file, reading.report) {
        let place = file.at(entry.line);
        let path = format!("aliases.{}", entry.key);
        let targets = read_targets(&entry.node, &path, file, reading.report);
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'*';
        if entry.key.is_empty() || !entry.key.bytes().all(is_plain) {
            let message = format!(
                "{} is not an alias; write it without spaces and `*`",
                quoted(&entry.key)
            );
            reading.report.error(&place, message);
        } else if targets.is_empty() && !matches!(entry.node.value, Value::Map(_)) {
            let message = format!("`{path}` needs a model, or a list of them");
            reading.report.error(&place, message);
        } else {
            let aliases = &mut reading.draft.aliases.aliases;
            aliases.insert(entry.key.clone(), (place, targets));
        }
    }
}

/// Reads a `fallbacks` section over what the draft holds.
pub(crate) fn read_fallbacks(node: &Node, file: &Place, reading: &mut Reading<'_>) {
    for entry in entries(node, "fallbacks", file, reading.report) {
        let path = format!("fallbacks.{}", entry.key);
        match entry.key.as_str() {
            "global" => {
                let targets = read_targets(&entry.node, &path, file, reading.report);
                reading.draft.aliases.global = targets;
            }
            "models" => {
                for model in entries(&entry.node, &path, file, reading.report) {
                    let path = format!("{path}.{}", model.key);
                    let targets = read_targets(&model.node, &path, file, reading.report);
                    let value = (file.at(model.line), targets);
                    let models = &mut reading.draft.aliases.models;
                    models.insert(model.key.clone(), value);
                }
            }
            _ => {
                let place = file.at(entry.line);
                let message = format!("`{path}` is not a setting");
                let known = ["global", "models"];
                reading.report.unknown(&place, message, &entry.key, known);
            }
        }
    }
}

fn read_targets(node: &Node, path: &str, file: &Place, report: &mut Report) -> Vec<Placed> {
    let found = texts(node, path, file, report);
    if found.len() > TARGETS_MAX {
        let message = format!("`{path}` has more than {TARGETS_MAX} entries");
        report.error(&file.at(node.line), message);
    }
    found
        .into_iter()
        .map(|(text, line)| (text.to_owned(), file.at(line)))
        .collect()
}

impl AliasDrafts {
    /// Checks every name and gives the finished aliases and fallbacks.
    pub fn finish(
        self,
        default_model: Option<(&str, Place)>,
        providers: &BTreeMap<String, Provider>,
        report: &mut Report,
    ) -> (BTreeMap<String, Alias>, Fallbacks) {
        let names = Names {
            aliases: self.aliases.keys().map(String::as_str).collect(),
            providers,
        };
        if let Some((model, place)) = default_model {
            names.check_any(model, "default_model", &place, report);
        }
        for (alias, (_, targets)) in &self.aliases {
            for (target, place) in targets {
                names.check_target(target, &format!("aliases.{alias}"), place, report);
            }
        }
        for (target, place) in &self.global {
            names.check_any(target, "fallbacks.global", place, report);
        }
        for (model, (place, targets)) in &self.models {
            names.check_any(model, "fallbacks.models", place, report);
            for (target, place) in targets {
                names.check_any(target, &format!("fallbacks.models.{model}"), place, report);
            }
        }
        let texts = |targets: Vec<Placed>| targets.into_iter().map(|(text, _)| text).collect();
        let with_texts =
            |(name, (_, targets)): (String, (Place, Vec<Placed>))| (name, texts(targets));
        let fallbacks = Fallbacks {
            global: texts(self.global),
            models: self.models.into_iter().map(with_texts).collect(),
        };
        let aliases = self.aliases.into_iter().map(with_texts);
        let aliases = aliases.map(|(name, targets)| (name, Alias { targets }));
        (aliases.collect(), fallbacks)
    }
}

/// Every name that leads to a model.
struct Names<'a> {
    aliases: Vec<&'a str>,
    providers: &'a BTreeMap<String, Provider>,
}

impl Names<'_> {
    /// An alias, `provider/model`, or a known model.
    fn check_any(&self, name: &str, path: &str, place: &Place, report: &mut Report) {
        if !self.aliases.contains(&name) && !self.is_model(name) {
            self.refuse(name, path, place, report);
        }
    }

    /// `provider/model` or a known model.
    fn check_target(&self, name: &str, path: &str, place: &Place, report: &mut Report) {
        if self.aliases.contains(&name) {
            let message = format!(
                "`{path}`: {} is an alias itself; aliases do not nest",
                quoted(name)
            );
            report.error(place, message);
        } else if !self.is_model(name) {
            self.refuse(name, path, place, report);
        }
    }

    fn is_model(&self, name: &str) -> bool {
        let of_provider = name.split_once('/').is_some_and(|(provider, model)| {
            !model.is_empty() && self.providers.contains_key(provider)
        });
        of_provider || self.providers.values().any(|it| it.knows(name))
    }

    fn refuse(&self, name: &str, path: &str, place: &Place, report: &mut Report) {
        let message = format!(
            "`{path}`: {} is no model of any enabled provider",
            quoted(name)
        );
        let models = self.providers.values().flat_map(|provider| {
            let model = |model: &str| format!("{}/{model}", provider.name);
            provider
                .listed_models()
                .map(model)
                .chain(provider.listed_models().map(str::to_owned))
        });
        let mut known: Vec<String> = models.collect();
        // `opnai/gpt-4o`: a model nobody lists may still be meant for a provider that exists.
        let model = name.split_once('/').map_or("", |(_, model)| model);
        if !model.is_empty() {
            known.extend(
                self.providers
                    .keys()
                    .map(|provider| format!("{provider}/{model}")),
            );
        }
        known.extend(self.aliases.iter().map(|alias| (*alias).to_owned()));
        report.unknown(place, message, name, known.iter().map(String::as_str));
    }
}
