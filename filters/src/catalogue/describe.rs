//! What is known of a model, from its provider's list, the configuration, the prices and, failing those, its name.

use weir_config::{Price, Settings};
use weir_wire::format::Format;
use weir_wire::model_catalogue::{Abilities, Ability, Listed, Pricing};
use weir_wire::usage::Unit;

use crate::provider::Upstream;

/// Everything known of a model at a provider.
pub(super) fn describe(
    settings: &Settings,
    upstream: &Upstream,
    model: &str,
    listed: Option<&Listed>,
) -> Listed {
    let provider = upstream.provider();
    let price = settings.prices.find(&upstream.name, model);
    let mut known = listed.cloned().unwrap_or_default();
    model.clone_into(&mut known.id);
    known.context_tokens = known
        .context_tokens
        .or(price.and_then(|it| it.context_tokens));
    known.max_output_tokens = provider
        .max_output_tokens(model)
        .or(known.max_output_tokens)
        .or(price.and_then(|it| it.max_output_tokens));
    // What is charged here counts, and not what the provider's list says.
    if let Some(price) = price {
        known.pricing = pricing(price);
    }
    known.abilities = abilities(upstream, model, known.abilities);
    known
}

/// What the configuration says of the model, else the provider, else its name, as far as the provider is configured to
/// serve it.
fn abilities(upstream: &Upstream, model: &str, told: Abilities) -> Abilities {
    let provider = upstream.provider();
    let own = provider.abilities(model);
    let mut abilities = if own.has_operation() {
        own
    } else if told.has_operation() {
        told.with(own)
    } else {
        told.with(own).with(Abilities::of_name(model))
    };
    let formats = provider.formats_for(model);
    let converses = |client: Format| client.nearest(&formats).is_some();
    let has_chat = abilities.has(Ability::Chat);
    abilities.add_if(has_chat, Ability::Responses);
    let is_continued = has_chat && !converses(Format::Chat);
    abilities.add_if(is_continued, Ability::Completions);
    let endpoints = &provider.endpoints;
    let served = [
        (Ability::Chat, converses(Format::Chat)),
        (Ability::Responses, converses(Format::Responses)),
        (Ability::Completions, converses(Format::Completions)),
        (Ability::Embeddings, endpoints.embeddings),
        (
            Ability::Images,
            endpoints.images || formats.contains(&Format::Gemini),
        ),
        (Ability::Speech, endpoints.audio_speech),
        (Ability::Transcription, endpoints.audio_transcriptions),
        (Ability::Rerank, endpoints.rerank),
        (Ability::Moderation, endpoints.moderations),
        (Ability::Realtime, endpoints.realtime),
    ];
    for (ability, is_served) in served {
        if !is_served {
            abilities.remove(ability);
        }
    }
    // Where nobody converses, a name that tells nothing is of a model for vectors.
    let is_for_vectors = has_chat && formats.is_empty() && endpoints.embeddings;
    abilities.add_if(is_for_vectors, Ability::Embeddings);
    if !abilities.has(Ability::Chat) {
        abilities.remove(Ability::Tools);
        abilities.remove(Ability::Vision);
    }
    abilities
}

/// The configured price. Rates that are part of another are told only where they differ from it.
fn pricing(price: &Price) -> Pricing {
    let mut pricing = Pricing::default();
    let rate = |unit| price.per_million(unit);
    let mut add = |name, unit, part_of: Option<Unit>| {
        let of_whole = part_of.and_then(rate);
        if let Some(nano) = rate(unit).filter(|nano| Some(*nano) != of_whole) {
            pricing.push(name, nano);
        }
    };
    add("prompt", Unit::Input, None);
    add("completion", Unit::Output, None);
    add("input_cache_read", Unit::CacheRead, Some(Unit::Input));
    add("input_cache_write", Unit::CacheWrite5m, Some(Unit::Input));
    add("audio", Unit::AudioInput, Some(Unit::Input));
    add("internal_reasoning", Unit::Reasoning, Some(Unit::Output));
    add("audio_output", Unit::AudioOutput, Some(Unit::Output));
    add("image_output", Unit::ImageOutput, Some(Unit::Output));
    if !price.free {
        add("image", Unit::Images, None);
        add("second", Unit::Seconds, None);
        add("character", Unit::Characters, None);
        add("search", Unit::Searches, None);
    }
    pricing
}
