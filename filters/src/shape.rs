//! TEMPORARY until the configuration has formats and paths.
use weir_config::Provider;
use weir_wire::format::Format;

pub(crate) trait Shape {
    fn formats_for(&self, model: &str) -> Vec<Format>;
    fn keeps_files(&self) -> bool;
    fn path(&self, name: &str, model: &str) -> String;
}

impl Shape for Provider {
    fn formats_for(&self, _: &str) -> Vec<Format> {
        let mut formats = Vec::new();
        if self.endpoints.chat {
            formats.push(Format::Chat);
        }
        if self.endpoints.completions {
            formats.push(Format::Completions);
        }
        formats
    }

    fn keeps_files(&self) -> bool {
        self.name == "openai"
    }

    fn path(&self, name: &str, _: &str) -> String {
        let tail = match name {
            "chat" => "/chat/completions",
            "completions" => "/completions",
            _ => "/embeddings",
        };
        format!("{}{tail}", self.base_url.path)
    }
}
