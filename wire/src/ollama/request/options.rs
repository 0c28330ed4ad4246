//! `options`: sampling and limits.

use serde_json::{Map, Value};

use crate::loss::{Loss, Losses};
use crate::neutral::{Param, Request};

/// Parameters that are options under the same name.
const SAME_NAME: [(Param, &str); 7] = [
    (Param::Temperature, "temperature"),
    (Param::TopP, "top_p"),
    (Param::TopK, "top_k"),
    (Param::MinP, "min_p"),
    (Param::Seed, "seed"),
    (Param::PresencePenalty, "presence_penalty"),
    (Param::FrequencyPenalty, "frequency_penalty"),
];

/// Members of the client's request that are no options, though Ollama knows them.
const NO_OPTIONS: [&str; 5] = ["options", "keep_alive", "think", "truncate", "shift"];

/// The client's own `options`, then options it put beside them, then what its format has a parameter for.
pub(super) fn write_options(
    request: &Request,
    losses: &mut Losses,
) -> Result<Map<String, Value>, Loss> {
    let mut options = match request.rest.get("options") {
        Some(Value::Object(options)) => options.clone(),
        Some(_) => {
            losses.hint("options", "it must be an object")?;
            Map::new()
        }
        None => Map::new(),
    };
    for name in super::CARRIES.rest {
        if let Some(value) = request.rest.get(*name)
            && !NO_OPTIONS.contains(name)
        {
            options.insert((*name).to_owned(), value.clone());
        }
    }
    for (param, name) in SAME_NAME {
        if let Some(value) = request.param(param) {
            options.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(max_tokens) = request.max_tokens {
        options.insert("num_predict".into(), max_tokens.into());
    }
    if !request.stop.is_empty() {
        options.insert("stop".into(), request.stop.clone().into());
    }
    Ok(options)
}
