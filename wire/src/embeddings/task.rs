//! What vectors are for, in the words of each API.

use super::Api;

/// What vectors are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Query,
    Document,
    Similarity,
    Classification,
    Clustering,
    Question,
    FactCheck,
    CodeQuery,
}

/// The word that `api` has for what the client calls `word`; none if it has none, or the word is not known.
pub(super) fn in_words_of(api: Api, word: &str) -> Option<&'static str> {
    let task = parse(word)?;
    match api {
        Api::Gemini | Api::VertexPredict => Some(for_google(task)),
        Api::Cohere | Api::BedrockCohere => for_cohere(task),
        Api::Openai | Api::Ollama | Api::BedrockTitan => None,
    }
}

/// Google's words, Cohere's, Voyage's and Nvidia's, and Jina's.
fn parse(word: &str) -> Option<Task> {
    Some(match word.to_ascii_lowercase().as_str() {
        "retrieval_query" | "search_query" | "query" | "retrieval.query" => Task::Query,
        "retrieval_document" | "search_document" | "document" | "passage" | "retrieval.passage" => {
            Task::Document
        }
        "semantic_similarity" | "text-matching" => Task::Similarity,
        "classification" => Task::Classification,
        "clustering" | "separation" => Task::Clustering,
        "question_answering" => Task::Question,
        "fact_verification" => Task::FactCheck,
        "code_retrieval_query" | "code.query" => Task::CodeQuery,
        _ => return None,
    })
}

fn for_google(task: Task) -> &'static str {
    match task {
        Task::Query => "RETRIEVAL_QUERY",
        Task::Document => "RETRIEVAL_DOCUMENT",
        Task::Similarity => "SEMANTIC_SIMILARITY",
        Task::Classification => "CLASSIFICATION",
        Task::Clustering => "CLUSTERING",
        Task::Question => "QUESTION_ANSWERING",
        Task::FactCheck => "FACT_VERIFICATION",
        Task::CodeQuery => "CODE_RETRIEVAL_QUERY",
    }
}

fn for_cohere(task: Task) -> Option<&'static str> {
    match task {
        Task::Query | Task::Question | Task::FactCheck | Task::CodeQuery => Some("search_query"),
        Task::Document => Some("search_document"),
        Task::Classification => Some("classification"),
        Task::Clustering => Some("clustering"),
        Task::Similarity => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_from_one_api_to_another() {
        for (api, word, expected) in [
            (Api::Cohere, "RETRIEVAL_QUERY", Some("search_query")),
            (
                Api::BedrockCohere,
                "retrieval.passage",
                Some("search_document"),
            ),
            (Api::Gemini, "search_document", Some("RETRIEVAL_DOCUMENT")),
            (
                Api::VertexPredict,
                "text-matching",
                Some("SEMANTIC_SIMILARITY"),
            ),
            (Api::Cohere, "SEMANTIC_SIMILARITY", None),
            (Api::Ollama, "query", None),
            (Api::Gemini, "novelty", None),
        ] {
            assert_eq!(in_words_of(api, word), expected, "{word}");
        }
    }
}
