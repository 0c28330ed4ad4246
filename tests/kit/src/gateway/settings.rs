//! The text of `weir.yaml`, put together line by line. The one place that knows how a provider is declared.

use std::collections::BTreeMap;

/// Lines by the key they set, so that a later line for the same key replaces the earlier one.
type Lines = BTreeMap<String, String>;

#[derive(Clone, Default)]
pub(super) struct SettingsText {
    top: Lines,
    sections: BTreeMap<String, Lines>,
    providers: BTreeMap<String, Lines>,
}

impl SettingsText {
    /// Free ports, data beside the file, operator keys for everyone, and limits on nothing.
    pub(super) fn for_tests() -> Self {
        let mut text = Self::default();
        text.set_top("data_dir: data");
        text.set("server", "listen: 127.0.0.1:0");
        text.set("server", "ops_listen: 127.0.0.1:0");
        text.set("policy", "operator_keys: everyone");
        text.set("retry", "backoff_base_ms: 5");
        text.set("retry", "backoff_max_ms: 50");
        // A test that makes a provider fail must not spoil the next request; the tests of cooldowns say otherwise.
        text.set("retry", "cooldown_after_failures: 1000000");
        text
    }

    pub(super) fn set_top(&mut self, line: &str) {
        insert(&mut self.top, line);
    }

    pub(super) fn set(&mut self, section: &str, line: &str) {
        insert(self.sections.entry(section.to_owned()).or_default(), line);
    }

    pub(super) fn add_provider(&mut self, name: &str, base_url: &str, key_variable: &str) {
        self.set_in_provider(name, &format!("base_url: {base_url}"));
        self.set_in_provider(name, &format!("keys: [{{env: {key_variable}}}]"));
        self.set_in_provider(name, "models: [ok, tools, schema]");
    }

    pub(super) fn set_in_provider(&mut self, name: &str, line: &str) {
        insert(self.providers.entry(name.to_owned()).or_default(), line);
    }

    pub(super) fn to_yaml(&self) -> String {
        let mut yaml: String = self.top.values().map(|line| format!("{line}\n")).collect();
        for (section, lines) in &self.sections {
            yaml.push_str(&format!("{section}:\n{}", indented(lines, 2)));
        }
        if !self.providers.is_empty() {
            yaml.push_str("providers:\n");
        }
        for (name, lines) in &self.providers {
            yaml.push_str(&format!("  {name}:\n{}", indented(lines, 4)));
        }
        yaml
    }
}

fn insert(lines: &mut Lines, line: &str) {
    let key = line.split(':').next().unwrap_or_default().to_owned();
    lines.insert(key, line.to_owned());
}

fn indented(lines: &Lines, spaces: usize) -> String {
    lines
        .values()
        .map(|line| format!("{:spaces$}{line}\n", ""))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::SettingsText;

    #[test]
    fn a_later_line_replaces_an_earlier_one_with_the_same_key() {
        let mut text = SettingsText::default();
        text.set("server", "listen: 127.0.0.1:0");
        text.set("server", "listen: 127.0.0.1:1");
        text.add_provider("up", "http://127.0.0.1:9/v1", "KEY");
        assert_eq!(
            text.to_yaml(),
            "server:\n  listen: 127.0.0.1:1\nproviders:\n  up:\n    base_url: http://127.0.0.1:9/v1\n    keys: [{env: KEY}]\n    \
             models: [ok, tools, schema]\n"
        );
    }
}
