//! Tools and which of them is to be called.

use serde_json::{Value, json};

use crate::loss::{Loss, Losses};
use crate::neutral::{Fields, Param, Request, Tool, ToolChoice};

/// Writes `tools`, `strict_tools` and `tool_choice`.
pub(super) fn write(request: &Request, body: &mut Fields, losses: &mut Losses) -> Result<(), Loss> {
    let offered = Offered::of(request, losses)?;
    let mut tools = Vec::new();
    let mut strict = Strictness::default();
    for tool in &request.tools {
        let Tool::Function {
            name,
            description,
            parameters,
            strict: is_strict,
            ..
        } = tool
        else {
            // Tools of other kinds were reported with the table of what is carried.
            continue;
        };
        if !offered.includes(name) {
            continue;
        }
        strict.note(*is_strict == Some(true), parameters.as_ref());
        tools.push(function(name, description.as_deref(), parameters.as_ref()));
    }
    if !tools.is_empty() {
        body.insert("tools".into(), tools.into());
        strict.write(body, losses)?;
    }
    if let Some(choice) = offered.choice {
        body.insert("tool_choice".into(), choice.into());
    }
    let parallel = request.param(Param::ParallelToolCalls);
    if parallel == Some(&Value::Bool(false)) && body.contains_key("tools") {
        const WHY: &str = "its models call as many tools at once as they like";
        losses.parallel_calls(request, WHY)?;
    }
    Ok(())
}

fn function(name: &str, description: Option<&str>, parameters: Option<&Value>) -> Value {
    let mut function = Fields::new();
    function.insert("name".into(), name.into());
    if let Some(description) = description {
        function.insert("description".into(), description.into());
    }
    // The schema is required, also of a function without arguments.
    let nothing = || json!({"type": "object", "properties": {}});
    let parameters = parameters.cloned().unwrap_or_else(nothing);
    function.insert("parameters".into(), parameters);
    json!({"type": "function", "function": function})
}

/// Which tools are offered and whether one must be called. Cohere cannot name the tool that must be called, but a model
/// that is offered no other has no choice.
struct Offered<'a> {
    only: Option<Vec<&'a str>>,
    choice: Option<&'static str>,
}

impl<'a> Offered<'a> {
    const REQUIRED: &'static str = "REQUIRED";

    fn of(request: &'a Request, losses: &mut Losses) -> Result<Self, Loss> {
        let all = |choice| Self { only: None, choice };
        let (only, choice) = match &request.tool_choice {
            None | Some(ToolChoice::Auto) => return Ok(all(None)),
            Some(ToolChoice::None) if request.tools.is_empty() => return Ok(all(None)),
            Some(ToolChoice::None) => return Ok(all(Some("NONE"))),
            Some(ToolChoice::Required) => return Ok(all(Some(Self::REQUIRED))),
            Some(ToolChoice::Named(name)) => (vec![name.as_str()], Some(Self::REQUIRED)),
            Some(ToolChoice::Allowed { names, required }) => (
                names.iter().map(String::as_str).collect(),
                required.then_some(Self::REQUIRED),
            ),
        };
        let is_known = request.tools.iter().any(|tool| match tool {
            Tool::Function { name, .. } => only.contains(&name.as_str()),
            Tool::Custom { .. } | Tool::Hosted { .. } => false,
        });
        if !is_known {
            losses.meaning("tool_choice", "it names no function that is offered")?;
            return Ok(all(None));
        }
        Ok(Self {
            only: Some(only),
            choice,
        })
    }

    fn includes(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&name))
    }
}

/// Whether arguments must follow their schemas to the letter, which Cohere knows for all tools or none, and only where
/// each has a required argument.
#[derive(Default)]
struct Strictness {
    is_asked: bool,
    is_impossible: bool,
}

impl Strictness {
    fn note(&mut self, is_strict: bool, parameters: Option<&Value>) {
        let required = parameters.and_then(|schema| schema.get("required")?.as_array());
        let has_required = required.is_some_and(|names| !names.is_empty());
        self.is_asked |= is_strict;
        self.is_impossible |= !is_strict || !has_required;
    }

    fn write(&self, body: &mut Fields, losses: &mut Losses) -> Result<(), Loss> {
        if !self.is_asked {
            return Ok(());
        }
        if self.is_impossible {
            const WHY: &str =
                "it is strict with all tools or none, and with tools that require an argument";
            return losses.hint("tools[].strict", WHY);
        }
        body.insert("strict_tools".into(), true.into());
        Ok(())
    }
}
