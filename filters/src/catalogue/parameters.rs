//! What a request to a model may hold, at the first target that a caller's request would go to.

use std::sync::Arc;

use serde_json::Value;
use weir_wire::model_catalogue::Ability;
use weir_wire::model_parameters::{Facts, schema};

use super::{Asked, WAIT, assemble};
use crate::ask::Endpoint;
use crate::gateway::Gateway;
use crate::identify::Credential;
use crate::plan::{PlanError, Target};
use crate::refusal::Refusal;
use crate::way::Way;

impl Gateway {
    /// The JSON Schema of a request to a model, for `GET /api/models/{id}/parameters`.
    pub async fn parameters(
        self: &Arc<Self>,
        credential: Option<&Credential>,
        name: &str,
    ) -> Result<Value, Refusal> {
        let asked = Asked::new(self, credential).await?;
        let plan = asked.plan(name)?;
        // A plan has at least one target.
        let Some(first) = plan.targets.first() else {
            return Err(asked.not_found(name));
        };
        let is_first = |upstream: &crate::provider::Upstream| upstream.name == first.upstream.name;
        let offers = asked.offers(self, is_first, WAIT).await;
        let of_target = format!("{}/{}", first.upstream.name, first.model);
        let known = assemble::entry(&asked.routes, &offers, &of_target).model;
        let Some(operation) = known.abilities.operation() else {
            return Err(Refusal::Plan(PlanError::NoOperation {
                model: Arc::clone(&first.model),
                provider: Arc::clone(&first.upstream.name),
            }));
        };
        let endpoint = endpoint(operation);
        let serving = plan.targets.iter().find_map(|target| {
            let way = Way::of(target, endpoint)?;
            Some((target, way))
        });
        let (target, way) = serving.unwrap_or((first, Way::Plain));
        let is_first = std::ptr::eq(target, first);
        let max_output_tokens = known.max_output_tokens.filter(|_| is_first);
        Ok(schema(&facts(
            name,
            target,
            way,
            operation,
            max_output_tokens,
        )))
    }
}

fn facts<'a>(
    name: &'a str,
    target: &'a Target,
    way: Way,
    operation: Ability,
    max_output_tokens: Option<u64>,
) -> Facts<'a> {
    let provider = target.upstream.provider();
    Facts {
        model: name,
        provider: &target.upstream.name,
        provider_model: &target.model,
        operation,
        format: match way {
            Way::Conversation { provider, .. } => Some(provider),
            Way::Plain | Way::Adapted(_) => None,
        },
        policy: provider.drop_params(&target.model),
        output_limit: target.output_limit(),
        max_output_tokens,
        max_tokens_field: provider.quirks.max_tokens_field,
        stream_options: provider.quirks.stream_options,
        is_local: provider.local,
        is_adapted: matches!(way, Way::Adapted(_)),
    }
}

fn endpoint(operation: Ability) -> Endpoint {
    match operation {
        Ability::Embeddings => Endpoint::Embeddings,
        Ability::Images => Endpoint::ImageGenerations,
        Ability::Speech => Endpoint::Speech,
        Ability::Transcription => Endpoint::Transcriptions,
        Ability::Rerank => Endpoint::Rerank,
        Ability::Moderation => Endpoint::Moderations,
        Ability::Completions => Endpoint::Completions,
        Ability::Realtime => Endpoint::Realtime,
        Ability::Chat | Ability::Responses | Ability::Tools | Ability::Vision => Endpoint::Chat,
    }
}
