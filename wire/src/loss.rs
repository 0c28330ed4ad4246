//! What a translation cannot carry, and what becomes of it: loss is loud.
//!
//! Each target format states what it carries ([`Carries`]); [`check`] holds a request against that before it is written.
//! What depends on more than the table knows is reported by the writer itself, through the same [`Losses`].

use std::str::FromStr;

use crate::format::Format;
use crate::neutral::{Class, ContentKind, Param, Request, ToolChoice};

/// What may be left out of a request that a target cannot take whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DropParams {
    /// Hints are left out and named; what carries meaning is refused.
    #[default]
    Hints,
    /// Everything is left out and named.
    All,
    /// Nothing: every loss is refused.
    None,
}

/// A word that is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a way to drop parameters: use `hints`, `all` or `none`")]
pub struct UnknownDropParams {
    word: String,
}

impl FromStr for DropParams {
    type Err = UnknownDropParams;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "hints" => Ok(Self::Hints),
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            _ => Err(UnknownDropParams {
                word: word.chars().take(40).collect(),
            }),
        }
    }
}

/// What a target format carries of a request of another format.
#[derive(Clone, Copy, Debug)]
pub struct Carries {
    /// Its parameters.
    pub params: &'static [Param],
    /// Its kinds of content.
    pub content: &'static [ContentKind],
    /// Members of the format's own that are carried as they are where a client puts them beside its own format's.
    pub rest: &'static [&'static str],
}

/// A request that cannot be said in a target's format without losing what it means: HTTP 400, naming it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{what}` cannot be sent to `{provider}`, whose format is `{target}`: {why}. Leave it out, choose another model, \
     or send `x-weir-drop-params: all` to go on without it."
)]
pub struct Loss {
    /// The parameter or content part.
    pub what: String,
    /// Why, as a clause.
    pub why: &'static str,
    /// The provider's name.
    pub provider: String,
    /// The target's format.
    pub target: &'static str,
}

/// Why most things cannot be carried.
const UNKNOWN_THERE: &str = "that format has nothing like it";

/// Collects what is left out of one request on its way to one target.
#[derive(Debug)]
pub struct Losses {
    policy: DropParams,
    provider: String,
    target: Format,
    dropped: Vec<String>,
}

impl Losses {
    /// Nothing lost yet, on the way to `provider`.
    pub fn new(policy: DropParams, provider: &str, target: Format) -> Self {
        Self {
            policy,
            provider: provider.to_owned(),
            target,
            dropped: Vec::new(),
        }
    }

    /// A hint is not carried.
    ///
    /// # Errors
    /// If the policy is to drop nothing.
    pub fn hint(&mut self, what: &str, why: &'static str) -> Result<(), Loss> {
        self.lose(what, why, Class::Hint)
    }

    /// Something with meaning is not carried.
    ///
    /// # Errors
    /// Unless the policy is to drop everything.
    pub fn meaning(&mut self, what: &str, why: &'static str) -> Result<(), Loss> {
        self.lose(what, why, Class::Meaning)
    }

    /// Calls at once cannot be forbidden. Where one tool must be called, as clients do who want structured output, that is
    /// no more than a hint: which tool is called is certain, and of its calls the first is taken.
    ///
    /// # Errors
    /// Unless one tool must be called, or the policy is to drop everything.
    pub fn parallel_calls(&mut self, request: &Request, why: &'static str) -> Result<(), Loss> {
        let is_certain = match &request.tool_choice {
            Some(ToolChoice::Named(_)) => true,
            Some(ToolChoice::Required) => request.tools.len() == 1,
            _ => false,
        };
        let class = if is_certain {
            Class::Hint
        } else {
            Class::Meaning
        };
        self.lose(Param::ParallelToolCalls.as_str(), why, class)
    }

    /// Something without which nothing is left to ask, so that no policy can drop it.
    pub fn refusal(&self, what: &str, why: &'static str) -> Loss {
        Loss {
            what: what.to_owned(),
            why,
            provider: self.provider.clone(),
            target: self.target.as_str(),
        }
    }

    fn lose(&mut self, what: &str, why: &'static str, class: Class) -> Result<(), Loss> {
        let may_drop = match self.policy {
            DropParams::All => true,
            DropParams::Hints => class == Class::Hint,
            DropParams::None => false,
        };
        if !may_drop {
            return Err(self.refusal(what, why));
        }
        if self.dropped.iter().all(|known| known != what) {
            self.dropped.push(what.to_owned());
        }
        Ok(())
    }

    /// What was left out, for `x-weir-dropped`.
    pub fn into_dropped(self) -> Vec<String> {
        self.dropped
    }
}

/// Holds a request against what the target's format carries.
///
/// # Errors
/// The first thing that may not be dropped.
pub fn check(request: &Request, carries: &Carries, losses: &mut Losses) -> Result<(), Loss> {
    for param in request.present() {
        if !carries.params.contains(&param) {
            losses.lose(param.as_str(), UNKNOWN_THERE, param.class())?;
        }
    }
    for (kind, place) in request.content_kinds() {
        if carries.content.contains(&kind) {
            continue;
        }
        let what = format!("{place} ({})", kind.as_str());
        losses.lose(&what, UNKNOWN_THERE, kind.class())?;
    }
    let is_carried = |name: &&String| carries.rest.contains(&name.as_str());
    for name in request.rest.keys().filter(|name| !is_carried(name)) {
        losses.lose(name, UNKNOWN_THERE, Class::Hint)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CARRIES: Carries = Carries {
        params: &[Param::Temperature],
        content: &[ContentKind::Text],
        rest: &["num_ctx"],
    };

    fn dropped(request: &Request, policy: DropParams) -> Result<Vec<String>, String> {
        let mut losses = Losses::new(policy, "p", Format::Ollama);
        check(request, &CARRIES, &mut losses).map_err(|loss| loss.what)?;
        Ok(losses.into_dropped())
    }

    #[test]
    fn hints_are_dropped_and_named_and_meaning_is_refused() {
        let mut request = Request::default();
        request.set_param(Param::Temperature, json!(1));
        request.set_param(Param::Seed, json!(7));
        request.rest.insert("novelty".into(), json!(true));
        request.rest.insert("num_ctx".into(), json!(8192));
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            dropped(&request, DropParams::Hints),
            Ok(names(&["seed", "novelty"]))
        );
        assert_eq!(dropped(&request, DropParams::None), Err("seed".to_owned()));
        request.set_param(Param::N, json!(2));
        assert_eq!(dropped(&request, DropParams::Hints), Err("n".to_owned()));
        let all = dropped(&request, DropParams::All).unwrap();
        assert_eq!(all, names(&["n", "seed", "novelty"]));
    }

    #[test]
    fn that_calls_come_one_at_a_time_is_a_hint_where_one_tool_must_be_called() {
        let lost = |choice| {
            let request = Request {
                tool_choice: choice,
                ..Request::default()
            };
            let mut losses = Losses::new(DropParams::Hints, "p", Format::Gemini);
            let refused = losses.parallel_calls(&request, "why").is_err();
            (refused, losses.into_dropped())
        };
        let dropped = vec!["parallel_tool_calls".to_owned()];
        assert_eq!(lost(Some(ToolChoice::Named("t".into()))), (false, dropped));
        assert_eq!(lost(Some(ToolChoice::Required)), (true, Vec::new()));
        assert_eq!(lost(None), (true, Vec::new()));
    }
}
