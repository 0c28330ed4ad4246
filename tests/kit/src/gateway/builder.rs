//! What a gateway under test is started with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::settings::SettingsText;
use super::{ADMIN_TOKEN, Gateway};
use crate::upstream::Upstream;

/// What a gateway under test is started with.
pub struct GatewayBuilder {
    binary: PathBuf,
    settings: SettingsText,
    environment: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

impl GatewayBuilder {
    pub(super) fn new(binary: &str) -> Self {
        Self {
            binary: PathBuf::from(binary),
            settings: SettingsText::for_tests(),
            environment: BTreeMap::from([("WEIR_ADMIN_TOKEN".to_owned(), ADMIN_TOKEN.to_owned())]),
            files: BTreeMap::new(),
        }
    }

    /// Declares `upstream` as the provider `name`, with an operator's key of its own and every model.
    pub fn provider(mut self, name: &str, upstream: &Upstream) -> Self {
        let variable = key_variable(name);
        self.environment
            .insert(variable.clone(), operator_key(name));
        self.settings
            .add_provider(name, &upstream.base_url(), &variable);
        self
    }

    /// Declares the provider `name` at any base URL, with an operator's key.
    pub fn provider_at(mut self, name: &str, base_url: &str) -> Self {
        let variable = key_variable(name);
        self.environment
            .insert(variable.clone(), operator_key(name));
        self.settings.add_provider(name, base_url, &variable);
        self
    }

    /// Adds a line such as `timeouts: {idle_ms: 300}` to a declared provider, or replaces the line with the same key.
    pub fn provider_setting(mut self, name: &str, line: &str) -> Self {
        self.settings.set_in_provider(name, line);
        self
    }

    /// Adds a line such as `header_timeout_ms: 500` to a section of `weir.yaml`, or replaces the line with the same key.
    pub fn set(mut self, section: &str, line: &str) -> Self {
        self.settings.set(section, line);
        self
    }

    /// Adds a line at the top of `weir.yaml`, such as `default_model: up/ok`.
    pub fn set_top(mut self, line: &str) -> Self {
        self.settings.set_top(line);
        self
    }

    /// Writes a file beside `weir.yaml`, such as `conf.d/90-prices.yaml`.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Sets a variable in the gateway's environment, which is otherwise empty but for `HOME`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Leaves the first administrator's token to the gateway.
    pub fn without_admin_token(mut self) -> Self {
        self.environment.remove("WEIR_ADMIN_TOKEN");
        self
    }

    /// Starts it and waits until it has bound its ports; fails the test with the gateway's log if it does not.
    pub fn start(self) -> Gateway {
        let mut gateway = self.prepare();
        gateway.start_again();
        gateway
    }

    /// Writes everything down without starting: for tests of the command line alone.
    pub fn prepare(self) -> Gateway {
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        let gateway = Gateway {
            binary: self.binary,
            home,
            environment: self.environment,
            settings: self.settings,
            child: None,
            addresses: None,
            starts: 0,
        };
        gateway.write_settings();
        for (path, text) in &self.files {
            gateway.write_file(path, text);
        }
        gateway
    }
}

fn key_variable(provider: &str) -> String {
    format!("TEST_KEY_{}", provider.to_uppercase().replace('-', "_"))
}

/// The operator's key that the harness gives the provider `name`.
pub fn operator_key(name: &str) -> String {
    format!("sk-operator-key-of-{name}-0123456789")
}
