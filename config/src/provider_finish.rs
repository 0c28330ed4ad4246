//! A provider's draft -> the provider: what only shows when every source has been read.

use std::path::PathBuf;

use weir_wire::format::Format;

use crate::base_url::BaseUrl;
use crate::endpoints::Endpoints;
use crate::environment::Environment;
use crate::kinds::OPTIONAL_PLACE;
use crate::model_options::ModelOptions;
use crate::operator_key;
use crate::path::Paths;
use crate::provider::{Auth, Provider, ProviderKind};
use crate::provider_draft::{Enabled, ProviderDraft, ProviderValues};
use crate::report::{Place, Report};
use crate::section::Section;
use crate::settings::Timeouts;
use crate::url_template::UrlTemplate;

/// Where a provider is, with the names that its address was filled with.
struct Address {
    url: BaseUrl,
    template: Option<UrlTemplate>,
    region: Option<String>,
    project: Option<String>,
}

/// Why a provider has no address.
enum Unknown {
    /// A setting that it needs is not given.
    Missing(&'static str),
    /// A variable of the environment is wrong.
    Wrong(String),
}

impl ProviderDraft {
    /// Where the provider was mentioned last.
    pub fn place(&self) -> Place {
        self.place.clone().unwrap_or_else(Place::built_in)
    }

    /// The finished provider; `None` where it is disabled, or its address is not known.
    pub fn finish(
        self,
        name: &str,
        shared_timeouts: &Timeouts,
        environment: &Environment<'_>,
        report: &mut Report,
    ) -> Option<Provider> {
        if self.values.enabled == Enabled::No {
            return None;
        }
        let timeouts = self.own_timeouts(name, shared_timeouts, report);
        let address = self.address(name, environment, report)?;
        let auth = self.values.auth;
        if let (Auth::None, Some((_, place))) = (auth, self.keys.first()) {
            report.error(
                place,
                format!(
                    "`providers.{name}` has a key but `auth: none`; set `auth: bearer` to send it"
                ),
            );
        }
        let layout = self.values.layout;
        let fill = |path: &str| {
            path.replace("{region}", address.region.as_deref().unwrap_or_default())
                .replace("{project}", address.project.as_deref().unwrap_or_default())
        };
        Some(Provider {
            name: name.to_owned(),
            paths: Paths::new(layout, &self.values.api_version, &self.paths, fill),
            base_url: BaseUrl {
                unix_socket: self.values.unix_socket,
                ..address.url
            },
            template: address.template,
            region: address.region,
            project: address.project,
            layout,
            auth,
            keys: operator_key::resolve(&self.keys, name, auth, environment, report),
            models: self.models,
            has_shipped_models: self.has_shipped_models,
            model_options: ModelOptions::new(self.model_options),
            formats: offered(self.values.formats, &self.endpoints),
            drop_params: self.values.drop_params,
            quirks: self.quirks,
            timeouts,
            headers: self.headers,
            kind: self.values.kind,
            endpoints: self.endpoints,
            local: auth == Auth::None,
        })
    }

    /// The address; none where it is not known, which is an error unless the provider is only there where it is.
    fn address(
        &self,
        name: &str,
        environment: &Environment<'_>,
        report: &mut Report,
    ) -> Option<Address> {
        if self.values.kind == ProviderKind::Demo && self.values.base_url.is_none() {
            return Some(nowhere());
        }
        let why = match find_address(&self.values, environment) {
            Ok(address) => return Some(address),
            Err(why) => why,
        };
        let place = self.place();
        match why {
            // A stand-in keeps what names this provider elsewhere from being told as wrong as well.
            Unknown::Wrong(why) => {
                report.error(&place, format!("`providers.{name}`: {why}"));
                return Some(nowhere());
            }
            Unknown::Missing(setting) if self.values.enabled != Enabled::Auto => {
                let message = format!("`providers.{name}` needs a `{setting}`");
                if !self.is_wrong {
                    report.error(&place, message);
                }
                return Some(nowhere());
            }
            // One that ships and that nobody speaks of is not worth a word.
            Unknown::Missing(setting) if !place.is_shipped() => {
                report.warn(format!(
                    "{place}: `providers.{name}` is left out, as it needs a `{setting}`"
                ));
            }
            Unknown::Missing(_) => {}
        }
        None
    }

    fn own_timeouts(&self, name: &str, shared: &Timeouts, report: &mut Report) -> Timeouts {
        let mut timeouts = shared.clone();
        for (key, (text, place)) in &self.timeouts {
            if let Err(why) = timeouts.set(key, text) {
                report.error(place, format!("`providers.{name}.timeouts.{key}`: {why}"));
            }
        }
        if let Some((_, place)) = self.timeouts.values().next_back()
            && timeouts.total_ms < timeouts.connect_ms
        {
            let message = format!(
                "`providers.{name}.timeouts`: `total_ms` ({}) is less than `connect_ms` ({})",
                timeouts.total_ms, timeouts.connect_ms
            );
            report.error(place, message);
        }
        timeouts
    }
}

/// The formats without those whose operation is switched off.
fn offered(formats: Vec<Format>, endpoints: &Endpoints) -> Vec<Format> {
    let is_on = |format: &Format| match format {
        Format::Chat => endpoints.chat,
        Format::Completions => endpoints.completions,
        _ => true,
    };
    formats.into_iter().filter(is_on).collect()
}

fn find_address(
    values: &ProviderValues,
    environment: &Environment<'_>,
) -> Result<Address, Unknown> {
    let template = match (&values.base_url, &values.base_url_env) {
        (Some(template), _) => template.clone(),
        (None, Some(name)) => match set(environment, name) {
            Some(text) => UrlTemplate::parse(text)
                .map_err(|why| Unknown::Wrong(format!("the variable {name} {why}")))?,
            None => return Err(Unknown::Missing("base_url")),
        },
        (None, None) => return Err(Unknown::Missing("base_url")),
    };
    let region = place_name(values.region.as_ref(), &values.region_env, environment)?
        .or_else(|| values.layout.default_region().map(str::to_owned));
    let project = place_name(values.project.as_ref(), &values.project_env, environment)?;
    if template.has_region() && region.is_none() {
        return Err(Unknown::Missing("region"));
    }
    if template.has_project() && project.is_none() {
        return Err(Unknown::Missing("project"));
    }
    let url = template
        .fill(values.layout, region.as_deref(), project.as_deref())
        .map_err(|why| Unknown::Wrong(format!("its `base_url` {why}")))?;
    Ok(Address {
        url,
        template: Some(template),
        region,
        project,
    })
}

/// The name of a region or project: the setting's, else that of the first variable that has one.
fn place_name(
    setting: Option<&String>,
    variables: &[String],
    environment: &Environment<'_>,
) -> Result<Option<String>, Unknown> {
    if let Some(name) = setting {
        return Ok(Some(name.clone()));
    }
    for variable in variables {
        if let Some(text) = set(environment, variable) {
            return (OPTIONAL_PLACE.read)(text)
                .map_err(|why| Unknown::Wrong(format!("the variable {variable}: {why}")));
        }
    }
    Ok(None)
}

/// The text of a variable; an empty one counts as unset.
fn set<'a>(environment: &'a Environment<'_>, name: &str) -> Option<&'a str> {
    let text = environment.get(name)?.trim();
    (!text.is_empty()).then_some(text)
}

/// Stands where an address must stand and none is needed, as for the demo; `.invalid` never resolves (RFC 6761).
fn nowhere() -> Address {
    Address {
        url: BaseUrl {
            tls: false,
            host: "demo.invalid".into(),
            port: 80,
            path: String::new(),
            unix_socket: None::<PathBuf>,
        },
        template: None,
        region: None,
        project: None,
    }
}
