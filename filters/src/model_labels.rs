//! Model names as labels of metrics: they come from callers, and every one is a series in memory.

use std::collections::HashSet;

use parking_lot::RwLock;

/// Different label sets kept for models; further models count as `other`, so that names cannot fill the memory.
const MODELS_MAX: usize = 500;
/// The longest model name that stands as a label.
const MODEL_LABEL_BYTES: usize = 128;

/// The models that have series of their own.
#[derive(Default)]
pub(crate) struct ModelLabels(RwLock<HashSet<String>>);

impl ModelLabels {
    /// The model's name while there is room for another series, else `other`: model names come from callers.
    pub(crate) fn of<'a>(&self, model: &'a str) -> &'a str {
        if self.0.read().contains(model) {
            return model;
        }
        let mut seen = self.0.write();
        if seen.len() >= MODELS_MAX || model.len() > MODEL_LABEL_BYTES {
            return "other";
        }
        seen.insert(model.to_owned());
        model
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_bounded_in_number_and_length() {
        let models = ModelLabels::default();
        for n in 0..2_000 {
            models.of(&format!("model-{n}"));
        }
        assert_eq!(models.0.read().len(), MODELS_MAX);
        assert_eq!(models.of("model-1"), "model-1");
        assert_eq!(models.of("model-1999"), "other");
        assert_eq!(ModelLabels::default().of(&"m".repeat(129)), "other");
    }
}
