//! How a model is told to think, and how many tokens it is left to answer with.

use super::body::Thinking;
use crate::anthropic::model::{self, Model, Off};
use crate::loss::{Loss, Losses};
use crate::neutral::{Reasoning, Request};
use crate::translate::Target;

/// What Anthropic needs where neither the client nor the catalogue says how long an answer may be.
pub(crate) const DEFAULT_MAX_TOKENS: u64 = 4_096;

/// Anthropic's smallest budget.
const MIN_BUDGET: u64 = 1_024;

/// The budget where thoughts are asked for without saying how many.
const DEFAULT_BUDGET: u64 = 8_192;

pub(super) struct Plan {
    pub thinking: Option<Thinking>,
    pub effort: Option<&'static str>,
    pub max_tokens: u64,
}

impl Plan {
    /// Whether sampling is bound to what thinking leaves of it.
    pub fn thinks(&self) -> bool {
        self.thinking
            .is_some_and(|thinking| matches!(thinking.r#type, "enabled" | "adaptive"))
    }
}

pub(super) struct Circumstances {
    /// Whether a tool must be called, which no model does while it thinks.
    pub is_tool_forced: bool,
    pub lacks_thoughts_of_calls: bool,
}

pub(super) fn plan(
    request: &Request,
    target: &Target<'_>,
    circumstances: &Circumstances,
    losses: &mut Losses,
) -> Result<Plan, Loss> {
    let mut plan = Plan {
        thinking: None,
        effort: None,
        max_tokens: request
            .max_tokens
            .or(target.max_output_tokens)
            .unwrap_or(DEFAULT_MAX_TOKENS),
    };
    let model = Model::named(target.model);
    let asked = request.reasoning.as_ref().and_then(Asked::of);
    match model.thinking() {
        model::Thinking::Never => {
            if matches!(asked, Some(Asked::On(_))) {
                losses.hint("reasoning", "this model does not think")?;
            }
        }
        model::Thinking::Budget => {
            if let Some(Asked::On(reasoning)) = asked
                && may_think(circumstances, losses)?
            {
                plan.set_budget(reasoning, request, target, losses)?;
            }
        }
        model::Thinking::Adaptive { off } => {
            let asked = match asked {
                Some(Asked::On(reasoning))
                    if circumstances.is_tool_forced && model.can_be_forced() =>
                {
                    losses.hint("reasoning", FORCED)?;
                    plan.effort =
                        effort(reasoning, model).filter(|it| !matches!(*it, "xhigh" | "max"));
                    Some(Asked::Off)
                }
                None if circumstances.is_tool_forced && off == Off::Disabled => Some(Asked::Off),
                asked => asked,
            };
            match asked {
                Some(Asked::On(reasoning)) => plan.set_adaptive(reasoning, model),
                Some(Asked::Off) => plan.set_off(off, losses)?,
                None => {}
            }
        }
    }
    Ok(plan)
}

const FORCED: &str = "no model thinks when it must call a tool";

/// What is asked for, if anything is said about whether to think.
enum Asked<'a> {
    Off,
    On(&'a Reasoning),
}

impl<'a> Asked<'a> {
    fn of(reasoning: &'a Reasoning) -> Option<Self> {
        if reasoning.enabled == Some(false)
            || reasoning.effort.as_deref() == Some("none")
            || reasoning.budget_tokens == Some(0)
        {
            return Some(Self::Off);
        }
        let says_something = reasoning.enabled.is_some()
            || reasoning.effort.is_some()
            || reasoning.budget_tokens.is_some();
        says_something.then_some(Self::On(reasoning))
    }
}

fn may_think(circumstances: &Circumstances, losses: &mut Losses) -> Result<bool, Loss> {
    if circumstances.is_tool_forced {
        losses.hint("reasoning", FORCED)?;
        return Ok(false);
    }
    if circumstances.lacks_thoughts_of_calls {
        losses.hint(
            "reasoning",
            "the history lacks the thoughts that led to its tool calls",
        )?;
        return Ok(false);
    }
    Ok(true)
}

impl Plan {
    /// The budget must leave room for an answer. A limit that leaves none is raised, as far as the model goes.
    fn set_budget(
        &mut self,
        reasoning: &Reasoning,
        request: &Request,
        target: &Target<'_>,
        losses: &mut Losses,
    ) -> Result<(), Loss> {
        let wanted = reasoning.budget_or_near().unwrap_or(DEFAULT_BUDGET);
        let mut budget = wanted.max(MIN_BUDGET);
        let ceiling = target.max_output_tokens.unwrap_or(u64::MAX);
        if budget >= self.max_tokens {
            if request.max_tokens.is_none() {
                self.max_tokens = budget.saturating_add(self.max_tokens).min(ceiling);
            } else if self.max_tokens <= MIN_BUDGET {
                self.max_tokens = self.max_tokens.saturating_add(MIN_BUDGET).min(ceiling);
            }
            // What was asked for as a limit stays one: the thoughts are cut, not the answer.
            budget = budget.min(self.max_tokens / 2).max(MIN_BUDGET);
        }
        if budget >= self.max_tokens {
            return losses.hint("reasoning", "the output limit leaves no room for thoughts");
        }
        self.thinking = Some(Thinking {
            r#type: "enabled",
            budget_tokens: Some(budget),
            display: display(reasoning),
        });
        Ok(())
    }

    fn set_adaptive(&mut self, reasoning: &Reasoning, model: Model) {
        self.effort = effort(reasoning, model);
        self.thinking = Some(Thinking {
            r#type: "adaptive",
            budget_tokens: None,
            display: display(reasoning),
        });
    }

    fn set_off(&mut self, off: Off, losses: &mut Losses) -> Result<(), Loss> {
        let kind = match off {
            Off::Default => return Ok(()),
            Off::Disabled => "disabled",
            Off::BetweenTools => "between_tools",
            Off::Impossible => {
                losses.hint("reasoning", "this model always thinks")?;
                self.effort = Some("low");
                return Ok(());
            }
        };
        self.thinking = Some(Thinking {
            r#type: kind,
            budget_tokens: None,
            display: None,
        });
        Ok(())
    }
}

/// Thoughts that a client asks to see are shown; without a word, each model has its own way.
fn display(reasoning: &Reasoning) -> Option<&'static str> {
    match (reasoning.include_thoughts, &reasoning.summary) {
        (Some(false), _) => Some("omitted"),
        (Some(true), _) | (None, Some(_)) => Some("summarized"),
        (None, None) => None,
    }
}

fn effort(reasoning: &Reasoning, model: Model) -> Option<&'static str> {
    Some(match reasoning.effort_or_near()? {
        "minimal" | "low" => "low",
        "medium" => "medium",
        "high" => "high",
        "xhigh" if model.has_xhigh() => "xhigh",
        "xhigh" | "max" => "max",
        _ => return None,
    })
}
