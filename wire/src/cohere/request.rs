//! Requests.

mod messages;
mod tools;

use serde_json::{Value, json};

use crate::loss::{Carries, Loss, Losses};
use crate::neutral::{ContentKind, Fields, Param, Reasoning, Request, ResponseFormat};
use crate::translate::Target;

pub(crate) const CARRIES: Carries = Carries {
    params: &[
        Param::MaxTokens,
        Param::Temperature,
        Param::TopP,
        Param::TopK,
        Param::Stop,
        Param::N,
        Param::Seed,
        Param::PresencePenalty,
        Param::FrequencyPenalty,
        Param::Logprobs,
        Param::Tools,
        Param::ToolChoice,
        Param::ParallelToolCalls,
        Param::JsonObject,
        Param::JsonSchema,
        Param::Reasoning,
        Param::Modalities,
    ],
    content: &[
        ContentKind::Text,
        ContentKind::ImageUrl,
        ContentKind::ImageData,
        ContentKind::Thinking,
        ContentKind::Refusal,
        ContentKind::ToolCall,
        ContentKind::ToolResult,
    ],
    rest: &[],
};

/// The most texts that may end an answer.
const MAX_STOP_SEQUENCES: usize = 5;

/// The largest `k`.
const MAX_K: u64 = 500;

/// The bounds of `p`.
const P: std::ops::RangeInclusive<f64> = 0.01..=0.99;

pub(crate) fn write_request(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    let mut body = Fields::new();
    body.insert("model".into(), target.model.into());
    body.insert("stream".into(), request.stream.into());
    let messages = messages::write(request, losses)?;
    body.insert("messages".into(), messages.into());
    tools::write(request, &mut body, losses)?;
    write_response_format(request, &mut body, losses)?;
    write_limits(request, &mut body, losses)?;
    write_sampling(request, &mut body, losses)?;
    write_answers(request, &mut body, losses)?;
    if let Some(reasoning) = &request.reasoning {
        write_thinking(reasoning, request.max_tokens, &mut body);
    }
    Ok(Value::Object(body).to_string().into_bytes())
}

fn write_response_format(
    request: &Request,
    body: &mut Fields,
    losses: &mut Losses,
) -> Result<(), Loss> {
    let format = match &request.response_format {
        None | Some(ResponseFormat::Text) => return Ok(()),
        Some(ResponseFormat::JsonObject) => json!({"type": "json_object"}),
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            json!({"type": "json_object", "json_schema": schema})
        }
    };
    if body.contains_key("tools") {
        const WHY: &str = "it takes no format of the answer beside tools";
        return losses.meaning("response_format", WHY);
    }
    body.insert("response_format".into(), format);
    Ok(())
}

fn write_limits(request: &Request, body: &mut Fields, losses: &mut Losses) -> Result<(), Loss> {
    if let Some(most) = request.max_tokens {
        body.insert("max_tokens".into(), most.into());
    }
    if request.stop.len() > MAX_STOP_SEQUENCES {
        losses.meaning("stop", "it takes no more than 5 texts that end the answer")?;
    }
    let stop: Vec<&String> = request.stop.iter().take(MAX_STOP_SEQUENCES).collect();
    if !stop.is_empty() {
        body.insert("stop_sequences".into(), json!(stop));
    }
    Ok(())
}

fn write_sampling(request: &Request, body: &mut Fields, losses: &mut Losses) -> Result<(), Loss> {
    if let Some(temperature) = request.param(Param::Temperature) {
        body.insert("temperature".into(), temperature.clone());
    }
    if let Some(p) = request.param(Param::TopP) {
        // What OpenAI's clients send for "all" is 1, which is out of bounds here.
        let outside = p.as_f64().filter(|number| !P.contains(number));
        let bounded = outside.map(|number| json!(number.clamp(*P.start(), *P.end())));
        body.insert("p".into(), bounded.unwrap_or_else(|| p.clone()));
    }
    if let Some(k) = request.param(Param::TopK).and_then(Value::as_u64) {
        // More than the largest leaves out next to nothing either way.
        body.insert("k".into(), k.min(MAX_K).into());
    }
    if let Some(seed) = request.param(Param::Seed) {
        if seed.is_u64() {
            body.insert("seed".into(), seed.clone());
        } else {
            losses.hint("seed", "its seeds are whole and not negative")?;
        }
    }
    write_penalties(request, body, losses)
}

fn write_penalties(request: &Request, body: &mut Fields, losses: &mut Losses) -> Result<(), Loss> {
    for (param, name) in [
        (Param::PresencePenalty, "presence_penalty"),
        (Param::FrequencyPenalty, "frequency_penalty"),
    ] {
        let Some(penalty) = request.param(param) else {
            continue;
        };
        let number = penalty.as_f64();
        if number.is_some_and(|number| (0.0..=1.0).contains(&number)) {
            body.insert(name.into(), penalty.clone());
        } else {
            losses.hint(name, "it takes penalties from 0 to 1")?;
        }
    }
    Ok(())
}

/// What is asked of the answers: one, of text, with or without log probabilities.
fn write_answers(request: &Request, body: &mut Fields, losses: &mut Losses) -> Result<(), Loss> {
    let n = request.param(Param::N);
    if n.is_some_and(|n| n.as_u64() != Some(1)) {
        losses.meaning("n", "it gives one answer at a time")?;
    }
    if let Some(Value::Array(modalities)) = request.param(Param::Modalities)
        && modalities.iter().any(|one| one != "text")
    {
        losses.meaning("modalities", "it answers in text alone")?;
    }
    if request.param(Param::Logprobs) == Some(&Value::Bool(true)) {
        body.insert("logprobs".into(), true.into());
    }
    Ok(())
}

fn write_thinking(reasoning: &Reasoning, max_tokens: Option<u64>, body: &mut Fields) {
    let budget = reasoning.budget_or_near();
    let thinking = match budget {
        Some(0) => json!({"type": "disabled"}),
        Some(budget) => {
            // The answer's limit includes the thoughts: a budget must leave some of it.
            let room = max_tokens.map_or(u64::MAX, |most| most.saturating_sub(1).max(1));
            json!({"type": "enabled", "token_budget": budget.min(room)})
        }
        None if reasoning.enabled == Some(true) => json!({"type": "enabled"}),
        None => return,
    };
    body.insert("thinking".into(), thinking);
}
