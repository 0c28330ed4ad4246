//! A provider's draft -> the provider: what only shows when every source has been read.

use std::path::PathBuf;

use weir_wire::format::Format;

use crate::base_url::BaseUrl;
use crate::endpoints::Endpoints;
use crate::environment::Environment;
use crate::kinds::OPTIONAL_PLACE;
use crate::model_options::ModelOptions;
use crate::operator_key::{self, KeySource};
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

/// What becomes of a provider's draft.
pub(crate) enum Finished {
    /// It is there.
    There(Box<Provider>),
    /// It is not there, as its address is not known; what it needs.
    LeftOut(String),
    /// Somebody took it away.
    Off,
}

/// A setting that is not given, and the variables that would have given it.
struct Missing {
    setting: &'static str,
    variables: Vec<String>,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it needs a `{}`", self.setting)?;
        if !self.variables.is_empty() {
            write!(f, ": set {}", self.variables.join(" or "))?;
        }
        Ok(())
    }
}

/// Why a provider has no address.
enum Unknown {
    /// A setting that it needs is not given.
    Missing(Missing),
    /// A variable of the environment is wrong.
    Wrong(String),
}

impl ProviderDraft {
    /// Where the provider was mentioned last.
    pub fn place(&self) -> Place {
        self.place.clone().unwrap_or_else(Place::built_in)
    }

    /// The finished provider, unless it is disabled or its address is not known.
    pub fn finish(
        self,
        name: &str,
        shared_timeouts: &Timeouts,
        environment: &Environment<'_>,
        report: &mut Report,
    ) -> Finished {
        if self.values.enabled == Enabled::No {
            return Finished::Off;
        }
        let timeouts = self.own_timeouts(name, shared_timeouts, report);
        let address = match self.address(name, environment, report) {
            Ok(address) => address,
            Err(missing) => return Finished::LeftOut(missing.to_string()),
        };
        let key_variables = self.key_variables();
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
        Finished::There(Box::new(Provider {
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
            key_variables,
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
        }))
    }

    /// The address. That it is not known is an error unless the provider is only there where it is.
    fn address(
        &self,
        name: &str,
        environment: &Environment<'_>,
        report: &mut Report,
    ) -> Result<Address, Missing> {
        if self.values.kind == ProviderKind::Demo && self.values.base_url.is_none() {
            return Ok(nowhere());
        }
        let why = match find_address(&self.values, environment) {
            Ok(address) => return Ok(address),
            Err(why) => why,
        };
        let place = self.place();
        match why {
            // A stand-in keeps what names this provider elsewhere from being told as wrong as well.
            Unknown::Wrong(why) => {
                report.error(&place, format!("`providers.{name}`: {why}"));
                Ok(nowhere())
            }
            Unknown::Missing(missing) if self.values.enabled != Enabled::Auto => {
                let message = format!("`providers.{name}` needs a `{}`", missing.setting);
                if !self.is_wrong {
                    report.error(&place, message);
                }
                Ok(nowhere())
            }
            Unknown::Missing(missing) => {
                self.warn_of_absence(name, &missing, environment, report);
                Err(missing)
            }
        }
    }

    /// Says that the provider is left out, where somebody has spoken of it: in a file, or by a variable that holds a key for
    /// nobody else. One that ships and that nobody speaks of is not worth a word.
    fn warn_of_absence(
        &self,
        name: &str,
        missing: &Missing,
        environment: &Environment<'_>,
        report: &mut Report,
    ) {
        let sources = self.keys.iter().map(|(source, _)| source);
        let mut variables = sources.filter_map(KeySource::own_variable);
        let place = self.place();
        if !place.is_shipped() {
            report.warn(format!(
                "{place}: `providers.{name}` is left out, as {missing}"
            ));
        } else if let Some(variable) = variables.find(|it| set(environment, it).is_some()) {
            report.warn(format!(
                "{variable} is set, but `providers.{name}` is left out, as {missing}"
            ));
        }
    }

    fn key_variables(&self) -> Vec<String> {
        let sources = self.keys.iter().map(|(source, _)| source.env_names());
        let first = sources.filter_map(|names| names.first().map(|name| (*name).to_owned()));
        first.collect()
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
            None => return Err(missing("base_url", std::slice::from_ref(name))),
        },
        (None, None) => return Err(missing("base_url", &[])),
    };
    let region = place_name(values.region.as_ref(), &values.region_env, environment)?
        .or_else(|| values.layout.default_region().map(str::to_owned));
    let project = place_name(values.project.as_ref(), &values.project_env, environment)?;
    if template.has_region() && region.is_none() {
        return Err(missing("region", &values.region_env));
    }
    if template.has_project() && project.is_none() {
        return Err(missing("project", &values.project_env));
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

fn missing(setting: &'static str, variables: &[String]) -> Unknown {
    Unknown::Missing(Missing {
        setting,
        variables: variables.to_vec(),
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
