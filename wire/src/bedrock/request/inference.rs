//! How the answer is made: limits, sampling, and how hard to think.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::messages::Conversation;
use crate::bedrock::family::{Family, Version};
use crate::loss::{Loss, Losses};
use crate::neutral::{Param, Reasoning, Request, ToolChoice};
use crate::translate::Target;

/// The parameters that all models have.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
}

impl Config<'_> {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Inference<'a> {
    pub config: Config<'a>,
    /// What only the model's family knows.
    pub additional: Map<String, Value>,
    /// How hard Claude is to work.
    pub effort: Option<&'static str>,
}

/// What thinking leaves to the other parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thinks {
    No,
    /// Claude: sampling must be left alone.
    Claude,
    /// Nova 2 at its highest effort, where sampling and the limit must be left alone.
    NovaHigh,
}

/// Why a parameter of sampling is left out.
const NOT_TAKEN: &str = "the model does not take it";
const NOT_WHILE_THINKING: &str = "the model does not take it while it thinks";

pub(super) fn write_inference<'a>(
    request: &'a Request,
    family: Family,
    target: &Target<'_>,
    conversation: &Conversation<'_>,
    losses: &mut Losses,
) -> Result<Inference<'a>, Loss> {
    let mut inference = Inference {
        config: Config {
            max_tokens: request.max_tokens,
            ..Config::default()
        },
        additional: Map::new(),
        effort: None,
    };
    let thinks = match &request.reasoning {
        Some(reasoning) => match family {
            Family::Claude(version) => {
                let claude = Claude {
                    version,
                    limit: request.max_tokens.or(target.max_output_tokens),
                    must_call: must_call(request),
                    lacks_thoughts: conversation.continues_without_thoughts(),
                };
                claude.think(reasoning, &mut inference, losses)?
            }
            Family::Nova2 => think_nova(reasoning, request, &mut inference, losses)?,
            Family::GptOss => think_gpt_oss(reasoning, &mut inference, losses)?,
            Family::Nova | Family::Other | Family::Hidden => {
                if wants_thoughts(reasoning) {
                    losses.hint(Param::Reasoning.as_str(), NOT_TAKEN)?;
                }
                Thinks::No
            }
        },
        None => Thinks::No,
    };
    write_sampling(request, family, thinks, &mut inference, losses)?;
    write_stop(request, family, &mut inference.config, losses)?;
    Ok(inference)
}

fn wants_thoughts(reasoning: &Reasoning) -> bool {
    let is_off = reasoning.enabled == Some(false) || reasoning.budget_or_near() == Some(0);
    let is_on = reasoning.enabled == Some(true) || reasoning.budget_or_near().is_some();
    is_on && !is_off
}

fn must_call(request: &Request) -> bool {
    matches!(
        request.tool_choice,
        Some(
            ToolChoice::Required
                | ToolChoice::Named(_)
                | ToolChoice::Allowed { required: true, .. }
        )
    )
}

/// What decides how Claude may think.
struct Claude {
    version: Version,
    /// The most tokens of the answer, where known.
    limit: Option<u64>,
    must_call: bool,
    /// Whether a turn goes on after calls that came without signed thoughts.
    lacks_thoughts: bool,
}

impl Claude {
    /// From 4.6 on Claude decides itself how long it thinks, guided by an effort; before, it has a budget of tokens.
    fn think(
        &self,
        reasoning: &Reasoning,
        inference: &mut Inference<'_>,
        losses: &mut Losses,
    ) -> Result<Thinks, Loss> {
        const FIRST_TO_THINK: Version = (3, 7);
        const FIRST_ADAPTIVE: Version = (4, 6);
        if !wants_thoughts(reasoning) {
            return Ok(Thinks::No);
        }
        let obstacle = if self.version < FIRST_TO_THINK {
            Some(NOT_TAKEN)
        } else if self.must_call {
            Some("the model cannot think where it must call a tool")
        } else {
            None
        };
        if let Some(why) = obstacle {
            losses.hint(Param::Reasoning.as_str(), why)?;
            return Ok(Thinks::No);
        }
        // 4.6 still takes a budget, where the client gave one.
        let has_budget = reasoning.budget_tokens.is_some() && self.version < (4, 7);
        if self.version >= FIRST_ADAPTIVE && !has_budget {
            let mut thinking = Map::new();
            thinking.insert("type".into(), "adaptive".into());
            let shows = reasoning.include_thoughts == Some(true) || reasoning.summary.is_some();
            // Newer models hide their thoughts unless asked; 4.6 shows them and does not know the member.
            if shows && self.version > FIRST_ADAPTIVE {
                thinking.insert("display".into(), "summarized".into());
            }
            inference
                .additional
                .insert("thinking".into(), thinking.into());
            inference.effort = reasoning
                .effort_or_near()
                .and_then(|effort| claude_effort(effort, self.version));
            return Ok(Thinks::Claude);
        }
        let Some(budget) = self.budget(reasoning) else {
            losses.hint(
                Param::Reasoning.as_str(),
                "the model needs an output limit of more than 1024 tokens to think, and its own earlier thoughts to go on",
            )?;
            return Ok(Thinks::No);
        };
        let thinking = json!({ "type": "enabled", "budget_tokens": budget });
        inference.additional.insert("thinking".into(), thinking);
        Ok(Thinks::Claude)
    }

    /// At least 1024 tokens and less than the whole answer may have, of which a quarter is left for what is said.
    fn budget(&self, reasoning: &Reasoning) -> Option<u64> {
        const MIN_TOKENS: u64 = 1_024;
        const USUAL_TOKENS: u64 = 8_192;
        if self.lacks_thoughts {
            return None;
        }
        let asked = reasoning
            .budget_or_near()
            .unwrap_or(USUAL_TOKENS)
            .max(MIN_TOKENS);
        match self.limit {
            Some(limit) if limit <= MIN_TOKENS => None,
            Some(limit) if asked >= limit => Some((limit - limit / 4).max(MIN_TOKENS)),
            _ => Some(asked),
        }
    }
}

/// The nearest effort that the version knows.
fn claude_effort(effort: &str, version: Version) -> Option<&'static str> {
    Some(match effort {
        "minimal" | "low" => "low",
        "medium" => "medium",
        "high" => "high",
        "xhigh" if version >= (4, 7) => "xhigh",
        "xhigh" => "high",
        "max" => "max",
        _ => return None,
    })
}

fn three_levels(effort: &str) -> &'static str {
    match effort {
        "minimal" | "low" => "low",
        "medium" => "medium",
        _ => "high",
    }
}

fn think_nova(
    reasoning: &Reasoning,
    request: &Request,
    inference: &mut Inference<'_>,
    losses: &mut Losses,
) -> Result<Thinks, Loss> {
    if !wants_thoughts(reasoning) {
        return Ok(Thinks::No);
    }
    let mut effort = three_levels(reasoning.effort_or_near().unwrap_or("medium"));
    if effort == "high" && request.max_tokens.is_some() {
        // The highest effort takes no limit, and the limit means more.
        losses.hint(
            "reasoning (high effort)",
            "the model takes it without an output limit alone",
        )?;
        effort = "medium";
    }
    let config = json!({ "type": "enabled", "maxReasoningEffort": effort });
    inference
        .additional
        .insert("reasoningConfig".into(), config);
    Ok(if effort == "high" {
        Thinks::NovaHigh
    } else {
        Thinks::No
    })
}

fn think_gpt_oss(
    reasoning: &Reasoning,
    inference: &mut Inference<'_>,
    losses: &mut Losses,
) -> Result<Thinks, Loss> {
    if !wants_thoughts(reasoning) {
        if reasoning.effort_or_near() == Some("none") {
            losses.hint(Param::Reasoning.as_str(), "the model always thinks")?;
        }
        return Ok(Thinks::No);
    }
    if let Some(effort) = reasoning.effort_or_near() {
        let effort = three_levels(effort);
        inference
            .additional
            .insert("reasoning_effort".into(), effort.into());
    }
    Ok(Thinks::No)
}

fn write_sampling<'a>(
    request: &'a Request,
    family: Family,
    thinks: Thinks,
    inference: &mut Inference<'a>,
    losses: &mut Losses,
) -> Result<(), Loss> {
    let obstacle = |is_allowed_while_thinking: bool| {
        if family.refuses_sampling() {
            Some(NOT_TAKEN)
        } else if thinks == Thinks::No || is_allowed_while_thinking && thinks == Thinks::Claude {
            None
        } else {
            Some(NOT_WHILE_THINKING)
        }
    };
    let number = |param| request.param(param).and_then(Value::as_f64);
    if let Some(temperature) = number(Param::Temperature) {
        let why = match obstacle(temperature == 1.0) {
            None if temperature > 1.0 => Some("it goes from 0 to 1 there"),
            why => why,
        };
        match why {
            Some(why) => losses.hint(Param::Temperature.as_str(), why)?,
            None => inference.config.temperature = request.param(Param::Temperature),
        }
    }
    if let Some(top_p) = number(Param::TopP) {
        let why = match obstacle(top_p >= 0.95) {
            None if family.refuses_both() && inference.config.temperature.is_some() => {
                Some("the model does not take it together with temperature")
            }
            why => why,
        };
        match why {
            Some(why) => losses.hint(Param::TopP.as_str(), why)?,
            None => inference.config.top_p = request.param(Param::TopP),
        }
    }
    if let Some(top_k) = request.param(Param::TopK).filter(|value| value.is_number()) {
        let (name, value) = match family {
            Family::Claude(_) => ("top_k", top_k.clone()),
            Family::Nova | Family::Nova2 => ("inferenceConfig", json!({ "topK": top_k })),
            Family::GptOss | Family::Other | Family::Hidden => {
                return losses.hint(Param::TopK.as_str(), NOT_TAKEN);
            }
        };
        match obstacle(false) {
            Some(why) => losses.hint(Param::TopK.as_str(), why)?,
            None => {
                inference.additional.insert(name.into(), value);
            }
        }
    }
    Ok(())
}

/// Texts that end the answer. An empty one is refused everywhere, one of white space alone by Claude.
fn write_stop<'a>(
    request: &'a Request,
    family: Family,
    config: &mut Config<'a>,
    losses: &mut Losses,
) -> Result<(), Loss> {
    for text in &request.stop {
        let is_blank = match family {
            Family::Claude(_) => text.trim().is_empty(),
            _ => text.is_empty(),
        };
        if is_blank {
            losses.meaning(
                Param::Stop.as_str(),
                "the model takes no stop sequence of white space alone",
            )?;
        } else {
            config.stop_sequences.push(text);
        }
    }
    Ok(())
}
