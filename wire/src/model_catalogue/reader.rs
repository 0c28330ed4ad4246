//! A provider's lists, page after page: some need another list to be understood.

use super::bedrock::Foundations;
use super::page::{ListError, Next};
use super::{Listed, MODELS_MAX, read, vertex};

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Models, in any of the shapes that [`read()`] knows.
    Models,
    /// Amazon Bedrock's foundation models.
    BedrockModels,
    /// Amazon Bedrock's inference profiles; what their models can do is told by the foundation models, which are read first.
    BedrockProfiles,
    /// What a publisher has in Vertex AI's Model Garden.
    VertexModels,
}

/// Reads the pages of a provider's lists, one after the other.
#[derive(Default)]
pub struct Reader {
    models: Vec<Listed>,
    foundations: Foundations,
}

impl Reader {
    /// Reads a page, and tells how the next one is asked for.
    ///
    /// # Errors
    /// If it is no list of this shape.
    pub fn page(&mut self, shape: Shape, body: &[u8]) -> Result<Option<Next>, ListError> {
        let models = &mut self.models;
        let next = match shape {
            Shape::Models => read(body, models),
            Shape::BedrockModels => self.foundations.read(body, models),
            Shape::BedrockProfiles => self.foundations.read_profiles(body, models),
            Shape::VertexModels => vertex::read(body, models),
        };
        next.map(|next| next.filter(|_| self.models.len() < MODELS_MAX))
    }

    /// The models that were read, [`MODELS_MAX`] at the most.
    pub fn into_models(mut self) -> Vec<Listed> {
        self.models.truncate(MODELS_MAX);
        self.models
    }
}
