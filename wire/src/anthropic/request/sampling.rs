//! `temperature`, `top_p` and `top_k`, which Anthropic's models take less and less of.

use serde_json::{Value, json};

use crate::anthropic::model::Model;
use crate::loss::{Loss, Losses};
use crate::neutral::{Param, Request};

#[derive(Default)]
pub(super) struct Sampling<'a> {
    pub temperature: Option<Value>,
    pub top_p: Option<&'a Value>,
    pub top_k: Option<&'a Value>,
}

/// The smallest `top_p` beside thinking.
const MIN_TOP_P: f64 = 0.95;

pub(super) fn write<'a>(
    request: &'a Request,
    model: Model,
    thinks: bool,
    losses: &mut Losses,
) -> Result<Sampling<'a>, Loss> {
    let given = |param| request.param(param).filter(|value| value.is_number());
    // One is what they are without a word, so that nothing is lost with it.
    let unless_one = |value: &&Value| value.as_f64() != Some(1.0);
    let mut temperature = given(Param::Temperature).filter(unless_one);
    let mut top_p = given(Param::TopP).filter(unless_one);
    let mut top_k = given(Param::TopK);
    if !model.takes_sampling() {
        let why = "this model takes no sampling parameters";
        drop(&mut temperature, Param::Temperature, why, losses)?;
        drop(&mut top_p, Param::TopP, why, losses)?;
        drop(&mut top_k, Param::TopK, why, losses)?;
    }
    if thinks {
        let why = "that format has no such sampling beside thinking";
        drop(&mut temperature, Param::Temperature, why, losses)?;
        drop(&mut top_k, Param::TopK, why, losses)?;
        if top_p.is_some_and(|value| value.as_f64().is_none_or(|it| it < MIN_TOP_P)) {
            drop(&mut top_p, Param::TopP, why, losses)?;
        }
    }
    if temperature.is_some() && !model.takes_both_samplings() {
        let why = "this model takes `temperature` or `top_p`, not both";
        drop(&mut top_p, Param::TopP, why, losses)?;
    }
    Ok(Sampling {
        temperature: temperature.map(|it| within_one(it, losses)).transpose()?,
        top_p,
        top_k,
    })
}

fn drop(
    value: &mut Option<&Value>,
    param: Param,
    why: &'static str,
    losses: &mut Losses,
) -> Result<(), Loss> {
    if value.take().is_some() {
        losses.hint(param.as_str(), why)?;
    }
    Ok(())
}

/// OpenAI's temperatures go up to 2.
fn within_one(temperature: &Value, losses: &mut Losses) -> Result<Value, Loss> {
    if temperature.as_f64().is_some_and(|it| it > 1.0) {
        losses.hint(
            "temperature",
            "that format's highest is 1, which is sent instead",
        )?;
        return Ok(json!(1));
    }
    Ok(temperature.clone())
}
