//! Reading a credential: one text, the lines of several parts, or a JSON document. No message repeats what was read.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use weir_config::{Credential, Policy, Provider, Secret};

use crate::cli::context::CommandError;

/// The longest credential.
const TEXT_MAX_BYTES: u64 = 64 * 1024;

/// What a credential consists of.
#[derive(Args)]
pub struct Parts {
    /// What kind of credential it is [default: a key, or what a JSON document says]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Read it from this file instead of standard input
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// The endpoint of your own that the key is for, and to which alone it is sent (endpoint_key, entra)
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The region to use the key in, where that is another than the provider's (aws)
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

/// The kinds of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// A key
    ApiKey,
    /// A key for an endpoint of your own, such as a resource of Azure's
    EndpointKey,
    /// The JSON file of a service account of Google Cloud
    ServiceAccount,
    /// The application_default_credentials.json of gcloud
    AuthorizedUser,
    /// An access key of Amazon's, in lines such as AWS_ACCESS_KEY_ID=...
    Aws,
    /// An OAuth token
    OauthToken,
    /// An application of Microsoft Entra, in lines such as AZURE_CLIENT_ID=...
    Entra,
}

/// The lines of an access key: the variable, which may be written in small letters, and the member it becomes.
const AWS_LINES: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
    ("AWS_SESSION_TOKEN", "session_token"),
    ("AWS_REGION", "region"),
    ("AWS_DEFAULT_REGION", "region"),
];
/// The lines of an application of Microsoft Entra.
const ENTRA_LINES: &[(&str, &str)] = &[
    ("AZURE_TENANT_ID", "tenant_id"),
    ("AZURE_CLIENT_ID", "client_id"),
    ("AZURE_CLIENT_SECRET", "client_secret"),
];

impl Parts {
    /// Reads the credential and checks that the provider takes it.
    pub fn read(&self, provider: &Provider, policy: &Policy) -> Result<Secret, CommandError> {
        let kind = match (self.kind, &self.endpoint) {
            (None, Some(_)) => Some(Kind::EndpointKey),
            (kind, _) => kind,
        };
        self.check_flags(kind)?;
        let text = self.text(kind)?;
        let text = self.assemble(kind, text.expose())?;
        let wrong = |why: &dyn std::fmt::Display| usage(format!("the credential {why}"));
        let credential = Credential::parse(text.expose()).map_err(|why| wrong(&why))?;
        if let Some(kind) = kind
            && kind.name() != credential.kind()
        {
            return Err(usage(format!(
                "the credential is of the kind `{}`, not `{}`",
                credential.kind(),
                kind.name()
            )));
        }
        credential.suit(provider.auth).map_err(|why| wrong(&why))?;
        if !policy.private_endpoints {
            credential.check_endpoint().map_err(|why| wrong(&why))?;
        }
        weir_filters::credential::check(&credential)
            .map_err(|why| usage(format!("the credential: {why}")))?;
        Ok(text)
    }

    /// Checks that no flag is given that its kind has no use for.
    fn check_flags(&self, kind: Option<Kind>) -> Result<(), CommandError> {
        let takes_endpoint = matches!(kind, Some(Kind::EndpointKey | Kind::Entra));
        if self.endpoint.is_some() && !takes_endpoint {
            return Err(usage(
                "`--endpoint` goes with `--kind endpoint_key` or `entra`".to_owned(),
            ));
        }
        if self.region.is_some() && kind != Some(Kind::Aws) {
            return Err(usage("`--region` goes with `--kind aws`".to_owned()));
        }
        Ok(())
    }

    /// The text of the file, or of standard input.
    fn text(&self, kind: Option<Kind>) -> Result<Secret, CommandError> {
        let mut text = String::new();
        match &self.file {
            Some(path) => {
                let shown = path.display();
                let file = std::fs::File::open(path)
                    .map_err(|why| usage(format!("cannot read {shown}: {why}")))?;
                file.take(TEXT_MAX_BYTES).read_to_string(&mut text)
            }
            None => {
                let input = std::io::stdin();
                if input.is_terminal() {
                    let _ = write!(std::io::stderr(), "{}", prompt(kind));
                }
                input.take(TEXT_MAX_BYTES).read_to_string(&mut text)
            }
        }
        .map_err(|why| usage(format!("the credential cannot be read: {}", why.kind())))?;
        Ok(Secret::new(text))
    }

    /// The text as it is sealed: a key as it is, anything else as a document.
    fn assemble(&self, kind: Option<Kind>, text: &str) -> Result<Secret, CommandError> {
        let text = text.trim();
        let document = match kind {
            _ if text.starts_with('{') => return self.with_flags(text),
            None | Some(Kind::ApiKey) => return Ok(Secret::new(text.to_owned())),
            Some(Kind::OauthToken) => json!({"kind": "oauth_token", "token": text}),
            Some(Kind::EndpointKey) => {
                json!({"kind": "endpoint_key", "endpoint": self.endpoint, "key": text})
            }
            Some(Kind::Aws) => {
                let mut parts = lines("aws", AWS_LINES, text);
                if let Some(region) = &self.region {
                    parts.insert("region".to_owned(), json!(region));
                }
                Value::Object(parts)
            }
            Some(Kind::Entra) => {
                let mut parts = lines("entra", ENTRA_LINES, text);
                parts.insert("endpoint".to_owned(), json!(self.endpoint));
                Value::Object(parts)
            }
            Some(kind @ (Kind::ServiceAccount | Kind::AuthorizedUser)) => {
                return Err(usage(format!(
                    "the credential is no JSON file, as one of the kind `{}` is",
                    kind.name()
                )));
            }
        };
        Ok(Secret::new(document.to_string()))
    }

    /// A document with what the flags say added.
    fn with_flags(&self, text: &str) -> Result<Secret, CommandError> {
        if self.endpoint.is_none() && self.region.is_none() {
            return Ok(Secret::new(text.to_owned()));
        }
        let mut document: Map<String, Value> = serde_json::from_str(text)
            .map_err(|_| usage("the credential is no JSON object".to_owned()))?;
        for (name, value) in [("endpoint", &self.endpoint), ("region", &self.region)] {
            if let Some(value) = value {
                document.insert(name.to_owned(), json!(value));
            }
        }
        Ok(Secret::new(Value::Object(document).to_string()))
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::EndpointKey => "endpoint_key",
            Self::ServiceAccount => "service_account",
            Self::AuthorizedUser => "authorized_user",
            Self::Aws => "aws",
            Self::OauthToken => "oauth_token",
            Self::Entra => "entra",
        }
    }
}

/// The members that lines such as `export NAME=value` or `name = "value"` stand for; other lines are passed over, so that a
/// profile of Amazon's can be pasted whole.
fn lines(kind: &str, known: &[(&str, &str)], text: &str) -> Map<String, Value> {
    let mut parts = Map::new();
    parts.insert("kind".to_owned(), json!(kind));
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let name = name.trim().to_ascii_uppercase();
        let value = value.trim().trim_matches(['"', '\'']);
        if let Some((_, member)) = known.iter().find(|(variable, _)| *variable == name) {
            parts.insert((*member).to_owned(), json!(value));
        }
    }
    parts
}

fn prompt(kind: Option<Kind>) -> String {
    let what = match kind {
        None | Some(Kind::ApiKey | Kind::EndpointKey) => "the key",
        Some(Kind::OauthToken) => "the token",
        Some(Kind::ServiceAccount | Kind::AuthorizedUser) => "the JSON file",
        Some(Kind::Aws) => "AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=..., a line each",
        Some(Kind::Entra) => {
            "AZURE_TENANT_ID=..., AZURE_CLIENT_ID=... and AZURE_CLIENT_SECRET=..., a line each"
        }
    };
    format!("Paste {what}, then press Enter and Ctrl-D: ")
}

fn usage(why: String) -> CommandError {
    CommandError::Usage(why)
}
