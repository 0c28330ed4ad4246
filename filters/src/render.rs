//! Ask -> the provider's bytes: spliced where client and provider speak the same format, else translated.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method};
use weir_wire::body::{self, Edit, ModelEdit};
use weir_wire::fields::RequestError;
use weir_wire::foreign;
use weir_wire::format::Format;
use weir_wire::loss::{DropParams, Loss, Losses};
use weir_wire::multipart::Splice;
use weir_wire::neutral::Request;
use weir_wire::translate::{self, Context};

use crate::adapt::{Adapted, Unsaid};
use crate::answer::JSON;
use crate::ask::Ask;
use crate::plan::Target;
use crate::upload::Upload;
use crate::way::Way;

/// Anthropic's version where a client of another format names none: it still takes the sampling parameters.
pub(crate) const ANTHROPIC_VERSION: &str = "2023-06-01";

/// A request as one target is sent it.
pub(crate) struct Outbound {
    /// `POST`, but for what is passed on as it is.
    pub method: Method,
    /// The name of the path in the configuration.
    pub path_name: &'static str,
    /// The format of the provider's errors, which also says which of the client's headers it is sent.
    pub format: Format,
    pub body: Payload,
    /// The media type of the body.
    pub content_type: HeaderValue,
    pub way: Way,
    /// Whether it is a route that nobody here interprets.
    pub is_pass: bool,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Whether the stream's usage is there only because the gateway asked for it.
    pub strip_usage: bool,
    /// What a translated answer needs to know; also for reading a native stream.
    pub context: Arc<Context>,
    /// What was left out.
    pub dropped: Vec<String>,
    /// What was asked, where the answer must be adapted.
    pub adapted: Option<Adapted>,
}

impl Outbound {
    /// Whether events of the answer are looked at; those of a route that nobody here knows are relayed as bytes.
    pub(crate) fn reads_events(&self) -> bool {
        !self.is_pass
    }
}

/// The body of a request.
pub(crate) enum Payload {
    /// Whole, in memory.
    Bytes(Bytes),
    /// The ask's form, with the model replaced where it names one.
    Form(Option<Splice>),
}

/// Says an ask as a target wants it. `request` is the ask in neutral terms; it is there for every translated way.
///
/// Where the nearest format cannot take the request whole, the provider's others are tried: OpenAI's Responses know no
/// `stop`, but its chat does.
pub(crate) fn render(
    ask: &Ask,
    target: &Target,
    way: Way,
    request: &Arc<Request>,
) -> Result<Outbound, Unsaid> {
    let nearest = render_as(ask, target, way, request);
    let Err(Unsaid::Loss(loss)) = nearest else {
        return nearest;
    };
    let mut others = way.others(target);
    others
        .find_map(|other| render_as(ask, target, other, request).ok())
        .ok_or(Unsaid::Loss(loss))
}

fn render_as(
    ask: &Ask,
    target: &Target,
    way: Way,
    request: &Arc<Request>,
) -> Result<Outbound, Unsaid> {
    let endpoint = ask.inbound.endpoint;
    let stream = ask.head.stream;
    let context = Arc::new(Context {
        call_id: ask.inbound.call_id.simple().to_string(),
        model: target.model.to_string(),
        created_s: u64::try_from(ask.inbound.started_at_us / 1_000_000).unwrap_or(0),
        think_tags: target.upstream.provider().quirks.think_tags,
        request: Arc::clone(request),
    });
    let pass = ask.inbound.pass.as_ref();
    let mut outbound = Outbound {
        method: pass.map_or(Method::POST, |pass| pass.method.clone()),
        path_name: way.path_name(endpoint, stream),
        format: match (way, pass, target.formats.first()) {
            (Way::Plain, Some(_), Some(first)) => *first,
            _ => way.provider_format(endpoint),
        },
        body: Payload::Bytes(Bytes::new()),
        content_type: JSON,
        is_pass: pass.is_some(),
        way,
        stream,
        strip_usage: false,
        context,
        dropped: Vec::new(),
        adapted: None,
    };
    match way {
        Way::Conversation { client, provider } if client != provider => {
            let policy = policy(ask, target);
            let rendered = translate::write_request(provider, request, &rules(target), policy)?;
            outbound.body = Payload::Bytes(rendered.body.into());
            outbound.dropped = rendered.dropped;
        }
        Way::Adapted(adapter) => {
            let format = outbound.format;
            let mut losses = Losses::new(policy(ask, target), &target.upstream.name, format);
            let (body, adapted) = adapter.write(ask, target, &mut losses)?;
            outbound.body = Payload::Bytes(body.into());
            outbound.adapted = Some(adapted);
            outbound.dropped = losses.into_dropped();
            // What is adapted is answered whole.
            outbound.stream = false;
        }
        _ => match &ask.upload {
            Some(upload) => splice_form(upload, target, &mut outbound)?,
            None if pass.is_some() => {
                outbound.body = Payload::Bytes(ask.body.clone());
                outbound.content_type = pass.map_or(JSON, |pass| pass.content_type.clone());
            }
            // A handshake has neither body nor model in one.
            None if ask.inbound.handshake.is_some() => outbound.method = Method::GET,
            None => splice(ask, target, &mut outbound),
        },
    }
    Ok(outbound)
}

/// The same format: the client's bytes, the few edits apart, and what other providers signed, which this one would refuse.
fn splice(ask: &Ask, target: &Target, outbound: &mut Outbound) {
    let quirks = &target.upstream.provider().quirks;
    let format = outbound.format;
    let is_openai = matches!(format, Format::Chat | Format::Completions);
    let include_usage = outbound.stream && is_openai && quirks.stream_options;
    let edit = Edit {
        model: model_edit(ask, target, format),
        include_usage,
        max_tokens_field: quirks.max_tokens_field.filter(|_| format == Format::Chat),
    };
    outbound.strip_usage = include_usage && !ask.head.include_usage;
    let rendered = body::render(&ask.body, &ask.head, &edit);
    let own = foreign::without_foreign_thoughts(format, &rendered);
    outbound.body = Payload::Bytes(own.unwrap_or(rendered).into());
}

/// A form: the client's bytes, the model apart.
fn splice_form(upload: &Upload, target: &Target, outbound: &mut Outbound) -> Result<(), Loss> {
    outbound.content_type = upload.content_type.clone();
    let Some(form) = &upload.form else {
        outbound.body = Payload::Form(None);
        return Ok(());
    };
    let splice = form.splice_model(&target.model).ok_or_else(|| Loss {
        what: "model".to_owned(),
        why: "its name cannot stand in a form",
        provider: target.upstream.name.to_string(),
        target: "a form",
    })?;
    outbound.body = Payload::Form(Some(splice));
    Ok(())
}

fn model_edit<'a>(ask: &Ask, target: &'a Target, format: Format) -> ModelEdit<'a> {
    if ask.inbound.in_url.is_some() || format == Format::Gemini {
        return ModelEdit::Absent;
    }
    match anthropic_version(target) {
        Some(value) if format == Format::Anthropic => ModelEdit::Replaced {
            key: "anthropic_version",
            value,
        },
        _ => ModelEdit::Named(&target.model),
    }
}

/// The version that stands in the body where the provider takes Anthropic's format without a model in it.
fn anthropic_version(target: &Target) -> Option<&str> {
    let quirks = &target.upstream.provider().quirks;
    quirks.anthropic_version.as_deref()
}

/// What may be left out: as the request says, else the model's or the provider's setting.
fn policy(ask: &Ask, target: &Target) -> DropParams {
    let provider = target.upstream.provider();
    let configured = || provider.drop_params(&target.model);
    ask.inbound.drop_params.unwrap_or_else(configured)
}

fn rules(target: &Target) -> translate::Target<'_> {
    let provider = target.upstream.provider();
    let quirks = &provider.quirks;
    translate::Target {
        provider: &target.upstream.name,
        model: &target.model,
        max_output_tokens: target.output_limit(),
        stream_options: quirks.stream_options,
        max_tokens_field: quirks.max_tokens_field,
        reasoning_field: quirks.reasoning_field,
        reasoning_details: quirks.reasoning_details,
        prefill: quirks.prefill,
        anthropic_version: anthropic_version(target),
    }
}

/// The ask in neutral terms.
pub(crate) fn neutral(ask: &Ask, model: &str) -> Result<Request, RequestError> {
    let Some(format) = ask.inbound.endpoint.conversation() else {
        return Ok(Request::default());
    };
    let mut request = translate::read_request(format, &ask.body)?;
    model.clone_into(&mut request.model);
    request.stream = ask.head.stream;
    request.include_usage |= !matches!(format, Format::Chat | Format::Completions);
    Ok(request)
}
