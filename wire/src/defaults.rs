//! Parameters whose usual value asks for nothing: a target that does not know them loses nothing by it.

use serde_json::Value;

use crate::loss::{Loss, Losses};
use crate::neutral::{Class, Param, Request};

/// Refuses or drops those of `params` that ask for more than any target gives anyway: `n` of 2, but not `n` of 1.
///
/// # Errors
/// The first that may not be dropped.
pub(crate) fn refuse_unless_default(
    request: &Request,
    params: &[Param],
    losses: &mut Losses,
) -> Result<(), Loss> {
    const WHY: &str = "that format has nothing like it";
    for (param, value) in &request.params {
        if !params.contains(param) || is_default(*param, value) {
            continue;
        }
        match param.class() {
            Class::Hint => losses.hint(param.as_str(), WHY)?,
            Class::Meaning => losses.meaning(param.as_str(), WHY)?,
        }
    }
    Ok(())
}

fn is_default(param: Param, value: &Value) -> bool {
    match param {
        Param::N | Param::BestOf => value.as_u64() == Some(1),
        Param::Logprobs | Param::Echo | Param::Store => value == &Value::Bool(false),
        Param::ParallelToolCalls => value == &Value::Bool(true),
        Param::Modalities => value
            .as_array()
            .is_some_and(|list| list.iter().all(|one| one == "text")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::format::Format;
    use crate::loss::DropParams;

    #[test]
    fn only_what_asks_for_something_is_lost() {
        let mut request = Request::default();
        request.set_param(Param::N, json!(1));
        request.set_param(Param::Modalities, json!(["text"]));
        request.set_param(Param::Store, json!(true));
        let mut losses = Losses::new(DropParams::Hints, "p", Format::Bedrock);
        let params = [Param::N, Param::Modalities, Param::Store];
        refuse_unless_default(&request, &params, &mut losses).unwrap();
        assert_eq!(losses.into_dropped(), ["store"]);

        request.set_param(Param::Modalities, json!(["text", "audio"]));
        let mut losses = Losses::new(DropParams::Hints, "p", Format::Bedrock);
        let refused = refuse_unless_default(&request, &params, &mut losses).unwrap_err();
        assert_eq!(refused.what, "modalities");
    }
}
