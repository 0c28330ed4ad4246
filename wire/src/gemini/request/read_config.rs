//! Reading `generationConfig`.

use serde_json::{Value, json};

use crate::fields::{RequestError, Taker};
use crate::gemini::members::{number, open_member, strings};
use crate::gemini::schema;
use crate::neutral::{Param, Reasoning, Request, ResponseFormat};

/// Parameters that are numbers in both worlds.
const NUMBERS: [(&str, Param); 5] = [
    ("temperature", Param::Temperature),
    ("topP", Param::TopP),
    ("topK", Param::TopK),
    ("presencePenalty", Param::PresencePenalty),
    ("frequencyPenalty", Param::FrequencyPenalty),
];
/// Those of which there is a whole number.
const COUNTS: [(&str, Param); 2] = [
    ("candidateCount", Param::N),
    ("logprobs", Param::TopLogprobs),
];

/// Reads `generationConfig`. What only Google knows of it goes to the request's `rest` under its path.
pub(super) fn read_generation_config(
    top: &mut Taker,
    request: &mut Request,
) -> Result<(), RequestError> {
    let Some(mut config) = open_member(top, "generationConfig")? else {
        return Ok(());
    };
    for (key, param) in NUMBERS {
        if let Some(value) = number(&mut config, key)? {
            request.set_param(param, value);
        }
    }
    for (key, param) in COUNTS {
        if let Some(count) = config.count(key)? {
            request.set_param(param, count.into());
        }
    }
    if let Some(seed) = number(&mut config, "seed")? {
        if !(seed.is_i64() || seed.is_u64()) {
            return Err(config.error("seed", "a whole number"));
        }
        request.set_param(Param::Seed, seed);
    }
    request.max_tokens = config.count("maxOutputTokens")?;
    request.stop = strings(&mut config, "stopSequences")?;
    if let Some(flag) = config.flag("responseLogprobs")? {
        request.set_param(Param::Logprobs, Value::Bool(flag));
    }
    read_shape(&mut config, request)?;
    read_thinking(&mut config, request)?;
    read_modalities(&mut config, request)?;
    read_voice(&mut config, request);
    for (key, value) in config.rest() {
        request
            .rest
            .insert(format!("generationConfig.{key}"), value);
    }
    Ok(())
}

fn read_shape(config: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let own = config.take("responseSchema").map(schema::from_google);
    let schema = config.take("responseJsonSchema").or(own);
    let mime_type = config.string("responseMimeType")?;
    let is_json = mime_type.as_deref() == Some("application/json");
    request.response_format = match schema {
        Some(schema) if is_json || mime_type.is_none() => Some(ResponseFormat::JsonSchema {
            name: "response".to_owned(),
            description: None,
            schema,
            strict: None,
        }),
        None if is_json => Some(ResponseFormat::JsonObject),
        // `text/x.enum` and whatever else: no other format has it.
        _ => {
            if let Some(word) = mime_type.filter(|word| word != "text/plain") {
                let path = "generationConfig.responseMimeType".to_owned();
                request.rest.insert(path, Value::String(word));
            }
            None
        }
    };
    Ok(())
}

fn read_thinking(config: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    const EXPECTED: &str = "a whole number, -1 for as many tokens as the model likes";
    let Some(mut thinking) = open_member(config, "thinkingConfig")? else {
        return Ok(());
    };
    let mut reasoning = Reasoning {
        include_thoughts: thinking.flag("includeThoughts")?,
        ..Reasoning::default()
    };
    if let Some(budget) = thinking.take("thinkingBudget") {
        let budget = budget
            .as_i64()
            .ok_or_else(|| thinking.error("thinkingBudget", EXPECTED))?;
        reasoning.enabled = Some(budget != 0);
        reasoning.budget_tokens = u64::try_from(budget).ok();
    }
    if let Some(level) = thinking.string("thinkingLevel")?
        && level != "THINKING_LEVEL_UNSPECIFIED"
    {
        reasoning.effort = Some(level.to_ascii_lowercase());
    }
    for (key, value) in thinking.rest() {
        let path = format!("generationConfig.thinkingConfig.{key}");
        request.rest.insert(path, value);
    }
    if reasoning != Reasoning::default() {
        request.reasoning = Some(reasoning);
    }
    Ok(())
}

fn read_modalities(config: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let words = strings(config, "responseModalities")?;
    let words: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    // Text alone is what every model answers.
    if words.iter().any(|word| word != "text") {
        request.set_param(Param::Modalities, json!(words));
    }
    Ok(())
}

/// The one voice of a spoken answer; several speakers are Google's own.
fn read_voice(config: &mut Taker, request: &mut Request) {
    let voice = config.peek("speechConfig").and_then(|speech| {
        let voice = member(speech, "voiceConfig", "voice_config")?;
        let voice = member(voice, "prebuiltVoiceConfig", "prebuilt_voice_config")?;
        member(voice, "voiceName", "voice_name").cloned()
    });
    if let Some(voice @ Value::String(_)) = voice {
        config.take("speechConfig");
        request.set_param(
            Param::AudioOutput,
            json!({"voice": voice, "format": "pcm16"}),
        );
    }
}

fn member<'a>(value: &'a Value, camel: &str, snake: &str) -> Option<&'a Value> {
    value.get(camel).or_else(|| value.get(snake))
}
