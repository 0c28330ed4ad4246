//! Amazon Bedrock's lists: foundation models
//! (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html>) and the inference profiles by which
//! most of them are called (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html>).

use std::collections::HashMap;

use serde_json::Value;

use super::ability::{Abilities, Ability};
use super::date;
use super::page::{ListError, Next, Page};
use super::read::{is_id, text_of};
use super::{Listed, MODELS_MAX};
use crate::json;

/// The foundation models of a region by their id, those as well that are only called by a profile.
#[derive(Default)]
pub(super) struct Foundations(HashMap<String, Listed>);

impl Foundations {
    /// Reads `modelSummaries`, adding to `models` those that can be called by their own id.
    pub fn read(
        &mut self,
        body: &[u8],
        models: &mut Vec<Listed>,
    ) -> Result<Option<Next>, ListError> {
        let page = Page::of(body, &["modelSummaries"])?;
        for entry in json::elements(page.entries) {
            let Some((model, is_callable)) = serde_json::from_str(entry).ok().and_then(foundation)
            else {
                continue;
            };
            if self.0.len() >= MODELS_MAX {
                return Ok(None);
            }
            if is_callable && model.abilities.has_operation() {
                models.push(model.clone());
            }
            self.0.insert(model.id.clone(), model);
        }
        Ok(page.next)
    }

    /// Reads `inferenceProfileSummaries`, each being what the model beneath it is.
    pub fn read_profiles(
        &self,
        body: &[u8],
        models: &mut Vec<Listed>,
    ) -> Result<Option<Next>, ListError> {
        let page = Page::of(body, &["inferenceProfileSummaries"])?;
        for entry in json::elements(page.entries) {
            if models.len() >= MODELS_MAX {
                return Ok(None);
            }
            let profile = serde_json::from_str::<Value>(entry).ok();
            let profile = profile.and_then(|it| self.profile(&it));
            models.extend(profile.filter(|it| it.abilities.has_operation()));
        }
        Ok(page.next)
    }

    fn profile(&self, entry: &Value) -> Option<Listed> {
        if entry.get("status").and_then(Value::as_str) != Some("ACTIVE") {
            return None;
        }
        let id = entry.get("inferenceProfileId")?.as_str()?;
        let arn = entry.pointer("/models/0/modelArn").and_then(Value::as_str);
        let beneath = arn.and_then(|arn| arn.rsplit_once("foundation-model/"));
        let beneath = beneath.map_or(id, |(_, model)| model);
        let model = self.0.get(beneath).cloned().unwrap_or_else(|| Listed {
            // A model that only other regions have.
            abilities: Abilities::of_name(beneath),
            ..Listed::default()
        });
        is_id(id).then(|| Listed {
            id: id.to_owned(),
            display_name: entry.get("inferenceProfileName").and_then(text_of),
            created_s: entry
                .get("createdAt")
                .and_then(Value::as_str)
                .and_then(date::of_text),
            ..model
        })
    }
}

/// A foundation model, and whether it can be called by its own id now.
fn foundation(entry: Value) -> Option<(Listed, bool)> {
    let id = entry.get("modelId")?.as_str()?;
    let lists = |member: &str, word: &str| {
        let list = entry.get(member).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|it| it == word))
    };
    let status = entry.pointer("/modelLifecycle/status");
    let is_active = status.and_then(Value::as_str) == Some("ACTIVE");
    let is_callable = is_active && lists("inferenceTypesSupported", "ON_DEMAND");
    let model = Listed {
        id: id.to_owned(),
        display_name: entry.get("modelName").and_then(text_of),
        owned_by: entry.get("providerName").and_then(text_of),
        abilities: abilities(id, lists),
        ..Listed::default()
    };
    is_id(id).then_some((model, is_callable))
}

/// What a model can do by what goes in and comes out. Pictures, films and speech come out by other ways than those that are
/// served here, and so are no ability.
fn abilities(id: &str, lists: impl Fn(&str, &str) -> bool) -> Abilities {
    let mut abilities = Abilities::default();
    if lists("outputModalities", "EMBEDDING") {
        abilities.add(Ability::Embeddings);
    }
    if lists("inputModalities", "TEXT") && lists("outputModalities", "TEXT") {
        // A model that reranks has texts on both sides too.
        let by_name = Abilities::of_name(id);
        let is_rerank = by_name.has(Ability::Rerank);
        abilities.add(if is_rerank {
            Ability::Rerank
        } else {
            Ability::Chat
        });
        abilities.add_if(
            !is_rerank && lists("inputModalities", "IMAGE"),
            Ability::Vision,
        );
    }
    abilities
}
