//! Writing `generationConfig`.

use serde_json::{Map, Value, json};

use crate::gemini::model::Generation;
use crate::gemini::schema;
use crate::loss::{Loss, Losses};
use crate::neutral::{Param, Reasoning, Request, ResponseFormat, Tool};

/// Parameters whose values mean the same here.
const SAME: [(Param, &str); 6] = [
    (Param::Temperature, "temperature"),
    (Param::TopP, "topP"),
    (Param::TopK, "topK"),
    (Param::Seed, "seed"),
    (Param::PresencePenalty, "presencePenalty"),
    (Param::FrequencyPenalty, "frequencyPenalty"),
];

/// The most texts that end an answer (the reference of `stopSequences`).
const MAX_STOPS: usize = 5;

/// Writes the members of `generationConfig`.
pub(super) fn write(
    request: &Request,
    model: &str,
    losses: &mut Losses,
) -> Result<Map<String, Value>, Loss> {
    let mut config = Map::new();
    let mut set = |key: &str, value: Value| drop(config.insert(key.to_owned(), value));
    for (param, key) in SAME {
        if let Some(value) = request.param(param) {
            set(key, value.clone());
        }
    }
    if let Some(n) = request.param(Param::N).filter(|n| n.as_u64() != Some(1)) {
        set("candidateCount", n.clone());
    }
    if let Some(max) = request.max_tokens {
        set("maxOutputTokens", json!(max));
    }
    let stops = stops(request, losses)?;
    if !stops.is_empty() {
        set("stopSequences", json!(stops));
    }
    write_logprobs(request, &mut set);
    if let Some(words) = modalities(request, losses)? {
        set("responseModalities", words);
    }
    if let Some(speech) = speech(request, losses)? {
        set("speechConfig", speech);
    }
    write_shape(request, model, &mut set, losses)?;
    if let Some(reasoning) = &request.reasoning {
        let thinking = thinking(reasoning, model, losses)?;
        if !thinking.is_empty() {
            set("thinkingConfig", Value::Object(thinking));
        }
    }
    Ok(config)
}

fn stops<'a>(request: &'a Request, losses: &mut Losses) -> Result<Vec<&'a str>, Loss> {
    let filled = request.stop.iter().filter(|text| !text.is_empty());
    let mut stops: Vec<&str> = filled.map(String::as_str).collect();
    if stops.len() > MAX_STOPS {
        losses.meaning("stop", "it takes five such texts at most")?;
        stops.truncate(MAX_STOPS);
    }
    Ok(stops)
}

fn write_logprobs(request: &Request, set: &mut impl FnMut(&str, Value)) {
    let is_wanted = request.param(Param::Logprobs) == Some(&Value::Bool(true));
    let top = request.param(Param::TopLogprobs);
    let top = top.filter(|top| top.as_u64() != Some(0));
    if is_wanted {
        set("responseLogprobs", json!(true));
        if let Some(top) = top {
            set("logprobs", top.clone());
        }
    }
}

fn modalities(request: &Request, losses: &mut Losses) -> Result<Option<Value>, Loss> {
    let Some(Value::Array(words)) = request.param(Param::Modalities) else {
        return Ok(None);
    };
    let mut written = Vec::new();
    for word in words.iter().filter_map(Value::as_str) {
        match word {
            "text" | "image" | "audio" | "video" => written.push(word.to_ascii_uppercase()),
            other => losses.meaning(&format!("modalities ({other})"), "it makes no such thing")?,
        }
    }
    let is_text_alone = written.iter().all(|word| word == "TEXT");
    Ok((!is_text_alone).then(|| json!(written)))
}

/// Google speaks as raw samples only.
fn speech(request: &Request, losses: &mut Losses) -> Result<Option<Value>, Loss> {
    let Some(audio) = request.param(Param::AudioOutput) else {
        return Ok(None);
    };
    let format = audio.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| format != "pcm16") {
        losses.meaning("audio.format", "it speaks in `pcm16` alone")?;
    }
    let voice = audio.get("voice").filter(|voice| voice.is_string());
    Ok(voice
        .map(|voice| json!({ "voiceConfig": { "prebuiltVoiceConfig": { "voiceName": voice } } })))
}

fn write_shape(
    request: &Request,
    model: &str,
    set: &mut impl FnMut(&str, Value),
    losses: &mut Losses,
) -> Result<(), Loss> {
    let schema = match &request.response_format {
        None | Some(ResponseFormat::Text) => return Ok(()),
        Some(ResponseFormat::JsonObject) => None,
        Some(ResponseFormat::JsonSchema { schema, .. }) => Some(schema),
    };
    let is_function = |tool: &Tool| matches!(tool, Tool::Function { .. });
    let has_functions = request.tools.iter().any(is_function);
    if has_functions && !Generation::of(model).combines_tools() {
        return losses.meaning(
            "response_format",
            "this model takes functions or a form of the answer, not both",
        );
    }
    set("responseMimeType", json!("application/json"));
    if let Some(schema) = schema {
        set("responseJsonSchema", schema::for_google(schema));
    }
    Ok(())
}

/// Writes `thinkingConfig` as the model's generation takes it (<https://ai.google.dev/gemini-api/docs/thinking>).
fn thinking(
    reasoning: &Reasoning,
    model: &str,
    losses: &mut Losses,
) -> Result<Map<String, Value>, Loss> {
    let mut config = Map::new();
    let generation = Generation::of(model);
    if generation == Generation::Plain {
        if reasoning.effort_or_near() != Some("none") {
            losses.hint("reasoning", "this model does not think")?;
        }
        return Ok(config);
    }
    let thinks_always = model.contains("-pro");
    let is_off = reasoning.budget_or_near() == Some(0);
    if is_off && thinks_always {
        losses.hint("reasoning (none)", "this model always thinks")?;
    }
    if generation == Generation::Levels {
        if let Some(effort) = reasoning.effort_or_near() {
            config.insert("thinkingLevel".to_owned(), json!(level(effort, model)));
        }
    } else if let Some(budget) = budget(reasoning, model) {
        config.insert("thinkingBudget".to_owned(), json!(budget));
    }
    if shows_thoughts(reasoning) && !is_off {
        config.insert("includeThoughts".to_owned(), json!(true));
    }
    Ok(config)
}

/// A client that turns thinking on, or asks for a summary, is one that shows it; one that names an effort need not be.
fn shows_thoughts(reasoning: &Reasoning) -> bool {
    reasoning
        .include_thoughts
        .unwrap_or(reasoning.enabled == Some(true) || reasoning.summary.is_some())
}

/// The level nearest to an effort. `Pro` models have no lower one than `LOW`, and the first of them no `MEDIUM`.
fn level(effort: &str, model: &str) -> &'static str {
    let is_pro = model.contains("-pro");
    match effort {
        "none" | "minimal" if is_pro => "LOW",
        "none" | "minimal" => "MINIMAL",
        "low" => "LOW",
        "medium" if !model.contains("gemini-3-pro") => "MEDIUM",
        _ => "HIGH",
    }
}

/// The budget in tokens, within what the model takes; -1 is as many as it likes.
fn budget(reasoning: &Reasoning, model: &str) -> Option<i64> {
    let Some(budget) = reasoning.budget_or_near() else {
        return (reasoning.enabled == Some(true)).then_some(-1);
    };
    let (least, most, can_be_off) = if model.contains("flash-lite") {
        (512, 24_576, true)
    } else if model.contains("-pro") {
        (128, 32_768, false)
    } else {
        (1, 24_576, true)
    };
    if budget == 0 && can_be_off {
        return Some(0);
    }
    i64::try_from(budget.clamp(least, most)).ok()
}
