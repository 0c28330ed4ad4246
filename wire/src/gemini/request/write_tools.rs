//! Writing the tools, and how they may be called.

use serde_json::{Map, Value, json};

use crate::format::Format;
use crate::gemini::model::Generation;
use crate::gemini::names::to_google;
use crate::gemini::schema;
use crate::loss::{Loss, Losses};
use crate::neutral::{Param, Request, Tool, ToolChoice};

/// Writes `tools`: one object with all functions, and one for each hosted tool.
pub(super) fn tools(
    request: &Request,
    generation: Generation,
    losses: &mut Losses,
) -> Result<Vec<Value>, Loss> {
    let mut functions = Vec::new();
    let mut tools = Vec::new();
    for tool in &request.tools {
        match tool {
            Tool::Function { name, .. } if !may_be_called(name, request) => {}
            Tool::Function {
                name,
                description,
                parameters,
                ..
            } => functions.push(declaration(name, description.as_ref(), parameters.as_ref())),
            Tool::Hosted {
                format: Format::Gemini,
                value,
                ..
            } => tools.push(value.clone()),
            Tool::Hosted { format, kind, .. } => {
                let what = format!("{}'s tool `{kind}`", format.as_str());
                losses.meaning(&what, "only its own provider runs such a tool")?;
            }
            // The table of losses has reported it.
            Tool::Custom { .. } => {}
        }
    }
    if has_loose_schema(request, generation) {
        losses.hint("strict", "it holds all functions to their schema, or none")?;
    }
    search(
        request,
        generation,
        !functions.is_empty(),
        &mut tools,
        losses,
    )?;
    if !functions.is_empty() {
        tools.insert(0, json!({ "functionDeclarations": functions }));
    }
    Ok(tools)
}

fn declaration(name: &str, description: Option<&String>, parameters: Option<&Value>) -> Value {
    let mut written = Map::new();
    written.insert("name".to_owned(), json!(to_google(name)));
    if let Some(description) = description {
        written.insert("description".to_owned(), json!(description));
    }
    if let Some(parameters) = parameters.filter(|it| schema::has_parameters(it)) {
        let parameters = schema::for_google(parameters);
        written.insert("parametersJsonSchema".to_owned(), parameters);
    }
    Value::Object(written)
}

/// Google restricts to some functions only when one of them must be called; else the others are not shown.
fn may_be_called(name: &str, request: &Request) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::Allowed {
            names,
            required: false,
        }) => names.iter().any(|allowed| allowed == name),
        _ => true,
    }
}

/// OpenAI's web search is Google's own search here.
fn search(
    request: &Request,
    generation: Generation,
    has_functions: bool,
    tools: &mut Vec<Value>,
    losses: &mut Losses,
) -> Result<(), Loss> {
    let Some(options) = request.param(Param::WebSearchOptions) else {
        return Ok(());
    };
    if has_functions && !generation.combines_tools() {
        return losses.meaning(
            "web_search_options",
            "this model takes functions or a search, not both",
        );
    }
    if options
        .as_object()
        .is_some_and(|options| !options.is_empty())
    {
        losses.hint("web_search_options", "its search has no such options")?;
    }
    tools.push(json!({ "googleSearch": {} }));
    Ok(())
}

fn functions(request: &Request) -> impl Iterator<Item = Option<bool>> {
    request.tools.iter().filter_map(|tool| match tool {
        Tool::Function { strict, .. } => Some(*strict),
        Tool::Custom { .. } | Tool::Hosted { .. } => None,
    })
}

fn all_are_strict(request: &Request) -> bool {
    functions(request).all(|strict| strict == Some(true))
}

/// Whether some function must follow its schema to the letter and nothing will make it.
fn has_loose_schema(request: &Request, generation: Generation) -> bool {
    let is_validated = all_are_strict(request) && generation.validates_arguments();
    functions(request).any(|strict| strict == Some(true)) && !is_validated
}

/// Writes `toolConfig`, which without functions is refused.
pub(super) fn tool_config(
    request: &Request,
    generation: Generation,
    losses: &mut Losses,
) -> Result<Option<Value>, Loss> {
    if functions(request).next().is_none() {
        return Ok(None);
    }
    let is_validated = all_are_strict(request) && generation.validates_arguments();
    let free = if is_validated { "VALIDATED" } else { "AUTO" };
    let config = match &request.tool_choice {
        None if is_validated => json!({ "mode": free }),
        None => return Ok(None),
        Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) => {
            json!({ "mode": free })
        }
        Some(ToolChoice::None) => json!({ "mode": "NONE" }),
        Some(ToolChoice::Required) => json!({ "mode": "ANY" }),
        Some(ToolChoice::Named(name)) => {
            json!({ "mode": "ANY", "allowedFunctionNames": [known(name, request, losses)?] })
        }
        Some(ToolChoice::Allowed { names, .. }) => {
            let mut allowed = Vec::new();
            for name in names {
                allowed.push(known(name, request, losses)?);
            }
            json!({ "mode": "ANY", "allowedFunctionNames": allowed })
        }
    };
    Ok(Some(json!({ "functionCallingConfig": config })))
}

/// The name of a function that is declared.
fn known(name: &str, request: &Request, losses: &mut Losses) -> Result<String, Loss> {
    let is_declared = request
        .tools
        .iter()
        .any(|tool| matches!(tool, Tool::Function { name: declared, .. } if declared == name));
    if !is_declared {
        losses.meaning("tool_choice", "it names a tool that is no function")?;
    }
    Ok(to_google(name).into_owned())
}
